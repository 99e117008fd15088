"""Each measure against a slow, obvious implementation, and on tokenizers whose answer is known."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig2lm.tokenization import (
    alignment,
    chunk_stability,
    context_dependence,
    cost,
    distance_distortion,
    grouping,
    neighbour_consistency,
    one_token_integers,
    pattern_consistency,
    series_from_values,
    spellings,
)
from sig2lm.tokenization.alignments import place_value_consistency
from sig2lm.tokenization.contexts import PLACES
from sig2lm.tokenization.distances import edit_distance, sine_pattern
from sig2lm.tokenization.integers import random_decimals, random_integers
from sig2lm.tokenization.pieces import split_numbers


def slow_pieces(tokenizer, number, before=""):
    """The number's characters in each token: walk through every character and ask which token holds it."""
    tokens = tokenizer.encode(before + number)
    holders = []
    for i in range(len(before), len(before) + len(number)):
        holders += [index for index, (start, end) in enumerate(tokens.spans) if start <= i < end]
    return [len(list(same)) for _, same in itertools.groupby(holders)], [tokens.ids[i] for i in dict.fromkeys(holders)]


@pytest.fixture(params=["digits", "pairs", "threes", "lossy"])
def toy(request):
    return request.getfixturevalue(request.param)


@given(
    number=st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,6})?", fullmatch=True),
    before=st.sampled_from(["", ",", "1 ", "[", "\n"]),
)
@settings(max_examples=150)
def test_splits_are_those_of_each_character(pairs, number, before):
    split = split_numbers(pairs, [number], before)[0]
    lengths, ids = slow_pieces(pairs, number, before)
    assert list(split.lengths) == lengths
    assert list(split.ids) == ids
    assert "".join(split.pieces) == number
    assert "".join(split.whole).endswith(number)


@pytest.mark.parametrize("before", [",", ", "])
def test_neighbour_consistency_counts_pairs(toy, before):
    found = neighbour_consistency(toy, 0, 600, before)
    shapes = [slow_pieces(toy, str(n), before)[0] for n in range(600)]
    pairs = [n for n in range(599) if len(str(n)) == len(str(n + 1))]
    assert found.share == pytest.approx(sum(shapes[n] == shapes[n + 1] for n in pairs) / len(pairs))
    three = [n for n in pairs if n >= 100]
    assert found.by_digits["3"] == pytest.approx(sum(shapes[n] == shapes[n + 1] for n in three) / len(three))


def test_neighbours_of_real_tokenizers(real):
    found = neighbour_consistency(real, 400, 500)
    shapes = [slow_pieces(real, str(n), ",")[0] for n in range(400, 500)]
    assert found.share == pytest.approx(sum(a == b for a, b in itertools.pairwise(shapes)) / 99)


def test_the_headline_case_of_gpt2(gpt2):
    assert neighbour_consistency(gpt2, 480, 483, " ").share == 0.5
    assert neighbour_consistency(gpt2).headline == ("480", "48|1", "48|2")


def test_one_token_integers_are_found(toy):
    found = one_token_integers(toy, 500)
    single = [n for n in range(500) if len(slow_pieces(toy, str(n), ",")[1]) == 1]
    assert [n for first, last in found.ranges for n in range(first, last + 1)] == single
    assert (found.count, found.share) == (len(single), len(single) / 500)
    assert found.first_gap == next((n for n in range(500) if n not in single), None)
    counts = [tokens for tokens, count in found.tokens for _ in range(count)]
    assert counts == [len(slow_pieces(toy, str(n), ",")[1]) for n in range(500)]


def test_cl100k_holds_a_thousand_integers(shared):
    from .conftest import load_once

    found = one_token_integers(load_once(shared / "tokenizers" / "cl100k_base"))
    assert (found.count, found.ranges, found.first_gap) == (1000, ((0, 999),), 1000)


def test_grouping_names_the_direction(digits, threes, pairs):
    assert grouping(digits).direction == "digit by digit"
    assert grouping(threes).direction == "left to right"
    assert grouping(threes, [7]).examples[0].count("|") == 2
    assert grouping(pairs).direction == "mixed"
    assert sum(grouping(pairs).shares.values()) == pytest.approx(1)


