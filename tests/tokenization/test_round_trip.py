"""What does not come back is named; what is lost for good is distinguished from what a decoder merely moves."""

import pytest

from sig2lm.tokenization import lost_characters, round_trip
from sig2lm.tokenization.roundtrip import Change, character_name, differences, lost_case, visible

from .conftest import load_once


def test_a_lossless_tokenizer_is_exact(digits):
    assert round_trip(digits, ["7.09,-0.5", "µ = (2)"]).exact
    assert lost_characters(digits) == ()
    assert not lost_case(digits)


def test_lost_line_breaks_are_counted(lossy):
    found = round_trip(lossy, ["1.5", "2.5", "3.5"])
    assert not found.exact
    assert found.changes == (Change("replaced", "\n", " ", 2),)


def test_lost_characters_are_named(lossy):
    lost = {entry.character: entry.becomes for entry in lost_characters(lossy)}
    assert lost["\n"] == lost["\t"] == lost["  "] == "a space"
    assert lost["="] == lost["−"] == "unknown"
    assert not {".", ",", "-", ";", " "} & set(lost)
    assert lost_case(lossy)


def test_tinystories_drops_the_signs_it_is_known_to_drop(shared):
    lost = {entry.character for entry in lost_characters(load_once(shared / "lm" / "tinystories-656k"))}
    assert set("#%&()*+/=@[\\]^{}~`") <= lost
    assert not set(".,;-:\n 0") & lost


def test_losses_are_collisions_of_ids(real):
    for entry in lost_characters(real):
        text = f"1{entry.character}2"
        other = {"nothing": "12", "a space": "1 2", "unknown": "1\ue0002"}.get(entry.becomes, f"1{entry.becomes}2")
        assert real.encode(text).ids == real.encode(other).ids


def test_bert_adds_spaces_and_lowers_letters(shared):
    bert = load_once(shared / "tokenizers" / "bert-base-uncased")
    found = round_trip(bert, ["1.5,A"])
    assert not found.exact
    assert any(change.kind == "added" and change.after == " " for change in found.changes)
    assert lost_case(bert)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("1=2", "12", [("dropped", "=", "")]),
        ("1.5", "1. 5", [("added", "", " ")]),
        ("1\n2", "1 2", [("replaced", "\n", " ")]),
        ("12", "12", []),
    ],
)
def test_differences_are_named_by_kind(before, after, expected):
    assert differences(before, after) == expected


def test_characters_have_names_people_know():
    assert character_name("\n") == "LINE BREAK"
    assert character_name("  ") == "2 x SPACE"
    assert character_name("=") == "EQUALS SIGN"
    assert character_name("") == "NOTHING"
    assert visible("1 2\n") == "1␣2⏎"
