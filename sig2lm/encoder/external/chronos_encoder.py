"""Chronos, Chronos-Bolt and Chronos-2 (Ansari et al. 2024, arXiv 2403.07815; 2025, arXiv 2510.15821), Apache-2.0.

All three take missing samples and padding, on the left, as NaN, and mask them from their attention. Chronos has a
patch a sample, the others patches of several. Chronos-2 shares what it learns among the channels of a signal, which it
reads as one group.
"""

from typing import Any

import torch
from torch import Tensor, nn

from sig2lm.encoder.external.fetching import loading, published
from sig2lm.encoder.external.series import ForeignConfig, LatestEncoder
from sig2lm.errors import CheckpointError
from sig2lm.signals import Contract

INSTALL = "pip install 'sig2lm[chronos]'"


class ChronosEncoder(LatestEncoder):
    """Chronos: a token a sample, and its T5 encoder."""

    def __init__(self, config: ForeignConfig, pipeline: Any) -> None:
        self_config = pipeline.model.config
        super().__init__(config, pipeline.inner_model.config.d_model, self_config.context_length, 1, 1, fixed=False)
        self.tokenizer = pipeline.tokenizer
        self.model = nn.ModuleDict({"encoder": pipeline.inner_model.encoder})

    def states(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Quantise channels as rows, and run the encoder over their tokens."""
        series = values.masked_fill(~sample_mask, torch.nan).flatten(0, 1).cpu()  # the tokenizer has no device
        ids, mask, _ = self.tokenizer.context_input_transform(series)
        encoder = self.model["encoder"]
        states: Tensor = encoder(
            input_ids=ids.to(values.device), attention_mask=mask.to(values.device)
        ).last_hidden_state
        states = states[:, : values.shape[-1]]  # an end token, if there is one, comes last
        return states.reshape(*values.shape, -1)


class ChronosPatchEncoder(LatestEncoder):
    """Chronos-Bolt and Chronos-2: patches, and a mark at their end."""

    def __init__(self, config: ForeignConfig, model: Any) -> None:
        inner = model.chronos_config
        super().__init__(
            config, model.model_dim, inner.context_length, inner.input_patch_size, inner.input_patch_stride, fixed=False
        )
        if inner.input_patch_size != inner.input_patch_stride:
            raise CheckpointError(
                f"expected a Chronos whose patches lie side by side, found patches of {inner.input_patch_size} samples "
                f"every {inner.input_patch_stride}; use a published model"
            )
        self.grouped = hasattr(inner, "output_patch_size")
        model.output_patch_embedding = None
        if not self.grouped:
            model.decoder = None
            model.encoder.embed_tokens = None  # patches come embedded
        self.model = model

    def states(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Run the encoder over channels as rows; those of a signal are a group of Chronos-2."""
        series = values.masked_fill(~sample_mask, torch.nan).flatten(0, 1)
        if self.grouped:
            groups = torch.arange(len(values), device=values.device).repeat_interleave(values.shape[1])
            found, _, _, count = self.model.encode(context=series, group_ids=groups)
            states = found.last_hidden_state[:, :count]
        else:
            count = self.in_patches(sample_mask).shape[-1]
            states = self.model.encode(context=series)[0][:, :count]
        return torch.Tensor.reshape(states, (*values.shape[:2], count, -1))


def load(name: str, contract: Contract) -> ChronosEncoder | ChronosPatchEncoder:
    """Load a model of the Chronos family from a folder or a hub id, such as ``amazon/chronos-bolt-tiny``.

    Raises
    ------
    CheckpointError
        When it cannot be reached, is damaged, or has no encoder.
    Sig2LMError
        When the library is not installed.
    """
    found = published(name, "chronos", INSTALL)
    with loading(found.folder, "a Chronos model"):
        pipeline = found.library.BaseChronosPipeline.from_pretrained(
            str(found.folder), dtype="float32", use_safetensors=True, trust_remote_code=False, local_files_only=True
        )
    config = ForeignConfig("chronos", contract, found.config)
    if not isinstance(pipeline, found.library.ChronosPipeline):
        patches = ChronosPatchEncoder(config, pipeline.inner_model)
        found.check(patches.model)
        return patches
    if pipeline.model.config.model_type != "seq2seq":
        raise CheckpointError(f"expected a Chronos model with an encoder in '{found.folder}', found a decoder alone")
    tokens = ChronosEncoder(config, pipeline)
    found.check(tokens.model, unused=("embed_tokens",))
    return tokens
