"""ActiGraph: csv of ActiLife (ten lines of header), epochs or raw, and AGD files (a SQLite database of epochs).

Epochs come as counts with the epoch as their period, raw acceleration in g at its rate. The three axes are read; steps,
light, vector magnitude and inclinometer of epochs only when asked for by name. The binary .gt3x is not read: the
libraries that read it, pygt3x and actipy, are not under licences that this project can build on.
"""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import Floats, as_text, numbers, read_table, text_head
from sig2lm.signals.recording import Recording, Wanted, shorten

_LINES = 10
_CREATED = re.compile(r"-+ Data (Table )?File Created By Actigraph", re.IGNORECASE)
_EPOCH = re.compile(r"Epoch Period \(hh:mm:ss\) (\d+):(\d\d):(\d\d)")
_RAW = re.compile(r"\bat (\d+(?:\.\d+)?) Hz\b")
_FORM = re.compile(r"date format (\S+)")
_START = re.compile(r"Start Time (\d{1,2}:\d\d:\d\d).*?Start Date (\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4})", re.DOTALL)
_AXES = ("axis1", "axis2", "axis3")
_TICKS = 621_355_968_000_000_000  # of 100 ns, from year 1 to 1970
_SQLITE = b"SQLite format 3\0"
_LONGEST = 10**8  # epochs


def recognises(head: bytes, path: Path) -> bool:
    """By the first line of a csv, and by the tables of a database."""
    if head.startswith(_SQLITE):
        try:
            with closing(_connect(path)) as database:
                tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error:
            return False
        return {"settings", "data"} <= tables
    return _CREATED.match(as_text(head).lstrip('"')) is not None


def read(path: Path, wanted: Wanted) -> Recording:
    """Read a csv or an AGD file."""
    with path.open("rb") as file:
        database = file.read(len(_SQLITE)) == _SQLITE
    return _read_database(path, wanted) if database else _read_csv(path, wanted)


def _read_csv(path: Path, wanted: Wanted) -> Recording:
    lines = [line.rstrip(", ").strip('"') for line in text_head(path).splitlines()]
    header, rows = "\n".join(lines[:_LINES]), lines[_LINES:]
    if not rows:
        raise SignalError("no rows follow the ten lines of header")
    separator = next((mark for mark in (",", ";", "\t") if mark in rows[0]), ",")
    named = not re.match(r'"?-?[\d.]', rows[0]) or rows[0].split(separator)[0].casefold() in ("timestamp", "date")
    first = text_head(path).splitlines()[_LINES]
    names = (
        [name.strip().strip('"') for name in first.split(separator)] if named else _default(first.count(separator) + 1)
    )
    table = read_table(path, [f"{i} {name}" for i, name in enumerate(names)], skip=_LINES + named, separator=separator)
    columns = {_key(name): table.iloc[:, i] for i, name in enumerate(names)}
    raw, epoch = _RAW.search(lines[0]), _EPOCH.search(header)
    hours, minutes, seconds = (int(part) for part in epoch.groups()) if epoch else (0, 0, 0)
    period = 3600 * hours + 60 * minutes + seconds
    if period:
        chosen, left = _choose(list(columns), wanted)
        values = np.stack([numbers(columns[name]) for name in chosen])
        notes = (f"left out: {', '.join(left)}; choose them by name (--channels)",) if left else ()
        units = ("count",) * len(chosen)
        return Recording(
            values, tuple(chosen), units, period=float(period), states_clock=True, start=_start(header), notes=notes
        )
    axes = [name for name in columns if name.startswith("acc_")]
    if raw is None or len(axes) != 3:
        raise SignalError("expected an epoch, or a rate in Hz and three axes of acceleration, in the header")
    values = np.stack([numbers(columns[name]) for name in axes])
    return Recording(values, tuple(axes), ("g",) * 3, float(raw[1]), states_clock=True, start=_start(header))


def _default(count: int) -> list[str]:
    """Columns of a file without their names, which the modes of ActiLife write in this order."""
    return (
        [*_AXES, "steps", "lux"][:count] if count <= 5 else [*_AXES, "steps", *(f"column_{i}" for i in range(4, count))]
    )


