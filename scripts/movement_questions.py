"""What is said and asked of movement: captions, questions to learn from, and the eight questions that test transfer.

No question of ``TRANSFER`` is in any training example. ``LEARNED`` asks some of the same properties in other words and
with other answers; "running", "sitting" in a question, and "moving" are in none of them.
"""

from typing import Any

import numpy as np
from scipy.signal import welch

from sig2lm.datasets import Table
from sig2lm.signals import Signal
from sig2lm.templates.template import load_template

LABELS = load_template("har").labels or ()
STILL = ("sitting", "standing")
STAIRS = ("walking upstairs", "walking downstairs")
OPEN = ("Describe the movement.", "What can you say about this recording?", "Tell me about the movement.")
_CAPTIONS = 0.25  # share of captions where questions are learned too


def yes_for(*labels: str) -> dict[str, str]:
    return {label: "yes" if label in labels else "no" for label in LABELS}


def either(labels: tuple[str, ...], inside: str, outside: str) -> dict[str, str]:
    return {label: inside if label in labels else outside for label in LABELS}


def effort(low: str, moderate: str, high: str) -> dict[str, str]:
    return {
        **dict.fromkeys(STILL, low),
        "walking": moderate,
        "walking downstairs": moderate,
        "walking upstairs": high,
        "jogging": high,
    }


TRANSFER: dict[str, dict[str, str]] = {
    "What is the person doing?": {label: label for label in LABELS},
    "Is the person moving?": either(STILL, "no", "yes"),
    "Is the person still or moving?": either(STILL, "still", "moving"),
    "Is the person on the stairs?": yes_for(*STAIRS),
    "Does the person go up or down?": {"walking upstairs": "up", "walking downstairs": "down"},
    "Is the person running?": yes_for("jogging"),
    "Is the person sitting?": yes_for("sitting"),
    "Is the effort low, moderate or high?": effort("low", "moderate", "high"),
}
LEARNED: dict[str, dict[str, str]] = {
    f"Which activity is it: {', '.join(LABELS[:-1])} or {LABELS[-1]}?": {label: label for label in LABELS},
    "Does the body stay in one place?": yes_for(*STILL),
    "Is this rest or activity?": either(STILL, "rest", "activity"),
    "Are these steps of a staircase?": yes_for(*STAIRS),
    "Does the height rise or fall?": {"walking upstairs": "rise", "walking downstairs": "fall"},
    "Is somebody jogging?": yes_for("jogging"),
    "Is somebody standing?": yes_for("standing"),
    "Is somebody walking on level ground?": yes_for("walking"),
    "Is the exercise gentle, medium or intense?": effort("gentle", "medium", "intense"),
}


def caption(row: dict[str, Any], table: Table, rng: np.random.Generator) -> str:
    """Say what the label says, how strongly the acceleration varies, and how often steps come."""
    motion = table.signals(row)["motion"]
    size = np.linalg.norm(motion.values[:3].astype(np.float64), axis=0)
    said = str(rng.choice(["The person is {}.", "Someone is {}.", "The recording shows {}."])).format(row["label"])
    return (
        f"{said} The deviation of the acceleration is {size.std():.1f} m/s², steps per second: {cadence(motion):.1f}."
    )


def cadence(motion: Signal) -> float:
    """Steps per second: the strongest frequency of the acceleration from 0.8 to 4 Hz, 0 when it hardly varies."""
    size = np.linalg.norm(motion.values[:3].astype(np.float64), axis=0)
    if size.std() < 0.5:
        return 0.0
    assert motion.sampling_rate is not None
    frequencies, power = welch(size - size.mean(), motion.sampling_rate, nperseg=len(size), nfft=512)
    band = (frequencies >= 0.8) & (frequencies <= 4.0)
    return float(frequencies[band][power[band].argmax()])


def question_about(label: str, rng: np.random.Generator) -> tuple[str, str]:
    """Draw a question and its answer; one with yes and no is answered with yes half of the time."""
    kinds = [name for name, answers in LEARNED.items() if label in answers]
    name = str(rng.choice(kinds))
    if LEARNED[name][label] in ("yes", "no"):
        wanted = str(rng.choice(["yes", "no"]))
        name = str(rng.choice([kind for kind in kinds if LEARNED[kind][label] == wanted] or [name]))
    return name, LEARNED[name][label]


def asked_about(row: dict[str, Any], table: Table, rng: np.random.Generator, learned: str) -> dict[str, str]:
    """What is learned from a row: a caption, or where ``learned`` is "questions" mostly an answer."""
    if learned == "questions" and rng.random() >= _CAPTIONS:
        question, answer = question_about(str(row["label"]), rng)
        return {"question": question, "answer": answer}
    return {"question": str(rng.choice(OPEN)), "answer": caption(row, table, rng)}
