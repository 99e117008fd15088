"""What every command has alike: an example, help for each option, choices by name, one line for each mistake."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from sig2lm.cli import app, main
from sig2lm.cli.groups import Writing
from sig2lm.cli.options import split_choices
from sig2lm.cli.output import write_output
from sig2lm.cli.pretrain_encoder import Architecture, LatentMask, Norm, Objective, Size
from sig2lm.cli.train_adapter import Adapter, Precision

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_whole(name: str) -> None:
    command = COMMANDS[name]
    assert f"Example: sig2lm {name}" in command.help, name
    assert [one.name for one in command.params if not getattr(one, "help", None)] == []


def test_outputs_and_questions_are_alike_everywhere() -> None:
    options = {name: {opt: one for one in command.params for opt in one.opts} for name, command in COMMANDS.items()}
    for name, found in options.items():
        assert "--question" not in found, name
        for flag in ("--json", "--html"):
            if flag in found:
                assert not found[flag].is_flag, f"{name} {flag}"
    assert {name for name, found in options.items() if "--html" in found} >= {"annotate", "evaluate", "probe"}
    assert {"--max-new-tokens", "--temperature", "--top-p"} <= set(options["ask"]) & set(options["chat"])


def test_choices_are_those_of_the_modules() -> None:
    from sig2lm.encoder.architectures import ARCHITECTURES, SIZES
    from sig2lm.encoder.config import Normalisation
    from sig2lm.model.adapter import ADAPTERS
    from sig2lm.pretraining.objectives import OBJECTIVES
    from sig2lm.training import trainer

    assert set(get_args(Objective)) == set(OBJECTIVES)
    assert set(get_args(Architecture)) == set(ARCHITECTURES)
    assert get_args(Size) == tuple(SIZES)
    assert get_args(Norm) == get_args(Normalisation)
    assert get_args(Adapter) == ADAPTERS
    assert get_args(Precision) == get_args(trainer.Precision)
    assert get_args(LatentMask) == ("spatial", "random")


MISTAKES = [
    (["aks"], "unknown command 'aks'; choose from"),
    (["aks"], "did you mean 'ask'?"),
    (["ask"], "Missing argument 'RUN'; see `sig2lm ask --help`"),
    (["ask", "r", "--signl", "x"], "did you mean '--signal'?"),
    (["evaluate", "r", "--data", "d", "--split", "tset"], "unknown split 'tset'; choose from train, validation"),
    (["pretrain-encoder", "--data", "d", "--out", "o", "--objective", "maskd"], "did you mean 'masked'?"),
    (["train-adapter", "--data", "d", "--out", "o", "--encoder", "e", "--seed", "x"], "valid integer"),
    (["prepare", "motion", "a", "b"], "unknown data set 'motion'; choose from"),
    (["prepare", "motionsense", "a"], "expected SOURCE and OUT"),
    (["prepare", "synthetic", "a", "b"], "expected OUT"),
]


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES)
def test_a_mistake_is_one_line(arguments: list[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sig2lm", *arguments])
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert expected in err.getvalue()
    assert err.getvalue().startswith("sig2lm: error: ")
    assert err.getvalue().count("\n") == 1


def test_choices_may_hold_commas_and_be_repeated() -> None:
    assert split_choices(None) is None
    assert split_choices(["a, b"]) == ["a", "b"]
    assert split_choices(["a", "b,c"]) == ["a", "b", "c"]
    assert split_choices(['"walking, slowly",running']) == ["walking, slowly", "running"]


def test_to_draw_words_is_asked_for_by_how() -> None:
    assert Writing().stated == {}
    assert Writing(max_new_tokens=5).stated == {"max_new_tokens": 5}
    assert Writing(temperature=0.7).stated == {"temperature": 0.7, "do_sample": True}


def test_json_goes_to_a_file_or_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not write_output(None, {"a": 1})
    assert not write_output(tmp_path / "a.json", {"a": 1})
    assert '"a": 1' in (tmp_path / "a.json").read_text()
    assert capsys.readouterr().out == ""
    assert write_output(Path("-"), {"a": 1})
    assert '"a": 1' in capsys.readouterr().out
