"""Files whose channels run on several clocks: which are read together is chosen before any sample is.

Polysomnographies, bedside monitors and wristbands store each channel at its own rate, while a ``Recording`` has one
clock. Such a reader returns ``Streams``: what the header says of each channel, and how to read some of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sig2lm.errors import SignalError
from sig2lm.signals.heartbeats import choose_lead
from sig2lm.signals.recording import Recording, Wanted

_NAMED = 12  # channels that a message lists


@dataclass(frozen=True)
class Header:
    """What a file says of one channel before its samples are read.

    Attributes
    ----------
    name, unit
        As the file has them; the unit is not checked.
    sampling_rate
        Hz; None for events and for uneven samples.
    clock
        Channels of one clock can be read together. By default the sampling rate.
    """

    name: str
    unit: str
    sampling_rate: float | None
    clock: str = ""

    def __post_init__(self) -> None:
        if not self.clock:
            object.__setattr__(
                self, "clock", "events" if self.sampling_rate is None else f"{self.sampling_rate:.10g} Hz"
            )


@dataclass(frozen=True)
class Streams:
    """The channels of a file, each with its own clock, not read yet.

    Attributes
    ----------
    headers
        In the file's order; names differ.
    load
        Reads the channels at these places, which share a clock, into one recording.
    """

    headers: tuple[Header, ...]
    load: Callable[[list[int]], Recording]

    def choose(self, wanted: Wanted = None, *, beats: bool = False) -> Recording:
        """Read the channels asked for, or all of them, if they share a clock.

        Parameters
        ----------
        wanted
            Names of channels; None is all.
        beats
            Whether intervals between heart beats are wanted: without a channel of these names, the ECG alone is read.

        Raises
        ------
        SignalError
            If they do not, or only some of the names exist.
        """
        if not self.headers:
            raise SignalError("the file holds no channel")
        names = [header.name for header in self.headers]
        places = list(range(len(names)))
        if wanted and set(wanted) <= set(names):
            places = [names.index(name) for name in wanted]
        elif beats and (lead := self._lead()) is not None:
            places = [names.index(lead)]
        elif wanted and (set(wanted) & set(names) or len(set(self._clocks(places))) > 1):
            missing = ", ".join(name for name in wanted if name not in names)
            raise SignalError(f"found no channel named {missing}; the file holds {self.told()}; choose among these")
        if len(set(self._clocks(places))) > 1:
            raise SignalError(
                f"channels have different rates ({self.told(places)}); choose channels of one rate by name (--channels)"
            )
        return self.load(places)

    def _lead(self) -> str | None:
        sampled = [header for header in self.headers if header.sampling_rate is not None]
        return choose_lead([header.name for header in sampled], [header.unit for header in sampled])

    def told(self, places: list[int] | None = None) -> str:
        """Name the channels with their clocks, for a message."""
        headers = self.headers if places is None else [self.headers[place] for place in places]
        listed = ", ".join(f"{header.name} {header.clock}" for header in headers[:_NAMED])
        return listed if len(headers) <= _NAMED else f"{listed} and {len(headers) - _NAMED} more"

    def _clocks(self, places: list[int]) -> list[str]:
        return [self.headers[place].clock for place in places]
