"""Your own recordings, from csv files to an answer, in Python. Everything is written below FOLDER.

    python examples/own_data.py [FOLDER]

The recordings are simulated here so that the example runs anywhere; with real ones, begin at ``prepare``. It takes
about a minute: enough to see each step, too little for a good model.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from sig2lm import (
    FrozenLM,
    PretrainSettings,
    SignalLM,
    TrainSettings,
    load_table,
    load_template,
    prepare,
    pretrain_encoder,
    read_signal,
    save_encoder,
    simulate,
    train_adapter,
)

LABELS = ("walking", "jogging", "sitting")


def write_recordings(folder: Path) -> None:
    """One csv for each of eight people and three activities, a manifest, and what the columns mean."""
    folder.mkdir(parents=True)
    rows = []
    for subject in range(8):
        for label in LABELS:
            rng = np.random.default_rng([subject, LABELS.index(label)])
            parts = [simulate("har", label, rng, subject_seed=subject)["motion"].values[:3] for _ in range(8)]
            name = f"person{subject}_{label}.csv"
            np.savetxt(folder / name, np.concatenate(parts, axis=1).T, "%.3f", ",", header="x,y,z", comments="")
            rows.append({"file": name, "subject": f"person{subject}", "label": label})
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "subject", "label"])
        writer.writeheader()
        writer.writerows(rows)
    (folder / "dataset.yaml").write_text(
        "task: activity\n"
        "signals:\n"
        "  belt: {sampling_rate: 50, channels: [x, y, z], units: [m/s^2, m/s^2, m/s^2]}\n"
        "window: {seconds: 2.56, stride: 2.56}\n"
    )


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "own_data")
    write_recordings(home / "recordings")

    info = prepare("manifest", home / "recordings", home / "data")
    print(f"{info.kept} windows of {info.labels}; {info.split_rule}")

    table = load_table(home / "data")
    encoder, provenance = pretrain_encoder(table, PretrainSettings(epochs=3, batch_size=32))
    save_encoder(encoder, home / "encoder", provenance)

    # "generic" asks with the data set's own labels and signal names; "pocket" is the embedded LM.
    train_adapter(
        table,
        {"belt": home / "encoder"},
        home / "run",
        lm=FrozenLM.from_pretrained("pocket"),
        template=load_template("generic"),
        settings=TrainSettings(epochs=6, batch_size=16),
    )

    model = SignalLM.from_pretrained(home / "run")
    subject = next(iter(set(table.data["test"]["subject"])))
    for label in LABELS:
        file = home / "recordings" / f"{subject}_{label}.csv"
        signal = read_signal(file, sampling_rate=50, units=["m/s^2"])
        answer = model.ask(signal, choices=LABELS)
        print(f"{file.name}: {answer.text} ({answer.probabilities[answer.text]:.2f})")


if __name__ == "__main__":
    main()
