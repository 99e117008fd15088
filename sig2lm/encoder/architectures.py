"""Architectures and sizes of signal encoders by name, and what suits a kind of signal when the user names none.

What was measured, and what was not: docs/benchmarks/encoders.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sig2lm.encoder.config import EncoderConfig
from sig2lm.encoder.conv_transformer import ConvTransformerConfig
from sig2lm.encoder.convolution import strides_of
from sig2lm.encoder.patch_transformer import PatchTransformerConfig
from sig2lm.encoder.resnet1d import ResNet1dConfig
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.signals import Contract

ARCHITECTURES: dict[str, type[EncoderConfig]] = {
    config.architecture: config for config in (PatchTransformerConfig, ConvTransformerConfig, ResNet1dConfig)
}


@dataclass(frozen=True)
class Size:
    """How large an encoder is.

    Attributes
    ----------
    width, depth, heads
        E, number of blocks over tokens, number of attention heads where there are any.
    """

    width: int
    depth: int
    heads: int


SIZES = {"tiny": Size(32, 2, 2), "small": Size(64, 4, 4), "base": Size(128, 4, 4)}
TOKEN_RATE = 5.0  # Hz, about; a step takes two or three tokens, a heart beat four
_LARGEST = 65_536  # width, depth or number of heads
_SLOWEST_WAVEFORM = 8.0  # Hz; what is sampled more slowly has no waves that convolutions would find


def default_architecture(contract: Contract) -> str:
    """Name of the architecture for a kind of signal: convolutions for waveforms, linear patches for the others.

    Examples
    --------
    >>> default_architecture(Contract(("ecg",), ("mV",), 300.0)), default_architecture(Contract(("rr",), ("ms",), None))
    ('resnet1d', 'patch_transformer')
    """
    rate = contract.sampling_rate
    return "resnet1d" if rate is not None and rate >= _SLOWEST_WAVEFORM else "patch_transformer"


def default_patch_size(contract: Contract, typical: int, token_rate: float | None = None) -> int:
    """Samples that a patch stands for when the user names none.

    Of waveforms as many as give ``token_rate`` patches a second, a power of two near it (300 Hz: 64); of events and
    of what is sampled slowly (skin conductance at 4 Hz), an eighth of a ``typical`` window (samples), 1 to 32.

    Raises
    ------
    Sig2LMError
        If a token rate is asked of a signal without a sampling rate, or exceeds that rate.
    """
    rate = contract.sampling_rate
    if rate is None and token_rate is not None:
        raise Sig2LMError(
            "a token rate is in tokens a second, but this signal has no sampling rate; pass --patch-size instead"
        )
    if rate is None or (token_rate is None and rate < _SLOWEST_WAVEFORM):
        return max(1, min(32, typical // 8))
    wanted = TOKEN_RATE if token_rate is None else token_rate
    if not wanted > 0.0 or (token_rate is not None and wanted > rate):
        raise Sig2LMError(
            f"expected a token rate above 0 and up to the sampling rate {rate:g} Hz, found {wanted:g}; change it"
        )
    return max(1, int(2 ** round(math.log2(rate / wanted))))


def design(
    contract: Contract, architecture: str, size: Size, patch_size: int, scaling: Mapping[str, Any] | None = None
) -> EncoderConfig:
    """Return the config of an encoder.

    Parameters
    ----------
    contract
        The signals that it will read.
    architecture
        A key of ``ARCHITECTURES``.
    size
        One of ``SIZES``, or your own.
    patch_size
        Samples that a patch stands for.
    scaling
        Further fields of the config, such as ``normalisation``, ``mean`` and ``std``.

    Raises
    ------
    Sig2LMError
        If there is no such architecture, heads do not divide the width, or a size is beyond all memory.
    """
    if architecture not in ARCHITECTURES:
        raise Sig2LMError(f"architecture is '{architecture}', but there are {', '.join(ARCHITECTURES)}; choose one")
    if (largest := max(size.width, size.depth, size.heads)) > _LARGEST:
        raise Sig2LMError(f"expected a width, depth and heads of at most {_LARGEST:,}, found {largest:,}; change it")
    further = dict(scaling or {})
    if architecture == "resnet1d":
        return ResNet1dConfig(contract, strides_of(patch_size), size.width, size.depth, **further)
    if size.width % size.heads or size.width // size.heads % 2:
        raise Sig2LMError(
            f"expected a width that {size.heads} heads divide into even parts, found {size.width}; change one of them"
        )
    if architecture == "conv_transformer":
        return ConvTransformerConfig(
            contract, strides_of(patch_size), size.width, size.depth, heads=size.heads, **further
        )
    return PatchTransformerConfig(contract, patch_size, patch_size, size.width, size.depth, size.heads, **further)


def read_config(content: Mapping[str, Any]) -> EncoderConfig:
    """Read what ``EncoderConfig.to_dict`` wrote, of any architecture; one without a name is a ``patch_transformer``.

    Raises
    ------
    CheckpointError
        If the architecture is unknown, or keys are missing or unknown.
    """
    name = content.get("architecture", PatchTransformerConfig.architecture)
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise CheckpointError(
            f"expected an encoder of the architecture {', '.join(ARCHITECTURES)}, found '{name}'; it was written by a "
            "later version of sig2lm"
        )
    return ARCHITECTURES[name].from_dict(content)


def build_encoder(config: EncoderConfig | Mapping[str, Any]) -> SignalEncoder:
    """Build an encoder with new weights from a config, or from the dictionary that it became."""
    return SignalEncoder(config if isinstance(config, EncoderConfig) else read_config(config))
