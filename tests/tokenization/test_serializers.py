"""What is written can be read back, within the error that is stated: as text, and through every tokenizer."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sig2lm.errors import TokenizerError
from sig2lm.tokenization import build_serializer, series_from_values, write_all
from sig2lm.tokenization.ranking import LARGEST_ERROR, Written, errors, rank, surviving_row_separator, within_bound
from sig2lm.tokenization.serializers import KINDS, enough_decimals
from sig2lm.tokenization.series import shortest

from .conftest import load_once

NAMES = [kind if kind == "plain" else f"{kind}:{n}" for kind in KINDS for n in ((2,) if kind == "plain" else (1, 3, 6))]


def tables(largest):
    number = (
        st.floats(-largest, largest, width=32) | st.just(math.nan) | st.sampled_from([0.0, -0.0, 0.5, -0.005, 1e-7])
    )
    return arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=number)


@pytest.mark.parametrize("name", NAMES)
@given(values=tables(float(np.finfo(np.float32).max)))
@settings(max_examples=40)
def test_text_reads_back_within_the_stated_error(name, values):
    serializer = build_serializer(name, values)
    found = serializer.decode(serializer.encode(values))
    assert within_bound(values, found, serializer.bound(values))


@given(values=tables(1e6))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_reads_back_through_every_tokenizer(real, values):
    row = surviving_row_separator(real)
    serializers = [build_serializer(name, values).with_row(row) for name in NAMES]
    texts = [serializer.encode(values) for serializer in serializers]
    for serializer, decoded in zip(serializers, real.decode_batch(real.ids(texts)), strict=True):
        assert within_bound(values, serializer.decode(decoded), serializer.bound(values)), serializer.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", "7.091625,-0.59\n8,-1000"),
        ("fixed:2", "7.09,-0.59\n8.00,-1000.00"),
        ("significant:3", "7.09,-0.59\n8,-1000"),
        ("scaled:2", "709,-59\n800,-100000"),
        ("grouped:2", "709,-59\n800,-100 000"),
        ("differences:2", "709,-59\n91,-99941"),
    ],
)
def test_formats_are_as_described(name, expected):
    values = np.array([[7.091625, 8.0], [-0.59, -1000.0]])
    assert build_serializer(name, values).encode(values) == expected


def test_llmtime_writes_digits_apart():
    values = np.array([[0.123, 1.23, 12.3, 123.0]])
    plain = KINDS["spaced"](2)
    assert plain.encode(values) == "1 2\n1 2 3\n1 2 3 0\n1 2 3 0 0"  # the example of arXiv 2310.07820
    fitted = build_serializer("spaced:2", values)
    assert "-" not in fitted.encode(values)
    assert fitted.scales[0] == pytest.approx(np.quantile(values - fitted.offsets[0], 0.95))


def test_missing_values_stay_missing_and_differences_go_on():
    values = np.array([[1.0, math.nan, 3.0]])
    assert build_serializer("differences:0", values).encode(values) == "1\nnan\n2"
    assert build_serializer("spaced:1", values).encode(values).split("\n")[1] == "nan"


def test_no_negative_zero_is_written():
    values = np.array([[-0.001, -0.0]])
    assert build_serializer("fixed:2", values).encode(values) == "0.00\n0.00"
    assert build_serializer("significant:2", np.array([[-0.0]])).encode(np.array([[-0.0]])) == "0"


@given(st.floats(allow_infinity=False))
def test_the_shortest_text_is_the_same_number(value):
    text = shortest(value)
    assert math.isnan(value) if text == "nan" else float(text) == value
    assert "+" not in text


@given(st.floats(1e-3, 1e6), st.integers(0, 2**31))
@settings(max_examples=50)
def test_enough_decimals_keep_the_error_below_one_percent(deviation, seed):
    values = np.random.default_rng(seed).normal(0, deviation, (1, 400))
    decimals = enough_decimals(values)
    relative, _ = errors(values, np.round(values, decimals))
    assert relative <= 0.0115  # 1 %, and what a sample of 400 may add
    if decimals:
        assert errors(values, np.round(values, decimals - 1))[0] > 0.0085


@pytest.mark.parametrize("name", ["fixed", "scaled", "significant", "spaced"])
def test_the_number_may_be_left_out(name):
    assert build_serializer(name, np.array([[1.0, 2.0]])).name.startswith(f"{name}:")


@pytest.mark.parametrize("name", ["json", "", "fixed:-1", "fixed:x", "fixed:99", "significant:0", "plain:2", "fixed:²"])
def test_unknown_serializers_are_refused(name):
    with pytest.raises(TokenizerError, match="expected"):
        build_serializer(name, np.array([[1.0]]))


@pytest.mark.parametrize("text", ["1,2\n3", "a,b", "", "1,,2"])
def test_other_text_is_refused(text):
    with pytest.raises(TokenizerError, match="cannot read it back"):
        build_serializer("scaled:1", np.array([[1.0]])).decode(text)


def walk(seed=0, rows=200):
    return series_from_values(np.cumsum(np.random.default_rng(seed).normal(0, 0.3, (2, rows)), axis=1))


def test_the_pareto_set_is_what_nothing_beats(pairs):
    series = walk()
    scores = rank(pairs, series, write_all(series)).scores
    for score in scores:
        axes = (score.tokens, score.relative_error, -(score.consistency if score.consistency is not None else 1))
        beaten = False
        for other in scores:
            rival = (other.tokens, other.relative_error, -(other.consistency if other.consistency is not None else 1))
            if rival != axes and rival[0] <= axes[0] and rival[1] <= axes[1] and rival[2] <= axes[2]:
                beaten = True
        assert score.pareto == (not beaten)


def test_tokens_are_those_of_the_whole_text(real):
    series = walk(rows=700)
    written = write_all(series, ["fixed:3", "scaled:2"])
    found = {score.name: score.tokens for score in rank(real, series, written).scores}
    row = surviving_row_separator(real)
    for entry in written:
        text = entry.serializer.with_row(row).join(entry.cells)
        assert found[entry.name] == len(real.ids([text])[0])


def test_the_recommended_one_is_exact_enough_even_and_cheap(pairs, lossy):
    for tokenizer in (pairs, lossy):
        ranking = rank(tokenizer, walk(), write_all(walk()))
        best = ranking.scores[0]
        assert best.name == ranking.recommended
        assert best.read_back
        assert not best.cumulative
        assert best.relative_error <= LARGEST_ERROR
        for other in ranking.scores[1:]:
            if other.tokens < best.tokens:
                assert other.cumulative or other.relative_error > LARGEST_ERROR or other.consistency < best.consistency
        assert ranking.reason.endswith(".")


def test_lost_line_breaks_give_another_row_separator(lossy, digits):
    assert rank(lossy, walk(), write_all(walk(), ["fixed:1"])).row_separator == ";"
    assert rank(digits, walk(), write_all(walk(), ["fixed:1"])).row_separator == "\n"


def test_what_cannot_be_read_back_is_not_recommended(lossy):
    series = walk(rows=20)
    good = write_all(series, ["fixed:2"])[-1]
    broken = Written("broken", good.serializer, [["="] * 2] * 20, 0.0, 0.0)
    ranking = rank(lossy, series, [broken])
    assert ranking.recommended is None
    assert not ranking.scores[0].read_back
    assert rank(lossy, series, [broken, good]).recommended == "fixed:2"


def test_the_soft_prompt_counts_windows(digits):
    series = walk(rows=200)
    soft = rank(digits, series, write_all(series, ["plain"]), virtual_tokens=8, window_rows=64).soft_prompt
    assert (soft.tokens, soft.tokens_per_value) == (32, 32 / 400)


def test_as_written_is_a_row_where_it_differs(tmp_path):
    (tmp_path / "a.csv").write_text("7.10,1\n8.20,2\n", encoding="utf-8")
    from sig2lm.tokenization import read_series

    names = [entry.name for entry in write_all(read_series(tmp_path / "a.csv"), ["plain"])]
    assert names == ["as written", "plain"]
    assert [entry.name for entry in write_all(walk(), ["plain"])] == ["plain"]


def test_gpt2_reads_grouped_digits_alike(shared):
    series = series_from_values([np.random.default_rng(0).integers(1, 10**7, 300)])
    ranking = rank(
        load_once(shared / "tokenizers" / "cl100k_base"), series, write_all(series, ["scaled:0", "grouped:0"])
    )
    found = {score.name: score.consistency for score in ranking.scores}
    assert found["grouped:0"] == 1
    assert found["scaled:0"] < 0.9
