"""Encoder and adapter as an ONNX file, for programs without torch: ``values, sample_mask -> soft_prompt, mask``.

The LM is not in it: its runtime reads the soft prompt as embeddings. The batch is of any size, and the recordings are
as long as the windows that the encoder was trained on, since its number of patches is fixed in the graph.
"""

import json
import logging
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from sig2lm._version import __version__
from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.files import replaced_file
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.signal_branch import SignalBranch

TOLERANCE = 1e-4
"""How far the file may be from torch: of the largest number of a soft prompt."""
_INPUTS, _OUTPUTS = ("values", "sample_mask"), ("soft_prompt", "mask")


class _SoftPrompt(nn.Module):
    def __init__(self, branch: SignalBranch) -> None:
        super().__init__()
        self.encoder, self.adapter = cast(nn.Module, branch.encoder), branch.adapter

    def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        soft_prompt, mask = self.adapter(*self.encoder(values, sample_mask))
        return soft_prompt, mask


def export_onnx(model: QuestionAnswerer, name: str, out: str | Path, window: float | None = None) -> float:
    """Write encoder and adapter of a signal as ONNX, run the file, and return how far it is from torch.

    Parameters
    ----------
    model, name
        Whose signal.
    out
        The file. ``values`` (B, C, T) float32 in the contract's units and ``sample_mask`` (B, C, T) bool go in,
        ``soft_prompt`` (B, K, D) float32 and its mask (B, K) bool come out; contract and LM stand in its metadata.
    window
        T, in s (rows of a series without a rate); by default the encoder's own.

    Returns
    -------
    float
        The largest difference, as a share of the largest number, over recordings with samples missing.

    Raises
    ------
    Sig2LMError
        If onnx, onnxscript or onnxruntime is not installed, or there is no window.
    CheckpointError
        If the encoder is none that ONNX can hold, or the file answers otherwise than torch; nothing is written then.
    """
    onnx, runtime = _onnx()
    branch = model.branch(name)
    contract = branch.encoder.contract
    if (length := window or contract.window) is None:
        raise Sig2LMError(f"expected the length of a window, since the encoder of '{name}' names none; state it")
    shape = len(contract.channels), round(length * (contract.sampling_rate or 1.0))
    branch.encoder.num_patches(shape[1])  # refuses what it cannot read
    module = _SoftPrompt(branch).eval().to("cpu")
    with replaced_file(out) as temporary:
        _write(module, _example(2, shape), temporary)
        graph = onnx.load(temporary)
        described = {
            "sig2lm": __version__,
            "signal": name,
            "contract": json.dumps({**contract.to_dict(), "window": length}),
            "lm": model.lm.name.rpartition("/")[2],
            "lm_fingerprint": model.lm.fingerprint,
        }
        onnx.helper.set_model_props(graph, described)
        onnx.save(graph, temporary)
        session = runtime.InferenceSession(temporary.read_bytes(), providers=["CPUExecutionProvider"])
        apart = max(_distance(session, module, _example(rows, shape, seed=rows)) for rows in (1, 3))
        if not apart <= TOLERANCE:
            raise CheckpointError(
                f"expected the ONNX file to answer as torch does, found {apart:.1e} between them; nothing was written"
            )
    branch.to(model.lm.device)
    return apart


def _write(module: nn.Module, example: tuple[Tensor, Tensor], path: Path) -> None:
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision is not here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                example,
                path,
                input_names=_INPUTS,
                output_names=_OUTPUTS,
                dynamic_shapes=({0: batch}, {0: batch}),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # torch has a type for each of the many ways in which this fails
        told = " ".join(str(error).split())[:200]
        raise CheckpointError(f"expected an encoder that ONNX can hold, but torch.onnx.export says: {told}") from error


def _example(rows: int, shape: tuple[int, int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Recordings with samples missing here and there, and in the last one a channel."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, *shape, generator=generator)
    mask = torch.rand(values.shape, generator=generator) > 0.1
    mask[-1, 0] = False
    return values.masked_fill(~mask, 0.0), mask


def _distance(session: Any, module: nn.Module, example: tuple[Tensor, Tensor]) -> float:
    with torch.inference_mode():
        expected = [found.numpy() for found in module(*example)]
    found = session.run(list(_OUTPUTS), dict(zip(_INPUTS, (part.numpy() for part in example), strict=True)))
    if not np.array_equal(found[1], expected[1]):
        return float("inf")
    return float(np.abs(found[0] - expected[0]).max() / np.abs(expected[0]).max())


def _onnx() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
        import onnxscript
    except ImportError as error:
        raise Sig2LMError(
            f"expected the packages onnx, onnxscript and onnxruntime, found not all ({error}); "
            'pip install "sig2lm[onnx]"'
        ) from error
    del onnxscript
    return onnx, onnxruntime
