"""Recordings that clients uploaded: each under an id that nobody can guess, the least recently used leaves."""

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from sig2lm.model.beginnings import Beginning
from sig2lm.model.examples import SignalInput
from sig2lm.serve.failures import RequestError
from sig2lm.serve.settings import MEGABYTE
from sig2lm.signals import Signal

_SMALLEST = 4096  # bytes that the bookkeeping of a recording takes


@dataclass(frozen=True)
class KeptSignal:
    """A recording that is kept.

    Attributes
    ----------
    signal
        As the encoder expects it.
    recording
        The same as an example's part; it is one object, by which the beginning knows it.
    notes
        What was guessed or is odd.
    owner
        Number of the key that it came with.
    beginning
        What the LM keeps of it; None where it cannot go on from there.
    """

    name: str
    signal: Signal
    recording: SignalInput
    notes: tuple[str, ...]
    owner: int = 0
    beginning: Beginning | None = None
    id: str = field(default_factory=lambda: f"sig-{secrets.token_urlsafe(24)}")
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def num_bytes(self) -> int:
        """What it takes."""
        kept = self.beginning.num_bytes if self.beginning is not None else 0
        return _SMALLEST + self.signal.values.nbytes + kept


class SignalStore:
    """Recordings by id, as many as fit.

    Parameters
    ----------
    megabytes
        How much they take together.

    Examples
    --------
    >>> store = SignalStore(megabytes=64)
    >>> len(store), store.num_bytes
    (0, 0)
    """

    def __init__(self, megabytes: float) -> None:
        self._room = int(megabytes * MEGABYTE)
        self._kept: OrderedDict[str, KeptSignal] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def num_bytes(self) -> int:
        """What they take together."""
        with self._lock:
            return sum(signal.num_bytes for signal in self._kept.values())

    def add(self, signal: KeptSignal) -> None:
        """Keep a recording; the least recently used make room.

        Raises
        ------
        RequestError
            If it alone does not fit.
        """
        if signal.num_bytes > self._room:
            raise RequestError(
                413,
                f"expected a recording that takes at most {self._room / MEGABYTE:g} MB, found one of "
                f"{signal.num_bytes / MEGABYTE:.1f} MB; send a shorter one, or start the server with --kept-megabytes",
            )
        with self._lock:
            self._kept[signal.id] = signal
            used = sum(one.num_bytes for one in self._kept.values())
            while used > self._room:
                used -= self._kept.popitem(last=False)[1].num_bytes

    def get(self, id: str, owner: int) -> KeptSignal:
        """Return a recording that an owner uploaded, which makes it the most recently used.

        Raises
        ------
        RequestError
            If there is none of this id, or it is somebody else's, which is not told apart.
        """
        with self._lock:
            found = self._kept.get(id)
            if found is None or found.owner != owner:
                raise _unknown(id)
            self._kept.move_to_end(id)
            return found

    def remove(self, id: str, owner: int) -> None:
        """Let a recording go.

        Raises
        ------
        RequestError
            As :meth:`get`.
        """
        with self._lock:
            found = self._kept.get(id)
            if found is None or found.owner != owner:
                raise _unknown(id)
            del self._kept[id]


def _unknown(id: str) -> RequestError:
    return RequestError(
        404,
        f"expected the id of an uploaded signal, found {id[:80]!r}, which is not kept; upload it to /v1/signals",
        param="signal_id",
        code="signal_not_found",
    )
