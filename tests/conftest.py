"""What every test may use; nothing is downloaded."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

# Before torch is imported, and for the commands that tests start: tiny models gain nothing from a second thread, and
# threads that wait for each other on cores that are busy elsewhere make a test many times as slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["SIG2LM_CACHE"] = tempfile.mkdtemp(prefix="sig2lm-tests-")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, LMs and tokenizers; tests that need it skip where it is not."""
    found = Path(os.environ.get("SIG2LM_SHARED", Path(__file__).parents[1].parent / "shared"))
    if not (found / "data").is_dir():
        pytest.skip("the folder of shared recordings is not here; set SIG2LM_SHARED to it")
    return found


@pytest.fixture
def signal_lm() -> Any:
    """A whole untrained model over one signal, "motion"."""
    from tiny import build_signal_lm

    return build_signal_lm()
