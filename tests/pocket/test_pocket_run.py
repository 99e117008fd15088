"""The run that ships with the package answers in three lines; nothing is built here."""

from pathlib import Path

import pytest

from sig2lm import SignalLM, simulate
from sig2lm.pocket import POCKET_RUNS, pocket_run
from sig2lm.signals.simulation import TASKS


@pytest.fixture(scope="module")
def model() -> SignalLM:
    return SignalLM.from_pretrained("pocket-har")


def test_three_lines_answer(model: SignalLM) -> None:
    answer = model.ask(simulate("har", "jogging"))
    assert answer.text == answer.label == "jogging"
    assert answer.confidence == answer.ranked[0][1] > 0.5


def test_it_says_what_it_is_sure_of_and_whether_it_looked(model: SignalLM) -> None:
    answer = model.ask(simulate("har", "sitting"), coverage=0.9)
    assert answer.label in (answer.label_set or ())
    assert answer.relies_on_signal
    two = model.ask([simulate("har", "jogging"), simulate("har", "sitting")], "Which moves more?", ["first", "second"])
    assert two.reliance is not None


def test_it_reads_people_whom_it_never_saw(model: SignalLM) -> None:
    """Chance is a sixth; the card says what was measured on more people."""
    labels = TASKS["har"].labels * 4
    answers = model.ask_many([simulate("har", label, seed) for seed, label in enumerate(labels)])
    right = sum(answer.label == label for answer, label in zip(answers, labels, strict=True))
    assert right >= 0.7 * len(labels)


def test_it_ships_whole_and_says_nothing_of_the_machine_that_built_it() -> None:
    for name in POCKET_RUNS:
        folder = pocket_run(name)
        assert folder is not None
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert sum(file.stat().st_size for file in files) < 5e6
        for file in files:
            if file.suffix in {".json", ".md"}:
                text = file.read_text(encoding="utf-8")
                assert not any(f'"{part}' in text for part in ("/", "~", "..", "C:")), file
        assert f'from_pretrained("{name}")' in (folder / "README.md").read_text(encoding="utf-8")


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sig2lm.model.checkpoint import fetch_run

    monkeypatch.chdir(tmp_path)
    assert fetch_run("pocket-har") == pocket_run("pocket-har")
    (tmp_path / "pocket-har").mkdir()
    assert fetch_run("pocket-har") == Path("pocket-har")
