"""Definitions of the words of the three tasks, as running text and as questions."""

from random import Random

from pocket_lm_text.grammar import Document, Paraphrases, conversation

DEFINITIONS = {
    "an accelerometer": "an instrument that measures acceleration along three axes",
    "a gyroscope": "an instrument that measures angular velocity around three axes",
    "acceleration": "the change of velocity in time, given in m/s²",
    "angular velocity": "the speed of a rotation, given in rad/s",
    "gravity": "the pull of the earth; at rest an accelerometer shows it as 9.8 m/s²",
    "a sampling rate": "the number of samples that are taken in a second, given in Hz",
    "a sample": "one value of a signal at one time",
    "a channel": "one of the quantities that are recorded together",
    "a window": "a short piece of a recording",
    "a signal": "a quantity that changes in time and is recorded",
    "cadence": "the number of steps in a unit of time",
    "walking": "moving on foot at an ordinary pace, with one foot always on the context",
    "jogging": "running at an easy pace, with both feet off the context between steps",
    "running": "moving on foot at a fast pace, with both feet off the context between steps",
    "walking upstairs": "going up a flight of steps, so that the body gains height",
    "walking downstairs": "going down a flight of steps, so that the body loses height",
    "sitting": "resting on a seat with level thighs",
    "standing": "being upright and still on both feet",
    "lying": "resting with the whole body flat",
    "cycling": "riding a bicycle by turning its pedals",
    "a step": "the movement of one foot to its next place on the context",
    "human activity recognition": "telling from a sensor what a person is doing",
    "heart rate": "the number of heart beats in a minute",
    "resting heart rate": "the heart rate of a person at rest",
    "an RR interval": "the time from one heart beat to the next, given in ms",
    "heart rate variability": "how much the time between beats changes",
    "RMSSD": "the root of the mean square of successive differences between RR intervals",
    "SDNN": "the standard deviation of the RR intervals",
    "pNN50": "the share of successive differences above 50 ms",
    "coefficient of variation": "the standard deviation divided by the mean",
    "a P wave": "the wave of an electrocardiogram that shows the atria contract",
    "an electrocardiogram": "a recording of the electrical activity of the heart",
    "atria": "the two upper chambers of the heart",
    "ventricles": "the two lower chambers of the heart",
    "atrial fibrillation": "a rhythm in which the atria quiver and the beats come without order",
    "AF": "short for atrial fibrillation",
    "normal sinus rhythm": "the regular rhythm that the natural pacemaker of the heart leads",
    "sinus node": "the natural pacemaker of the heart",
    "a pulse": "the beat of the heart as it is felt in an artery",
    "stress": "the strain of body and mind under demands",
    "calm": "a state of mind at rest, without strain",
    "relaxed": "free of tension",
    "sleep": "the rest of body and mind in which a person is not awake",
    "exercise": "movement that trains the body",
    "electrodermal activity": "the change of the conductance of the skin with sweat, given in µS",
    "recovery": "the return of the body to rest after strain",
    "a step count": "the number of steps of a day",
    "a wearable": "a sensor that is worn on the body",
    "a photoplethysmogram": "a recording of the pulse with light",
    "a mean": "the sum of the values divided by their number",
    "a median": "the value in the middle of the ordered values",
    "standard deviation": "a measure of how far values spread around their mean",
    "a maximum": "the largest of the values",
    "a minimum": "the smallest of the values",
    "a missing value": "a value that was not recorded",
    "an unit": "the measure in which a number is given",
    "frequency": "the number of repeats in a second, given in Hz",
    "amplitude": "the height of a wave",
    "noise": "the part of a signal that carries no information",
    "a label": "the name of the class of an example",
    "a language model": "a model that predicts the next piece of a text",
    "an encoder": "a model that turns a signal into vectors",
    "an adapter": "a small model that turns vectors of an encoder into a soft prompt",
    "a soft prompt": "vectors that a language model reads in place of words",
    "a token": "a piece of text that a language model reads at once",
}
QUESTIONS = Paraphrases(
    (
        "What is {subject}?",
        "What does {term} mean?",
        "Define {term}.",
        "Explain the [word|term] {term}.",
        "{term}?",
    )
)


def sentence(subject: str) -> str:
    """The definition of a subject, article and term, as a sentence."""
    return f"{subject[0].upper()}{subject[1:]} is {DEFINITIONS[subject]}."


def exercise(rng: Random) -> tuple[str, str]:
    """A question for a definition, and its answer."""
    subject = rng.choice(list(DEFINITIONS))
    term = subject.removeprefix("an ").removeprefix("a ")
    return QUESTIONS.choose(rng, subject=subject, term=term), sentence(subject)


def definition_document(rng: Random, system: str | None) -> Document:
    """Questions for one to four definitions, or a few definitions as running text."""
    if rng.random() < 0.25:
        return Document(text=" ".join(sentence(subject) for subject in rng.sample(list(DEFINITIONS), 3)))
    return conversation(system, *(turn for _ in range(rng.choice((1, 2, 3, 4))) for turn in exercise(rng)))
