"""Tiny models with random weights, built and saved by the libraries they belong to."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

T5 = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 2, "num_decoder_layers": 1, "num_heads": 2}
NOT_A_PIN_OF_OURS = "its library is not installed; see the extras in pyproject.toml"


def patchtst(folder: Path, head: str = "PatchTSTModel", **changes: Any) -> str:
    """A PatchTST of 64 samples in patches of 8."""
    sizes = {"context_length": 64, "patch_length": 8, "patch_stride": 8, "num_hidden_layers": 2, "ffn_dim": 16}
    config = transformers.PatchTSTConfig(**{**sizes, "d_model": 16, "num_attention_heads": 2, **changes})
    getattr(transformers, head)(config).save_pretrained(folder)
    return f"transformers:{folder}"


def mixing(folder: Path) -> str:
    return patchtst(folder, channel_attention=True, share_embedding=False, num_input_channels=3)


def pretrained(folder: Path) -> str:
    return patchtst(folder, "PatchTSTForPretraining", do_mask_input=True)


def overlapping(folder: Path) -> str:
    return patchtst(folder, "PatchTSTForClassification", use_cls_token=True, patch_stride=4, scaling="mean")


def patchtsmixer(folder: Path, **changes: Any) -> str:
    config = transformers.PatchTSMixerConfig(
        context_length=64, patch_length=8, patch_stride=8, d_model=16, num_layers=2, **changes
    )
    transformers.PatchTSMixerForPretraining(config).save_pretrained(folder)
    return f"transformers:{folder}"


def mixer_mixing(folder: Path) -> str:
    return patchtsmixer(folder, mode="mix_channel", num_input_channels=3, scaling=True)


def timesfm(folder: Path, version: str = "TimesFm") -> str:
    """A TimesFM of at most 128 samples in patches of 8."""
    sizes = {"num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = getattr(transformers, f"{version}Config")(
        patch_length=8, context_length=128, horizon_length=8, head_dim=8, num_key_value_heads=2, **sizes
    )
    getattr(transformers, f"{version}ModelForPrediction")(config).save_pretrained(folder)
    return f"transformers:{folder}"


def timesfm_2_5(folder: Path) -> str:
    return timesfm(folder, "TimesFm2_5")


def chronos_bolt(folder: Path) -> str:
    pytest.importorskip("chronos", reason=NOT_A_PIN_OF_OURS)
    from chronos.chronos_bolt import ChronosBoltModelForForecasting

    config = transformers.T5Config(**T5)
    config.chronos_config = _patches(prediction_length=8)
    config.chronos_pipeline_class = "ChronosBoltPipeline"
    ChronosBoltModelForForecasting(config).save_pretrained(folder)
    return f"chronos:{folder}"


def chronos_2(folder: Path) -> str:
    pytest.importorskip("chronos", reason=NOT_A_PIN_OF_OURS)
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    sizes = {key: value for key, value in T5.items() if key != "num_decoder_layers"}
    config = Chronos2CoreConfig(**sizes, chronos_config=_patches(output_patch_size=8, use_arcsinh=True))
    config.chronos_pipeline_class = "Chronos2Pipeline"
    Chronos2Model(config).save_pretrained(folder)
    return f"chronos:{folder}"


def _patches(**more: Any) -> dict[str, Any]:
    sizes = {"context_length": 128, "input_patch_size": 8, "input_patch_stride": 8}
    return {**sizes, "quantiles": [0.1, 0.5, 0.9], "use_reg_token": True, **more}


def chronos(folder: Path) -> str:
    """The first Chronos: 64 tokens for values, one a sample."""
    pytest.importorskip("chronos", reason=NOT_A_PIN_OF_OURS)
    config = transformers.T5Config(**T5, vocab_size=64)
    config.chronos_config = {
        "tokenizer_class": "MeanScaleUniformBins",
        "tokenizer_kwargs": {"low_limit": -15.0, "high_limit": 15.0},
        **{"context_length": 128, "prediction_length": 8, "n_tokens": 64, "n_special_tokens": 2},
        **{"pad_token_id": 0, "eos_token_id": 1, "use_eos_token": True, "model_type": "seq2seq"},
        **{"num_samples": 2, "temperature": 1.0, "top_k": 5, "top_p": 1.0},
    }
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    return f"chronos:{folder}"


def moment(folder: Path) -> str:
    """A MOMENT of 64 samples in patches of 8."""
    momentfm = pytest.importorskip("momentfm", reason=NOT_A_PIN_OF_OURS)
    config = {
        **{"task_name": "reconstruction", "model_name": "MOMENT", "transformer_type": "encoder_only"},
        **{"transformer_backbone": "t5", "d_model": 16, "seq_len": 64, "patch_len": 8, "patch_stride_len": 8},
        **{"enable_gradient_checkpointing": False, "t5_config": {**T5, "vocab_size": 8, "is_encoder_decoder": False}},
    }
    momentfm.MOMENTPipeline(config, model_kwargs={}).save_pretrained(folder)
    return f"moment:{folder}"


def mantis(folder: Path, version: str = "MantisV1", **changes: Any) -> str:
    """A Mantis of 64 samples in 4 tokens."""
    architecture = pytest.importorskip("mantis.architecture", reason=NOT_A_PIN_OF_OURS)
    sizes = {"hidden_dim": 16, "num_patches": 4, "hidden_dim_scalar_enc": 8, "transf_depth": 2, "transf_num_heads": 2}
    sizes |= {"transf_mlp_dim": 16, "transf_dim_head": 8, **(changes or {"seq_len": 64})}
    getattr(architecture, version)(**sizes, device="cpu").save_pretrained(folder)
    return f"mantis:{folder}"


def mantis_8m(folder: Path) -> str:
    return mantis(folder, "Mantis8M")


def mantis_2(folder: Path) -> str:
    return mantis(folder, "MantisV2", kernel_size=5)


MODELS = {
    build.__name__: build
    for build in (
        *(patchtst, pretrained, overlapping, mixing, patchtsmixer, mixer_mixing, timesfm, timesfm_2_5),
        *(chronos_bolt, chronos_2, chronos, moment, mantis, mantis_8m, mantis_2),
    )
}
TOGETHER = {"mixing", "mixer_mixing", "chronos_2"}
"""Models that read the channels of a signal together."""


def build_model(name: str, folder: Path) -> str:
    """Save a model of MODELS and return how to name it."""
    torch.manual_seed(0)
    return MODELS[name](folder)
