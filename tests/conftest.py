"""What every test may use; nothing is downloaded."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

# One profile for all properties: the same examples in every run, few of them, and no judgement of the machine's speed.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

if TYPE_CHECKING:
    from sig2lm.datasets import Table
    from sig2lm.model.signal_lm import SignalLM

# Before torch is imported, and for the commands that tests start: tiny models gain nothing from a second thread, and
# threads that wait for each other on cores that are busy elsewhere make a test many times as slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["SIG2LM_CACHE"] = tempfile.mkdtemp(prefix="sig2lm-tests-")
atexit.register(shutil.rmtree, os.environ["SIG2LM_CACHE"], ignore_errors=True)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


def pytest_collection_finish() -> None:
    """Set what was imported apart from garbage: each training collects it, which would look at all of it every time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, LMs and tokenizers; tests that need it skip where it is not."""
    found = Path(os.environ.get("SIG2LM_SHARED", Path(__file__).parents[1].parent / "shared"))
    if not (found / "data").is_dir():
        pytest.skip("the folder of shared recordings is not here; set SIG2LM_SHARED to it")
    return found


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the simulated tables under "data"; under "encoder" an untrained encoder for the stress table.

    All tests that need a table may share it, since nothing changes a prepared table; it has fewer recordings of each
    person than the command makes.
    """
    from tiny import build_daily_encoder

    from sig2lm.datasets import load_table, prepare
    from sig2lm.datasets.public import synthetic
    from sig2lm.encoder import save_encoder

    folder = tmp_path_factory.mktemp("simulated")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "RECORDINGS", {"har": 4, "af_rr": 27, "stress": 40})
        prepare("synthetic", None, folder / "data")
    contract = load_table(folder / "data" / "stress").info.signals["daily"]
    save_encoder(build_daily_encoder(contract), folder / "encoder")
    return folder


@pytest.fixture(scope="session")
def days(simulated: Path) -> "Table":
    """The simulated stress table, cut to a few rows of each split."""
    from datasets import DatasetDict

    from sig2lm.datasets import Table, load_table

    table = load_table(simulated / "data" / "stress")
    rows = {"train": 96, "validation": 16, "test": 48}
    cut = {split: table.data[split].shuffle(seed=0).select(range(count)) for split, count in rows.items()}
    return Table(DatasetDict(cut), table.info, table.path)


@pytest.fixture(scope="session")
def run(simulated: Path, days: "Table", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained once on ``days``, on the LM of ``tiny.build_lm()``; tests read it and never change it."""
    from tiny import TRAINING, build_lm

    from sig2lm.templates.template import load_template
    from sig2lm.training.train_adapter import train_adapter

    out = tmp_path_factory.mktemp("trained") / "run"
    encoders, template = {"daily": simulated / "encoder"}, load_template("stress")
    train_adapter(days, encoders, out, lm=build_lm(), template=template, settings=TRAINING)
    return out


@pytest.fixture(scope="module")
def short_trainings() -> Iterator[None]:
    """Trainings of encoders whose length nobody states take their usual epochs, however few steps these are."""
    from sig2lm.pretraining.optimisation import Schedule

    plan = Schedule.plan.__func__  # type: ignore[attr-defined]

    def short(cls: type, windows: int, batch_size: int, wanted: float | None, usual: float, least: int = 0) -> Schedule:
        return plan(cls, windows, batch_size, wanted, usual, 0)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Schedule, "plan", classmethod(short))
        yield


@pytest.fixture
def signal_lm() -> "SignalLM":
    """A whole untrained model over one signal, "motion"."""
    from tiny import build_signal_lm

    return build_signal_lm()
