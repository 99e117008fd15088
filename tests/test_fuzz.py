"""Some malformed inputs to every command: each is taken, or refused in one line with nothing written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="each case is a forked process that /proc tells about")
def test_a_seeded_part_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "fuzz.py"), str(tmp_path), "--cases", "44", "--seed", "2"]
    place = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent), "SIG2LM_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=place, timeout=290)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("nothing is wrong"), done.stdout
