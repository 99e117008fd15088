"""The pocket LM's grammars: the same seed gives the same text, and held-out paraphrases stay out of it."""

import re
from itertools import islice
from random import Random

import pytest
from pocket_lm_text import TASKS, documents, held_out, paraphrases
from pocket_lm_text.conversations import shape
from pocket_lm_text.grammar import expansions, pattern
from pocket_lm_text.numbers import COMPARING, COUNTING
from pocket_lm_text.rhythm import AF, NORMAL, intervals, statistics

KINDS = ("words", "numbers", "both")


@pytest.fixture(scope="module")
def text() -> str:
    return "\n".join(document.content for document in islice(documents(7), 6000)).lower()


def test_same_seed_same_text():
    first, again, other = (list(islice(documents(seed), 200)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_held_out_wordings_do_not_occur_in_the_training_text(text):
    assert not [paraphrase for paraphrase in held_out() if pattern(paraphrase).search(text)]


def test_seen_wordings_do_occur_so_the_search_can_fail(text):
    found = [bool(pattern(paraphrase).search(text)) for group in paraphrases() for paraphrase in group.seen]
    assert sum(found) / len(found) > 0.95


def test_no_seen_wording_can_become_a_held_out_one():
    seen = "\n".join(
        text for group in paraphrases() for paraphrase in group.seen for text in expansions(paraphrase)
    ).lower()
    assert not [paraphrase for paraphrase in held_out() if pattern(paraphrase).search(seen)]


def test_every_group_keeps_wordings_for_the_exam():
    labels = {label for task in TASKS.values() for label in task.labels}
    assert len(list(held_out())) >= 100
    assert len(labels) == 10


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
@pytest.mark.parametrize("kind", KINDS)
def test_descriptions_of_the_exam_never_name_a_label(task, kind):
    stems = re.compile("walk|jog|run|stair|sit|stand|fibrill|sinus|normal|stress|calm", re.IGNORECASE)
    for seed in range(300):
        rng = Random(seed)
        description = task.describe(rng, rng.choice(task.labels), kind, True)
        found = [word for word in re.findall(r"\w+", description.text) if stems.match(word) and word != "runner"]
        assert not found, description.text


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_shapes_are_the_shipped_templates(task):
    template = shape(task.name)
    spoken = {document.messages[0].text for document in islice(documents(1), 400) if document.messages}
    assert template.system in spoken
    assert template.before.endswith(" ")
    assert template.questions


def test_a_message_is_its_parts_joined():
    split = [m for d in islice(documents(2), 300) for m in d.messages if len(m.parts) > 1]
    assert split
    assert all("".join(message.parts) == message.text for message in split)


@pytest.mark.parametrize("exercise", COMPARING + COUNTING, ids=lambda exercise: exercise.__name__)
def test_number_exercises_are_right(exercise):
    for seed in range(100):
        question, answer = exercise(Random(seed))
        numbers = [float(x) for x in re.findall(r"\d+(?:\.\d+)?", question)]
        if exercise.__name__ in ("larger", "largest"):
            assert float(answer) == max(numbers)
        if exercise.__name__ in ("smaller", "smallest"):
            assert float(answer) == min(numbers)
        if exercise.__name__ == "count":
            assert int(answer) == len(numbers)
        if exercise.__name__ == "count_above":
            assert int(answer) in (
                sum(x > numbers[-1] for x in numbers[:-1]),
                sum(x > max(numbers) for x in numbers),
            ), question


def test_fibrillation_varies_more_than_sinus_rhythm():
    for seed in range(200):
        rng = Random(seed)
        spread = {label: float(statistics(intervals(rng, label, 60))["cv"]) for label in (AF, NORMAL)}
        assert spread[NORMAL] < 7 < 10 < spread[AF]
