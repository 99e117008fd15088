"""Tables that hold several recordings at once: rows of several sensors in turn, or columns on several clocks.

Read as one they would be wrong without a word, so they are refused.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.clocks import NULLS, Clock
from sig2lm.signals.columns import ColumnName

_SENSORS = {
    "acc", "accel", "accelerometer", "gyr", "gyro", "gyroscope", "mag", "magnetometer", "ecg", "ppg", "bvp", "eda",
    "gsr", "emg", "eeg", "hr", "heart_rate", "heartrate", "temp", "temperature", "light", "pressure",
}  # fmt: skip
_MOST = 50  # series in a table
_CHANGES, _SHARE = 0.3, 0.05  # of rows: with another series than the one before, and of each series
_APART = 0.05  # rates that differ by less are of one clock


def check_one_series(columns: Sequence[ColumnName], cells: Callable[[int], list[str]]) -> None:
    """Refuse a table in which rows of several sensors take turns (the long form).

    Raises
    ------
    SignalError
        Naming the column that says which sensor a row is of.
    """
    for place, column in enumerate(columns):
        found = [cell for cell in cells(place) if cell.lower() not in NULLS]
        kinds = sorted(set(found))
        if not 1 < len(kinds) <= _MOST:
            continue
        if not (column.names_series or len(_SENSORS & {kind.lower() for kind in kinds}) > 1):
            continue
        changes = sum(one != other for one, other in pairwise(found))
        if changes > _CHANGES * len(found) and min(map(found.count, kinds)) > _SHARE * len(found):
            listed = f"{column.raw}: {', '.join(kinds[:4])}{', ...' * (len(kinds) > 4)}"
            raise SignalError(
                f"rows of several series take turns ({listed}), which would be read as one; write a file for each"
            )


def check_one_clock(clocks: Sequence[tuple[tuple[int, ...], Clock]], cells: Callable[[int], list[str]]) -> None:
    """Refuse a table whose columns of time advance at different rates.

    Raises
    ------
    SignalError
        Naming two of them.
    """
    rates = {}
    for (place, *_), clock in clocks:
        try:
            times, _ = clock.seconds(cells(place))
        except SignalError:
            continue
        times = times[~np.isnan(times)]
        if len(times) > 2 and np.mean(np.diff(times) > 0) > 0.9:
            rates[place] = clock.column, (len(times) - 1) / float(times[-1] - times[0])
    for (one, first), (other, second) in pairwise(rates.values()):
        if abs(first / second - 1) > _APART:
            raise SignalError(
                f"the columns {one!r} ({first:.4g} Hz) and {other!r} ({second:.4g} Hz) are clocks at different rates, "
                f"so their channels are several recordings; choose one and its channels (--time-column {one!r} "
                "--channels ...), or write a file for each"
            )