def _key(name: str) -> str:
    """Bring names of several versions together: Axis1, Accelerometer X, Vector Magnitude."""
    name = name.casefold().strip()
    if match := re.fullmatch(r"accelerometer[ _]([xyz])", name):
        return f"acc_{match[1]}"
    return {"activity": "axis1", "activity (horizontal)": "axis2", "3rd axis": "axis3", "vector magnitude": "vm"}.get(
        name, name.replace(" ", "_")
    )


def _choose(columns: list[str], wanted: Wanted) -> tuple[list[str], list[str]]:
    if wanted and set(wanted) <= set(columns):
        return list(wanted), []
    axes = [name for name in _AXES if name in columns]
    if not axes:
        raise SignalError(f"found no axis among the columns {', '.join(columns)}")
    return axes, [name for name in columns if name not in axes and name not in ("timestamp", "date", "time", "epoch")]


def _start(header: str) -> float | None:
    """Start in s since 1970 by the recorder's clock; None where the order of day and month is not certain."""
    match, form = _START.search(header), _FORM.search(header)
    if match is None or form is None:
        return None
    parts = [part[0].lower() for part in re.split(r"[-/.]", form[1])]
    fields = {"y": "%Y", "m": "%m", "d": "%d"}
    try:
        date = "-".join(fields[part] for part in parts)
        text = f"{'-'.join(re.split(r'[-/.]', match[2]))} {match[1]}"
        return datetime.strptime(text, f"{date} %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        return None


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _read_database(path: Path, wanted: Wanted) -> Recording:
    try:
        with closing(_connect(path)) as database:
            settings = dict(database.execute("SELECT settingName, settingValue FROM settings").fetchall())
            names = [str(row[1]) for row in database.execute("PRAGMA table_info(data)")]
            columns = {name.casefold(): name for name in names if re.fullmatch(r"\w+", name)}
            chosen, left = _choose([name for name in columns if name != "datatimestamp"], wanted)
            query = ", ".join(f'"{columns[name]}"' for name in ("datatimestamp", *chosen))
            rows = database.execute(f"SELECT {query} FROM data ORDER BY 1").fetchall()
        period = float(settings["epochlength"])
        stamps = np.array([row[0] for row in rows], dtype=np.int64)
        values = np.array([row[1:] for row in rows], dtype=np.float64).T
    except KeyError as error:
        raise SignalError(f"the database lacks {error.args[0]!r}") from error
    except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
        raise SignalError(f"not a whole AGD file: {shorten(error)}") from error
    if not len(rows) or not period > 0:
        raise SignalError(f"the database holds {len(rows)} epochs of {period:g} s")
    values, missing = _place(values, stamps, period)
    notes = (f"left out: {', '.join(left)}; choose them by name (--channels)",) if left else ()
    return Recording(
        values,
        tuple(chosen),
        ("count",) * len(chosen),
        period=period,
        states_clock=True,
        start=float(stamps[0] - _TICKS) / 1e7,
        notes=(*missing, *notes),
    )


def _place(
    values: Floats, stamps: "np.ndarray[tuple[int], np.dtype[np.int64]]", period: float
) -> tuple[Floats, tuple[str, ...]]:
    """Put epochs where their time stamps say; those that the database lacks are missing."""
    places = np.rint((stamps - stamps[0]) / (1e7 * period)).astype(np.int64)
    count = int(places[-1]) + 1
    if len(set(places.tolist())) < len(places) or not count <= min(_LONGEST, 100 * len(places)):
        raise SignalError(f"the time stamps of the epochs do not fit their length of {period:g} s")
    if count == len(places):
        return values, ()
    grid = np.full((len(values), count), np.nan)
    grid[:, places] = values
    return grid, (f"{count - len(places)} epochs are missing",)


DEVICE = Device("ActiGraph", "csv of ActiLife (epochs or raw) and .agd (not .gt3x)", recognises, read)
