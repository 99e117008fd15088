"""Outputs never destroy what is there."""

from pathlib import Path

import pytest

import sig2lm.pages
from sig2lm.errors import Sig2LMError
from sig2lm.files import check_outputs


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


def test_every_page_says_that_this_program_wrote_it() -> None:
    base = Path(sig2lm.pages.__file__).with_name("base.html.j2").read_text(encoding="utf-8")
    assert '<meta name="generator" content="sig2lm' in base
