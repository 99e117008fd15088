"""Where an LM lies and in which type: one place decides for all commands, and says what it decided.

``auto`` is the accelerator where there is one, and the type that the LM was published in, where that is quick. On most
CPUs bfloat16 is not: without AMX or AVX512-BF16 it takes twenty times as long as float32, so it is timed before.
"""

import importlib.util
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import BitsAndBytesConfig

from sig2lm.errors import ArgumentError, CheckpointError
from sig2lm.files import parse_json, read_plain

AUTO = "auto"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
QUANTIZATIONS = ("none", "4bit", "8bit")
_SLOWER = 1.5  # how much slower than float32 a type may be on a CPU to be taken of itself
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placement:
    """Where an LM lies.

    Attributes
    ----------
    device
        Of its weights, and of all that is computed with it.
    dtype
        Of its weights, and of the embeddings that it reads. Encoders and adapters stay float32.
    quantization
        ``none``, ``4bit`` or ``8bit`` (bitsandbytes) for its linear layers.
    attn_implementation
        As transformers calls it; None for its own choice.
    """

    device: torch.device
    dtype: torch.dtype
    quantization: str = "none"
    attn_implementation: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Options of transformers' ``from_pretrained``."""
        options: dict[str, Any] = {"dtype": self.dtype}
        if self.attn_implementation is not None:
            options["attn_implementation"] = self.attn_implementation
        if self.quantization == "4bit":
            options["quantization_config"] = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=self.dtype)
        elif self.quantization == "8bit":
            options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
        if self.quantization != "none" or self.device.type not in ("cpu", "meta"):
            options["device_map"] = {"": str(self.device)}
        return options

    def __str__(self) -> str:
        name = str(self.dtype).removeprefix("torch.")
        return f"{name if self.quantization == 'none' else f'{self.quantization} ({name})'} on {self.device}"


@dataclass(frozen=True)
class PlacementRequest:
    """Where an LM is asked to lie; ``auto`` leaves it to :func:`choose_placement`.

    Attributes
    ----------
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
    dtype
        ``auto``, ``float32``, ``bfloat16`` or ``float16``.
    quantization
        ``none``, ``4bit`` or ``8bit``.
    attn_implementation
        ``sdpa``, ``eager``, ``flash_attention_2``, ...; None for transformers' own choice.
    """

    device: str | torch.device = AUTO
    dtype: str | torch.dtype = AUTO
    quantization: str = "none"
    attn_implementation: str | None = None


def choose_placement(folder: Path, asked: PlacementRequest) -> Placement:
    """Decide where an LM in a folder is loaded, and refuse what cannot be before anything is loaded.

    Raises
    ------
    ArgumentError
        If a name is not known, or the device is not here.
    CheckpointError
        If the LM does not fit into memory, or bitsandbytes is not installed.
    """
    if asked.quantization not in QUANTIZATIONS:
        raise ArgumentError(f"expected quantization as one of {', '.join(QUANTIZATIONS)}, found '{asked.quantization}'")
    if asked.quantization != "none" and importlib.util.find_spec("bitsandbytes") is None:
        raise CheckpointError(
            f"expected the package bitsandbytes for quantization '{asked.quantization}', found none installed; "
            'pip install "sig2lm[quantization]"'
        )
    device = find_device(asked.device)
    dtype = _find_dtype(asked.dtype, device, _published(folder))
    found = Placement(device, dtype, asked.quantization, asked.attn_implementation)
    _check_memory(folder, found)
    return found


def find_device(device: str | torch.device = AUTO) -> torch.device:
    """Return the device of a name; for ``auto`` the accelerator where there is one, else the CPU.

    Raises
    ------
    ArgumentError
        If torch knows no such device, or there is none here.
    """
    if device == AUTO:
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = f"cpu, {torch.accelerator.current_accelerator()}" if torch.accelerator.is_available() else "cpu"
        raise ArgumentError(f"expected a device of this machine ({here}) or auto, found '{device}'") from error
    return found


def to_device(values: Any, device: torch.device) -> Any:
    """Move all tensors of a batch, however deep in mappings they are."""
    if isinstance(values, Mapping):
        return {key: to_device(value, device) for key, value in values.items()}
    return values.to(device) if isinstance(values, Tensor) else values


def _published(folder: Path) -> torch.dtype:
    """The type that an LM's config states; float32 where it is silent."""
    try:
        config = parse_json(read_plain(folder / "config.json"))
        text = config.get("text_config") or config
        stated = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
    except (OSError, ValueError, AttributeError):
        return torch.float32  # whoever loads the folder says what is wrong with it
    return DTYPES.get(str(stated).removeprefix("torch."), torch.float32)


def _find_dtype(dtype: str | torch.dtype, device: torch.device, published: torch.dtype) -> torch.dtype:
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype != AUTO:
        if dtype not in DTYPES:
            raise ArgumentError(f"expected dtype as one of auto, {', '.join(DTYPES)}, found '{dtype}'")
        return DTYPES[dtype]
    if published == torch.float32 or device.type != "cpu":
        return published
    times = slower_than_float32(published)
    if times <= _SLOWER:
        return published
    name = str(published).removeprefix("torch.")
    _logger.info("LM in float32: it was published in %s, which takes this CPU %.0f times as long", name, times)
    return torch.float32


def slower_than_float32(dtype: torch.dtype, size: int = 256, rounds: int = 5) -> float:
    """How many times as long as in float32 a matrix product takes on this CPU."""

    def seconds(kind: torch.dtype) -> float:
        matrix = torch.ones(size, size, dtype=kind)
        best = float("inf")
        for _ in range(rounds):
            started = time.perf_counter()
            matrix @ matrix
            best = min(best, time.perf_counter() - started)
        return best

    return seconds(dtype) / seconds(torch.float32)


def _check_memory(folder: Path, placement: Placement) -> None:
    """Refuse an LM whose weights alone are more than the memory that is free."""
    bits = {"none": 8 * placement.dtype.itemsize, "4bit": 5, "8bit": 9}[placement.quantization]
    needed = _count_parameters(folder) * bits // 8
    if placement.device.type == "cuda":
        free, where = torch.cuda.mem_get_info(placement.device)[0], f"on {placement.device}"
    elif placement.device.type == "cpu":
        free, where = psutil.virtual_memory().available, "of memory"
    else:
        return
    if needed > free:
        raise CheckpointError(
            f"expected {needed / 1e9:.1f} GB {where} for the LM in '{folder}' ({placement}), found {free / 1e9:.1f} GB "
            "free; use a smaller LM, dtype bfloat16, or quantization 4bit"
        )


def _count_parameters(folder: Path) -> int:
    """Numbers in the weights of a folder, read from the heads of its files."""
    count = 0
    for path in folder.glob("*.safetensors"):
        try:
            with safe_open(path, "pt") as file:
                count += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except (SafetensorError, OSError):  # whoever loads the folder says what is wrong with it
            continue
    return count
