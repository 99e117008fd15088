"""The curriculum: balanced, true by measurement, the same for one seed, and without anything that is held out."""

import json
import random
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from tiny import build_encoder, build_signal_lm
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.datasets import Table, load_table, prepare
from sig2lm.datasets.public import synthetic
from sig2lm.datasets.subset import take_rows
from sig2lm.errors import PromptError
from sig2lm.model.table_examples import TableExamples
from sig2lm.quantities import check_numbers
from sig2lm.templates import Task, load_template, parse_template
from sig2lm.templates.questions import KINDS, QuestionPlan, phrase_book
from sig2lm.templates.template import list_templates
from sig2lm.training.curriculum import Curriculum, read_weights
from sig2lm.training.known import known_rows
from sig2lm.training.questions import Asked, Writer, is_refusal

TASKS = ("har", "af_rr", "stress")


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    folder = tmp_path_factory.mktemp("simulated") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "RECORDINGS", {"har": 6, "af_rr": 18, "stress": 18})
        prepare("synthetic", None, folder)
    return {task: load_table(folder / task) for task in TASKS}


@pytest.fixture(scope="session")
def curricula(tables: dict[str, Table]) -> dict[str, Curriculum]:
    return {
        name: Curriculum.from_table(table, Task.from_template(load_template(name), table.info.labels))
        for name, table in tables.items()
    }


@pytest.fixture(scope="session")
def trained(curricula: dict[str, Curriculum]) -> dict[str, list[Asked]]:
    return {name: curriculum.training() for name, curriculum in curricula.items()}


@pytest.fixture(scope="session")
def transferred(curricula: dict[str, Curriculum]) -> dict[str, list[Asked]]:
    return {name: curriculum.transfer("test", 100) for name, curriculum in curricula.items()}


def held_out_phrases() -> set[str]:
    book = phrase_book()
    return {getattr(book, name).held_out.split("$")[0] for name in ("describe", "measure", "verify")}


@pytest.mark.parametrize("task", TASKS)
def test_training_asks_every_kind_and_nothing_that_is_held_out(
    curricula: dict[str, Curriculum], trained: dict[str, list[Asked]], task: str
) -> None:
    plan, asked = curricula[task].known.plan, trained[task]
    assert {one.kind for one in asked} == set(KINDS) - set(plan.held_out.kinds)
    assert len(plan.held_out.kinds) == 2
    assert not any(one.topic in plan.held_out.claims for one in asked if one.kind == "verify")
    assert not any(one.question.startswith(tuple(held_out_phrases())) for one in asked)
    assert not any(one.topic in phrase_book().held_out_topics for one in asked)
    assert not any(one.held_out for one in asked)
    said = Counter(one.question for one in asked if one.kind == "describe")
    assert len(said) == len(phrase_book().describe.question) >= 8


@pytest.mark.parametrize("task", TASKS)
def test_transfer_asks_only_what_training_never_does(
    curricula: dict[str, Curriculum],
    trained: dict[str, list[Asked]],
    transferred: dict[str, list[Asked]],
    task: str,
) -> None:
    plan, asked = curricula[task].known.plan, transferred[task]
    assert {one.kind for one in asked} == set(KINDS)
    known = {one.question for one in trained[task] if not one.earlier}
    for one in asked:
        assert one.held_out
        assert one.earlier or one.question not in known
        assert (one.held_out == "kind") == (one.kind in plan.held_out.kinds)
    verified = {one.topic for one in asked if one.kind == "verify" and one.held_out == "topic"}
    assert verified == set(plan.held_out.claims)


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_balanced_question_by_question(
    curricula: dict[str, Curriculum], trained: dict[str, list[Asked]], task: str
) -> None:
    """Without the signal, no yes/no question can be answered better than by a coin."""
    curriculum = curricula[task]
    told: dict[tuple[str, str], list[bool]] = defaultdict(list)
    assert Writer(curriculum.known, transfer=True).kinds() == KINDS
    asked: list[Asked] = [*trained[task], *curriculum.transfer("train", 600)]
    for one in asked:
        if one.choices == ("yes", "no") and not one.earlier:
            told[(one.kind, one.question)].append(one.answer == "yes")
    often: dict[tuple[str, str], float] = {
        key: sum(answers) / len(answers) for key, answers in told.items() if len(answers) >= 80
    }
    assert often
    assert all(0.32 <= share <= 0.68 for share in often.values()), often
    first = [one.choices[0] == one.answer for one in asked if one.kind == "choose" and one.choices]
    assert 0.3 <= sum(first) / len(first) <= 0.6  # of two or three


