"""Movement: what a body does, told in words or as step rate, deviation, change of height and angles."""

from random import Random

from pocket_lm_text.grammar import Paraphrases, Question, Task, Telling, by_label, fact, number, yes_for
from pocket_lm_text.movement_words import EVIDENCE, REASONS

LABELS = ("walking", "jogging", "walking upstairs", "walking downstairs", "sitting", "standing")
EXTRA_LABELS = ("cycling", "lying")
STILL = ("sitting", "standing", "lying")
ALIASES = {
    "walking": ("walking", "walk", "going on foot", "level walking"),
    "jogging": ("jogging", "running", "run", "jog"),
    "walking upstairs": ("walking upstairs", "upstairs", "climbing stairs", "going up"),
    "walking downstairs": ("walking downstairs", "downstairs", "descending stairs", "going down"),
    "sitting": ("sitting", "sit", "seated"),
    "standing": ("standing", "stand", "standing still"),
    "cycling": ("cycling", "riding a bicycle", "biking"),
    "lying": ("lying", "lying down", "in bed"),
}

# Ranges (low, high) of what a phone in a trouser pocket shows; chosen so that they tell the labels apart.
RANGES = {
    #                      steps/s     deviation m/s²  rotation rad/s height m/10 s  thigh °   trunk °   peak m/s²
    "walking": ((1.6, 2.2), (2.0, 4.6), (0.9, 1.9), (-0.2, 0.2), (4, 20), (2, 12), (13.5, 19)),
    "jogging": ((2.4, 3.2), (6.8, 13.0), (2.4, 4.6), (-0.2, 0.2), (10, 26), (5, 16), (25, 46)),
    "walking upstairs": ((1.3, 1.9), (1.8, 3.8), (0.9, 1.9), (1.4, 4.2), (12, 30), (5, 18), (13, 18)),
    "walking downstairs": ((1.5, 2.2), (2.6, 5.2), (0.9, 2.0), (-4.4, -1.4), (8, 22), (1, 10), (16, 24)),
    "sitting": ((0, 0), (0.01, 0.3), (0.0, 0.1), (0, 0), (68, 95), (0, 25), (9.8, 10.3)),
    "standing": ((0, 0), (0.01, 0.3), (0.0, 0.1), (0, 0), (0, 16), (0, 10), (9.8, 10.3)),
    "lying": ((0, 0), (0.01, 0.2), (0.0, 0.1), (0, 0), (76, 98), (74, 99), (9.8, 10.1)),
    "cycling": ((0, 0), (0.8, 1.9), (0.8, 1.8), (-0.3, 0.3), (32, 60), (25, 45), (11, 14)),
}
DECIMALS = (1, 1, 1, 1, 0, 0, 1)
MEASURES = ("cadence", "deviation", "rotation", "height", "thigh", "trunk", "peak")

