"""Transfer through the LM: learn to describe movement, then answer closed questions never trained on.

    python scripts/bench_transfer.py TABLE FOLDER OUT [--fold 1] [--windows 600] [--lm pocket]

TABLE is prepared MotionSense, FOLDER that of its ``sig2lm cross-validate``, whose encoders are used. The adapter learns
from captions alone (question: describe; answer: what the label says and two measured quantities). The closed questions
and their answers are in no training example; what makes them answerable is what the LM knows of words. Printed:
accuracy over test windows of people never seen, balanced over the answers, beside chance, and the same with signals
shuffled.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict
from scipy.signal import welch
from timing import machine

from sig2lm.datasets import Table, load_table
from sig2lm.evaluation.cross_validation import learning_fold
from sig2lm.files import read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

STILL = ("sitting", "standing")
STAIRS = ("walking upstairs", "walking downstairs")
OPEN = ("Describe the movement.", "What can you say about this recording?", "Tell me about the movement.")
YES_NO = ("yes", "no")


def yes_for(*labels: str) -> dict[str, str]:
    return {label: "yes" if label in labels else "no" for label in load_template("har").labels or ()}


CLOSED: dict[str, dict[str, str]] = {
    "What is the person doing?": {label: label for label in load_template("har").labels or ()},
    "Is the person moving?": {label: "no" if label in STILL else "yes" for label in load_template("har").labels or ()},
    "Is the person still or moving?": {
        label: "still" if label in STILL else "moving" for label in load_template("har").labels or ()
    },
    "Is the person on the stairs?": yes_for(*STAIRS),
    "Does the person go up or down?": {"walking upstairs": "up", "walking downstairs": "down"},
    "Is the person running?": yes_for("jogging"),
    "Is the person sitting?": yes_for("sitting"),
    "Is the effort low, moderate or high?": dict.fromkeys(STILL, "low")
    | {"walking": "moderate", "walking downstairs": "moderate", "walking upstairs": "high", "jogging": "high"},
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


def captioned(table: Table) -> Table:
    """Give every row a caption as its answer."""
    rng = np.random.default_rng(0)

    def describe(row: dict[str, Any]) -> dict[str, str]:
        return {"question": str(rng.choice(OPEN)), "answer": caption(row, table, rng)}

    data = {split: rows.map(describe, load_from_cache_file=False) for split, rows in table.data.items()}
    return replace(table, data=DatasetDict(data))


def asked(model: SignalLM, table: Table, rows: list[int], question: str, answers: dict[str, str]) -> dict[str, float]:
    """Balanced accuracy of a closed question, with the rows' own signals and with those of other rows."""
    test = table.data["test"].with_format("numpy")
    chosen = [test[row] for row in rows if str(test[row]["label"]) in answers]
    truth = np.array([answers[str(row["label"])] for row in chosen])
    choices = list(dict.fromkeys(answers.values()))
    signals = [table.signals(row)["motion"] for row in chosen]
    order = np.random.default_rng(0).permutation(len(signals))
    found = {}
    for name, shown in (("own", signals), ("shuffled", [signals[i] for i in order])):
        said = np.array([answer.label for answer in model.ask_many(shown, question, choices, batch_size=64)])
        found[name] = float(np.mean([(said[truth == choice] == choice).mean() for choice in choices]))
    return {**found, "chance": 1 / len(choices), "windows": len(chosen)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fold", type=int, default=1)
    parser.add_argument("--windows", type=int, default=600)
    parser.add_argument("--lm", default="pocket")
    arguments = parser.parse_args()
    print(machine())
    done = read_json(arguments.folder / "report.json", "the report of a cross-validation")["settings"]
    table = learning_fold(load_table(arguments.table), arguments.fold, done["folds"], done["seed"], done["every"])
    outcome = train_adapter(
        captioned(table),
        {"motion": arguments.folder / f"fold{arguments.fold}" / "encoders" / "motion"},
        arguments.out / "run",
        lm=FrozenLM.from_pretrained(arguments.lm),
        template=load_template("har"),
        settings=TrainSettings(),
    )
    count = len(table.data["test"])
    rows = sorted(np.random.default_rng(0).choice(count, size=min(arguments.windows, count), replace=False).tolist())
    print(f"captions learned in {outcome.seconds:.0f} s; {len(rows)} test windows")
    example = table.signals(table.data["test"].with_format("numpy")[rows[0]])["motion"]
    print("a caption:", outcome.model.ask(example, OPEN[0]).text)
    print("| question, never trained | balanced accuracy | signals shuffled | chance | windows |")
    print("|---|---|---|---|---|")
    found = {}
    for question, answers in CLOSED.items():
        found[question] = score = asked(outcome.model, table, rows, question, answers)
        cells = [question, f"{score['own']:.3f}", f"{score['shuffled']:.3f}", f"{score['chance']:.3f}"]
        print("| " + " | ".join([*cells, str(score["windows"])]) + " |", flush=True)
    write_json(arguments.out / "transfer.json", found)


if __name__ == "__main__":
    main()
