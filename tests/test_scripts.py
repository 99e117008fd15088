"""Every benchmark runs: on tiny data, with an LM of two layers; what it measures there means nothing."""

import importlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import DatasetDict
from tiny import build_lm

from sig2lm.cli.demo import ADAPTER_EPOCHS
from sig2lm.datasets import load_table
from sig2lm.datasets.public import synthetic
from sig2lm.lm import FrozenLM
from sig2lm.signals import save_signal

SCRIPTS = Path(__file__).parents[1] / "scripts"
QUICK = (
    "--size",
    "tiny",
    "--folds",
    "2",
    "--every",
    "12",
    "--questions",
    "24",
    "--pretrain-epochs",
    "1",
    "--fine-tune-epochs",
    "1",
)


@pytest.fixture(autouse=True, scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where figures go, so that those of the repository stay."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("results", "bench_recipe"):
            patched.setattr(importlib.import_module(name), "RESULTS", folder)
        yield folder


def run(script: str, *arguments: object) -> None:
    """Run a script's main in this process, as the command line would."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", [f"{script}.py", *map(str, arguments)])
        importlib.import_module(script).main()


@pytest.fixture(scope="module")
def home(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an LM, and a cross-validation of simulated movement that ``bench_tasks`` has run."""
    folder = tmp_path_factory.mktemp("scripts")
    lm = build_lm()
    lm.model.save_pretrained(folder / "lm")
    lm.dialogue.tokenizer.save_pretrained(folder / "lm")
    run("bench_tasks", simulated / "data" / "har", folder / "har", *QUICK, "--epochs", "0.2", "--lm", folder / "lm")
    return folder


def encoder_of(home: Path) -> Path:
    return home / "har" / "fold1" / "encoders" / "motion"


def motionsense(simulated: Path, home: Path, out: Path) -> None:
    """With a small table in the place of the data set."""
    with pytest.MonkeyPatch.context() as patched:
        module = importlib.import_module("bench_motionsense")
        patched.setattr(module, "prepare", lambda name, source, folder: shutil.copytree(source, folder))
        run("bench_motionsense", simulated / "data" / "har", out, "--lm", home / "lm")


def normalisation(simulated: Path, home: Path, out: Path) -> None:
    """With few recordings, and an epoch of each training."""
    with pytest.MonkeyPatch.context() as patched:
        module = importlib.import_module("bench_normalisation")
        patched.setattr(synthetic, "RECORDINGS", {"har": 1, "af_rr": 2, "stress": 1})
        patched.setattr(module, "PRETRAIN_EPOCHS", 1)
        patched.setattr(module, "ADAPTER_EPOCHS", min(1, ADAPTER_EPOCHS))
        patched.setattr(module, "FrozenLM", _Tiny)
        run("bench_normalisation", out, "--seeds", "1")


class _Tiny(FrozenLM):
    @classmethod
    def from_pretrained(cls, *names: object, **options: object) -> FrozenLM:
        return build_lm()


def annotate(simulated: Path, home: Path, out: Path) -> None:
    table = load_table(simulated / "data" / "har")
    signal = table.signals(table.data["test"].with_format("numpy")[0])["motion"]
    save_signal(replace(signal, values=np.tile(signal.values, 6)), out.with_suffix(".npz"))
    run("bench_annotate", home / "har" / "fold1" / "run", out.with_suffix(".npz"), "--rounds", "1")


def ecg_as_rr(simulated: Path, home: Path, out: Path) -> None:
    """A run of RR intervals, asked about simulated electrocardiograms."""
    pytest.importorskip("sleepecg")
    from bench_annotate import simulated_ecg
    from tiny import TRAINING

    from sig2lm.datasets import TableInfo
    from sig2lm.datasets.table import TableRow
    from sig2lm.datasets.writer import Draft, write_table
    from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, save_encoder
    from sig2lm.signals import Contract
    from sig2lm.templates.template import load_template
    from sig2lm.training.train_adapter import train_adapter

    beats = load_table(simulated / "data" / "af_rr")
    cut = DatasetDict({split: rows.select(range(0, len(rows), 12)) for split, rows in beats.data.items()})
    config = PatchTransformerConfig(beats.info.signals["rr"], 8, 8, 16, 1, 2, normalisation="instance")
    save_encoder(SignalEncoder(config), out / "encoder")
    template = load_template("af_rr")
    encoders = {"rr": out / "encoder"}
    train_adapter(replace(beats, data=cut), encoders, out / "run", lm=build_lm(), template=template, settings=TRAINING)
    signal = simulated_ecg(60.0)
    contract = Contract(signal.channels, signal.units, signal.sampling_rate, None, 60.0)
    labels = ("normal sinus rhythm", "atrial fibrillation")
    info = TableInfo("ecg", "af_ecg", labels, {"ecg": contract}, "by hand", 0, {}, "simulated", "none", "none")
    rows = (TableRow(f"s{number}", labels[number % 2], {"ecg": signal}, "ecg", split="test") for number in range(4))
    (out / "data").mkdir()
    write_table(Draft(info, rows), out / "data")
    run("bench_ecg_as_rr", out / "run", out / "data")


CASES = {
    "bench_annotate": annotate,
    "bench_bridge": lambda simulated, home, out: run("bench_bridge", "import", "--rounds", "1"),
    "bench_ecg_as_rr": ecg_as_rr,
    "bench_encoder": lambda simulated, home, out: run(
        *("bench_encoder", "speed", simulated / "data" / "har", "--windows", "64", "--rounds", "1"),
        *("--objective", "masked", "--width", "16"),
    ),
    "bench_missing": lambda simulated, home, out: run(
        *("bench_missing", simulated / "data" / "har", out, "--every", "24", "--test-every", "24"),
        *("--epochs", "0.2", "--lm", home / "lm", "--way", "supervised"),
    ),
    "bench_motionsense": motionsense,
    "bench_multitask": lambda simulated, home, out: run(
        "bench_multitask", out, f"{simulated / 'data' / 'har'}={home / 'har'}", "--lm", home / "lm"
    ),
    "bench_normalisation": normalisation,
    "bench_shift": lambda simulated, home, out: run(
        "bench_shift", out, *[simulated / "data" / "har"] * 2, "--every", "48"
    ),
    "bench_tasks": lambda simulated, home, out: run("bench_tasks", simulated / "data" / "har", home / "har"),
    "bench_tokenization": lambda simulated, home, out: run("bench_tokenization", home / "lm", "--rows", "400"),
    "bench_real_lm": lambda simulated, home, out: run(
        *("bench_real_lm", "tiny", simulated / "data" / "har", encoder_of(home), out, "--lm", home / "lm"),
        *("--rows", "48", "--questions", "24", "--epochs", "1"),
    ),
    "bench_recipe": lambda simulated, home, out: run(
        *("bench_recipe", simulated / "data" / "har", encoder_of(home), "--lm", home / "lm"),
        *("--steps", "2", "--windows", "12", "--only", "the recipe"),
    ),
    "bench_transfer": lambda simulated, home, out: run(
        *("bench_transfer", "tiny", simulated / "data" / "har", encoder_of(home), out, "--lm", home / "lm"),
        *("--rows", "48", "--epochs", "1", "--windows", "24"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("bench_*.py")))
def test_a_benchmark_runs(script: str, simulated: Path, home: Path, tmp_path: Path) -> None:
    CASES[script](simulated, home, tmp_path / "out")
