"""What an encoder is told of a window as a whole."""

import math

import pytest
import torch

from sig2lm.encoder.statistics import LAGS, QUANTILES, num_statistics, window_statistics


def described(*channels: torch.Tensor, usual: float = 0.0) -> torch.Tensor:
    """Statistics (S,) of channels (T,), NaN where missing."""
    values = torch.stack(channels).double()[None]
    levels = torch.full((1, len(channels), 1), usual, dtype=torch.float64)
    return window_statistics(values.nan_to_num(7.0), ~values.isnan(), levels)[0]


def test_only_level_and_size_follow_the_scale() -> None:
    values = torch.randn(400)
    small, large = described(values), described(3.0 * values + 1.0)
    torch.testing.assert_close(small[2:], large[2:], atol=1e-6, rtol=1e-6)
    assert large[0] == pytest.approx(math.asinh(3.0 * values.mean().item() + 1.0), abs=1e-5)
    assert large[1] - small[1] == pytest.approx(math.log(3.0), abs=1e-5)
    assert described(values + 5.0, usual=5.0)[0] == pytest.approx(small[0].item(), abs=1e-6)


def test_a_period_shows_in_the_change_over_its_lag() -> None:
    changes = described(torch.sin(torch.arange(480) * 2.0 * math.pi / 12.0))[4 + len(QUANTILES) :]
    assert changes.argmin() == LAGS.index(12) or changes.argmin() == LAGS.index(24)
    assert changes.argmax() == LAGS.index(6)


def test_channels_that_move_together_agree_and_flat_or_missing_ones_stay_finite() -> None:
    values = torch.randn(200)
    together = described(values, values, -values)
    torch.testing.assert_close(together[-2:], torch.tensor([1.0, -1.0], dtype=torch.float64))
    for odd in (torch.zeros(200), torch.full((200,), math.nan), torch.full((200,), 1e6)):
        found = described(values, odd)
        assert len(found) == num_statistics(2)
        assert found.isfinite().all()
        assert found.abs().max() < 30.0
