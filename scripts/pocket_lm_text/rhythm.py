"""Heart rhythm: what the beats do, told in words, as lists of RR intervals, or as their statistics."""

import itertools
import math
from collections.abc import Sequence
from random import Random

from pocket_lm_text.grammar import Description, Paraphrases, Question, Task, Telling, by_label, fact, number, yes_for
from pocket_lm_text.rhythm_words import EVIDENCE, REASONS

AF = "atrial fibrillation"
NORMAL = "normal sinus rhythm"
LABELS = (AF, NORMAL)
ALIASES = {
    AF: (AF, "AF", "irregular", "fibrillation", "abnormal", "AFib"),
    NORMAL: (NORMAL, "normal", "regular", "sinus rhythm", "normal", "sinus rhythm"),
}

LISTS = Paraphrases(
    (
        "RR intervals: {list} ms",
        "RR {list} ms",
        "RR intervals in ms: {list}",
        "[Intervals|Gaps] between beats: {list} milliseconds",
        "{list}",
        "{list} ms",
        "The beats come after {list} ms",
        "[{count} intervals|{count} beats]: {list} ms",
        "these are the milliseconds between the beats: {list}",
        "the time between the beats is {list} ms",
    ),
    (
        "From beat to beat these milliseconds pass: {list}",
        "A heart with RR intervals of {list} ms",
        "The heart waits {list} ms between its beats",
        "In ms, the RR intervals of this heart are {list}",
    ),
)
FIELDS = {
    "mean": Paraphrases(
        (
            "mean RR interval {v} ms",
            "mean {v} ms",
            "mean interval: {v} ms",
            "the mean interval is {v} ms",
            "{v} ms is the mean of the intervals",
        ),
        ("the intervals have a mean of {v} ms",),
    ),
    "rate": Paraphrases(
        (
            "heart rate {v} beats/min",
            "{v} beats per minute",
            "heart rate: {v} beats/min",
            "rate {v} beats/min",
            "the heart has {v} beats/min",
        ),
        ("the heart beats at a rate of {v} beats/min",),
    ),
    "sdnn": Paraphrases(
        (
            "SDNN {v} ms",
            "deviation {v} ms",
            "standard deviation of the intervals: {v} ms",
            "RR deviation {v} ms",
            "{v} ms is the deviation of the intervals",
            "around their mean the intervals spread by {v} ms",
        ),
        (
            "the intervals have a deviation of {v} ms",
            "with {v} ms the intervals deviate",
            "the RR intervals deviate by {v} ms from their mean",
        ),
    ),
    "rmssd": Paraphrases(
        (
            "RMSSD {v} ms",
            "RMSSD: {v} ms",
            "successive differences {v} ms",
            "RMSSD [of|is] {v} ms",
            "successive intervals differ by {v} ms",
            "{v} ms is the RMSSD of the intervals",
        ),
        (
            "the differences of successive intervals are {v} ms",
            "from interval to interval there are differences of {v} ms",
            "an RMSSD with a value of {v} ms",
        ),
    ),
    "cv": Paraphrases(
        (
            "variation {v} %",
            "coefficient of variation {v} %",
            "the intervals vary by {v} %",
            "variation of RR: {v} %",
            "the coefficient of variation is {v} %",
            "{v} % of their mean is the deviation",
        ),
        ("relative to their mean the intervals vary by {v} %", "a coefficient of variation that is {v} %"),
    ),
    "pnn50": Paraphrases(
        (
            "pNN50 {v} %",
            "pNN50: {v} %",
            "differences above 50 ms: {v} %",
            "above 50 ms are {v} % of the successive differences",
        ),
        ("{v} % of the differences are above 50 ms",),
    ),
    "shortest": Paraphrases(
        ("shortest interval {v} ms", "shortest {v} ms", "shortest RR: {v} ms", "the shortest interval has {v} ms"),
        ("the shortest of the intervals lasts {v} ms",),
    ),
    "longest": Paraphrases(
        ("longest interval {v} ms", "longest {v} ms", "longest RR: {v} ms", "the longest interval has {v} ms"),
        ("the longest of the intervals lasts {v} ms",),
    ),
}
DECISIVE = ("sdnn", "rmssd", "cv", "pnn50")
NEUTRAL = Paraphrases(
    (
        "The [intervals|beats] were recorded [at night|during the day|at rest].",
        "The [sensor|watch] is on the wrist.",
        "The recording has no gaps.",
        "There are 60 beats.",
        "The person is at rest.",
        "This is a part of a longer recording.",
    ),
    ("A watch on the wrist recorded the beats at rest.", "The beats belong to a longer recording of the night."),
)
NAMED = Paraphrases(
    (
        "The rhythm is {label}.",
        "The heart shows {label}.",
        "Rhythm: {label}.",
        "{label}",
        "A doctor found {label}.",
        "This is a recording of {label}.",
    )
)


