"""Days: daily summaries of a wearable and what they tell of strain, in words, as averages or as rows of days."""

from random import Random

from pocket_lm_text.days_words import EVIDENCE, REASONS
from pocket_lm_text.grammar import Paraphrases, Question, Task, Telling, by_label, fact, number, yes_for

LABELS = ("stressed", "calm")
ALIASES = {
    "stressed": ("stressed", "under stress", "tense", "stress", "high stress"),
    "calm": ("calm", "relaxed", "not stressed", "at ease", "no stress", "low stress"),
}
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Ranges (low, high) per day; chosen for this grammar so that sleep, resting heart rate and HRV tell the labels apart.
RANGES = {
    #            sleep min   resting beats/min  HRV ms    EDA µS      exercise min  steps
    "stressed": ((235, 350), (67, 88), (13, 33), (6.0, 14.0), (0, 18), (1800, 9000)),
    "calm": ((400, 520), (46, 61), (46, 95), (0.8, 3.6), (15, 75), (5000, 14000)),
}
MEASURES = ("sleep", "resting", "hrv", "eda", "exercise", "steps")
DECISIVE = ("sleep", "resting", "hrv", "eda")

FIELDS = {
    "sleep": Paraphrases(
        (
            "sleep {v} minutes",
            "{v} minutes of sleep",
            "slept {v} minutes",
            "sleep: {v} min",
            "sleep minutes {v}",
            "in a night the person sleeps {v} minutes",
            "the night has {v} minutes of rest",
        ),
        (
            "the sleep of a night lasts {v} minutes",
            "the sleeper rests for {v} minutes",
            "a night has {v} minutes of sleep",
        ),
    ),
    "resting": Paraphrases(
        (
            "resting heart rate {v} beats/min",
            "resting heart rate: {v}",
            "resting heart rate [of|is] {v} beats per minute",
            "heart rate at rest {v} beats/min",
            "resting rate {v} beats/min",
            "the heart at rest makes {v} beats/min",
            "{v} beats/min at rest",
        ),
        (
            "at rest the heart has a rate of {v} beats/min",
            "a heart that at rest makes {v} beats per minute",
            "{v} beats/min is the rate of the heart at rest",
        ),
    ),
    "hrv": Paraphrases(
        (
            "heart rate variability {v} ms",
            "HRV {v} ms",
            "RMSSD {v} ms",
            "variability of the heart rate: {v} ms",
            "the variability of the heart is {v} ms",
            "a heart rate variability of {v} ms",
        ),
        (
            "the heart rate has a variability of {v} ms",
            "a variability as large as {v} ms",
            "{v} ms is the variability of the heart rate",
        ),
    ),
    "eda": Paraphrases(
        (
            "skin conductance {v} µS",
            "electrodermal activity {v} µS",
            "electrodermal activity: {v} µS",
            "the conductance of the skin is {v} µS",
            "a skin with {v} µS of conductance",
        ),
        ("the skin has a conductance of {v} µS", "{v} µS is the conductance of the skin"),
    ),
    "exercise": Paraphrases(
        (
            "exercise {v} minutes",
            "{v} minutes of exercise",
            "exercise: {v} min",
            "active for {v} minutes",
            "the exercise of the day lasts {v} minutes",
        ),
        ("the person takes exercise for {v} minutes",),
    ),
    "steps": Paraphrases(
        ("steps {v}", "{v} steps", "steps: {v}", "{v} steps a day", "step count {v}", "the person takes {v} steps"),
        ("the steps of a day are {v}", "a count of {v} steps"),
    ),
}
NEUTRAL = Paraphrases(
    (
        "The watch was worn [day and night|on the left wrist].",
        "These are the [means|averages] of a week.",
        "The summary covers [seven|the last] days.",
        "One day is missing.",
        "The data come from a wearable.",
    ),
    ("A wearable gave the averages of the last days.", "The week was recorded by a watch on the left wrist."),
)
NAMED = Paraphrases(
    (
        "The person is {label}.",
        "The person feels {label}.",
        "State: {label}.",
        "{label}",
        "The diary says: {label}.",
        "This was a week of a {label} person.",
    )
)


