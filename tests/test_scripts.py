"""Every script runs: on tiny data, with an LM of two layers; what it measures there means nothing."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import DatasetDict
from tiny import TRAINING, build_lm

from sig2lm.datasets import TableInfo, load_table
from sig2lm.datasets.public import synthetic
from sig2lm.datasets.table import TableRow
from sig2lm.datasets.writer import Draft, write_table
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, save_encoder
from sig2lm.evaluation.probing import ProbeSettings
from sig2lm.lm import FrozenLM
from sig2lm.signals import Contract, save_signal
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import train_adapter

SCRIPTS = Path(__file__).parents[1] / "scripts"
PARTS = {
    "fuzz_commands",
    "fuzz_common",
    "fuzz_configs",
    "fuzz_recordings",
    "movement_questions",
    "pocket_lm_tokenizer",
    "results",
    "rhythm_questions",
    "rhythm_scores",
    "timing",
    "tiny_lms",
}  # which other scripts import
FOLDS = {"folds": 2, "every": 12, "questions": 24, "pretrain-epochs": 1, "fine-tune-epochs": 1, "epochs": 0.2}


@dataclass
class Home:
    """Where the scripts of this file find things: simulated tables, an LM, and a cross-validation of movement."""

    tables: Path
    folder: Path

    @property
    def har(self) -> Path:
        return self.tables / "har"

    @property
    def lm(self) -> Path:
        return self.folder / "lm"

    @property
    def folds(self) -> Path:
        return self.folder / "har"

    @property
    def encoder(self) -> Path:
        return self.folds / "fold1" / "encoders" / "motion"


def call(module: str, *arguments: object, main: str = "main") -> None:
    """Run a script's main in this process, as the command line would."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", [f"{module.rpartition('.')[2]}.py", *map(str, arguments)])
        getattr(importlib.import_module(module), main)()


@pytest.fixture(autouse=True, scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where figures go, so that those of the repository stay."""
    folder = tmp_path_factory.mktemp("results")
    importlib.import_module("build_tables")  # before anything is patched: it checks the tables of the repository
    with pytest.MonkeyPatch.context() as patched:
        for script in SCRIPTS.glob("*.py"):
            if "RESULTS" in script.read_text(encoding="utf-8") and script.stem != "build_tables":
                patched.setattr(importlib.import_module(script.stem), "RESULTS", folder)
        yield folder


@pytest.fixture(scope="module")
def home(short_trainings: None, simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of all scripts, cross-validated once, by the command."""
    home = Home(simulated / "data", tmp_path_factory.mktemp("scripts"))
    lm = build_lm()
    lm.model.save_pretrained(home.lm)
    lm.dialogue.tokenizer.save_pretrained(home.lm)
    options = [part for name, value in FOLDS.items() for part in (f"--{name}", value)]
    with pytest.raises(SystemExit) as ended:
        call("sig2lm.cli", "cross-validate", home.har, "--out", home.folds, "--lm", home.lm, "--size", "tiny", *options)
    assert not ended.value.code
    return home


def encoders(home: Home, out: Path) -> None:
    tiny = "bench_encoders", home.har, "tiny", "--architecture", "resnet1d", "--size", "tiny", "--epochs", "0.1"
    for _ in range(2):  # the second time from what is kept
        call(*tiny, "--trees", "--folds", "2", "--keep", out, "--rate", "25")
    assert sorted(place.name for place in out.iterdir()) == ["features.npy", "resnet1d", "trees"]
    call(*tiny, "--no-statistics")


def crossl(home: Home, out: Path) -> None:
    small = "--size", "tiny", "--folds", "2", "--pretrain-epochs", "1", "--epochs", "0.1", "--token-rate", "2"
    call("bench_crossl", home.har, "tiny", "--keep", out, "--rate", "25", *small)
    assert len(list((out / "pretrained").iterdir())) == 4
    assert len(list((out / "tiny").iterdir())) == 14


def normalisation(home: Home, out: Path) -> None:
    """With few recordings, and an epoch of each training."""
    with pytest.MonkeyPatch.context() as patched:
        module = importlib.import_module("bench_normalisation")
        patched.setattr(synthetic, "RECORDINGS", {"har": 1, "af_rr": 2, "stress": 1})
        patched.setattr(module, "PRETRAIN_EPOCHS", 1)
        patched.setattr(module, "ADAPTER_EPOCHS", 1)
        patched.setattr(module, "FrozenLM", Tiny)
        call("bench_normalisation", out, "--seeds", "1")


class Tiny(FrozenLM):
    @classmethod
    def from_pretrained(cls, *names: object, **options: object) -> FrozenLM:
        return build_lm()


def shipped_encoders(home: Home, out: Path) -> None:
    """Of simulated movement in the place of MotionSense, and not into the package."""
    (out / "work" / "tables").mkdir(parents=True)
    (out / "work" / "tables" / "motionsense").symlink_to(home.har)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            importlib.import_module("build_encoders"), "pocket_encoder", lambda name: out / "shipped" / name
        )
        options = ("--only", "movement", "--minutes", "0.01", "--size", "tiny")
        call("build_encoders", out / "data", out / "work", *options)
        few = ("--few-labels", "motionsense", "--seeds", "1", "--least-steps", "2")
        call("build_encoders", out / "data", out / "work", *few)
    assert (out / "shipped" / "movement" / "encoder.safetensors").is_file()


