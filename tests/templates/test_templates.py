"""Templates: every one renders and reads back its own labels; keys are strict; filled-in text is never expanded."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import TEMPLATE

from sig2lm.errors import PromptError
from sig2lm.templates.template import list_templates, load_template, parse_template
from sig2lm.templates.turns import SignalPlace, Turn

GOOD = TEMPLATE.model_dump(mode="json")


@pytest.mark.parametrize("name", list_templates())
def test_every_template_renders_and_reads_back_its_own_labels(name: str) -> None:
    template = load_template(name)
    named = [v for v in template.variables if v not in ("question", "signals", "facts")]
    signals = [SignalPlace(v) for v in named] or [SignalPlace("any")]
    assert template.held_out, "evaluation asks in a paraphrase that training never shows"
    for question in (*template.question, template.held_out):
        turns = template.render(question, signals)
        parts = turns[-1].parts
        assert [part for part in parts if isinstance(part, SignalPlace)] == signals
        assert any(isinstance(part, str) and question in part for part in parts)
        assert isinstance(parts[0], str), "static text stands first, so that it is read once"
    for label in template.labels or ():
        assert template.parse(label) == label
        assert template.parse(template.write_answer(label)) == label
        assert template.parse(f"I think it is {label.upper()}.") == label


@pytest.mark.parametrize("name", list_templates())
def test_every_template_has_a_twin_with_numbers(name: str) -> None:
    template = load_template(name)
    signals = [v for v in template.variables if v not in ("question", "signals", "facts")] or ["any_signal"]
    variant = template.as_text(signals)
    fields = {f"{signal}_numbers": f"<{signal}>" for signal in signals}
    (*_, user) = variant.render("?", [], fields)
    (text,) = user.parts
    assert isinstance(text, str)
    if template.task != "stress_daily":  # its numbers stand in a sentence
        assert all(f"<{signal}>" in text for signal in signals)
    assert variant.labels == template.labels


DAILY = parse_template(
    GOOD
    | {
        "prompt": "A day.\n$facts\n$question",
        "facts": ["steps $steps", "mood $mood out of 5"],
        "labels": ["1", "2", "3"],
        "answer": "Stress: $label out of 3.",
        "ordinal": True,
    },
    "daily",
)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"steps": "80", "mood": "3"}, "A day.\nSteps 80, mood 3 out of 5.\n?"),
        ({"mood": "3"}, "A day.\nMood 3 out of 5.\n?"),
        ({"steps": "$mood"}, "A day.\nSteps $mood.\n?"),
        ({}, "A day.\n?"),
    ],
)
def test_missing_facts_are_left_out_of_the_sentence(fields: dict[str, str], told: str) -> None:
    assert DAILY.render("?", [], fields)[-1].parts == (told,)


def test_a_label_is_read_out_of_its_sentence() -> None:
    assert [DAILY.parse(f"Stress: {label} out of 3") for label in "123"] == ["1", "2", "3"]
    assert DAILY.parse("2") == "2"
    assert DAILY.parse("2 or 3") is None


def test_the_longest_label_wins_and_several_are_none() -> None:
    assert TEMPLATE.parse("Up and down, I believe") == "up and down"
    assert TEMPLATE.parse("It goes up") == "up"
    assert TEMPLATE.parse("Up? No: down.") is None
    assert TEMPLATE.parse("a cup") is None
    assert TEMPLATE.parse("yes", labels=("yes", "no")) == "yes"


@given(st.text(max_size=60))
def test_filled_in_text_is_never_expanded(question: str) -> None:
    turns = TEMPLATE.render(question, [SignalPlace("motion")])
    assert turns == (
        Turn("system", ("Answer briefly.",)),
        Turn("user", ("Movement: ", SignalPlace("motion"), f"\n{question}")),
    )


def test_signals_without_a_variable_stand_behind_their_names() -> None:
    turns = load_template("generic").render("?", [SignalPlace("heart_rate"), SignalPlace("steps")])
    expected = ("heart rate: ", SignalPlace("heart_rate"), "\nsteps: ", SignalPlace("steps"), "\n?")
    assert turns[-1].parts == expected


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(PromptError, match=r"\$motion"):
        TEMPLATE.render("?", [])
    template = TEMPLATE.model_copy(update={"prompt": "Age $age, costs $$5: $motion $question"})
    turns = template.render("?", [SignalPlace("motion")], {"age": "$motion"})
    assert turns[-1].parts[0] == "Age $motion, costs $5: "


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "colour: unknown key"),
        ({"prompt": "no place for it"}, r"prompt has no \$question"),
        ({"prompt": "$question costs 5$"}, "stands alone"),
        ({"question": []}, "question"),
        ({"labels": ["one"]}, "two or more"),
        ({"labels": ["Up", "up"]}, "'Up' and 'up'"),
        ({"version": 0}, "version"),
        ({"version": None}, "version"),
    ],
)
def test_mistakes_in_a_template_are_named(change: dict, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        parse_template({**GOOD, **change}, "mine.yaml")


def test_files_that_are_no_templates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="har"):
        load_template("nothing")
    with pytest.raises(PromptError, match=r"mine\.yaml"):
        load_template(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_text("task: [")
    with pytest.raises(PromptError, match="expected YAML"):
        load_template(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_text("- a list")
    with pytest.raises(PromptError, match=r"mine\.yaml"):
        load_template(tmp_path / "mine.yaml")


def test_wordings_are_drawn_from_a_seed() -> None:
    drawn = {TEMPLATE.draw_question(random.Random(seed)) for seed in range(20)}
    assert drawn == set(TEMPLATE.question)


def test_a_file_may_include_what_templates_share(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("include: movement\ntask: mine\nversion: 1\nsource: me\nprompt: $motion $question\n")
    mine, har = load_template(path), load_template("har")
    assert (mine.system, mine.question) == (har.system, har.question)
    path.write_text(f"{path.read_text()}question: What now?\n")
    assert load_template(path).question == ("What now?",)
    path.write_text("include: dancing\n")
    with pytest.raises(PromptError, match="include: expected one of movement, found 'dancing'"):
        load_template(path)
