"""Which label a free text names: whole, undenied, the longest, in any script."""

import unicodedata

import pytest

from sig2lm.arguments import first_alike
from sig2lm.errors import PromptError
from sig2lm.templates.naming import named_label
from sig2lm.templates.task import Task
from sig2lm.templates.template import load_template, parse_template

RHYTHMS = ("atrial fibrillation", "normal sinus rhythm")
CASES = [
    (RHYTHMS, "This is not atrial fibrillation.", None),
    (RHYTHMS, "There is no sign of atrial fibrillation here.", None),
    (RHYTHMS, "It isn't atrial fibrillation, it is normal sinus rhythm.", "normal sinus rhythm"),
    (RHYTHMS, "Not normal sinus rhythm but atrial fibrillation", "atrial fibrillation"),
    (RHYTHMS, "Atrial fibrillation is not present.", None),
    (RHYTHMS, "Atrial fibrillation is unlikely", None),
    (RHYTHMS, "No doubt: this is atrial fibrillation.", "atrial fibrillation"),
    (RHYTHMS, "There is no doubt that this is atrial fibrillation", "atrial fibrillation"),
    (RHYTHMS, "The rhythm is irregular, with no P waves: atrial fibrillation.", "atrial fibrillation"),
    (RHYTHMS, "Das ist kein atrial fibrillation", None),
    (RHYTHMS, "ATRIAL FIBRILLATION", "atrial fibrillation"),
    (RHYTHMS, "atrial fibrillation or normal sinus rhythm", None),
    (("stressed", "not stressed"), "The person is not stressed.", "not stressed"),
    (("stressed", "not stressed"), "stressed", "stressed"),
    (("walking", "walking upstairs"), "walking upstairs", "walking upstairs"),
    (("walking", "jogging"), "She is jogging rather than walking.", "jogging"),
    (tuple("12345"), "3.5", None),
    (tuple("12345"), "-1", None),
    (tuple("12345"), "2-3", None),
    (tuple("12345"), "13", None),
    (tuple("12345"), "3 %", None),
    (tuple("12345"), "The stress is 3.", "3"),
    (tuple("12345"), "Level: 3, I think", "3"),
    (("-1", "1"), "It is -1", "-1"),
    (("走路", "跑步"), "这个人在走路。", "走路"),
    (("走路", "跑步"), "这个人不是在走路，而是在跑步。", "跑步"),
    (("走路", "跑步"), "不是走路", None),
    (("歩行", "走行"), "この人は歩行しています", "歩行"),
    (("歩行", "走行"), "歩行ではありません", None),
    (("เดิน", "วิ่ง"), "คนนี้กำลังวิ่งอยู่", "วิ่ง"),
    (("걷기", "달리기"), "이 사람은 걷기 중", "걷기"),
    (("Übung", "Ruhe"), unicodedata.normalize("NFD", "eine Übung"), "Übung"),
]


@pytest.mark.parametrize(("labels", "text", "named"), CASES, ids=[text for _, text, _ in CASES])
def test_a_text_names_a_label(labels: tuple[str, ...], text: str, named: str | None) -> None:
    assert named_label(text, {label: label for label in labels}) == named


def test_templates_read_answers_so() -> None:
    template = load_template("af_rr")
    assert template.parse("This is not atrial fibrillation.") is None
    for label in template.labels or ():
        assert template.parse(template.write_answer(label)) == label


def test_labels_that_are_alike_are_refused_with_both() -> None:
    assert first_alike(["walking", "Walking"]) == ("walking", "Walking")
    assert first_alike(["Übung", unicodedata.normalize("NFD", "Übung")]) is not None
    assert first_alike(["walking", "jogging"]) is None
    content = {"task": "x", "version": 1, "source": "y", "prompt": "$motion $question", "question": "q"}
    with pytest.raises(PromptError, match="'Up' and 'up'"):
        parse_template({**content, "labels": ["Up", "up"]}, "here")
    with pytest.raises(PromptError, match="'Up' and 'up'"):
        Task(load_template("generic")).choices("q", ["Up", "up"])
