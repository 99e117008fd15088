"""An ONNX file of encoder and adapter answers as torch does, for any batch, whatever is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import build_signal_lm

from sig2lm.errors import Sig2LMError
from sig2lm.model import onnx_export
from sig2lm.model.onnx_export import export_onnx


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["resampler", "linear"])
def test_the_file_answers_as_torch_does(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    model, file = build_signal_lm(kind), tmp_path / "motion.onnx"
    assert export_onnx(model, "motion", file) <= onnx_export.TOLERANCE
    session = onnxruntime.InferenceSession(file)
    described = session.get_modelmeta().custom_metadata_map
    assert described["lm_fingerprint"] == model.lm.fingerprint
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 3, 64)).astype(np.float32)
    mask = rng.random(values.shape) > 0.2
    mask[1] = False  # nothing observed
    values[~mask] = 0.0
    soft_prompt, seen = session.run(None, {"values": values, "sample_mask": mask})
    with torch.inference_mode():
        expected, expected_seen = model.branch("motion")(torch.from_numpy(values), torch.from_numpy(mask))
    np.testing.assert_allclose(soft_prompt, expected, atol=1e-5)
    np.testing.assert_array_equal(seen, expected_seen)


def test_what_is_lacking_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(Sig2LMError, match=r'pip install "sig2lm\[onnx\]"'):
        export_onnx(build_signal_lm(), "motion", tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []
