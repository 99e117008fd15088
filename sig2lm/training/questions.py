"""Questions with their answers, written from labels and measured quantities: a function for each kind.

Nothing is invented: a number in an answer was measured and is rounded to its tolerance, and where a row does not carry
what a kind needs, that kind has no question for it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Template as StringTemplate
from typing import TypeVar

from sig2lm.templates.questions import KINDS, Kind, PhraseBook, Phrases, phrase_book
from sig2lm.training.known import Known, Row

Drawn = TypeVar("Drawn", int, str)

_OTHERS = 64  # rows among which a second recording is looked for
YES_NO = ("yes", "no")
WHICH = ("first", "second")
REFUSAL = "does not show"  # what every refusal says, and no other answer


@dataclass(frozen=True)
class Asked:
    """A question about one row, with its answer.

    Attributes
    ----------
    row, kind
        Which row, and which kind of question.
    topic
        What it is about: a claim, a quantity, the choices.
    question, answer
        Text.
    choices
        The closed answers; None where the answer is free.
    held_out
        What training never shows: ``kind``, ``topic``, ``paraphrase`` or, for what it does show, nothing.
    earlier
        Questions and answers of the same conversation, before this one.
    beside
        The row of a second recording, where the question is about two.
    """

    row: int
    kind: Kind
    topic: str
    question: str
    answer: str
    choices: tuple[str, ...] | None = None
    held_out: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    beside: int | None = None


@dataclass(frozen=True)
class Writer:
    """Writes questions.

    Attributes
    ----------
    known
        The table's training rows.
    transfer
        Whether questions are those that training never shows: its held-out paraphrases, claims and topics.
    phrases
        How kinds are put.
    others
        Rows that a question about two recordings may put beside a row.
    """

    known: Known
    transfer: bool = False
    phrases: PhraseBook | None = None
    others: Sequence[Row] = ()

    @property
    def book(self) -> PhraseBook:
        """The phrases."""
        return self.phrases or phrase_book()

    def write(self, kind: Kind, row: Row, rng: random.Random) -> Asked | None:
        """Write a question of a kind about a row; None where the row does not carry what it needs."""
        asked = _dialogue(self, row, rng) if kind == "dialogue" else _WRITERS[kind](self, row, rng, False)
        if asked is None or not self.transfer:
            return asked
        reason = "kind" if kind in self.known.plan.held_out.kinds else asked.held_out or "paraphrase"
        return replace(asked, held_out=reason)

    def phrase(self, phrases: Phrases, rng: random.Random, follow_up: bool, more: Sequence[str] = ()) -> str:
        """Draw how a question is put."""
        if follow_up:
            return rng.choice(phrases.follow_up)
        return phrases.held_out if self.transfer else rng.choice([*phrases.question, *more])

    def claims(self) -> dict[str, frozenset[str]]:
        """What may be claimed: in training all but what is held out."""
        held_out = set() if self.transfer else set(self.known.plan.held_out.claims)
        return {claim: members for claim, members in self.known.claims.items() if claim not in held_out}

    def kinds(self) -> tuple[Kind, ...]:
        """What may be asked: in training all but what is held out."""
        held_out = () if self.transfer else self.known.plan.held_out.kinds
        return tuple(kind for kind in KINDS if kind not in held_out)

    def claim(self, label: str) -> str:
        """Say that a label holds: "the person is walking"."""
        plan = self.known.plan
        return f"{plan.subject} is {plan.predicate(label)}"


def is_refusal(text: str) -> bool:
    """Whether an answer says that the signal does not hold what was asked for."""
    return REFUSAL in " ".join(text.casefold().split())


def _label(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    template = writer.known.task.template
    if row.label is None:
        return None
    if follow_up:
        question = rng.choice(writer.book.label.follow_up)
    else:
        held_out = template.held_out if writer.transfer else None
        question = held_out or template.draw_question(rng)
    answer = template.write_answer(row.label)
    return Asked(row.number, "label", row.label, question, answer, writer.known.task.labels)


def _describe(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    stated = _stated(row, [name for name in writer.known.quantities if name in row.measured][:2])
    if row.label is None or not stated:
        return None
    phrases = writer.book.describe
    answer = _filled(phrases.answer, claim=writer.claim(row.label), facts=stated[0].upper() + stated[1:])
    question = writer.phrase(phrases, rng, follow_up)
    return Asked(row.number, "describe", row.label, question, answer[0].upper() + answer[1:])


def _measure(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    carried = [name for name in writer.known.quantities if name in row.measured]
    if not carried:
        return None
    name = rng.choice(carried)
    phrases = writer.book.measure
    question = writer.phrase(phrases, rng, follow_up, writer.book.asks.get(name, ()))
    answer = _filled(phrases.answer, quantity=name, value=row.measured[name].stated)
    return Asked(row.number, "measure", name, _filled(question, quantity=name), answer)


def _compare(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Compare a quantity with a threshold that its value is clear of, above as often as below."""
    known = writer.known
    carried = [name for name in known.quantities if name in row.measured and known.thresholds[name]]
    if not carried:
        return None
    name = rng.choice(carried)
    sides = known.sides(name, row.measured[name])
    number = _drawn(dict(enumerate(known.threshold_odds[name].get(sides, ()))), rng)
    if number is None:
        return None
    asks_above = rng.random() < 0.5
    phrases = writer.book.above if asks_above else writer.book.below
    threshold = known.thresholds[name][number].text
    question = _filled(writer.phrase(phrases, rng, follow_up), quantity=name, threshold=threshold)
    answer = YES_NO[0] if (sides[number] > 0) == asks_above else YES_NO[1]
    return Asked(row.number, "compare", name, question, answer, YES_NO)


def _pair(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Ask which of two recordings has more, or less, of a quantity; the first as often as the second."""
    carried = [name for name in writer.known.quantities if name in row.measured]
    if not carried:
        return None
    name, asks_higher, is_first = rng.choice(carried), rng.random() < 0.5, rng.random() < 0.5
    sign = 1 if asks_higher == is_first else -1  # of how much the first has more
    drawn = rng.sample(writer.others, min(_OTHERS, len(writer.others)))
    other = next((one for one in drawn if name in one.measured and _apart(row, one, name) * sign > 0), None)
    if other is None:
        return None
    phrases = writer.book.higher if asks_higher else writer.book.lower
    more = writer.book.asks_higher.get(name, ()) if asks_higher else ()
    question = _filled(writer.phrase(phrases, rng, follow_up, more), quantity=name)
    answer = WHICH[0] if is_first else WHICH[1]
    return Asked(row.number, "pair", name, question, answer, WHICH, beside=other.number)


def _apart(row: Row, other: Row, name: str) -> float:
    """How much more of a quantity a row has than another; 0 where they are too near to be asked about."""
    one, two = row.measured[name], other.measured[name]
    off = one.value - two.value
    return off if abs(off) > max(one.tolerance, two.tolerance) / 2 else 0.0


def _verify(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Ask whether a claim is true, each claim as often where it is as where it is not."""
    claims, known = writer.claims(), writer.known
    if writer.transfer and known.plan.held_out.claims and rng.random() < 0.5:
        claims = {claim: members for claim, members in claims.items() if claim in known.plan.held_out.claims}
    claim = _drawn(known.claim_odds(row, tuple(claims)), rng)
    if claim is None:
        return None
    question = writer.phrase(writer.book.verify, rng, follow_up)
    question = _filled(question, subject=known.plan.subject, predicate=known.plan.predicate(claim))
    answer = YES_NO[0] if known.holds(claim, row.labels) else YES_NO[1]
    reason = "topic" if claim in known.plan.held_out.claims else ""
    return Asked(row.number, "verify", claim, question, answer, YES_NO, reason)


def _choose(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Offer what holds beside what does not: labels, groups of labels, or levels of a quantity."""
    ways = (_choose_label, _choose_claim, _choose_level)
    found = (way(writer, row, rng, follow_up) for way in rng.sample(ways, len(ways)))
    return next((asked for asked in found if asked is not None), None)


def _choose_label(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    labels, template = writer.known.task.labels, writer.known.task.template
    if row.label is None or len(labels) < 2:
        return None
    others = [label for label in labels if label != row.label]
    options = [row.label, *rng.sample(others, min(rng.choice((1, 2)), len(others)))]
    rng.shuffle(options)
    question = writer.phrase(writer.book.choose, rng, follow_up)
    return _offered(row, question, options, template.write_answer(row.label))


def _choose_claim(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Offer a group that holds and what excludes it, or a label and groups that exclude it."""
    known, claims = writer.known, writer.claims()
    pairs = [
        (right, wrong)
        for right, members in claims.items()
        for wrong, others in claims.items()
        if known.holds(right, row.labels) and members.isdisjoint(others) and {right, wrong} & set(known.plan.groups)
    ]
    if not row.labels or not pairs:
        return None
    options = list(rng.choice(pairs))
    answer = known.plan.predicate(options[0])
    rng.shuffle(options)
    question = writer.phrase(writer.book.choose, rng, follow_up)
    asked = _offered(row, question, [known.plan.predicate(one) for one in options], known.task.sentence(answer))
    return replace(asked, held_out="topic") if set(options) & set(known.plan.held_out.claims) else asked


def _choose_level(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    levels = {name: writer.known.level(name, row.measured[name]) for name in writer.known.edges if name in row.measured}
    levels = {name: level for name, level in levels.items() if level is not None}
    if not levels:
        return None
    name = rng.choice(list(levels))
    question = _filled(writer.phrase(writer.book.level, rng, follow_up), quantity=name, options="$options")
    words = writer.book.levels
    return replace(_offered(row, question, words, words[levels[name] or 0]), topic=name)


def _offered(row: Row, question: str, options: Sequence[str], answer: str) -> Asked:
    said = f"{', '.join(options[:-1])} or {options[-1]}"
    topic = " / ".join(sorted(options))
    return Asked(row.number, "choose", topic, _filled(question, options=said), answer, tuple(options))


def _explain(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Give the two quantities by which the label's rows differ most from all others."""
    if row.label is None or row.label not in writer.known.telling:
        return None
    names = [name for name in writer.known.telling[row.label] if name in row.measured][:2]
    if not names:
        return None
    phrases = writer.book.explain
    answer = _filled(phrases.answer, claim=writer.claim(row.label), reasons=_stated(row, names))
    question = writer.phrase(phrases, rng, follow_up)
    return Asked(row.number, "explain", row.label, question, answer[0].upper() + answer[1:])


def _unanswerable(writer: Writer, row: Row, rng: random.Random, follow_up: bool) -> Asked | None:
    """Ask for what no signal holds, or for a quantity that these signals do not carry."""
    absent = [f"the {name}" for name in writer.known.absent]
    topics = writer.book.held_out_topics if writer.transfer else (*writer.book.topics, *absent)
    topic = rng.choice(topics)
    phrases = writer.book.unanswerable
    question = _filled(writer.phrase(phrases, rng, follow_up), topic=topic)
    reason = "topic" if topic in writer.book.held_out_topics else ""
    return Asked(row.number, "unanswerable", topic, question, _filled(phrases.answer, topic=topic), None, reason)


def _dialogue(writer: Writer, row: Row, rng: random.Random) -> Asked | None:
    """Let one question follow another; the last one is what is learned, and what came before is given.

    How earlier questions are put is never held out, so that only the last one decides.
    """
    allowed = set(writer.kinds())
    sequences = [sequence for sequence in writer.book.dialogues if set(sequence) <= allowed]
    if not sequences:
        return None
    *before, last = rng.choice(sequences)
    opening = replace(writer, transfer=False)
    earlier: list[tuple[str, str]] = []
    topics = []
    for place, kind in enumerate(before):
        asked = _WRITERS[kind](opening, row, rng, place > 0)
        if asked is None:
            return None
        earlier.append((asked.question, asked.answer))
        topics.append(asked.topic)
    final = _WRITERS[last](writer, row, rng, True)
    if final is None or (last == "compare" and final.topic not in topics):  # "Is that above 2?" goes on from a number
        return None
    return replace(final, kind="dialogue", topic=" > ".join([*before, last]), earlier=tuple(earlier))


_WRITERS: dict[Kind, Callable[[Writer, Row, random.Random, bool], Asked | None]] = {
    "label": _label,
    "describe": _describe,
    "measure": _measure,
    "compare": _compare,
    "pair": _pair,
    "verify": _verify,
    "choose": _choose,
    "explain": _explain,
    "unanswerable": _unanswerable,
}


def _drawn(odds: Mapping[Drawn, float], rng: random.Random) -> Drawn | None:
    """Draw a key by probabilities that sum to at most 1; None for what is left."""
    left = rng.random()
    for key, probability in odds.items():
        left -= probability
        if left < 0:
            return key
    return None


def _stated(row: Row, names: Sequence[str]) -> str:
    """ "the step rate is 1.9 steps per second and the tilt is 80 degrees"."""
    return " and ".join(f"the {name} is {row.measured[name].stated}" for name in names)


def _filled(phrase: str | None, **values: str) -> str:
    return StringTemplate(phrase or "").substitute(values)
