"""Low-rank layers beside the linear layers of an LM (LoRA, Hu et al. 2021), put on and taken off by peft."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def with_lora(model: Any, rank: int, alpha: float | None = None) -> Any:
    """Put trainable layers beside every linear layer; alpha is twice the rank by default."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=alpha or 2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with _without_peft_s_warning():
        return get_peft_model(model, config)


def with_saved_lora(model: Any, folder: Path) -> Any:
    """Put layers beside the model that its ``save_pretrained`` wrote (peft's own format, safetensors)."""
    from peft import PeftModel

    with _without_peft_s_warning():
        return PeftModel.from_pretrained(model, folder, is_trainable=True)


@contextmanager
def _without_peft_s_warning() -> Iterator[None]:
    """Be silent about a name of transformers that is old, by which peft 0.21 asks: users cannot help it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield
