"""Conversations about descriptions, in the shapes in which the bridge asks about signals.

The system text, the prompt and the questions of ``prompts/*.yaml`` are used as they stand, beside other shapes; a
description takes the place of the soft prompt, and is often tokenized apart from the words around it, as there.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from string import Template

from pocket_lm_text.days import DAYS
from pocket_lm_text.grammar import Description, Document, Message, Paraphrases, Task, listing, weighted
from pocket_lm_text.movement import MOVEMENT
from pocket_lm_text.rhythm import RHYTHM
from pocket_lm_text.talk import CHOICES, UNKNOWN
from sig2lm.templates import load_template

TASKS = {task.name: task for task in (MOVEMENT, RHYTHM, DAYS)}

SYSTEMS = (
    "You answer questions about recordings from wearable sensors.",
    "You are a helpful assistant.",
    "Answer the question about the recording.",
    "You read signals and answer in few words.",
    "You are an assistant for questions about health and movement.",
    "Answer briefly.",
)
LEADS = {
    "har": (
        "Movement of the body: ",
        "Movement: ",
        "Motion: ",
        "Recording of a phone: ",
        "Acceleration and rotation: ",
    ),
    "af_rr": ("Intervals between heart beats: ", "Heart: ", "RR intervals: ", "Rhythm of the heart: ", "Beats: "),
    "stress": ("The last days: ", "Days: ", "Daily summary: ", "Summary of the days: ", "Week: "),
}
COMMON_LEADS = ("", "", "Recording: ", "Signal: ", "Here is a recording: ", "Description: ", "Data:\n", "Input: ")
AGAIN = Paraphrases(("Now another recording. ", "[Next|Another] recording: ", "And this one: ", "Now: "))
WHY = Paraphrases(("Why?", "Why do you think so?", "How do you know?", "What is the reason?", "Explain why."))
TASK_SHARES = {"har": 0.44, "af_rr": 0.28, "stress": 0.28}  # six labels take longer to learn than two
KINDS = {"words": 0.36, "numbers": 0.38, "both": 0.18, "named": 0.08}
ASKS = {"label": 0.40, "choices": 0.13, "pair": 0.06, "closed": 0.17, "details": 0.10, "open": 0.12, "unknown": 0.02}


@dataclass(frozen=True)
class PromptShape:
    """The words around a signal in a shipped template."""

    system: str
    before: str
    after: str  # between the signal and the question
    questions: tuple[str, ...]


@cache
def shape(task: str) -> PromptShape:
    """The shape of ``prompts/TASK.yaml``; its prompt must hold one signal and, after it, the question."""
    template = load_template(task)
    signal, question = Template(template.prompt).get_identifiers()
    before, rest = template.prompt.split(f"${signal}")
    after, _ = rest.split(f"${question}")
    return PromptShape(template.system, before, after, template.question)


def opening(task: str, text: str, question: str) -> Message:
    """The user's first message as the shipped template renders it; the parts meet where the signal begins and ends."""
    around = shape(task)
    return Message("user", (around.before, text, around.after + question))


def label_question(task: Task, rng: Random, held_out: bool = False) -> str:
    """A question for the label: one of the template's or of the grammar's."""
    if not held_out and rng.random() < 0.4:
        return rng.choice(shape(task.name).questions)
    return task.label_questions.choose(rng, held_out)


def _any_opening(task: Task, rng: Random, text: str, question: str) -> Message:
    if rng.random() < 0.5:
        return opening(task.name, text, question)
    lead = rng.choice(LEADS[task.name] if rng.random() < 0.5 else COMMON_LEADS)
    draw = rng.random()
    if draw < 0.15:
        return Message("user", (f"{question}\n{lead}{text}",))
    between = rng.choice(("\n", "\n", "\n\n", " ", "\nQuestion: "))
    parts = (lead, text, between + question)
    return Message("user", parts if draw < 0.6 else ("".join(parts),))