FIELDS = {
    "cadence": Paraphrases(
        (
            "{v} steps per second",
            "[about |]{v} steps [a|each] second",
            "step rate {v} Hz",
            "cadence {v} Hz",
            "steps per second: {v}",
            "step frequency [of|is] {v} per second",
            "the [person|wearer] takes {v} steps per second",
            "there are {v} steps in one second",
            "in a second the feet take {v} steps",
            "the legs make {v} steps [each|every] second",
        ),
        (
            "the feet touch the context {v} times per second",
            "second by second the person makes {v} steps",
            "every second has {v} steps",
            "a rate of {v} steps in a second",
        ),
    ),
    "deviation": Paraphrases(
        (
            "acceleration 9.8 m/s², deviation {v}",
            "deviation [of|is] {v} m/s²",
            "acceleration deviation {v} m/s²",
            "standard deviation of the acceleration: {v} m/s²",
            "[acceleration|magnitude] std {v}",
            "acceleration 9.8 ± {v} m/s²",
            "the acceleration varies by {v} m/s² around its mean",
            "the mean of the acceleration is 9.8 and its deviation {v} m/s²",
            "around 9.8 m/s² the acceleration has deviations of {v}",
            "{v} m/s² is the deviation of the acceleration",
        ),
        (
            "acceleration deviates by {v} m/s² from its mean",
            "with {v} m/s² the acceleration spreads around 9.8",
            "the acceleration has a mean of 9.8 and a deviation of {v} m/s²",
        ),
    ),
    "rotation": Paraphrases(
        (
            "rotation {v} rad/s",
            "turning [rate|speed] {v} rad/s",
            "angular velocity: {v} rad/s",
            "the thigh rotates at {v} rad/s",
            "{v} rad/s is the speed of the rotation",
        ),
        ("the leg turns with a rotation of {v} rad/s",),
    ),
    "height": Paraphrases(
        (
            "height change {v} m",
            "change of height: {v} m",
            "altitude {v} m in 10 s",
            "the altitude changes by {v} m",
            "height {v} m in ten seconds",
            "after ten seconds the height has changed by {v} m",
            "the change of the altitude in 10 s is {v} m",
            "{v} m is the change of height in ten seconds",
            "within 10 s the altitude goes up or down by {v} m",
        ),
        (
            "in 10 s the height changes by {v} m",
            "a height that changes by {v} m within 10 s",
            "ten seconds change the altitude by {v} m",
        ),
    ),
    "thigh": Paraphrases(
        (
            "thigh {v}° from vertical",
            "angle of the thigh: {v} degrees",
            "thigh angle {v}°",
            "the thigh leans {v} degrees from vertical",
            "the thigh and the vertical form an angle of {v}°",
            "from the vertical the thigh is {v} degrees away",
            "an angle of {v} degrees lies between the thigh and a vertical line",
            "{v}° is the angle of the thigh",
        ),
        (
            "between the thigh and the vertical there are {v} degrees",
            "the lean of the thigh has {v} degrees",
            "the vertical and the thigh are {v}° apart",
        ),
    ),
    "trunk": Paraphrases(
        (
            "trunk {v}° from vertical",
            "trunk angle {v}°",
            "angle of the trunk: {v} degrees",
            "the trunk and the vertical form an angle of {v}°",
            "from the vertical the trunk is {v} degrees away",
        ),
        ("between the trunk and the vertical there are {v} degrees",),
    ),
    "peak": Paraphrases(
        (
            "peak {v} m/s²",
            "largest acceleration {v} m/s²",
            "impacts up to {v} m/s²",
            "the peak of the acceleration is {v} m/s²",
            "the strongest impact has {v} m/s²",
        ),
        ("the largest impact reaches {v} m/s²",),
    ),
}
NEUTRAL = Paraphrases(
    (
        "The phone is in a trouser pocket.",
        "The sensor is [at the hip|on the thigh|on the belt].",
        "The [recording|window] lasts 2.56 s.",
        "Acceleration and rotation were recorded at 50 Hz.",
        "The recording has no gaps.",
        "This is one window of a longer recording.",
    ),
    ("The window was recorded on the thigh without gaps.", "A phone at the hip recorded this."),
)
NAMED = Paraphrases(
    (
        "The person is {label}.",
        "Someone is {label}.",
        "The wearer was {label} [at the time|during the recording].",
        "Activity: {label}.",
        "{label}",
        "This is a recording of {label}.",
    )
)


def _shown(rng: Random, label: str) -> list[str]:
    """Measures that settle the label, and some that only go with it."""
    effort = ["cadence", "deviation"]
    needed = [rng.choice(effort), "thigh"] if label in STILL else [rng.choice(effort), "height"]
    if label == "lying":
        needed.append("trunk")
    if label == "cycling":
        needed = ["cadence", "deviation", "thigh"]
    others = [measure for measure in MEASURES if measure not in needed]
    shown = needed + rng.sample(others, rng.choice((0, 1, 1, 2, 3)))
    rng.shuffle(shown)
    return shown


def _numbers(rng: Random, label: str, held_out: bool) -> tuple[str, dict[str, str]]:
    facts, pieces = {}, []
    for measure in _shown(rng, label):
        index = MEASURES.index(measure)
        value = number(rng.uniform(*RANGES[label][index]), DECIMALS[index])
        signed = f"+{value}" if measure == "height" and float(value) > 0.5 and rng.random() < 0.5 else value
        facts[measure] = value
        pieces.append(FIELDS[measure].choose(rng, held_out, v=signed))
    return rng.choice((", ", "; ", "\n", ". ")).join(pieces) + ".", facts


TELLING = Telling(
    task="har",
    neutral=NEUTRAL,
    named=NAMED,
    name=lambda _rng, label: label,
    evidence=EVIDENCE,
    numbers=_numbers,
)


def _sentences(label: str) -> Paraphrases:
    said = {"walking upstairs": "walking up the stairs", "walking downstairs": "walking down the stairs"}.get(label)
    verbs = "|".join(filter(None, (label, label, said, "lying down" if label == "lying" else None)))
    return Paraphrases(
        (
            f"The person is [{verbs}].",
            f"The movement shows a person who is [{verbs}].",
            f"Someone is [{verbs}].",
            f"The recording shows [{label}].",
            f"The person is [{verbs}]" + (", almost without moving." if label in STILL else ", with a steady rhythm."),
        )
    )