def intervals(rng: Random, label: str, count: int) -> list[int]:
    """RR intervals in ms: independent and widely spread in fibrillation; a slow wave and some noise in sinus rhythm."""
    if label == AF:
        mean, spread = rng.uniform(480, 950), rng.uniform(0.15, 0.30)
        return [round(mean * min(max(rng.gauss(1, spread), 0.5), 1.9)) for _ in range(count)]
    mean, breath, noise = rng.uniform(600, 1150), rng.uniform(0.005, 0.05), rng.uniform(0.003, 0.015)
    start, period = rng.uniform(0, math.tau), rng.uniform(3.5, 7)
    return [
        round(mean * (1 + breath * math.sin(start + math.tau * i / period) + rng.gauss(0, noise))) for i in range(count)
    ]


def statistics(rr: Sequence[int]) -> dict[str, str]:
    """The usual statistics of RR intervals (ms), as written in a text."""
    mean = sum(rr) / len(rr)
    sdnn = math.sqrt(sum((x - mean) ** 2 for x in rr) / len(rr))
    differences = [b - a for a, b in itertools.pairwise(rr)]
    return {
        "mean": number(mean),
        "rate": number(60000 / mean),
        "sdnn": number(sdnn),
        "rmssd": number(math.sqrt(sum(d * d for d in differences) / len(differences))),
        "cv": number(100 * sdnn / mean, 1),
        "pnn50": number(100 * sum(abs(d) > 50 for d in differences) / len(differences)),
        "shortest": number(min(rr)),
        "longest": number(max(rr)),
    }