def test_right_to_left_is_seen():
    from .conftest import FastTokenizer, byte_level

    merges = [(str(a), str(b)) for a in range(10) for b in range(10)]
    merges += [(f"{ab:02d}", str(c)) for ab in range(100) for c in range(10)]
    from_right = FastTokenizer(byte_level(merges, r"\d{1,3}(?=(\d{3})*(\D|$))"), "right")
    assert grouping(from_right).direction == "right to left"
    assert split_numbers(from_right, ["1234567"])[0].shown == "1|234|567"


def test_chunk_stability_counts_the_ways(toy):
    for row in chunk_stability(toy, digits=[1, 2, 3, 5], samples=60):
        draw = random_integers if row.kind == "integer" else random_decimals
        shapes = [tuple(slow_pieces(toy, number, ",")[0]) for number in draw(row.digits, 60)]
        assert row.ways == len(set(shapes))
        assert row.share == pytest.approx(max(shapes.count(shape) for shape in shapes) / len(shapes))
        assert row.tokens == pytest.approx(statistics.mean(map(len, shapes)))


def test_random_numbers_have_the_width_asked_for():
    assert random_integers(2, 500) == [str(n) for n in range(10, 100)]
    assert {len(number) for number in random_integers(9, 50)} == {9}
    assert {len(number.split(".")[1]) for number in random_decimals(4, 50)} == {4}


def test_context_dependence_compares_six_places(toy):
    numbers = ["480", "481", "12", "7", "4", "0.48", "3.12"]
    found = context_dependence(toy, numbers)
    encoded = {n: [slow_pieces(toy, n, before) for before in PLACES.values()] for n in numbers}
    cut = [len({tuple(lengths) for lengths, _ in rows}) > 1 for rows in encoded.values()]
    kinds = [len({tuple(ids) for _, ids in rows}) for rows in encoded.values()]
    assert found.share_cut == pytest.approx(sum(cut) / len(numbers))
    assert found.share_ids == pytest.approx(sum(kind > 1 for kind in kinds) / len(numbers))
    assert found.mean_encodings == pytest.approx(statistics.mean(kinds))
    after_comma = [slow_pieces(toy, n, "1,")[0] for n in numbers]
    after_space = [slow_pieces(toy, n, "1 ")[0] for n in numbers]
    assert found.by_context["space"] == pytest.approx(
        sum(a != b for a, b in zip(after_comma, after_space, strict=True)) / len(numbers)
    )


def test_gpt2_knows_481_by_two_names(gpt2):
    found = context_dependence(gpt2, ["481"])
    assert (found.share_cut, found.share_ids) == (1.0, 1.0)
    assert found.example_cuts["start of text"] == "481"
    assert found.example_cuts["space"] == "48|1"


def slow_places(split):
    """Place value of each digit, written out: how many digits stand to its right before the point."""
    text, cuts = split.text, {}
    whole = text.split(".")[0]
    right = sum(c.isdigit() for c in whole)
    previous = None
    for i, character in enumerate(text):
        if character.isdigit():
            right -= 1
            if previous is not None:
                cuts[right + 1] = split.owners[previous] != split.owners[i]
            previous = i
    return cuts


@given(st.lists(st.from_regex(r"-?[0-9]{1,6}(\.[0-9]{1,4})?", fullmatch=True), min_size=2, max_size=12))
def test_place_values_agree_where_both_have_digits(pairs, numbers):
    splits = split_numbers(pairs, numbers, ",")
    assert [split.digit_cuts() for split in splits] == [slow_places(split) for split in splits]
    votes = []
    for left, right in itertools.pairwise([slow_places(split) for split in splits]):
        both = set(left) & set(right)
        if both:
            votes.append(all(left[place] == right[place] for place in both))
    assert place_value_consistency(splits) == (pytest.approx(sum(votes) / len(votes)) if votes else None)


def test_digits_of_an_exponent_have_no_place(digits):
    assert split_numbers(digits, ["12e-05"])[0].digit_cuts() == {1: True}


def test_point_and_sign_are_placed(digits, pairs, lossy):
    numbers = ["-0.59", "0.48", "-7", "3"]
    found = alignment(digits, numbers)
    assert (found.point_alone, found.sign_alone, found.sign_with_separator, found.sign_with_digits) == (1, 1, 0, 0)
    found = alignment(pairs, numbers)
    assert (found.sign_alone, found.sign_with_separator) == (0, 1)
    assert alignment(lossy, ["3", "4"]).point_alone is None
    assert alignment(digits, ["3"]).sign_alone is None


