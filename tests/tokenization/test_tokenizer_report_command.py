"""The command: its files, its errors, and what an interruption leaves."""

import json
import signal
import subprocess
import sys
import time

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from sig2lm.cli.tokenizer_report import built_in_series, tokenizer_report
from sig2lm.errors import Sig2LMError
from sig2lm.tokenization import report_schema

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(tokenizer_report)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "walk.csv"
    path.write_text("label,x\n" + "".join(f"walk,{i * 0.37:.2f}\n" for i in range(60)), encoding="utf-8")
    return path


def test_all_outputs_are_written(folder, table, tmp_path):
    out = {suffix: tmp_path / "out" / f"report.{suffix}" for suffix in ("html", "json", "markdown")}
    options = [part for suffix, path in out.items() for part in (f"--{suffix}", path)]
    result = run(table, "--tokenizer", folder, "--serializer", "fixed:1", "--serializer", "plain", *options)
    assert result.exit_code == 0, result.output
    assert "column 'label' skipped: it holds text" in result.output
    jsonschema.validate(json.loads(out["json"].read_text(encoding="utf-8")), report_schema())
    assert out["html"].read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")
    assert out["markdown"].read_text(encoding="utf-8").startswith("# ")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "report.json",
        "report.markdown",
    ]


@pytest.mark.slow
def test_without_files_three_recordings_are_simulated(folder):
    series = built_in_series()
    assert [len(item.channels) for item in series] == [6, 1, 4]
    assert [item.values.tolist() for item in built_in_series()[:2]] == [item.values.tolist() for item in series[:2]]
    assert "simulated motion (walking)" in run("--tokenizer", folder, "--serializer", "plain").output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\nc,d\n", "found none"),
        ("", "empty file"),
        ("1,2\n3\n", "line 2"),
        ("x\ninf\n1\n", "inf"),
        ("x\n1e308\n", "1e308"),
    ],
)
def test_bad_files_are_errors_a_user_can_mend(folder, tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    result = run(path, "--tokenizer", folder)
    assert isinstance(result.exception, Sig2LMError)
    assert message in str(result.exception)


def test_an_output_that_cannot_be_written_is_an_error(folder, table, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run(table, "--tokenizer", folder, "--html", tmp_path / "file" / "report.html")
    assert isinstance(result.exception, Sig2LMError)


@pytest.mark.slow
def test_an_interruption_leaves_nothing(folder, tmp_path):
    path, out = tmp_path / "long.csv", tmp_path / "out"
    out.mkdir()
    path.write_text("".join(f"{i * 0.37:.4f},{i / 3:.5f}\n" for i in range(600_000)), encoding="utf-8")
    code = "import typer\nfrom sig2lm.cli.tokenizer_report import tokenizer_report\ntyper.run(tokenizer_report)"
    arguments = [str(path), "--tokenizer", str(folder), "--html", str(out / "r.html"), "--json", str(out / "r.json")]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert list(out.iterdir()) == []