def fuzz(home: Home, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "RECORDINGS", dict(synthetic.RECORDINGS))  # the fuzzer makes fewer
        patched.setenv("SIG2LM_CACHE", str(out / "cache"))
        call("fuzz", out, "--cases", "4", main="main_of_fuzz")


def serve(home: Home, out: Path) -> None:
    for package in ("httpx2", "uvicorn"):
        pytest.importorskip(package)
    call("bench_serve", "--clients", "4", "--rounds", "1")


def shift(home: Home, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(importlib.import_module("bench_shift"), "ProbeSettings", partial(ProbeSettings, least_steps=1))
        call("bench_shift", out, home.har, home.har, "--every", "7")


def annotate(home: Home, out: Path) -> None:
    table, recording = load_table(home.har), out.with_suffix(".npz")
    signal = table.signals(table.data["test"].with_format("numpy")[0])["motion"]
    save_signal(replace(signal, values=np.tile(signal.values, 6)), recording)
    call("bench_annotate", home.folds / "fold1" / "run", recording, "--rounds", "1")


def quantised(home: Home, out: Path) -> None:
    """A run that learned to read a GGUF file."""
    pytest.importorskip("gguf")
    file = out.with_suffix(".gguf")
    importlib.import_module("gguf_files").write_gguf(file)
    call("bench_real_lm", "tiny", home.har, home.encoder, out, "--lm", file, "--rows", "24", "--questions", "12")
    call("bench_quantised", out, home.har, "--lm", file, "--questions", "12")


def ecg_as_rr(home: Home, out: Path) -> None:
    """A run of RR intervals, asked about simulated electrocardiograms."""
    pytest.importorskip("sleepecg")
    from bench_annotate import simulated_ecg

    beats = load_table(home.tables / "af_rr")
    cut = DatasetDict({split: rows.select(range(0, len(rows), 12)) for split, rows in beats.data.items()})
    config = PatchTransformerConfig(beats.info.signals["rr"], 8, 8, 16, 1, 2, normalisation="instance")
    save_encoder(SignalEncoder(config), out / "encoder")
    places = {"rr": out / "encoder"}
    template = load_template("af_rr")
    train_adapter(replace(beats, data=cut), places, out / "run", lm=build_lm(), template=template, settings=TRAINING)
    signal = simulated_ecg(60.0)
    contract = Contract(signal.channels, signal.units, signal.sampling_rate, None, 60.0)
    labels = ("normal sinus rhythm", "atrial fibrillation")
    info = TableInfo("ecg", "af_ecg", labels, {"ecg": contract}, "by hand", 0, {}, "simulated", "none", "none")
    rows = (TableRow(f"s{number}", labels[number % 2], {"ecg": signal}, "ecg", split="test") for number in range(4))
    (out / "data").mkdir()
    write_table(Draft(info, rows), out / "data")
    # The run's LM lives in memory only, so that the script is given it.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FrozenLM, "from_pretrained", Tiny.from_pretrained)
        call("bench_ecg_as_rr", out / "run", out / "data")


def pocket_lm(home: Home, out: Path) -> None:
    """A few documents, and the exam of what little was learned."""
    text, folder = out.with_suffix(".jsonl"), out / "lm"
    out.mkdir()
    call("build_pocket_lm", "--out", folder, "--text", text, "--documents", "40", "--threads", "1")
    exam(home, out, folder)
    assert "closed" in (out / "exam.json").read_text()


def exam(home: Home, out: Path, folder: Path | None = None) -> None:
    out.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        module = importlib.import_module("exam_pocket_lm")
        patched.setattr(
            module, "perplexity", lambda examinee, count, seed, whole=module.perplexity: whole(examinee, 5, seed)
        )
        patched.setattr(module, "known_sequences", lambda seed: 0.0)
        patched.setattr(
            module, "examine_numbers", lambda *asked, whole=module.examine_numbers: whole(*asked[:2], 2, *asked[3:])
        )
        call("exam_pocket_lm", *([folder] if folder else []), "--questions", "4", "--json", out / "exam.json")


def pocket_run(home: Home, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        module = importlib.import_module("build_pocket_run")
        patched.setattr(synthetic, "RECORDINGS", {"har": 2, "af_rr": 2, "stress": 2})
        patched.setattr(module, "FrozenLM", Tiny)
        call("build_pocket_run", "--out", out, "--epochs", "0.2")


def list_lms(home: Home, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(importlib.import_module("list_causal_lms"), "FAMILIES", ("llama", "gpt2", "mamba"))
        call("list_causal_lms", "--out", out)
    assert "llama" in out.read_text()


def tokenizers(home: Home, out: Path) -> None:
    """On simulated series, in the place of the three data sets."""
    from sig2lm.cli.tokenizer_report import built_in_series

    module = importlib.import_module("table_tokenizers")
    with pytest.MonkeyPatch.context() as patched:
        for name, series in zip(("motionsense", "afdb", "pmdata"), built_in_series(), strict=True):
            patched.setattr(module, name, lambda folder, series=series: series)
        call("table_tokenizers", "--data", out, "--tokenizers", home.folder, "--html", out.with_suffix(".html"))


def killed(home: Home, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "RECORDINGS", {"har": 1, "af_rr": 1, "stress": 30})
        call("kill_and_resume", out, "--points", "1", "--moments", "0")


def command(*arguments: object) -> Callable[[Home, Path], None]:
    """A script that needs nothing prepared; what depends on the home or the place is a function of both."""

    def run(home: Home, out: Path) -> None:
        call(*(one(home, out) if callable(one) else one for one in arguments))  # type: ignore[arg-type]

    return run


def har(home: Home, out: Path) -> Path:
    return home.har


def lm(home: Home, out: Path) -> Path:
    return home.lm


def encoder(home: Home, out: Path) -> Path:
    return home.encoder


def place(home: Home, out: Path) -> Path:
    return out


SLOW: dict[str, Any] = {
    "bench_annotate": annotate,
    "bench_bridge": command("bench_bridge", "ask", "--rounds", "1"),
    "bench_cohort": command("bench_cohort", "pocket-har", "--recordings", "4", "--windows", "2", "--rounds", "1"),
    "bench_comparison": command(
        *("bench_comparison", "tiny", har, lambda home, out: home.folds / "fold1" / "run", "--questions", "12"),
        *("--context", "200", "--training-rows", "16", "--lora-rows", "16"),
    ),
    "bench_conformal": command("bench_conformal", "tiny", "pocket-har", har, "--rows", "24", "--partitions", "3"),
    "bench_curriculum": command(
        *("bench_curriculum", "tiny", har, encoder, place, "--lm", lm, "--rows", "48", "--windows", "24"),
        *("--epochs", "0.2", "--virtual-tokens", "2"),
    ),
    "bench_ecg_as_rr": ecg_as_rr,
    "bench_encoder": command(
        *("bench_encoder", "speed", har, "--windows", "64", "--rounds", "1", "--objective", "masked", "--width", "16")
    ),
    "bench_crossl": crossl,
    "bench_encoders": encoders,
    "bench_length": command("bench_length", "--size", "tiny", "--rounds", "1", "--length", "300"),
    "bench_lm_size": command("bench_lm_size", "--only", "pocket", "--rounds", "1", "--rows", "1"),
    "bench_missing": command(
        *("bench_missing", har, place, "--every", "7", "--test-every", "7", "--epochs", "0.2", "--lm", lm),
        *("--way", "supervised"),
    ),
    "bench_multitask": command("bench_multitask", place, lambda home, out: f"{home.har}={home.folds}", "--lm", lm),
    "bench_normalisation": normalisation,
    "bench_quantised": quantised,
    "bench_real_lm": command(
        *("bench_real_lm", "tiny", har, encoder, place, "--lm", lm, "--rows", "48", "--questions", "24"),
        *("--epochs", "1"),
    ),
    "bench_recipe": command(
        *("bench_recipe", har, encoder, "--lm", lm, "--steps", "2", "--windows", "12"),
        *("--only", "the recipe", "gradients of the last third of layers"),
    ),
    "bench_serve": serve,
    "bench_shift": shift,
    "bench_stated_comparisons": command("bench_stated_comparisons", "--lm", lm, "--questions", "4"),
    "bench_tasks": command("bench_tasks", har, lambda home, out: home.folds, "--record", "tasks-tiny"),
    "bench_tokenization": command("bench_tokenization", lm, "--rows", "400"),
    "bench_transfer": command(
        *("bench_transfer", "tiny", har, encoder, place, "--lm", lm, "--rows", "48", "--epochs", "1"),
        *("--windows", "24"),
    ),
    "build_encoders": shipped_encoders,
    "build_pocket_lm": pocket_lm,
    "build_pocket_run": pocket_run,
    "exam_pocket_lm": exam,
    "fuzz": fuzz,
    "kill_and_resume": killed,
    "list_causal_lms": list_lms,
    "table_tokenizers": tokenizers,
    "write_transcripts": command(
        "write_transcripts", lambda home, out: f"pocket-har={home.har}", "--count", "2", "--out", place
    ),
}
QUICK: dict[str, Any] = {
    "build_tables": command("build_tables", "--check"),
    "measure_extras": command("measure_extras"),
    "check_plausibility": command("check_plausibility", har),
    "draw_picture": command("draw_picture", "--out", lambda home, out: out.with_suffix(".svg")),
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", SLOW)
def test_a_script_runs(script: str, home: Home, tmp_path: Path) -> None:
    SLOW[script](home, tmp_path / "out")


@pytest.mark.parametrize("script", QUICK)
def test_a_quick_script_runs(script: str, simulated: Path, tmp_path: Path) -> None:
    QUICK[script](Home(simulated / "data", tmp_path), tmp_path / "out")


def test_every_script_has_a_case() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} - PARTS == set(SLOW) | set(QUICK)


def test_figures_say_how_they_were_measured(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from build_tables import table
    from results import record

    from sig2lm.files import read_json

    monkeypatch.setattr("sys.argv", ["/somewhere/bench_it.py", "/home/me/data/motionsense", "--seed", "1"])
    path = record("it", [{"method": "a|b", "score": 0.51234, "rows": 1200, "none": None}], "A title", ["A note."])
    content = read_json(path, "figures")
    assert path.parent == results
    assert content["command"] == "python scripts/bench_it.py MOTIONSENSE --seed 1"
    assert content["machine"]
    text = table(content)
    assert "| a\\|b | 0.512 | 1,200 | – |" in text
    assert "- A note." in text
