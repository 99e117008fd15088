"""Trained tensors on disk: safetensors in, safetensors out, and a fingerprint of either."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sig2lm.errors import CheckpointError
from sig2lm.files import replaced_file


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors, whole or not at all."""
    with replaced_file(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
        temporary.chmod(0o644)  # safetensors makes files that nobody else may read


def read_tensors(path: Path, what: str) -> dict[str, Tensor]:
    """Read the tensors of ``what``.

    Raises
    ------
    CheckpointError
        When the file is missing, cut short or not safetensors.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"expected {what}, found no {path.name} in '{path.parent}'; check the path") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"expected {what} as safetensors, but '{path}' is damaged or something else ({error}); copy it again"
        ) from error
    return tensors


def fill_module(module: nn.Module, tensors: dict[str, Tensor], what: str) -> None:
    """Load tensors into a module that must have exactly these.

    Raises
    ------
    CheckpointError
        When a name or a shape differs; the module is then unchanged.
    """
    check_shapes(dict(module.state_dict()), tensors, what)
    module.load_state_dict(tensors)


def check_shapes(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], what: str) -> None:
    """Refuse tensors that are not exactly those expected, by name and shape.

    Raises
    ------
    CheckpointError
        Naming the first that differs.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"expected {what} with the tensor {name} of shape {wanted.get(name)}, found {found.get(name)}; "
                "the file belongs to another run or model, or to another version of sig2lm"
            )


def part_of(tensors: Mapping[str, Tensor], lead: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin so, without that beginning."""
    return {name.removeprefix(lead): tensor for name, tensor in tensors.items() if name.startswith(lead)}


def fingerprint(config: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """SHA-256 (16 hex digits) of a config and its tensors."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
