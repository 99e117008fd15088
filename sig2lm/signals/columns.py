"""What the name of a column says: a channel, its unit, a clock, a counter of rows."""

import re
from dataclasses import dataclass

from sig2lm.signals.units import is_unit

_WORD = re.compile(r"[A-ZÄÖÜ]+(?![a-zäöüµ])|[A-ZÄÖÜ]?[a-zäöüµμ]+|\d+")
# Endings of names that are units and hardly anything else; "_g" may be green and "_c" a phase, so these are none.
_ENDINGS = {
    "mv": "mV",
    "uv": "uV",
    "µv": "uV",
    "mg": "mg",
    "ms2": "m/s^2",
    "mps2": "m/s^2",
    "dps": "deg/s",
    "degc": "degC",
    "celsius": "degC",
    "bpm": "bpm",
    "mmhg": "mmHg",
    "ms": "ms",
    "s": "s",
}
_TIMES = {
    "time", "timestamp", "timestamps", "stamp", "datetime", "date", "datenum", "clock", "elapsed", "epoch", "unix", "t",
    "when",
    "zeit", "zeitstempel", "uhrzeit", "datum", "temps", "heure", "horodatage", "tiempo", "fecha", "hora", "tempo",
}  # fmt: skip
# What may stand beside such a word in the name of a clock, as in seconds_elapsed or "Time of day".
_BESIDE_TIMES = {"of", "day", "local", "utc", "gmt", "phone", "sensor", "device", "recording", "system", "start", "cal"}
_SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sekunden": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "micros": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nsec": 1e-9, "nanos": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_COUNTERS = {
    "index", "idx", "sample", "samples", "seq", "nseq", "sequence", "frame", "frames", "row", "rows", "packet",
    "number", "no", "nr", "counter", "count", "record", "id", "unnamed",
}  # fmt: skip
# Words of a column that says which of several sensors a row is of.
_SERIES = {
    "sensor", "device", "stream", "series", "signal", "variable", "metric", "channel", "source", "location",
}  # fmt: skip
_TICKS = re.compile(r"(?P<unit>\w+)\s*/\s*(?P<count>\d{1,9})")  # a clock of 1/256 s
_DURATIONS = {"interval", "duration", "spent", "response", "reaction", "rr", "ibi", "nn", "pp", "ppi"}


@dataclass(frozen=True)
class ColumnName:
    """A column's name, read.

    Attributes
    ----------
    raw
        As it stands in the file.
    name
        Without its unit.
    unit
        As the name states it; None where it states none.
    """

    raw: str
    name: str
    unit: str | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds in one step of a clock of this name, where the name says so."""
        stated = (self.unit or _last_bracket(self.raw)[1]).strip().lower()
        if (ticks := _TICKS.fullmatch(stated)) and ticks["unit"] in _SECONDS and int(ticks["count"]):
            return _SECONDS[ticks["unit"]] / int(ticks["count"])
        if self.unit:
            return _SECONDS.get(stated)
        words = [word for word in _words(self.raw) if word not in ("d", "h", "day")]  # "952D" is no day
        return next((_SECONDS[word] for word in reversed(words) if word in _SECONDS), None)

    @property
    def speaks_of_time(self) -> bool:
        """Whether a clock may have this name."""
        words = set(_words(self.name))
        if self.is_duration:
            return False
        return bool(words & (_TIMES - {"t"})) or (words <= {"t", *_SECONDS} - {"d", "h", "day"} and bool(words))

    @property
    def is_duration(self) -> bool:
        """Whether its values are times between two events, whatever their unit."""
        return bool(set(_words(self.name)) & _DURATIONS)

    @property
    def only_time(self) -> bool:
        """Whether nothing but a clock has this name."""
        return self.speaks_of_time and set(_words(self.name)) <= _TIMES | _BESIDE_TIMES | set(_SECONDS)

    @property
    def names_series(self) -> bool:
        """Whether a column of this name may say which of several sensors a row is of."""
        return bool(set(_words(self.raw)) & _SERIES)

    @property
    def only_counts(self) -> bool:
        """Whether nothing but a counter has this name."""
        return bool(words := set(_words(self.raw))) and words <= _COUNTERS

    @property
    def speaks_of_counting(self) -> bool:
        """Whether a counter of rows may have this name."""
        words = _words(self.raw)
        return not words or bool(set(words) & _COUNTERS)


def read_name(raw: str) -> ColumnName:
    """Take a name and its unit apart.

    Examples
    --------
    >>> read_name("X (m/s^2)"), read_name("Y [mg]"), read_name("ecg_mV")
    (ColumnName(raw='X (m/s^2)', name='X', unit='m/s^2'), ColumnName(raw='Y [mg]', name='Y', unit='mg'), \
ColumnName(raw='ecg_mV', name='ecg', unit='mV'))
    >>> read_name("acc (left)").unit is None, read_name("timestamp").speaks_of_time
    (True, True)
    """
    raw = raw.strip()
    called, unit = _last_bracket(raw)
    if called and names_unit(unit):
        unit = unit.strip()
        # phones write G for the acceleration of gravity, which is gauss elsewhere
        return ColumnName(raw, called, "g" if unit == "G" and "acc" in called.lower() else unit)
    name, _, ending = raw.rpartition("_")
    if name and (known := _ENDINGS.get(ending.lower())) and not (ending == "s" and name.endswith("_m")):
        return ColumnName(raw, name, known)
    return ColumnName(raw, raw)


def _last_bracket(raw: str) -> tuple[str, str]:
    """What stands before a bracket that ends a name, and in it; read from its end, since names may be of any length."""
    depth = 0
    for place in range(len(raw) - 1, -1, -1):
        depth += (raw[place] in ")]") - (raw[place] in "([")
        if depth <= 0:
            return raw[:place].rstrip(" \t_.,:"), raw[place + 1 : -1]
    return "", ""


def names_unit(text: str) -> bool:
    """Tell whether a text is a unit that is known; no text and a number alone are none."""
    text = text.strip()
    return bool(text) and not text.isdigit() and is_unit(text)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