@pytest.mark.parametrize("task", TASKS)
def test_every_number_of_an_answer_was_measured(
    curricula: dict[str, Curriculum], transferred: dict[str, list[Asked]], task: str
) -> None:
    numbers = sorted({one.row for one in transferred[task]})
    rows = {row.number: row.measured for row in known_rows(curricula[task].table, "test", numbers)}
    checked = 0
    for one in transferred[task]:
        checks = check_numbers(one.answer, rows[one.row])
        assert all(check.within for check in checks), one
        assert len(checks) >= (2 if one.kind == "describe" else 1 if one.kind == "measure" else 0), one
        assert is_refusal(one.answer) == (one.kind == "unanswerable" or one.topic.endswith("unanswerable"))
        checked += len(checks)
    assert checked > 300


def test_the_same_seed_asks_the_same_and_another_does_not(curricula: dict[str, Curriculum]) -> None:
    first, again, other = (replace(curricula["har"], seed=seed).training(count=50) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_table_is_trained_on_one_question_a_row_and_own_questions_stay(curricula: dict[str, Curriculum]) -> None:
    curriculum = curricula["har"]
    rows = curriculum.table.data["train"]
    own = rows.remove_columns(["question", "answer"]).add_column("question", ["Whose?"] + [None] * (len(rows) - 1))
    own = own.add_column("answer", ["Ann's."] + [None] * (len(rows) - 1))
    curriculum.table.data["train"], kept = own, rows
    try:
        asked = curriculum.training_table()
    finally:
        curriculum.table.data["train"] = kept
    train = asked.data["train"]
    assert len(train) == len(rows)
    assert (train[0]["question"], train[0]["answer"]) == ("Whose?", "Ann's.")
    assert asked.data["test"] is curriculum.table.data["test"]
    of_label = [row for row in train.remove_columns(["motion"]) if row["question"] is None]
    assert 0.15 * len(rows) < len(of_label) < 0.4 * len(rows)
    assert all(row["answer"] is None for row in of_label)
    conversations = [json.loads(told) for told in train["earlier"] if told != "[]"]
    assert {len(earlier) for earlier in conversations} == {1, 2}


@pytest.mark.parametrize("task", TASKS)
def test_of_two_recordings_the_first_has_more_as_often_as_the_second(
    curricula: dict[str, Curriculum], task: str
) -> None:
    curriculum = curricula[task]
    rows = known_rows(curriculum.table, "train", range(120))
    measured, writer = {row.number: row.measured for row in rows}, Writer(curriculum.known, others=rows)
    asked = [one for row in rows if (one := writer.write("pair", row, random.Random(row.number))) is not None]
    assert len(asked) > 60
    for one in asked:
        assert one.beside is not None
        own, other = measured[one.row][one.topic], measured[one.beside][one.topic]
        asks_more = any(word in one.question for word in ("higher", "faster", "more"))
        assert abs(own.value - other.value) > max(own.tolerance, other.tolerance) / 2
        assert (one.answer == "first") == ((own.value > other.value) == asks_more)
    share = sum(one.answer == "first" for one in asked) / len(asked)
    assert 0.35 < share < 0.65


def test_a_question_about_two_finds_its_other_row_wherever_rows_were_left_out(curricula: dict[str, Curriculum]) -> None:
    curriculum = replace(curricula["har"], weights={"pair": 1.0, "label": 1.0})
    table = curriculum.training_table()
    fewer = take_rows(table, "train", len(table.data["train"]) // 2)
    recordings = {
        number: row["motion"] for number, row in zip(table.data["train"]["row"], table.data["train"], strict=True)
    }
    task = curriculum.known.task
    encoder = build_encoder(table.info.signals["motion"])
    prompter = build_signal_lm().prompter(task)
    shown = TableExamples(fewer, "train", prompter, {"motion": encoder}, raw=frozenset(["motion"]))
    seen = 0
    for index, row in enumerate(shown.plain):
        found = shown[index].recordings
        assert len(found) == (1 if row["beside"] is None else 2)
        for place, number in zip(found, (row["row"], row["beside"]), strict=False):
            assert np.array_equal(found[place].values.ravel(), np.float32(recordings[number]), equal_nan=True)
            seen += place.index
    assert 0 < seen < sum(number is not None for number in fewer.data["train"]["beside"])


@pytest.mark.parametrize("name", list_templates())
def test_every_template_has_a_plan_that_fits_its_labels(name: str) -> None:
    template = load_template(name)
    plan = template.questions or QuestionPlan()
    plan.check(template.labels or ())
    if template.questions is not None:
        assert plan.held_out.claims
        claims = plan.claims(template.labels or ())
        asked = [members for claim, members in claims.items() if claim not in plan.held_out.claims]
        assert set().union(*asked) == set(template.labels or ())  # else some label is never told "yes"
        assert all(0 < len(members) < len(template.labels or ()) for members in claims.values())


def test_bad_plans_and_weights_are_refused_in_one_line() -> None:
    content = load_template("har").model_dump(mode="json")
    content["questions"]["held_out"] = {"kinds": ["label"]}
    with pytest.raises(PromptError, match="'label' cannot be held out"):
        parse_template(content, "har")
    with pytest.raises(PromptError, match="name 'flying', but the labels are walking"):
        QuestionPlan(groups={"up": ("flying",)}).check(("walking", "sitting"))
    for text in ("sing", "label=0", "label=many", ""):
        with pytest.raises(PromptError, match="expected kinds of question"):
            read_weights(text)
    assert read_weights("label=3, verify") == {"label": 3.0, "verify": 2.0}


def test_nothing_left_to_train_on_is_said(tables: dict[str, Table]) -> None:
    task = Task.from_template(load_template("har"), tables["har"].info.labels)
    with pytest.raises(PromptError, match="beside those held out \\(compare, choose\\), found compare"):
        Curriculum.from_table(tables["har"], task, {"compare": 1.0})


def test_the_command_shows_what_is_asked_and_what_never(tables: dict[str, Table]) -> None:
    folder = str(tables["af_rr"].path)
    shown = CliRunner().invoke(app, ["questions", folder, "--count", "30"], env={"COLUMNS": "200"})
    assert "What is the" in shown.stdout or "Give the" in shown.stdout
    asked = CliRunner().invoke(
        app, ["questions", folder, "--held-out", "--split", "test", "--count", "12", "--json", "-"]
    )
    found = json.loads(asked.stdout)["questions"]
    assert {one["kind"] for one in found} == set(KINDS)
    assert all(one["held_out"] for one in found)


@pytest.mark.parametrize("task", TASKS)
def test_of_what_is_offered_exactly_one_holds(curricula: dict[str, Curriculum], task: str) -> None:
    curriculum = curricula[task]
    known, levels = curriculum.known, phrase_book().levels
    writer, rng = Writer(known, transfer=True), random.Random(0)
    rows = known_rows(curriculum.table, "train", range(120))
    asked = [(row, one) for row in rows if (one := writer.write("choose", row, rng)) is not None]
    predicates = {known.plan.predicate(claim): members for claim, members in known.claims.items()}
    ways: Counter[str] = Counter()
    for row, one in asked:
        assert one.choices is not None
        if one.choices == levels:
            ways["level"] += 1
            edges, value = known.edges[one.topic], row.measured[one.topic].value
            assert one.answer == levels[sum(value > edge for edge in edges)]
            continue
        holding = [choice for choice in one.choices if row.label in predicates[choice]]
        assert [known.task.sentence(choice) for choice in holding] == [one.answer]
        ways["claim" if set(one.choices) - set(known.task.labels) else "label"] += 1
    assert set(ways) == ({"label", "claim", "level"} if known.plan.groups else {"label", "level"})
