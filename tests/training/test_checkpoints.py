"""A checkpoint counts when all of it is there, and is gone as soon as it begins to go."""

from pathlib import Path

import pytest

from sig2lm.training.checkpoints import COMPLETE, complete, is_complete, keep_only, newest


def write(folder: Path, step: int, whole: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / "lora").mkdir(parents=True)
    (path / "adapter.safetensors").write_bytes(b"weights")
    (path / "lora" / "adapter_model.safetensors").write_bytes(b"layers")
    if whole:
        complete(path)
    return path


def test_the_newest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere") is None
    write(tmp_path, 9)
    last = write(tmp_path, 10)
    write(tmp_path, 11, whole=False)
    assert newest(tmp_path) == last


@pytest.mark.parametrize("damage", ["cut", "gone", "unlisted"])
def test_a_checkpoint_that_lacks_something_is_none(damage: str, tmp_path: Path) -> None:
    folder = write(tmp_path, 3)
    layers = folder / "lora" / "adapter_model.safetensors"
    if damage == "cut":
        layers.write_bytes(b"lay")
    elif damage == "gone":
        layers.unlink()
    else:
        (folder / COMPLETE).write_text("{")
    assert not is_complete(folder)
    assert newest(tmp_path) is None


def test_what_is_not_kept_goes_with_its_word_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, best, last = (write(tmp_path, step) for step in (1, 2, 3))
    (tmp_path / "identity.json").write_text("{}")
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # killed before the files go
    keep_only(tmp_path, [best, last])
    assert [is_complete(path) for path in (old, best, last)] == [False, True, True]
    monkeypatch.undo()
    keep_only(tmp_path, [best, last])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-3", "identity.json"]
