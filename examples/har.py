"""What is the person doing? From a table of movement to scores that can be trusted.

    python examples/har.py [--data TABLE] [--out FOLDER]

TABLE is what ``sig2lm prepare motionsense`` (or sp_sw_har, wisdm_watch, ucihar) wrote; without it people are simulated.
Epochs are few, so that it ends in a minute or two on simulated people; leave them out for a good model.
"""

import argparse
from pathlib import Path

from sig2lm import (
    FrozenLM,
    PretrainSettings,
    SignalLM,
    TrainSettings,
    evaluate,
    load_table,
    load_template,
    prepare,
    pretrain_encoder,
    save_encoder,
    train_adapter,
)
from sig2lm.datasets import Table


def learn(table: Table, home: Path) -> SignalLM:
    """Pretrain an encoder for each signal without labels, then train adapters in front of the embedded LM."""
    encoders = {}
    for name in table.info.signals:
        encoder, provenance = pretrain_encoder(table, PretrainSettings(epochs=5), name)
        encoders[name] = save_encoder(encoder, home / "encoders" / name, provenance)
    outcome = train_adapter(
        table,
        encoders,
        home / "run",
        lm=FrozenLM.from_pretrained("pocket"),
        template=load_template(table.info.task),
        settings=TrainSettings(epochs=10, batch_size=16, train_encoder=True),
    )
    print(f"{outcome.trained_parameters:,} parameters trained in {outcome.seconds:.0f} s; the LM is as it was")
    return outcome.model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("example_har"))
    arguments = parser.parse_args()
    if arguments.data is None:
        prepare("synthetic", None, arguments.out / "data")
    table = load_table(arguments.data or arguments.out / "data" / "har")
    print(f"{table.info.name}: {table.info.kept} windows; {table.info.split_rule}")
    model = learn(table, arguments.out)

    report = evaluate(model, table).report
    print(f"people never seen: macro-F1 {report['macro_f1']:.2f}, 95 % over people {report['ci']['macro_f1']}")
    for control, scores in report["controls"].items():
        print(f"  signals {control}: {scores['macro_f1']:.2f}")
    print(f"  linear probe, no LM: {report['probe']['macro_f1']:.2f}")

    row = table.data["test"].with_format("numpy")[0]
    answer = model.ask(table.signals(row))
    print(f"one window, recorded as {row['label']}: {answer.text} ({answer.probabilities[answer.label]:.2f})")


if __name__ == "__main__":
    main()