CLOSED = (
    Question(
        Paraphrases(
            ("Is the person moving?", "Does the person move?", "Is there movement? Answer yes or no."),
        ),
        lambda d, _rng: "no" if d.label in STILL else "yes",
    ),
    Question(
        Paraphrases(("Still or moving?", "Is the person still or moving?", "Is the body moving or still?")),
        lambda d, _rng: "still" if d.label in STILL else "moving",
    ),
    Question(
        Paraphrases(("Is the person on the stairs?", "Does the person use stairs?", "Are there stairs? yes or no?")),
        yes_for("walking upstairs", "walking downstairs"),
    ),
    Question(
        Paraphrases(("Up or down?", "Does the person go up or down?", "Which way do the stairs lead, up or down?")),
        by_label({"walking upstairs": "up", "walking downstairs": "down"}),
    ),
    Question(
        Paraphrases(("Is the person running?", "Is this running? Answer yes or no.", "Does the person run?")),
        yes_for("jogging"),
    ),
    Question(
        Paraphrases(("Is the person sitting?", "Does the person sit?", "Is the person seated?")), yes_for("sitting")
    ),
    Question(Paraphrases(("Is the person standing?", "Does the person stand?")), yes_for("standing")),
    Question(
        Paraphrases(("Is the person walking on level context?", "Is this level walking? yes or no?")),
        yes_for("walking"),
    ),
    Question(
        Paraphrases(
            (
                "How intense is the movement: low, moderate or high?",
                "Intensity: low, moderate or high?",
                "Is the effort low, moderate or high?",
            )
        ),
        by_label(
            dict.fromkeys(STILL, "low")
            | {"walking": "moderate", "walking downstairs": "moderate", "cycling": "moderate"}
            | {"walking upstairs": "high", "jogging": "high"}
        ),
    ),
    Question(
        Paraphrases(
            ("Rate the effort from 1 to 5.", "On a scale from 1 to 5, how intense is this?", "Intensity from 1 to 5?")
        ),
        by_label(
            dict.fromkeys(STILL, "1")
            | {"walking": "2", "cycling": "3", "walking downstairs": "3", "walking upstairs": "4", "jogging": "5"}
        ),
    ),
)
DETAILS = (
    Question(
        Paraphrases(("What is the step rate?", "How many steps per second?", "How fast are the steps?")),
        fact("cadence"),
    ),
    Question(
        Paraphrases(("What is the deviation of the acceleration?", "How large is the deviation?")), fact("deviation")
    ),
    Question(Paraphrases(("What is the angle of the thigh?", "How far does the thigh lean?")), fact("thigh")),
    Question(Paraphrases(("By how much does the height change?", "What is the change of height?")), fact("height")),
    Question(Paraphrases(("What is the largest acceleration?", "How high is the peak?")), fact("peak")),
)

MOVEMENT = Task(
    name="har",
    labels=LABELS,
    extra_labels=EXTRA_LABELS,
    aliases=ALIASES,
    describe=TELLING.describe,
    label_questions=Paraphrases(
        (
            "Which activity does the person do?",
            "What is the activity?",
            "What is the wearer doing?",
            "Activity?",
            "Name the activity.",
            "Name what the person does.",
            "What kind of movement is this?",
            "What does the body do?",
            "Which movement was recorded?",
            "What is going on here?",
            "Which label fits the movement?",
            "What was the person doing at the time?",
            "Classify the activity.",
            "Give the activity in one word or two.",
            "How does the person move?",
            "What does the sensor show the person doing?",
        ),
        (
            "Which activity is the wearer doing here?",
            "Name the movement of this person.",
            "Which label fits what the body does?",
            "What activity was going on at the time?",
            "What is this person doing in the recording?",
            "Give the label of the activity.",
            "Classify what the wearer does.",
            "What kind of activity was recorded here?",
            "What would you call this activity?",
            "Which of the activities does the wearer do?",
        ),
    ),
    pair_questions=Paraphrases(
        ("Is the person {a} or {b}?", "Is this {a} or {b}?", "{a} or {b}?", "Which is it, {a} or {b}?")
    ),
    open_questions=Paraphrases(
        (
            "Describe the movement.",
            "Describe what the person is doing.",
            "Tell me about the movement.",
            "What can you say about this recording?",
            "Say in a sentence what happens.",
            "Explain the recording in a sentence.",
            "What happens in this recording? Answer in a sentence.",
        ),
        (
            "Describe in a sentence what the wearer is doing.",
            "Tell me what happens in this movement.",
            "Say something about what the person is doing.",
        ),
    ),
    sentences={label: _sentences(label) for label in LABELS + EXTRA_LABELS},
    reasons=REASONS,
    closed=CLOSED,
    details=DETAILS,
)
