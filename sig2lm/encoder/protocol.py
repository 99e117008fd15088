"""What the bridge asks of an encoder, whoever wrote it.

``values (B, C, T), sample_mask (B, C, T) -> patches (B, P, E), patch_mask (B, P)``

:class:`~sig2lm.encoder.SignalEncoder`, the encoders of other libraries (:mod:`sig2lm.encoder.external`) and a module of
your own (``examples/own_encoder.py``) all meet this protocol.
"""

from collections.abc import Iterator
from typing import Any, Protocol, Self, runtime_checkable

from torch import Tensor, nn

from sig2lm.encoder.external.series import ExternalEncoder
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import CheckpointError
from sig2lm.signals import Contract


@runtime_checkable
class PatchEncoder(Protocol):
    """A ``torch.nn.Module`` that turns signals into patches.

    What a row's patches are must not depend on the other rows, nor on how far padding makes it longer: a padded sample
    is one that ``sample_mask`` calls missing.
    """

    @property
    def contract(self) -> Contract:
        """The signals it reads: channels, units, clock."""
        ...

    @property
    def width(self) -> int:
        """E."""
        ...

    def num_patches(self, num_samples: int) -> int:
        """P for a signal of ``num_samples``, without running the encoder."""
        ...

    def __call__(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch; a module's ``forward``, with these names of its arguments.

        Parameters
        ----------
        values
            (B, C, T) float, in the contract's units; anything finite where ``sample_mask`` is False.
        sample_mask
            (B, C, T) bool, True where a sample was observed.

        Returns
        -------
        tuple of Tensor
            Patches (B, P, E), in the order of time, and patch_mask (B, P) bool, False where nothing was observed. For
            a shorter signal of the batch, its own ``num_patches`` come first.
        """
        ...

    # What torch.nn.Module brings.
    def train(self, mode: bool = True) -> Self:
        """Set the training mode."""
        ...

    def eval(self) -> Self:
        """Set the evaluation mode."""
        ...

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether the parameters are trained."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Return the parameters."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return parameters and buffers by name."""
        ...


def check_encoder(encoder: object) -> PatchEncoder:
    """Return ``encoder`` when it meets the protocol.

    Raises
    ------
    CheckpointError
        When it is no torch module, or lacks a part.
    """
    needed = ("contract", "width", "num_patches")
    lacking = [name for name in needed if not hasattr(encoder, name)]
    if not isinstance(encoder, nn.Module) or lacking or not isinstance(encoder, PatchEncoder):
        raise CheckpointError(
            f"expected an encoder: a torch module with {', '.join(needed)}, found {type(encoder).__name__} without "
            f"{', '.join(lacking) or 'being a module'}; see sig2lm.encoder.protocol"
        )
    return encoder


def encoder_config(encoder: PatchEncoder) -> dict[str, Any]:
    """Return what makes an encoder besides its weights, JSON-ready.

    That of a module of your own is the name of its class and the protocol's two values; with the key ``library``, an
    encoder is not one of sig2lm's own architecture.
    """
    if isinstance(encoder, SignalEncoder | ExternalEncoder):
        return encoder.config.to_dict()
    return {
        "library": "own",
        "class": type(encoder).__qualname__,
        "contract": encoder.contract.to_dict(),
        "width": encoder.width,
    }