def _list(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    rr = intervals(rng, label, rng.choice((8, 10, 12, 12, 16, 20, 24)) if rng.random() < 0.96 else 60)
    text = rng.choice((" ", " ", ", ")).join(str(x) for x in rr)
    facts = {key: value for key, value in statistics(rr).items() if key in ("shortest", "longest")}
    facts |= {"count": str(len(rr)), "first": str(rr[0]), "last": str(rr[-1])}
    return LISTS.choose(rng, held_out, list=text, count=len(rr)), facts


def _statistics(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    values = statistics(intervals(rng, label, 60))
    shown = rng.sample(DECISIVE, rng.choice((1, 2)))
    if rng.random() < 0.3:
        shown = ["shortest", "longest"]
    shown += rng.sample([key for key in values if key not in shown], rng.choice((0, 1, 2)))
    rng.shuffle(shown)
    text = rng.choice((", ", "; ", "\n", ". ")).join(FIELDS[key].choose(rng, held_out, v=values[key]) for key in shown)
    return text, {key: values[key] for key in shown}


def _numbers(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    return (_list if rng.random() < 0.55 else _statistics)(rng, label, held_out)


TELLING = Telling(
    task="af_rr",
    neutral=NEUTRAL,
    named=NAMED,
    name=lambda rng, label: rng.choice(ALIASES[label][:2]),
    evidence=EVIDENCE,
    numbers=_numbers,
    endings=(".", ".", ""),
)


def _pace(description: Description, _rng: Random) -> str | None:
    if "rate" not in description.facts:
        return None
    rate = int(description.facts["rate"])
    return "slow" if rate < 60 else "fast" if rate > 100 else "medium"


CLOSED = (
    Question(
        Paraphrases(("Is the rhythm regular?", "Does the heart beat regularly?", "Is the pulse regular? yes or no?")),
        yes_for(NORMAL),
    ),
    Question(Paraphrases(("Is the rhythm irregular?", "Is the pulse irregular? Answer yes or no.")), yes_for(AF)),
    Question(
        Paraphrases(
            ("Regular or irregular?", "Is the rhythm regular or irregular?", "Are the intervals regular or irregular?")
        ),
        by_label({AF: "irregular", NORMAL: "regular"}),
    ),
    Question(
        Paraphrases(("AF or normal?", "Is this AF or normal?", "Answer AF or normal.", "Label: AF or normal?")),
        by_label({AF: "AF", NORMAL: "normal"}),
    ),
    Question(
        Paraphrases(
            (
                "Is this AF?",
                "Does the heart show AF?",
                "Is there atrial fibrillation? yes or no?",
                "Is it fibrillation?",
            )
        ),
        yes_for(AF),
    ),
    Question(Paraphrases(("Is the heart rhythm normal?", "Is this a normal rhythm?", "Is all well?")), yes_for(NORMAL)),
    Question(
        Paraphrases(
            ("Do the intervals vary little or a lot?", "Is the variation low or high?", "Variation: low or high?")
        ),
        lambda d, _rng: "high" if d.label == AF else "low",
    ),
    Question(
        Paraphrases(
            (
                "Rate the irregularity from 1 to 5.",
                "From 1 to 5, how irregular is the rhythm?",
                "Irregularity from 1 to 5?",
            )
        ),
        by_label({AF: "5", NORMAL: "1"}),
    ),
    Question(
        Paraphrases(("Is the heart rate slow, medium or fast?", "Does the heart beat slow, medium or fast?")),
        _pace,
    ),
)
DETAILS = (
    Question(Paraphrases(("What is the heart rate?", "How fast does the heart beat?")), fact("rate")),
    Question(Paraphrases(("What is the mean interval?", "How long is the mean RR interval?")), fact("mean")),
    Question(Paraphrases(("What is the shortest interval?", "How long is the shortest interval?")), fact("shortest")),
    Question(Paraphrases(("What is the longest interval?", "How long is the longest interval?")), fact("longest")),
    Question(Paraphrases(("What is the first interval?", "Which interval comes first?")), fact("first")),
    Question(Paraphrases(("What is the last interval?", "Which interval comes last?")), fact("last")),
    Question(Paraphrases(("How many intervals are listed?", "How many intervals are there?")), fact("count")),
    Question(Paraphrases(("What is the RMSSD?",)), fact("rmssd")),
    Question(Paraphrases(("What is the coefficient of variation?", "By how much do the intervals vary?")), fact("cv")),
)

SENTENCES = {
    AF: Paraphrases(
        (
            "The heart shows atrial fibrillation.",
            "The rhythm is irregular, as in atrial fibrillation.",
            "The [intervals|beats] are irregular; this is atrial fibrillation.",
            "This is atrial fibrillation.",
        )
    ),
    NORMAL: Paraphrases(
        (
            "The heart shows normal sinus rhythm.",
            "The rhythm is regular, as in normal sinus rhythm.",
            "The [intervals|beats] are regular; this is normal sinus rhythm.",
            "This is normal sinus rhythm.",
        )
    ),
}

RHYTHM = Task(
    name="af_rr",
    labels=LABELS,
    extra_labels=(),
    aliases=ALIASES,
    describe=TELLING.describe,
    label_questions=Paraphrases(
        (
            "What is the rhythm?",
            "Which rhythm is this?",
            "What rhythm does the heart have?",
            "Rhythm?",
            "Name the rhythm.",
            "Name the heart rhythm.",
            "Which label fits the rhythm?",
            "Classify the rhythm.",
            "What kind of rhythm do the beats have?",
            "What does the heart show?",
            "Which diagnosis fits the intervals?",
            "How does the heart beat?",
            "Is this normal sinus rhythm or atrial fibrillation?",
            "Which rhythm was recorded?",
            "What would a doctor call this rhythm?",
        ),
        (
            "Which heart rhythm was recorded here?",
            "Name the rhythm of these beats.",
            "Which label fits the beats of this heart?",
            "What rhythm do these intervals have?",
            "What would a doctor see in these intervals?",
            "Give the label of the rhythm.",
            "Classify how the heart beats.",
            "Does the heart have atrial fibrillation or normal sinus rhythm?",
            "What would you call the rhythm of this heart?",
            "Which of the rhythms was recorded?",
        ),
    ),
    pair_questions=Paraphrases(
        ("Is the rhythm {a} or {b}?", "Is this {a} or {b}?", "{a} or {b}?", "Is the heart in {a} or {b}?")
    ),
    open_questions=Paraphrases(
        (
            "Describe the rhythm.",
            "Describe the heart rhythm.",
            "Tell me about the heart.",
            "What can you say about this recording?",
            "Say in a sentence what the heart does.",
            "Explain the recording in a sentence.",
            "What do the beats tell? Answer in a sentence.",
        ),
        (
            "Describe in a sentence how the heart beats.",
            "Tell me what you can say about the rhythm.",
            "Say something about the rhythm of the heart.",
        ),
    ),
    sentences=SENTENCES,
    reasons=REASONS,
    closed=CLOSED,
    details=DETAILS,
)
