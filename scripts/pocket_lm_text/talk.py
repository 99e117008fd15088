"""Other talk: choices that the text names outright, small talk, and questions that a description leaves open."""

from itertools import chain
from random import Random

from pocket_lm_text.grammar import Document, Paraphrases, conversation, listing

_ACTIVITIES = """
kneeling swimming rowing skating dancing jumping crawling skiing cooking painting reading writing typing singing driving
sweeping digging boxing resting sleeping eating drinking talking stretching climbing hopping bending turning waving
clapping knitting surfing"""
_FEELINGS = """
happy sad tired bored angry anxious excited hungry sleepy cheerful worried focused lonely proud fresh weak strong awake
drowsy nervous"""
_FINDINGS = """
tachycardia bradycardia noise flutter apnea snoring tremor fever artifact pacing syncope hypertension asthma silence
motion drift ectopy"""
THINGS = {"doing": _ACTIVITIES.split(), "feeling": _FEELINGS.split(), "showing": _FINDINGS.split()}
STATEMENTS = {
    "doing": Paraphrases(
        ("The person is {x}.", "Someone is {x} in the [garden|house|park].", "The wearer was {x} all the time.")
    ),
    "feeling": Paraphrases(("The person is {x}.", "The person feels {x}.", "The diary says that the person was {x}.")),
    "showing": Paraphrases(("The recording shows {x}.", "The doctor wrote: {x}.", "There are signs of {x}.")),
}
QUESTIONS = {
    "doing": Paraphrases(("What is the person doing?", "Which activity is this?", "What does the wearer do?")),
    "feeling": Paraphrases(("How does the person feel?", "What is the state of the person?", "Which state is this?")),
    "showing": Paraphrases(("What does the recording show?", "What is this?", "Which label fits?")),
}
CHOICES = Paraphrases(
    (
        "Choices: {choices}.",
        "Choose one: {choices}.",
        "Answer with one of: {choices}.",
        "Options: {choices}",
        "({choices})",
        "Possible answers: {choices}.",
        "[Pick|Select] one of {choices}.",
    )
)
SMALL_TALK = {
    "Hello.": "Hello. Ask me about a recording.",
    "Hi!": "Hello. Ask me about a recording.",
    "Good morning.": "Good morning. Ask me about a recording.",
    "Who are you?": "I am a small language model. I answer questions about recordings from wearable sensors.",
    "What can you do?": "I can answer questions about movement, heart rhythm and days.",
    "What do you know?": "I know a little about movement, heart rhythm and days, and about numbers.",
    "Are you a doctor?": "No. I am a small language model, and I give no medical advice.",
    "Can I trust you?": "I am small and can be wrong. Ask a doctor about your health.",
    "Thank you.": "You are welcome.",
    "Thanks!": "You are welcome.",
    "Goodbye.": "Goodbye.",
}
UNKNOWN = {
    "What is the name of the person?": "The recording does not say.",
    "How old is the person?": "The recording does not say.",
    "What is the weather like?": "The recording does not say.",
    "Where does the person live?": "The recording does not say.",
    "Which colour is the watch?": "The recording does not say.",
}


def _named_choice(rng: Random) -> tuple[str, str]:
    """A statement that names its answer, mostly with choices to pick it from."""
    kind = rng.choice(list(THINGS))
    x = rng.choice(THINGS[kind])
    pieces = [STATEMENTS[kind].choose(rng, x=x), QUESTIONS[kind].choose(rng)]
    if rng.random() < 0.7:
        choices = [x, *rng.sample([thing for thing in THINGS[kind] if thing != x], rng.choice((1, 2, 3, 4)))]
        rng.shuffle(choices)
        pieces.append(CHOICES.choose(rng, choices=listing(choices, rng)))
    return rng.choice(("\n", " ")).join(pieces), x


def _repeat(rng: Random) -> tuple[str, str]:
    words = rng.sample([*chain(*THINGS.values())], rng.choice((1, 1, 2, 3)))
    text = " ".join(words)
    return rng.choice(("Say {}.", "Repeat: {}", "Write {}.")).format(text), text


def talk_document(rng: Random, system: str | None) -> Document:
    """A short conversation beside the three tasks."""
    turns: list[str] = []
    for _ in range(rng.choice((1, 2, 3))):
        draw = rng.random()
        turns += (
            _named_choice(rng) if draw < 0.6 else _repeat(rng) if draw < 0.8 else rng.choice(list(SMALL_TALK.items()))
        )
    return conversation(system, *turns)
