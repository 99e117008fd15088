"""Adapters: how many virtual tokens, at which norm, and what masks do."""

import pytest
import torch

from sig2lm.errors import Sig2LMError
from sig2lm.model.adapter import ADAPTERS, AdapterConfig, build_adapter
from sig2lm.schema import read_as


@pytest.mark.parametrize("kind", ADAPTERS)
@torch.no_grad()
def test_soft_prompts_start_at_the_norm_of_the_embedding_table(kind: str) -> None:
    adapter = build_adapter(AdapterConfig(kind), 24, 48, embedding_norm=0.37).eval()
    soft_prompt, mask = adapter(10.0 * torch.randn(5, 9, 24), torch.ones(5, 9, dtype=torch.bool))
    assert soft_prompt.shape == (5, adapter.num_virtual_tokens(9), 48)
    assert mask.shape == soft_prompt.shape[:2]
    torch.testing.assert_close(soft_prompt.norm(dim=-1), torch.full(mask.shape, 0.37), atol=1e-4, rtol=1e-3)


def test_the_resampler_has_a_fixed_number_the_others_one_a_patch() -> None:
    assert build_adapter(AdapterConfig("resampler", 5), 24, 48, 1.0).num_virtual_tokens(1000) == 5
    assert build_adapter(AdapterConfig("linear"), 24, 48, 1.0).num_virtual_tokens(1000) == 1000


@torch.no_grad()
def test_masked_patches_are_never_read() -> None:
    adapter = build_adapter(AdapterConfig("resampler", 4), 24, 48, 1.0).eval()
    patches, mask = torch.randn(2, 9, 24), torch.rand(2, 9) > 0.5
    soft_prompt, _ = adapter(patches, mask)
    patches[~mask] = 1e4
    torch.testing.assert_close(adapter(patches, mask)[0], soft_prompt)
    nothing, _ = adapter(patches, torch.zeros_like(mask))
    assert nothing.isfinite().all()


@torch.no_grad()
def test_the_resampler_knows_the_order_of_patches() -> None:
    adapter = build_adapter(AdapterConfig("resampler", 4), 24, 48, 1.0).eval()
    patches, mask = torch.randn(1, 9, 24), torch.ones(1, 9, dtype=torch.bool)
    assert (adapter(patches, mask)[0] - adapter(patches.flip(1), mask)[0]).abs().max() > 1e-3


def test_a_config_survives_json_and_nonsense_is_refused() -> None:
    config = AdapterConfig("mlp", 3)
    assert read_as(AdapterConfig, config.to_dict(), "an adapter") == config
    with pytest.raises(Sig2LMError, match="linear, mlp, resampler"):
        AdapterConfig("qformer")  # type: ignore[arg-type]
    with pytest.raises(Sig2LMError, match="at least one virtual token"):
        AdapterConfig("resampler", 0)
