"""How long things last: durations in samples, and where each row of a batch ends."""

from torch import Tensor

from sig2lm.signals import Contract


def samples_in(duration: float, sampling_rate: float | None) -> float:
    """Samples in a duration: of s where there is a sampling rate, of rows where not."""
    return duration * sampling_rate if sampling_rate is not None else duration


def share_of_window(contract: Contract, share: float) -> float:
    """A share of the contract's window, in s (or rows); without a window, of 4 s (or 8 rows)."""
    default = 4.0 if contract.sampling_rate is not None else 8.0
    return share * (contract.window or default)


def extents(sample_mask: Tensor) -> Tensor:
    """(B,): samples up to the last that any channel observed; T where none did."""
    seen = sample_mask.any(1)
    return seen.shape[-1] - seen.flip(-1).byte().argmax(-1)
