"""Prompt tuning (Lester et al. 2021, arXiv 2104.08691): virtual tokens that are learned and say nothing of a signal.

peft's own embedding stands where a soft prompt would, so that batches, positions and prefixes are those of the bridge.
"""

from collections.abc import Mapping

import torch
from peft import PromptEmbedding, PromptTuningConfig
from torch import Tensor, nn

from sig2lm.lm import FrozenLM
from sig2lm.model.signal_branch import Branch


class TunedPrompt(Branch):
    """K learned vectors in front of the question, the same for every example; they begin as tokens drawn at random."""

    def __init__(self, lm: FrozenLM, num_virtual_tokens: int) -> None:
        super().__init__()
        config = PromptTuningConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=num_virtual_tokens,
            token_dim=lm.width,
            num_transformer_submodules=1,
            prompt_tuning_init="SAMPLE_VOCAB",
        )
        self.embedding = PromptEmbedding(config, lm.model.get_input_embeddings())
        self.count = num_virtual_tokens

    def num_virtual_tokens(self, num_patches: int) -> int:
        """K, whatever the number of patches."""
        return self.count

    @property
    def trained_parts(self) -> Mapping[str, nn.Module]:
        """The learned vectors."""
        return {"embedding": self.embedding}

    def forward(
        self,
        values: Tensor | None = None,
        sample_mask: Tensor | None = None,
        patches: Tensor | None = None,
        patch_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the soft prompt (B, K, D) and a mask (B, K) of ones, for B stand-in patches."""
        assert patches is not None
        learned = self.embedding(torch.arange(self.count, device=patches.device))
        soft_prompt = learned.expand(len(patches), -1, -1)
        return soft_prompt, torch.ones(soft_prompt.shape[:2], dtype=torch.bool, device=patches.device)
