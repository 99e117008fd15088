"""The gate between tables and encoders: what can be converted is, what cannot is refused with both sides named."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import MOTION, build_encoder, build_signal_lm

from sig2lm.datasets import Table, load_table, prepare
from sig2lm.errors import DatasetError
from sig2lm.evaluation.evaluate import held_out_question, predict
from sig2lm.model.table_examples import TableExamples

GRAVITY = 9.80665


def prepared(folder: Path, values: np.ndarray, **signal: object) -> Table:
    """A table of twelve windows that a manifest describes."""
    folder.mkdir()
    channels = list(signal["channels"])
    lines = ["file,subject,label,split"]
    for number, window in enumerate(values):
        rows = "\n".join(",".join(f"{value:.6f}" for value in row) for row in window.T)
        (folder / f"{number}.csv").write_text(",".join(channels) + "\n" + rows + "\n")
        lines.append(f"{number}.csv,s{number},{('up', 'down')[number % 2]},test")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "dataset.yaml").write_text(yaml.safe_dump({"task": "har", "signals": {"motion": signal}}))
    prepare("manifest", folder, folder.with_name(f"{folder.name}_table"), believe=True)
    return load_table(folder.with_name(f"{folder.name}_table"))


def test_tables_are_converted_for_the_encoder_or_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(6, 3, 64)) + 2
    names = list(MOTION.channels)
    same = prepared(tmp_path / "same", values, sampling_rate=50, channels=names, units=["m/s^2"] * 3)
    in_g = prepared(tmp_path / "g", values[:, ::-1] / GRAVITY, sampling_rate=50, channels=names[::-1], units=["g"] * 3)
    model = build_signal_lm()
    found = [predict(model, table, "test", held_out_question(model, table)).probabilities for table in (same, in_g)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    faster = prepared(tmp_path / "fast", values, sampling_rate=100, channels=names, units=["m/s^2"] * 3)
    encoders = {"motion": build_encoder()}
    prompter = model.prompter(model.tasks[0])
    read = TableExamples(faster, "test", prompter, encoders, raw=frozenset({"motion"}))
    assert read[0].recordings[next(iter(read[0].recordings))].values.shape == (3, 32)
    volts = prepared(tmp_path / "volts", values, sampling_rate=50, channels=names, units=["V"] * 3)
    fewer = prepared(tmp_path / "fewer", values[:, :2], sampling_rate=50, channels=names[:2], units=["m/s^2"] * 2)
    for table, message in ((volts, "unit is 'V', but 'm/s.2' is expected"), (fewer, "missing: acc_z")):
        with pytest.raises(DatasetError, match=f"'motion' of '.*{message}.*pretrain an encoder on it"):
            TableExamples(table, "test", prompter, encoders)
