"""Adapters: from encoder patches to a soft prompt in the LM's embedding space.

``patches (B, P, E), patch_mask (B, P) -> soft_prompt (B, K, D), soft_prompt_mask (B, K)``

Linear and MLP adapters give one virtual token a patch (LLaVA: Liu et al. 2023, arXiv 2304.08485); the resampler gives a
fixed K by cross-attention from learned queries, however long the signal (Flamingo: Alayrac et al. 2022, arXiv
2204.14198). Every soft prompt starts at the norm of the LM's embedding table, as an unscaled one drowns or vanishes.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from sig2lm.errors import Sig2LMError
from sig2lm.schema import Count, Depth, Share

AdapterKind = Literal["linear", "mlp", "resampler"]
ADAPTERS: tuple[AdapterKind, ...] = ("linear", "mlp", "resampler")


@dataclass(frozen=True)
class AdapterConfig:
    """What an adapter is made of.

    Attributes
    ----------
    kind
        ``linear``, ``mlp`` or ``resampler``.
    num_virtual_tokens
        K of the resampler; the other kinds give one virtual token a patch.
    hidden
        Width inside the MLP and of the resampler's layers.
    depth, heads
        Cross-attention layers of the resampler and their heads.
    dropout
        On the features of patches, in training only.
    patch_dropout
        Share of the patches that the resampler does not see, drawn again for each training step.
    """

    kind: AdapterKind = "resampler"
    num_virtual_tokens: Count = 16
    hidden: Count = 256
    depth: Depth = 2
    heads: Count = 4
    dropout: Share = 0.1
    patch_dropout: Share = 0.2

    def __post_init__(self) -> None:
        if self.kind not in ADAPTERS:
            raise Sig2LMError(f"adapter is '{self.kind}', but there are {', '.join(ADAPTERS)}; choose one")
        if not (1 <= self.num_virtual_tokens <= 1 << 16 and self.heads >= 1) or self.hidden % self.heads:
            raise Sig2LMError(
                f"expected at least one virtual token, at most 65,536, and a hidden width that {self.heads} heads "
                f"divide, found "
                f"{self.num_virtual_tokens} and {self.hidden}; change the adapter's settings"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return asdict(self)


class Adapter(nn.Module):
    """Base of the adapters: how many virtual tokens there will be, and their norm.

    Parameters
    ----------
    config
        See :class:`AdapterConfig`.
    encoder_width, lm_width
        E and D.
    embedding_norm
        Euclidean norm at which virtual tokens start, see ``FrozenLM.embedding_norm``.
    """

    def __init__(self, config: AdapterConfig, encoder_width: int, lm_width: int, embedding_norm: float) -> None:
        super().__init__()
        self.config = config
        self.patch_norm = nn.LayerNorm(encoder_width)
        self.dropout = nn.Dropout(config.dropout)
        self.output_norm = nn.RMSNorm(lm_width, eps=1e-6)
        nn.init.constant_(self.output_norm.weight, embedding_norm / math.sqrt(lm_width))

    def num_virtual_tokens(self, num_patches: int) -> int:
        """K for a signal of ``num_patches``, known without running the encoder."""
        return num_patches

    def scaled(self, vectors: Tensor) -> Tensor:
        """Bring vectors (B, K, D) to the learned norm, in the weights' own precision also under autocast."""
        normed: Tensor = self.output_norm(vectors.to(self.output_norm.weight.dtype))
        return normed


class Projector(Adapter):
    """One virtual token a patch: a linear map, or a two-layer perceptron."""

    def __init__(self, config: AdapterConfig, encoder_width: int, lm_width: int, embedding_norm: float) -> None:
        super().__init__(config, encoder_width, lm_width, embedding_norm)
        self.project: nn.Module = nn.Linear(encoder_width, lm_width)
        if config.kind == "mlp":
            self.project = nn.Sequential(
                nn.Linear(encoder_width, config.hidden), nn.GELU(), nn.Linear(config.hidden, lm_width)
            )

    def forward(self, patches: Tensor, patch_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return soft_prompt (B, P, D) and the patches' own mask (B, P)."""
        projected = self.project(self.dropout(self.patch_norm(patches)))
        return self.scaled(projected), patch_mask


class Resampler(Adapter):
    """K virtual tokens whatever the length: learned queries look at the patches.

    A learned key stands beside the patches, so that a signal without any observed sample reads as "nothing seen" and
    not as NaN.
    """

    def __init__(self, config: AdapterConfig, encoder_width: int, lm_width: int, embedding_norm: float) -> None:
        super().__init__(config, encoder_width, lm_width, embedding_norm)
        self.queries = nn.Parameter(torch.randn(config.num_virtual_tokens, config.hidden) / math.sqrt(config.hidden))
        self.nothing = nn.Parameter(0.02 * torch.randn(config.hidden))
        self.enter = nn.Linear(encoder_width, config.hidden)
        self.layers = nn.ModuleList(CrossAttention(config.hidden, config.heads) for _ in range(config.depth))
        self.project = nn.Linear(config.hidden, lm_width)

    def num_virtual_tokens(self, num_patches: int) -> int:
        """K, whatever ``num_patches``."""
        return self.config.num_virtual_tokens

    def forward(self, patches: Tensor, patch_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return soft_prompt (B, K, D) and a mask (B, K) that is True throughout."""
        entered = self.enter(self.dropout(self.patch_norm(patches)))
        entered = entered + sinusoids(entered.shape[1], entered.shape[2], entered)
        batch = patches.shape[0]
        if self.training and self.config.patch_dropout:
            patch_mask = patch_mask & (torch.rand_like(patch_mask, dtype=torch.float) >= self.config.patch_dropout)
        memory = torch.cat([self.nothing.expand(batch, 1, -1), entered], dim=1)
        mask = torch.cat([patch_mask.new_ones(batch, 1), patch_mask], dim=1)
        latent = self.queries.expand(batch, -1, -1)
        for layer in self.layers:
            latent = layer(latent, memory, mask)
        soft_prompt = self.scaled(self.project(latent))
        return soft_prompt, patch_mask.new_ones(soft_prompt.shape[:2])


class CrossAttention(nn.Module):
    """A layer in which queries (B, K, H) read a memory (B, M, H), then a two-layer perceptron."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_norm, self.memory_norm, self.mlp_norm = (nn.LayerNorm(width) for _ in range(3))
        self.query, self.key_value, self.out = (
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, latent: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Return the queries, refined by what the mask (B, M) lets them see."""

        def split(x: Tensor) -> Tensor:
            return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

        key, value = self.key_value(self.memory_norm(memory)).chunk(2, dim=-1)
        read = scaled_dot_product_attention(
            split(self.query(self.query_norm(latent))), split(key), split(value), attn_mask=mask[:, None, None]
        )
        latent = latent + self.out(read.transpose(1, 2).flatten(2))
        refined: Tensor = latent + self.mlp(self.mlp_norm(latent))
        return refined


def sinusoids(count: int, width: int, like: Tensor) -> Tensor:
    """Fixed position features (count, width), Vaswani et al. 2017, on the device and in the type of ``like``."""
    rates = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2, device=like.device) / width)
    angles = torch.arange(count, device=like.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(like.dtype)


def build_adapter(config: AdapterConfig, encoder_width: int, lm_width: int, embedding_norm: float) -> Adapter:
    """Build the adapter that ``config.kind`` names."""
    kind = Resampler if config.kind == "resampler" else Projector
    return kind(config, encoder_width, lm_width, embedding_norm)
