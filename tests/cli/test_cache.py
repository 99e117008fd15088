"""What is kept is shown, and removed when that is asked; nothing else is."""

import shutil
from pathlib import Path

import pytest

from sig2lm.cli.cache import cache
from sig2lm.files import write_json


def test_the_cache_is_shown_and_cleared(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIG2LM_CACHE", str(tmp_path))
    write_json(tmp_path / "capabilities" / "a.json", {})
    write_json(tmp_path / "mine.json", {})
    cache()
    assert "what LMs can do, measured: 1 file, 0.0 MB" in capsys.readouterr().out
    shutil.copytree(simulated / "data" / "har", tmp_path / "har", ignore=shutil.ignore_patterns("cache-*"))
    cache([tmp_path / "har"], clear=True)
    told = capsys.readouterr().out
    assert "removed what LMs can do" in told
    assert "patches of frozen encoders: 0 files" in told
    assert [path.name for path in tmp_path.glob("*.json")] == ["mine.json"]
    assert not list(tmp_path.glob("capabilities/*"))
