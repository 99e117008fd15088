"""When did the heart fibrillate? A long series of RR intervals, asked about window by window.

    python examples/af.py [--data TABLE] [--out FOLDER]

TABLE is what ``sig2lm prepare afdb`` wrote; without it people are simulated. The encoder learns together with the
adapter here. Epochs are few, so that it ends in a minute or two.
"""

import argparse
from pathlib import Path

import numpy as np

from sig2lm import (
    FrozenLM,
    PretrainSettings,
    Signal,
    TrainSettings,
    load_table,
    load_template,
    prepare,
    pretrain_encoder,
    save_encoder,
    simulate,
    train_adapter,
)


def an_hour_or_so() -> Signal:
    """A simulated recording: sinus rhythm, then an episode of fibrillation, then sinus rhythm again."""
    rng, rhythms = np.random.default_rng(7), ("normal sinus rhythm", "atrial fibrillation", "normal sinus rhythm")
    parts = [simulate("af_rr", rhythm, rng, subject_seed=3)["rr"].values for rhythm in rhythms for _ in range(20)]
    return Signal(np.concatenate(parts, axis=1), None, ("rr",), ("ms",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("example_af"))
    arguments = parser.parse_args()
    if arguments.data is None:
        prepare("synthetic", None, arguments.out / "data")
    table = load_table(arguments.data or arguments.out / "data" / "af_rr")
    encoder, provenance = pretrain_encoder(table, PretrainSettings(epochs=5))
    model = train_adapter(
        table,
        {"rr": save_encoder(encoder, arguments.out / "encoder", provenance)},
        arguments.out / "run",
        lm=FrozenLM.from_pretrained("pocket"),
        template=load_template("af_rr"),
        settings=TrainSettings(epochs=10, batch_size=16, train_encoder=True),
    ).model

    signal = an_hour_or_so()
    print(f"{signal.num_samples} heart beats in {signal.duration / 60:.0f} minutes")
    before = None
    for row in model.annotate(signal):
        if row.label != before:  # say when the rhythm changes, not every window
            print(f"  from {row.start / 60:5.1f} min: {row.label} ({row.probabilities[row.label]:.2f})")
        before = row.label


if __name__ == "__main__":
    main()
