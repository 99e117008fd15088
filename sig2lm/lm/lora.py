"""Low-rank layers beside the linear layers of an LM (LoRA, Hu et al. 2021), put on and taken off by peft."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sig2lm.errors import CheckpointError


def with_lora(model: Any, rank: int, alpha: float | None = None) -> Any:
    """Put trainable layers beside every linear layer; alpha is twice the rank by default."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=alpha or 2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with _without_peft_s_warning():
        return get_peft_model(model, config)


def with_saved_lora(model: Any, folder: Path) -> Any:
    """Put layers beside the model that its ``save_pretrained`` wrote (peft's own format, safetensors).

    Raises
    ------
    CheckpointError
        When the folder holds none, or damaged ones.
    """
    from peft import PeftModel

    if not (folder / "adapter_model.safetensors").is_file():  # peft would look on the hub, and for pickles
        raise CheckpointError(
            f"expected LoRA layers in '{folder}', found no adapter_model.safetensors; copy them again"
        )
    try:
        with _without_peft_s_warning():
            return PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"expected LoRA layers in '{folder}', but {told}; copy them again") from error


@contextmanager
def _without_peft_s_warning() -> Iterator[None]:
    """Be silent about a name of transformers that is old, by which peft 0.21 asks: users cannot help it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield
