"""What puts virtual tokens into a prompt: a branch; that of a signal has an encoder and an adapter."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from sig2lm.encoder import PatchEncoder
from sig2lm.model.adapter import Adapter


class Branch(nn.Module, ABC):
    """Makes the soft prompt that stands at a named place of a prompt."""

    @abstractmethod
    def num_virtual_tokens(self, num_patches: int) -> int:
        """K for a signal of ``num_patches``."""

    @abstractmethod
    def forward(
        self,
        values: Tensor | None = None,
        sample_mask: Tensor | None = None,
        patches: Tensor | None = None,
        patch_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return soft_prompt (B, K, D) and its mask (B, K), from values and mask or from cached patches."""

    @property
    @abstractmethod
    def trained_parts(self) -> Mapping[str, nn.Module]:
        """What training changes, by the name under which a checkpoint keeps it."""


class SignalBranch(Branch):
    """The encoder and the adapter of one named signal.

    Parameters
    ----------
    encoder, adapter
        The two halves of the way from a signal to a soft prompt.
    train_encoder
        Whether the encoder is trained with the adapter; frozen (and in evaluation mode) by default.
    source
        Where the encoder came from, a folder or ``LIBRARY:NAME``: what a checkpoint writes down to find it again.
    """

    def __init__(
        self, encoder: PatchEncoder, adapter: Adapter, train_encoder: bool = False, source: str = "in-memory"
    ) -> None:
        super().__init__()
        self.encoder: PatchEncoder = encoder.requires_grad_(train_encoder)
        self.adapter = adapter
        self.train_encoder, self.source = train_encoder, source

    def train(self, mode: bool = True) -> "SignalBranch":
        """Set the training mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.train(mode and self.train_encoder)
        return self

    def num_virtual_tokens(self, num_patches: int) -> int:
        """K for a signal of ``num_patches``."""
        return self.adapter.num_virtual_tokens(num_patches)

    @property
    def trained_parts(self) -> Mapping[str, nn.Module]:
        """The adapter, and the encoder where it is trained."""
        if not self.train_encoder:
            return {"adapter": self.adapter}
        return {"adapter": self.adapter, "encoder": cast(nn.Module, self.encoder)}

    def forward(
        self,
        values: Tensor | None = None,
        sample_mask: Tensor | None = None,
        patches: Tensor | None = None,
        patch_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return soft_prompt (B, K, D) and its mask (B, K), from values and mask or from cached patches."""
        if patches is None:
            assert values is not None
            assert sample_mask is not None
            with torch.set_grad_enabled(self.train_encoder and torch.is_grad_enabled()):
                patches, patch_mask = self.encoder(values, sample_mask)
        soft_prompt, mask = self.adapter(patches, patch_mask)
        return soft_prompt, mask
