"""Time-series encoders of the ``transformers`` library: PatchTST, PatchTSMixer and both TimesFM.

PatchTST (Nie et al. 2023, arXiv 2211.14730) and PatchTSMixer (Ekambaram et al. 2023, arXiv 2306.09364) read a fixed
number of samples, the latest at the end. Missing samples are left out of the scaling and are the channel's mean after
it; the models' attention and mixing take no mask, so patches without any observed sample are seen there as that mean,
and are masked out of the result. TimesFM (Das et al. 2024, arXiv 2310.10688) reads any number up to its context, looks
back only, and masks what comes before the first observed sample; its gaps are filled linearly, as its authors do it.
"""

from pathlib import Path
from typing import Any, cast

import torch
import transformers
from torch import Tensor, nn

from sig2lm.encoder.external.alignment import fill_gaps
from sig2lm.encoder.external.fetching import check_all, loading, model_folder, read_model_config
from sig2lm.encoder.external.series import ForeignConfig, LatestEncoder
from sig2lm.errors import CheckpointError
from sig2lm.signals import Contract

_BASES = {
    "patchtst": "PatchTSTModel",
    "patchtsmixer": "PatchTSMixerModel",
    "timesfm": "TimesFmModel",
    "timesfm2_5": "TimesFm2_5Model",
}


class PatchTSTEncoder(LatestEncoder):
    """PatchTST and PatchTSMixer; a model that mixes channels reads those of a signal together."""

    def __init__(self, config: ForeignConfig, model: Any) -> None:
        inner = model.config
        super().__init__(
            config, inner.d_model, inner.context_length, inner.patch_length, inner.patch_stride, fixed=True
        )
        self.mixer = inner.model_type == "patchtsmixer"
        self.mixes = inner.mode == "mix_channel" if self.mixer else inner.channel_attention or not inner.share_embedding
        found = len(config.contract.channels)
        if self.mixes and found != inner.num_input_channels:
            raise CheckpointError(
                f"this {type(model).__name__} reads {inner.num_input_channels} channels together, but the signal has "
                f"{found} ({', '.join(config.contract.channels)}); use a model for {found}, or one without mixing"
            )
        if self.mixer:
            model.masking = None  # masking at random is for pretraining
        else:
            model.do_mask_input, model.masking = False, nn.Identity()
            if not self.mixes:
                model.encoder.embedder.num_input_channels = 1
        self.model = model

    def states(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Run the model over channels as rows, or over all channels of a row where it mixes them."""
        shape = values.shape
        scaling = self.model.config.scaling
        if scaling == "std" or (self.mixer and scaling is True):  # PatchTST takes True for "mean"
            count = sample_mask.sum(-1, keepdim=True).clamp(min=1)
            mean = values.sum(-1, keepdim=True) / count
            values = torch.where(sample_mask, values, mean)
        if not self.mixes:
            values, sample_mask = (x.flatten(0, 1)[:, None] for x in (values, sample_mask))
        observed = sample_mask.transpose(1, 2).to(values.dtype)
        name = "observed_mask" if self.mixer else "past_observed_mask"
        states: Tensor = self.model(past_values=values.transpose(1, 2), **{name: observed}).last_hidden_state
        count_patches = self.in_patches(sample_mask).shape[-1]
        states = states[..., -count_patches:, :]  # a class token, if there is one, comes first
        return states.reshape(*shape[:2], count_patches, -1)


class TimesFMEncoder(LatestEncoder):
    """TimesFM 1 and 2 (``timesfm``) and 2.5 (``timesfm2_5``)."""

    def __init__(self, config: ForeignConfig, model: Any) -> None:
        size = model.config.patch_length
        super().__init__(config, model.config.hidden_size, model.config.context_length, size, size, fixed=False)
        self.model = model

    def states(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Run the model over channels as rows."""
        shape = values.shape
        values, sample_mask = fill_gaps(values, sample_mask).flatten(0, 1), sample_mask.flatten(0, 1)
        begun = sample_mask.cummax(-1).values | ~sample_mask.any(-1, keepdim=True)
        fields = {"past_values": values, "past_values_padding": (~begun).long()}
        if self.model.config.model_type == "timesfm":
            # 0 is its category of high frequencies, up to days; it comes as (rows, 1) to be added to each patch.
            fields["freq"] = values.new_zeros((len(values), 1), dtype=torch.long)
        states: Tensor = self.model(**fields).last_hidden_state
        return states.reshape(*shape[:2], *states.shape[1:])


def load(name: str, contract: Contract) -> PatchTSTEncoder | TimesFMEncoder:
    """Load an encoder from a folder or a hub id; a model with a head gives the encoder below it.

    Raises
    ------
    CheckpointError
        When it cannot be reached, is damaged, or is no model of these families.
    """
    folder = model_folder(name)
    content = read_model_config(folder)
    family = content.get("model_type")
    if family not in _BASES:
        raise CheckpointError(
            f"expected a model among {', '.join(_BASES)} in '{folder}', found {family or 'no model_type'}; "
            "wrap it as a module of your own (sig2lm.encoder.protocol)"
        )
    model = _load_base(folder, _BASES[family], content.get("architectures") or [])
    config = ForeignConfig("transformers", contract, content)
    return TimesFMEncoder(config, model) if family.startswith("timesfm") else PatchTSTEncoder(config, model)


def _load_base(folder: Path, base: str, architectures: list[str]) -> nn.Module:
    """Load the model as the class that it was saved as, and return the encoder in it."""
    base_class = getattr(transformers, base)
    saved_as = getattr(transformers, architectures[0], None) if architectures else base_class
    if not (isinstance(saved_as, type) and issubclass(saved_as, base_class.__mro__[1])):
        raise CheckpointError(f"expected a kind of {base} in '{folder}', found {architectures[0]}; check the folder")
    with loading(folder, f"a {base}"):
        model, report = cast(Any, saved_as).from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    inner = next((module for module in model.modules() if isinstance(module, base_class)), None)
    if not isinstance(inner, nn.Module):
        raise CheckpointError(f"expected a {base} in '{folder}', found {type(model).__name__} without one")
    lead = next(name for name, module in model.named_modules() if module is inner)
    check_all([key for key in report["missing_keys"] if key.startswith(lead)], base, folder)
    return inner
