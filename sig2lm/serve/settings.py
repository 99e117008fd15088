"""How much a server takes at once, and from whom."""

from collections.abc import Sequence
from dataclasses import dataclass

from sig2lm.errors import ArgumentError

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class ServeSettings:
    """Limits of a server; each is there so that no client takes what the others need.

    Attributes
    ----------
    name
        What clients call the model.
    keys
        Any of these must be sent; none for a server that only this machine reaches. A signal belongs to the key that it
        came with.
    max_megabytes
        Of one request.
    max_waiting
        Questions under way at once; the next is answered with status 429.
    max_batch
        Questions that the LM reads together.
    gather_seconds
        How long the first question waits for others to be read with.
    kept_megabytes
        What uploaded signals take, with what the LM keeps of them; the least recently used leaves.
    max_patches
        Of one recording, since the cost of reading grows with their square.
    max_new_tokens
        Of one answer.

    Raises
    ------
    ArgumentError
        If a limit is not positive.

    Examples
    --------
    >>> ServeSettings("har", max_batch=8).max_waiting
    256
    """

    name: str
    keys: Sequence[str] = ()
    max_megabytes: float = 16.0
    max_waiting: int = 256
    max_batch: int = 16
    gather_seconds: float = 0.005
    kept_megabytes: float = 1024.0
    max_patches: int = 2048
    max_new_tokens: int = 512

    def __post_init__(self) -> None:
        for limit in ("max_megabytes", "max_waiting", "max_batch", "kept_megabytes", "max_patches", "max_new_tokens"):
            if not getattr(self, limit) > 0:
                raise ArgumentError(f"expected a positive {limit}, found {getattr(self, limit)}")

    @property
    def max_bytes(self) -> int:
        """Of one request."""
        return int(self.max_megabytes * MEGABYTE)