def test_t5_glues_the_point(shared):
    from .conftest import load_once

    found = alignment(load_once(shared / "tokenizers" / "t5"))
    assert found.point_alone < 0.6
    assert found.sign_alone + found.sign_with_digits + found.sign_with_separator == pytest.approx(1)


def test_a_pattern_keeps_its_tokens_or_not(digits, pairs):
    assert pattern_consistency(digits).share == 1
    pattern = ["48", "-1", "12", "7"]
    found = pattern_consistency(pairs, pattern, repeats=6)
    values = pattern * 6
    rows = [values[i : i + 3] for i in range(0, len(values), 3)]
    seen = {}
    for row in rows:
        before = "\n"
        for value in row:
            seen.setdefault(value, []).append(tuple(slow_pieces(pairs, value, before)[1]))
            before += value + ","
    kept = sum(max(ids.count(one) for one in ids) for ids in seen.values())
    assert found.share == pytest.approx(kept / len(values))
    assert found.example == "-1"
    assert set(found.example_cuts) == {"-|1", ",-|1"}


def test_the_sine_is_one_period():
    assert len(sine_pattern(25)) == 25
    assert sine_pattern(4) == ["0.00", "9.81", "0.00", "-9.81"]


def slow_edit_distance(left, right):
    if not left or not right:
        return len(left) + len(right)
    return min(
        slow_edit_distance(left[1:], right) + 1,
        slow_edit_distance(left, right[1:]) + 1,
        slow_edit_distance(left[1:], right[1:]) + (left[0] != right[0]),
    )


@given(st.lists(st.integers(0, 3), max_size=5), st.lists(st.integers(0, 3), max_size=5))
def test_edit_distance_is_the_shortest_way(left, right):
    assert edit_distance(left, right) == slow_edit_distance(left, right)


def mean_ranks(values):
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def test_distance_distortion_is_a_rank_correlation(pairs):
    found = distance_distortion(pairs, stop=600, pairs=80, seed=5)
    chosen = np.random.default_rng(5).integers(0, 600, size=(80, 2)).tolist()
    numeric = [abs(a - b) for a, b in chosen]
    edits = [
        slow_edit_distance(slow_pieces(pairs, str(a), ",")[1], slow_pieces(pairs, str(b), ",")[1]) for a, b in chosen
    ]
    assert found.correlation == pytest.approx(statistics.correlation(mean_ranks(numeric), mean_ranks(edits)))


def test_single_tokens_keep_no_distance(threes, digits):
    assert distance_distortion(threes, stop=100).correlation == pytest.approx(0, abs=0.2)
    found = distance_distortion(digits)
    assert found.correlation == found.digits


def test_cost_divides_what_was_counted(toy):
    series = series_from_values([[480, 481, 482.5, 7], [-1.5, 12, float("nan"), 0]], duration=2.0)
    found = cost(toy, series)
    text = "480,-1.5\n481,12\n482.5,nan\n7,0"
    assert series.text == text
    tokens = len(toy.encode(text))
    assert (found.tokens, found.characters, found.bytes) == (tokens, len(text), len(text.encode()))
    assert found.round_trip == (toy.decode(toy.encode(text).ids) == text)
    assert found.tokens_per_value == pytest.approx(tokens / 8)
    assert found.tokens_per_row == pytest.approx(tokens / 4)
    assert found.tokens_per_second == pytest.approx(tokens / 2)
    assert found.characters_per_token == pytest.approx(len(text) / tokens)
    use = found.contexts["4k"]
    assert use.share == pytest.approx(tokens / 4096)
    assert use.rows == math.floor(4096 / (tokens / 4))
    assert use.seconds == pytest.approx(4096 / (tokens / 2))


def test_the_worked_example_of_cost(gpt2):
    found = cost(gpt2, series_from_values([[480, 482], [481, 480]]))
    assert (found.tokens, found.tokens_per_value, found.tokens_per_row) == (7, 1.75, 3.5)
    assert found.contexts["8k"].rows == 2340
    assert found.tokens_per_second is None


def test_spellings_name_their_twins(lossy, digits):
    found = {row.text: row for row in spellings(lossy)["unit case"]}
    assert found["MV"].same_as == "mV"
    assert not found["mV"].kept
    assert all(row.same_as is None and row.kept for rows in spellings(digits).values() for row in rows)