def _value(rng: Random, label: str, measure: str) -> str:
    low, high = RANGES[label][MEASURES.index(measure)]
    return number(rng.uniform(low, high), 1 if measure == "eda" else 0)


def _written(measure: str, value: str, comma: bool) -> str:
    return f"{int(value):,}" if measure == "steps" and comma else value


def _field(rng: Random, measure: str, value: str, comma: bool, held_out: bool) -> str:
    return FIELDS[measure].choose(rng, held_out, v=_written(measure, value, comma))


def _averages(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    shown = rng.sample(DECISIVE, rng.choice((2, 2, 3)))
    shown += rng.sample([measure for measure in MEASURES if measure not in shown], rng.choice((0, 1, 2)))
    rng.shuffle(shown)
    comma = rng.random() < 0.5
    facts = {measure: _value(rng, label, measure) for measure in shown}
    pieces = [_field(rng, measure, value, comma, held_out) for measure, value in facts.items()]
    return rng.choice((", ", "; ", "\n", ". ")).join(pieces) + ".", {
        measure: _written(measure, value, comma) for measure, value in facts.items()
    }


def _rows(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    """One row a day; the measures are worded alike in all rows, and a value may be missing."""
    shown = rng.sample(DECISIVE, 2) + rng.sample(("exercise", "steps"), rng.choice((0, 1, 1)))
    rng.shuffle(shown)
    first, count = rng.randrange(7), rng.choice((3, 3, 4, 5, 7))
    names = (
        [WEEK[(first + i) % 7] for i in range(count)] if rng.random() < 0.6 else [f"day {i + 1}" for i in range(count)]
    )
    paraphrases = {measure: rng.randrange(1_000_000) for measure in shown}
    comma, facts, rows = rng.random() < 0.5, {}, []
    values = {measure: [_value(rng, label, measure) for _ in names] for measure in shown}
    for i, name in enumerate(names):
        cells = [_field(Random(paraphrases[m]), m, values[m][i], comma, held_out) for m in shown if rng.random() > 0.04]
        rows.append(f"{name}: " + ", ".join(cells or ["no data"]))
    if "steps" in shown and all("step" in row for row in rows):
        counts = [int(value) for value in values["steps"]]
        facts = {"most": names[counts.index(max(counts))], "fewest": names[counts.index(min(counts))]}
    return rng.choice(("\n", "\n", "; ")).join(rows), facts | {"days": str(count)}


def _numbers(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    return (_averages if rng.random() < 0.65 else _rows)(rng, label, held_out)


TELLING = Telling(
    task="stress",
    neutral=NEUTRAL,
    named=NAMED,
    name=lambda rng, label: rng.choice(ALIASES[label][:2]),
    evidence=EVIDENCE,
    numbers=_numbers,
)


CLOSED = (
    Question(
        Paraphrases(
            ("Is the person stressed?", "Does the person feel stressed?", "Is there stress? yes or no?", "Stress?")
        ),
        yes_for("stressed"),
    ),
    Question(
        Paraphrases(
            ("Is the person calm?", "Is the person relaxed?", "Does the person feel at ease? Answer yes or no.")
        ),
        yes_for("calm"),
    ),
    Question(
        Paraphrases(
            ("Stressed or not stressed?", "Is the person stressed or not stressed?", "Answer stressed or not stressed.")
        ),
        by_label({"stressed": "stressed", "calm": "not stressed"}),
    ),
    Question(
        Paraphrases(("Is the stress low or high?", "Stress level: low or high?", "Level of stress, low or high?")),
        by_label({"stressed": "high", "calm": "low"}),
    ),
    Question(
        Paraphrases(
            (
                "Rate the stress from 1 to 5.",
                "On a scale from 1 to 5, how stressed is the person?",
                "Stress from 1 to 5?",
            )
        ),
        by_label({"stressed": "5", "calm": "1"}),
    ),
    Question(
        Paraphrases(("Does the person sleep well?", "Is the sleep good?", "Was the sleep enough? yes or no?")),
        yes_for("calm"),
    ),
    Question(
        Paraphrases(("Does the person recover well?", "Is the recovery good or poor? Is it good?")), yes_for("calm")
    ),
    Question(
        Paraphrases(("Tense or relaxed?", "Is the person tense or relaxed?")),
        by_label({"stressed": "tense", "calm": "relaxed"}),
    ),
)
DETAILS = (
    Question(Paraphrases(("How many minutes did the person sleep?", "How long is the sleep?")), fact("sleep")),
    Question(Paraphrases(("What is the resting heart rate?", "How fast is the heart at rest?")), fact("resting")),
    Question(Paraphrases(("What is the heart rate variability?", "How large is the HRV?")), fact("hrv")),
    Question(Paraphrases(("How many steps are there?", "What is the step count?", "How many steps?")), fact("steps")),
    Question(Paraphrases(("How many minutes of exercise?", "How long is the exercise?")), fact("exercise")),
    Question(Paraphrases(("What is the skin conductance?", "What is the electrodermal activity?")), fact("eda")),
    Question(Paraphrases(("Which day has the most steps?", "On which day are the steps highest?")), fact("most")),
    Question(Paraphrases(("Which day has the fewest steps?", "On which day are the steps lowest?")), fact("fewest")),
    Question(Paraphrases(("How many days are listed?", "How many days does the summary have?")), fact("days")),
)

SENTENCES = {
    "stressed": Paraphrases(
        (
            "The person is stressed.",
            "The person seems stressed and [tense|tired].",
            "The [days|last days] show a stressed person.",
            "The person is stressed: the body recovers poorly.",
        )
    ),
    "calm": Paraphrases(
        (
            "The person is calm.",
            "The person seems calm and [relaxed|rested].",
            "The [days|last days] show a calm person.",
            "The person is calm: the body recovers well.",
        )
    ),
}

DAYS = Task(
    name="stress",
    labels=LABELS,
    extra_labels=(),
    aliases=ALIASES,
    describe=TELLING.describe,
    label_questions=Paraphrases(
        (
            "Is the person calm or stressed?",
            "How is the person?",
            "What is the state of mind?",
            "Which state is this?",
            "State?",
            "Name the state of the person.",
            "Which label fits the person?",
            "Classify the state of the person.",
            "How did the person feel in these days?",
            "What do the days tell about the person?",
            "How does the wearer feel?",
            "In what state is the wearer?",
            "What mood do the days show?",
            "Which state do the last days show?",
        ),
        (
            "Which state is the person in?",
            "How did the wearer feel in the last days?",
            "Is the wearer calm or stressed?",
            "Name what the person feels.",
            "Which label fits the state of the wearer?",
            "Give the state of the person in one word.",
            "Classify how the person feels.",
            "What state do these days show?",
            "What would you call the state of this person?",
            "Which of the states fits the days?",
        ),
    ),
    pair_questions=Paraphrases(
        ("Is the person {a} or {b}?", "Is it {a} or {b}?", "{a} or {b}?", "Does the person seem {a} or {b}?")
    ),
    open_questions=Paraphrases(
        (
            "Describe the days.",
            "Describe the state of the person.",
            "Tell me about the person.",
            "What can you say about these days?",
            "Say in a sentence how the person feels.",
            "Explain the summary in a sentence.",
            "What do the days show? Answer in a sentence.",
        ),
        (
            "Describe in a sentence how the wearer feels.",
            "Tell me what the days say about the person.",
            "Say something about the state of the wearer.",
        ),
    ),
    sentences=SENTENCES,
    reasons=REASONS,
    closed=CLOSED,
    details=DETAILS,
)
