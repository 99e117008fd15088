"""The whole report: its parts fit the schema, its page stands alone, and the talk's case is in it."""

import json
import re
import runpy
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from page_checks import assert_shown, assert_stands_alone

from sig2lm.errors import SignalError, TokenizerError
from sig2lm.pages.tokenizer_report import to_html
from sig2lm.tokenization import read_series, report_schema, series_from_values, tokenizer_report
from sig2lm.tokenization.findings import HARMS, duration, filled
from sig2lm.tokenization.markdown import to_markdown
from sig2lm.tokenization.report import excerpt, first_rows

from .conftest import load_once

EVIL = "<script>alert(1)</script>|`*_"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(1)
    rows = "".join(f"{i / 50:.2f},walk {EVIL},{x:.5f},{y:.3f}\n" for i, (x, y) in enumerate(rng.normal(0, 3, (120, 2))))
    path = tmp_path_factory.mktemp("table") / f"walk {'&'}.csv"
    path.write_text(f"time,label,{EVIL},y\n" + rows, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(table, digits, pairs, lossy):
    return tokenizer_report([digits, pairs, lossy], [table, np.array([[1.0, np.nan, 3.5], [2, 4, 8]])])


def test_json_follows_the_schema(report):
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads(report.to_json())
    jsonschema.validate(found, schema)
    assert set(found) == {"version", "series", "tokenizers"}
    for tokenizer in found["tokenizers"].values():
        assert {"measures", "serializers", "findings"} <= set(tokenizer)
        assert set(tokenizer["serializers"]) == set(found["series"])
    found["tokenizers"]["digits"]["measures"]["case_lost"] = "no"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, schema)


def test_series_say_what_was_skipped(report):
    series = report.series["walk &"]
    assert series["channels"] == [EVIL, "y"]
    assert [column["name"] for column in series["skipped"]] == ["time", "label"]
    assert series["duration_s"] == pytest.approx(120 / 50)
    assert report.series["series 2"]["missing"] == 1


def test_findings_are_ordered_by_harm_and_have_evidence(report):
    for tokenizer in report.tokenizers.values():
        order = [(HARMS.index(finding["harm"]), -finding["weight"]) for finding in tokenizer["findings"]]
        assert order == sorted(order)
        assert all(finding["evidence"] for finding in tokenizer["findings"] if finding["harm"] != "good")
    assert report.tokenizers["lossy"]["findings"][0]["harm"] == "loss"
    harms = {finding["harm"] for finding in report.tokenizers["digits"]["findings"]}
    assert "loss" not in harms
    assert "good" in harms


def test_the_whole_file_is_counted(report, table, digits):
    found = report.tokenizers["digits"]["measures"]["series"]["walk &"]["file"]
    text = table.read_text(encoding="utf-8")
    assert (found["tokens"], found["rows"], found["round_trip"]) == (len(digits.encode(text)), 120, True)
    assert report.tokenizers["digits"]["measures"]["series"]["series 2"]["file"] is None


def test_the_page_stands_alone_and_escapes(report):
    text = to_html(report)
    page = assert_stands_alone(text)
    assert page.tags.count("svg") >= 6
    assert "&lt;script&gt;" in text


def test_markdown_tables_are_tables(report):
    text = to_markdown(report)
    assert re.search(r"(?<!\\)<script", text) is None
    for block in re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().split("\n")}
        assert len(widths) == 1
    assert "changed" in text
    assert "soft prompt" in text


@pytest.mark.slow
def test_names_that_come_twice_are_kept_apart_and_progress_is_told(digits):
    series, told = series_from_values([1.0, 2.0]), []
    report = tokenizer_report(
        [digits, digits], [series, series], serializers=["fixed:1"], progress=lambda _, part: told.append(part)
    )
    assert list(report.tokenizers) == ["digits", "digits (2)"]
    assert list(report.series) == ["series", "series (2)"]
    names = [score["name"] for score in report.tokenizers["digits"]["serializers"]["series"]["scores"]]
    assert sorted(names) == ["as written", "fixed:1"]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_one_value_and_one_constant_are_enough(digits):
    report = tokenizer_report(digits, [np.array(values) for values in ([5.0], [[5.0, 5.0, 5.0]], [[np.nan, 1.0]])])
    jsonschema.validate(json.loads(report.to_json()), report_schema())
    assert to_html(report)


def test_wrong_input_is_refused(digits):
    with pytest.raises(TokenizerError, match="expected a serializer"):
        tokenizer_report(digits, [1.0, 2.0], serializers=["words"])
    with pytest.raises(SignalError, match="found infinity"):
        tokenizer_report(digits, [np.inf])
    with pytest.raises(TokenizerError, match="found nothing there"):
        tokenizer_report("/no/tokenizer", [1.0])


TALK_IDS = (
    "36150 11 32 11 24 3023 2075 32583 25272 42759 11 22 13 2931 1433 1495 12095 15 13 3270 1433 46250 11 23 13 22186"
)


def test_the_talks_five_rows(gpt2):
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "talk_rows.py"))
    text = "\n".join(example["ROWS"])
    found = excerpt(gpt2, text)
    assert (len(text), found["count"]) == (263, 148)
    assert [token for _, token in found["tokens"]][:29] == [*map(int, TALK_IDS.split()), 35126, 26, 198]
    report = tokenizer_report(gpt2, example["talk_series"]())
    shown = report.tokenizers["gpt2"]["measures"]["series"]["the talk's five rows"]["excerpt"]
    assert (shown["text"], shown["count"]) == (text, 148)
    assert "148 tokens" in to_html(report)


def test_the_talks_199_rows_are_a_reconstruction(shared, gpt2):
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "talk_rows.py"))
    path = shared / "data" / "talk" / "wisdm_1600_A_accel_watch_first199_no_timestamps.txt"
    texts = [example["with_stamps"](path.read_text().split(), seed) for seed in range(20)]
    assert {len(text) for text in texts} == {10_769}
    counts = gpt2.count(texts)
    assert min(counts) <= 6_077 <= max(counts)
    assert min(counts) >= 6_060
    assert max(counts) <= 6_110


def test_characters_without_a_token_are_shown(shared):
    t5 = load_once(shared / "tokenizers" / "t5")
    found = excerpt(t5, "1\n2")
    assert ["\n", None] in found["tokens"]
    assert "".join(text for text, _ in found["tokens"]) == "1\n2"


def test_excerpts_are_whole_rows_where_they_fit():
    assert first_rows(["1,2"] * 9) == "\n".join(["1,2"] * 5)
    assert first_rows(["1" * 200] * 3) == "1" * 200
    assert len(first_rows(["1" * 2000])) == 320


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (600, "10 min"), (7201, "2 h"), (864_000, "10 days"), (1e9, "32 years")]
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_shares_are_for_people():
    assert (filled(0.5), filled(73)) == ("50% of", "73 times")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (500, True)], ids=["desk, light", "phone, dark"])
def test_a_browser_shows_the_page(report, tmp_path, width, dark):
    text = assert_shown(to_html(report), tmp_path, width, dark)
    assert text.count('class="finding') == sum(len(item["findings"]) for item in report.tokenizers.values())


def test_read_series_is_what_the_report_reads(table):
    assert read_series(table).name == "walk &"
