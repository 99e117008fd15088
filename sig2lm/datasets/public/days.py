"""Days of one person in a row: what is known of each, as a signal with one row a day and as facts in words.

A row is a calendar day and the night after it, so that what is known on a morning ends with the night just slept.
Watches file a night under the date on which it ends; `night_of` gives the day that it follows.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from sig2lm.signals import Contract, Signal

DAY = 86400.0  # s
ONE = timedelta(days=1)

# Channel -> number, for each day; what is not known has no key.
Days = Mapping[date, Mapping[str, float]]


def night_of(filed: date) -> date:
    """Return the day before the night that ended on a date."""
    return filed - ONE


def days_before(days: Days, day: date, contract: Contract) -> Signal:
    """Return the days before one, oldest first, as many as the contract's window; what is not known is NaN."""
    span = [day - back * ONE for back in range(int(contract.window or 1), 0, -1)]
    values = [[days.get(one, {}).get(channel, np.nan) for one in span] for channel in contract.channels]
    return Signal(np.array(values, dtype=np.float32), None, contract.channels, contract.units, contract.period)


def begin(first: date, day: date, contract: Contract) -> float:
    """Return where the days before one begin, in s after a person's first day; less than 0 before it."""
    return (day - first).days * DAY - DAY * (contract.window or 1)


def in_words(numbers: Mapping[str, float], names: Mapping[str, str]) -> dict[str, str]:
    """Tell numbers whole, as a sentence would; `names` maps a channel to what it is called."""
    return {name: f"{numbers[channel]:.0f}" for channel, name in names.items() if channel in numbers}
