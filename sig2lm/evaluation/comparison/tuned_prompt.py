"""Prompt tuning (Lester et al. 2021, arXiv 2104.08691): virtual tokens that are learned and tell nothing of a signal.

peft's own embedding stands where a soft prompt would, so that batches, positions and prefixes are those of the bridge.
"""

from typing import Self

import torch
from peft import PromptEmbedding, PromptTuningConfig
from torch import Tensor, nn

from sig2lm.lm import FrozenLM
from sig2lm.model.signal_branch import SignalBranch


class TunedPrompt(SignalBranch):
    """K learned vectors in front of the question, the same for every example; they begin as tokens drawn at random."""

    def __init__(self, lm: FrozenLM, num_virtual_tokens: int) -> None:
        nn.Module.__init__(self)
        config = PromptTuningConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=num_virtual_tokens,
            token_dim=lm.width,
            num_transformer_submodules=1,
            prompt_tuning_init="SAMPLE_VOCAB",
        )
        self.adapter = PromptEmbedding(config, lm.model.get_input_embeddings())
        self.train_encoder, self.source, self.count = False, "prompt tuning", num_virtual_tokens

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; there is no encoder to keep out of it."""
        nn.Module.train(self, mode)
        return self

    def num_virtual_tokens(self, num_patches: int) -> int:
        """K."""
        return self.count

    def forward(
        self,
        values: Tensor | None = None,
        sample_mask: Tensor | None = None,
        patches: Tensor | None = None,
        patch_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the soft prompt (B, K, D) and a mask (B, K) of ones, for B stand-in patches."""
        assert patches is not None
        learned = self.adapter(torch.arange(self.count, device=patches.device))
        soft_prompt = learned.expand(len(patches), -1, -1)
        return soft_prompt, torch.ones(soft_prompt.shape[:2], dtype=torch.bool, device=patches.device)
