"""What the columns of a table are: channels, the clock, counters, text. One decision for text tables and parquet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.clocks import NULLS, UNITS, Clock, find_clock
from sig2lm.signals.columns import ColumnName
from sig2lm.signals.mixtures import check_one_clock, check_one_series
from sig2lm.signals.options import ReadOptions
from sig2lm.signals.recording import Wanted, distinct

_SHOWN = 40  # characters of an example


@dataclass(frozen=True)
class LeftOut:
    """A column that is no channel, why, and one of its cells."""

    name: str
    reason: str
    example: str = ""

    def __str__(self) -> str:
        example = f" ({self.example})" if self.example else ""
        return f"column {self.name!r}{example} is left out: {self.reason}"


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are.

    Attributes
    ----------
    places, names, units
        Of the channels; a unit is None where the file states none.
    clock, clock_places
        How time is read, and from which columns: one, or a date and a time of day.
    left_out
        The others.
    numbered
        Names that several channels have.
    """

    places: tuple[int, ...]
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    clock: Clock | None
    clock_places: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    numbered: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and which names were numbered, a sentence each."""
        twice = f"several columns are called {', '.join(self.numbered)}, so they are numbered"
        return (*map(str, self.left_out), *([twice] if self.numbered else []))


def find_roles(
    columns: Sequence[ColumnName],
    cells: Callable[[int], list[str]],
    is_number: Callable[[str], bool],
    options: ReadOptions,
) -> Roles:
    """Say what each column is, by its name and its first cells.

    Raises
    ------
    SignalError
        If no channel is left, or the column that is to be the clock is none.
    """
    chosen = _chosen(columns, options.wanted)
    clocks: list[tuple[tuple[int, ...], Clock]] = []
    left_out: list[LeftOut] = []
    channels: list[int] = []
    time_name, time_unit = _time_column(options, columns)
    time_place = next((place for place, column in enumerate(columns) if _called(column, time_name)), None)
    for place, column in enumerate(columns):
        if place in chosen:
            continue
        found = find_clock(column, cells(place), time_unit if place == time_place else None)
        if isinstance(found, Clock):
            clocks.append(((place,), found))
        elif found == "counter" and place != time_place:
            left_out.append(LeftOut(column.raw or "(index)", "it counts rows and is no clock"))
        elif place == time_place:
            why = "it counts rows; say what it counts, as in NAME:s" if found == "counter" else "it is no clock"
            raise SignalError(f"--time-column is {time_name!r}, but {why} (s, ms, us, ns, min or h)")
        elif (reason := _why_no_channel(column, cells(place), is_number)) and (not chosen or column.only_time):
            if column.only_time and reason[1] and options.time_column is None and options.sampling_rate is None:
                raise SignalError(
                    f"the column {column.raw!r} holds {reason[1]!r}, which is no time that is known; write ISO dates "
                    "or seconds, or leave it out and state the rate (--sampling-rate)"
                )
            left_out.append(LeftOut(column.raw or f"column {place + 1}", *reason))
        else:
            channels.append(place)
    places = chosen or tuple(channels)
    if not places:
        listed = "; ".join(map(str, left_out[:4])) or ", ".join(column.raw for column in columns)
        raise SignalError(f"no channel is left beside the time column ({listed}); check the file, or name --channels")
    check_one_series(columns, cells)
    if options.time_column is None:
        check_one_clock(clocks, cells)
    clock, clock_places = _choose_clock(clocks, columns, cells, time_name)
    left_out += [
        LeftOut(columns[place[0]].raw, "it is a time column, but not the clock")
        for place, _ in clocks
        if not set(place) & set(clock_places)
    ]
    asked = options.wanted if chosen else None
    own = [columns[place].name or f"column_{place + 1}" for place in places]
    units = tuple(columns[place].unit for place in places)
    twice = () if asked else tuple(dict.fromkeys(name for name in own if own.count(name) > 1))
    return Roles(places, asked or distinct(own), units, clock, clock_places, tuple(left_out), twice)


def _chosen(columns: Sequence[ColumnName], wanted: Wanted) -> tuple[int, ...]:
    """Places of the columns asked for, as they stand in the file or without their unit; none if one lacks."""
    if not wanted:
        return ()
    for names in ([column.raw for column in columns], [column.name for column in columns]):
        if set(wanted) <= set(names):
            return tuple(names.index(name) for name in wanted)
    both = {column.name: place for place, column in enumerate(columns)}
    both |= {column.raw: place for place, column in enumerate(columns)}
    return tuple(both[name] for name in wanted) if set(wanted) <= set(both) else ()


def _time_column(options: ReadOptions, columns: Sequence[ColumnName]) -> tuple[str | None, str | None]:
    """The name and the unit of the column that is to be the clock; the name "none" for no clock."""
    if options.time_column is None:
        return None, None
    if options.time_column == "none" or any(_called(column, options.time_column) for column in columns):
        return options.time_column, None
    name, _, unit = options.time_column.rpartition(":")
    if unit in UNITS and any(_called(column, name) for column in columns):
        return name, unit
    listed = ", ".join(column.raw for column in columns[:12])
    raise SignalError(f"--time-column is {options.time_column!r}, but the columns are {listed}; name one of these")


def _called(column: ColumnName, name: str | None) -> bool:
    return name is not None and name in (column.raw, column.name)


def _why_no_channel(column: ColumnName, cells: list[str], is_number: Callable[[str], bool]) -> tuple[str, str] | None:
    present = [cell for cell in cells if cell.lower() not in NULLS]
    if not present:
        return None if column.name else ("it holds no value", "")
    texts = [cell for cell in present if not is_number(cell)]
    if len(texts) <= len(present) / 2:
        return None
    return f"it holds text{' that is no time' * column.speaks_of_time}", texts[0][:_SHOWN]


def _choose_clock(
    clocks: list[tuple[tuple[int, ...], Clock]],
    columns: Sequence[ColumnName],
    cells: Callable[[int], list[str]],
    time_name: str | None,
) -> tuple[Clock | None, tuple[int, ...]]:
    """The clock asked for, or the one that runs most evenly; a date and a time of day beside each other are one."""
    if time_name == "none" or not clocks:
        return None, ()
    if time_name is not None:
        places, clock = next(pair for pair in clocks if _called(columns[pair[0][0]], time_name))
        return clock, places
    dates = [place for (place,), clock in clocks if clock.form and "%H" not in clock.form and not clock.time_of_day]
    hours = [place for (place,), clock in clocks if clock.time_of_day]
    for date in dates:
        for hour in hours:
            both = [f"{a} {b}" for a, b in zip(cells(date), cells(hour), strict=True)]
            joined = find_clock(ColumnName(f"{columns[date].raw} and {columns[hour].raw}", "time"), both)
            if ":" not in cells(date)[0] and isinstance(joined, Clock):
                return joined, (date, hour)
    best = clocks[0]
    for pair in clocks[1:]:
        if _unevenness(pair, cells) < 0.5 * _unevenness(best, cells):
            best = pair
    return best[1], best[0]


def _unevenness(pair: tuple[tuple[int, ...], Clock], cells: Callable[[int], list[str]]) -> float:
    """Mean deviation of a clock's steps from the usual one, by that one; infinite where it hardly advances."""
    places, clock = pair
    try:
        times, _ = clock.seconds(cells(places[0]))
    except SignalError:
        return np.inf
    steps = np.diff(times[~np.isnan(times)])
    usual = float(np.median(steps)) if len(steps) else 0.0
    return float(np.mean(np.abs(steps - usual)) / usual) if usual > 0 else np.inf