def _with_choices(task: Task, description: Description, rng: Random) -> tuple[str, str]:
    """A question that lists its choices, under any of their names."""
    others = [label for label in task.labels + task.extra_labels if label != description.label]
    chosen = rng.sample(others, rng.randint(1, len(others)))
    style = rng.choice((0, 0, rng.randrange(4)))
    names = {x: task.aliases[x][min(style, len(task.aliases[x]) - 1)] for x in [*chosen, description.label]}
    order = list(names.values())
    rng.shuffle(order)
    return f"{label_question(task, rng)} {CHOICES.choose(rng, choices=listing(order, rng))}", names[description.label]


def _pair(task: Task, description: Description, rng: Random) -> tuple[str, str]:
    other = rng.choice([label for label in task.labels + task.extra_labels if label != description.label])
    style = rng.choice((0, 0, 1))
    names = [task.aliases[x][style] for x in (description.label, other)]
    a, b = names if rng.random() < 0.5 else names[::-1]
    return task.pair_questions.choose(rng, a=a, b=b), names[0]


def ask(task: Task, description: Description, rng: Random) -> tuple[str, str]:
    """A question about a description, and its answer."""
    kind = weighted(rng, ASKS)
    if kind == "choices":
        return _with_choices(task, description, rng)
    if kind == "pair":
        return _pair(task, description, rng)
    if kind == "open":
        return task.open_questions.choose(rng), task.sentences[description.label].choose(rng)
    if kind == "unknown":
        return rng.choice(list(UNKNOWN.items()))
    if kind in ("closed", "details"):
        question = rng.choice(task.closed if kind == "closed" else task.details)
        answer = question.answer(description, rng)
        if answer is not None:
            return question.paraphrases.choose(rng), answer
    return label_question(task, rng), description.label


def _system(task: Task, rng: Random) -> str | None:
    draw = rng.random()
    return shape(task.name).system if draw < 0.6 else rng.choice(SYSTEMS) if draw < 0.8 else None


def _draw(task: Task, rng: Random) -> Description:
    label = rng.choice(task.labels if rng.random() < 0.93 else (task.extra_labels or task.labels))
    return task.describe(rng, label, weighted(rng, KINDS), False)


def task_document(rng: Random) -> Document:
    """One to five questions about one recording, or about several in turn."""
    task = TASKS[weighted(rng, TASK_SHARES)]
    description = _draw(task, rng)
    system = _system(task, rng)
    messages = [Message("system", (system,))] if system else []
    previous = ""
    for turn in range(rng.choice((1, 1, 1, 2, 2, 3, 3, 4, 5))):
        question, answer = ask(task, description, rng)
        if turn == 0:
            user = _any_opening(task, rng, description.text, question)
        elif rng.random() < 0.12:
            description = _draw(task, rng)
            question, answer = ask(task, description, rng)
            user = Message("user", (AGAIN.choose(rng), description.text, "\n" + question))
        elif previous == description.label and rng.random() < 0.25:
            user, answer = Message("user", (WHY.choose(rng),)), task.reasons[description.label].choose(rng)
        else:
            user = Message("user", (question,))
        messages += [user, Message("assistant", (answer,))]
        previous = answer
    return Document(tuple(messages))


def several_signals_document(rng: Random) -> Document:
    """Two or three recordings of different kinds in one message, and a question about each of some of them."""
    tasks = rng.sample(list(TASKS.values()), rng.choice((2, 2, 3)))
    descriptions = {task.name: _draw(task, rng) for task in tasks}
    parts: list[str] = []
    for task in tasks:
        parts += [shape(task.name).before, descriptions[task.name].text, "\n"]
    system = _system(tasks[0], rng)
    messages = [Message("system", (system,))] if system else []
    for turn in range(rng.choice((1, 2, 3))):
        asked = rng.choice(tasks)
        question = label_question(asked, rng)
        user = (*parts[:-1], "\n" + question) if turn == 0 else (question,)
        messages += [Message("user", user), Message("assistant", (descriptions[asked.name].label,))]
    return Document(tuple(messages))


def report_document(rng: Random) -> Document:
    """Running text: descriptions and what they show."""
    sentences = []
    for _ in range(rng.choice((1, 2, 3))):
        task = rng.choice(list(TASKS.values()))
        description = _draw(task, rng)
        sentences += [description.text, task.sentences[description.label].choose(rng)]
        if rng.random() < 0.4:
            sentences.append(task.reasons[description.label].choose(rng))
    return Document(text=" ".join(sentences))
