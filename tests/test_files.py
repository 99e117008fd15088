"""Outputs never destroy what is there."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

import sig2lm.pages
from sig2lm.cli.tokenizer_report import built_in_series
from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.evaluation.predictions import write_predictions
from sig2lm.files import alone, check_new, check_outputs, parse_json, parse_yaml, read_json, replaced_file, write_json
from sig2lm.tokenization import pocket_tokenizer, tokenizer_report
from sig2lm.tokenization.markdown import to_markdown


def test_outputs_spare_inputs_each_other_and_files_of_others(tmp_path: Path) -> None:
    recording, folder = tmp_path / "walk.csv", tmp_path / "table"
    recording.write_text("1\n2\n")
    folder.mkdir()
    (tmp_path / "link.html").symlink_to(recording)
    (tmp_path / "thesis.html").write_text("<html>years of work</html>")
    refused = {
        "which is read": {"--html": recording},
        "both": {"--out": tmp_path / "a", "--html": folder / ".." / "a"},
        "did not write": {"--html": tmp_path / "thesis.html"},
        "is a folder": {"--html": tmp_path},
    }
    for message, outputs in refused.items():
        with pytest.raises(Sig2LMError, match=message):
            check_outputs(outputs, [recording])
    with pytest.raises(Sig2LMError, match="which is read"):
        check_outputs({"--html": tmp_path / "link.html"}, [recording])
    with pytest.raises(Sig2LMError, match="which is read"):
        check_outputs({"--json": folder / "report.json"}, [folder])


def test_what_this_program_wrote_may_be_written_again(tmp_path: Path) -> None:
    page, report, rows = tmp_path / "page.html", tmp_path / "report.json", tmp_path / "rows.csv"
    page.write_text('<meta name="generator" content="sig2lm">')
    report.write_text('{"sig2lm": "0.1.0", "task": "har"}')
    rows.write_text("start_s,end_s,label\n0,1,walking\n")
    check_outputs({"--html": page, "--json": report, "--out": rows, "--new": tmp_path / "new.json", "--none": None})
    check_outputs({"--json": "-"})


def test_what_an_evaluation_and_a_report_wrote_may_be_written_again(tmp_path: Path) -> None:
    frame = pd.DataFrame({"subject": ["s1"], "source": ["a"], "start": [0.0], "truth": ["up"], "answer": ["up"]})
    for name in ("rows.csv", "rows.parquet"):
        write_predictions(frame, tmp_path / name)
        check_outputs({"--predictions": tmp_path / name})
    frame.to_parquet(tmp_path / "theirs.parquet")
    frame[["truth"]].to_csv(tmp_path / "theirs.csv")
    for name in ("theirs.parquet", "theirs.csv"):
        with pytest.raises(Sig2LMError, match="did not write"):
            check_outputs({"--predictions": tmp_path / name})
    report = tokenizer_report(pocket_tokenizer(), built_in_series()[:1], serializers=("plain",))
    for name, content in (("report.md", to_markdown(report)), ("report.json", report.to_json())):
        (tmp_path / name).write_text(content)
        check_outputs({"--out": tmp_path / name})


def test_paths_that_cannot_be_are_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Sig2LMError, match="a link to nothing"):
        check_outputs({"--json": tmp_path / "loop"})
    with pytest.raises(Sig2LMError, match="expected a path for the output, but 'utf-8' codec"):
        check_new(tmp_path / "\udcff")
    for path in ("~nobody-of-this-name/x", str(tmp_path / ("a" * 300)), str(tmp_path / "loop" / "x"), "a\0b"):
        told = ""
        try:
            check_outputs({"--json": path}, [tmp_path])
        except Sig2LMError as error:
            told = str(error)
        assert "\n" not in told


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "", "\ud800", '{"a": ["\\ud800"]}'])
def test_json_that_is_none_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize(
    "text", ["[" * 999, "a: &a [1]\nb: *a", "&a {a: *a}", "!!python/name:os.sep x", "{a: 2024-99-99}", '"\\ud800"']
)
def test_yaml_that_grows_or_recurs_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(text)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match="no plain file"):
        read_json(tmp_path / "config.json", "a run")


def test_threads_may_write_the_same_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_json(tmp_path / "one.json", {"number": number}), range(200)))
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
    assert "number" in read_json(tmp_path / "one.json", "it")


def test_what_fails_while_it_is_written_leaves_the_old_content_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_file(page) as draft:  # noqa: PT012
        draft.write_text("half")
        raise ZeroDivisionError
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_every_page_says_that_this_program_wrote_it() -> None:
    base = Path(sig2lm.pages.__file__).with_name("base.html.j2").read_text(encoding="utf-8")
    assert '<meta name="generator" content="sig2lm' in base


def test_a_place_that_another_process_writes_is_refused_until_it_ends(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "run"
    holding = "import sys; from sig2lm.files import alone\nwith alone(sys.argv[1]):\n    print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Sig2LMError, match="another command writes into"), alone(out):
            pass
        other.communicate("\n")
    with alone(out):
        pass
    assert list(out.parent.iterdir()) == []


def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(Sig2LMError, match="no plain file"):
            check_outputs({"--html": place})
