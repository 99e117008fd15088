"""Mantis and MantisV2 (Feofanov et al. 2025, arXiv 2502.15637), library ``mantis-tsfm``, Apache-2.0.

It reads a fixed number of samples (512), to which its authors stretch a series linearly, in 32 tokens and a class
token. It knows no missing samples: gaps are filled linearly first, and a token whose span holds no observed sample is
masked out of the result, though the others have seen what filled it. Pretraining taught the class token; it is kept
as the last patch of each channel.
"""

from typing import Any

import torch
from torch import Tensor, nn

from sig2lm.encoder.external.alignment import fill_gaps, observed_lengths, stretch
from sig2lm.encoder.external.fetching import loading, published, stored_names
from sig2lm.encoder.external.series import ExternalEncoder, ForeignConfig
from sig2lm.signals import Contract

INSTALL = "pip install 'sig2lm[mantis]', or beside pandas 3: pip install einops && pip install --no-deps mantis-tsfm"
_SAMPLES_A_TOKEN = 16  # 512 samples in 32 tokens; MantisV2 takes any multiple


class MantisEncoder(ExternalEncoder):
    """The tokens of a Mantis model."""

    def __init__(self, config: ForeignConfig, model: Any, class_first: bool) -> None:
        transformer = (model.vit_unit if hasattr(model, "vit_unit") else model.transf_unit).transformer
        width = model.prj[1].in_features
        super().__init__(config, width, longest=None)
        self.model, self.class_first = model, class_first
        self.tokens = int(model.num_patches)
        self.size = int(getattr(model, "seq_len", _SAMPLES_A_TOKEN * self.tokens))
        self._states: list[Tensor] = []
        transformer.register_forward_hook(self._keep)  # the model itself returns the class token alone

    def _keep(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self._states.append(output)

    def num_times(self, num_samples: int) -> int:
        """Tokens and the class token, whatever ``num_samples``."""
        return self.tokens + 1

    def encode(self, values: Tensor, sample_mask: Tensor, times: int) -> tuple[Tensor, Tensor]:
        """Stretch each row to what the model reads, channels as rows."""
        lengths = observed_lengths(sample_mask)
        series = stretch(fill_gaps(values, sample_mask), lengths, self.size)
        self._states.clear()
        self.model(series.flatten(0, 1)[:, None])
        states = self._states.pop().reshape(*values.shape[:2], times, -1)
        if self.class_first:
            states = states.roll(-1, dims=2)
        observed = self._observed(sample_mask, lengths)
        return states, torch.cat([observed, observed.any(-1, keepdim=True)], dim=-1)

    def _observed(self, sample_mask: Tensor, lengths: Tensor) -> Tensor:
        """(B, C, tokens): where a token's span of a row's samples holds an observed one."""
        at = torch.arange(sample_mask.shape[-1], device=sample_mask.device)
        number = torch.arange(self.tokens, device=sample_mask.device)[:, None]
        lengths = lengths[:, None, None]
        # Sample i stands for [i, i + 1), token n for [n, n + 1) * length / tokens.
        spans = (at * self.tokens < (number + 1) * lengths) & ((at + 1) * self.tokens > number * lengths)
        return (sample_mask[:, :, None] & spans[:, None]).any(-1)


def load(name: str, contract: Contract) -> MantisEncoder:
    """Load a Mantis model from a folder or a hub id, such as ``paris-noah/Mantis-8M``.

    Raises
    ------
    CheckpointError
        When it cannot be reached or is damaged.
    Sig2LMError
        When the library is not installed.
    """
    found = published(name, "mantis.architecture", INSTALL)
    stored = {key.replace("vit_unit.", "transf_unit.", 1) for key in stored_names(found.folder)}
    first = any("pos_encoder" in key for key in stored)
    with loading(found.folder, "a Mantis model"):
        kind = found.library.MantisV1 if first else found.library.MantisV2
        model = kind(device="cpu").from_pretrained(str(found.folder), local_files_only=True)
    encoder = MantisEncoder(ForeignConfig("mantis", contract, found.config), model, class_first=first)
    found.check(model, stored, ("rotary_emb",))
    return encoder
