"""How stressed will I be? A week of days, a row of numbers and words in one prompt.

    python examples/stress.py [--data TABLE] [--out FOLDER]

TABLE is what ``sig2lm prepare pmdata`` or ``lifesnaps`` wrote (their templates tell facts, such as steps and age);
without it people are simulated. Epochs are few, so that it ends in a minute or two; leave them out for a good model.
"""

import argparse
from pathlib import Path

from sig2lm import (
    FrozenLM,
    PretrainSettings,
    TrainSettings,
    load_table,
    load_template,
    prepare,
    pretrain_encoder,
    save_encoder,
    train_adapter,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("example_stress"))
    arguments = parser.parse_args()
    if arguments.data is None:
        prepare("synthetic", None, arguments.out / "data")
    table = load_table(arguments.data or arguments.out / "data" / "stress")
    template = load_template(table.info.task)

    encoders = {}
    for name in table.info.signals:  # LifeSnaps has two: the days, and a row of numbers that do not change
        encoder, provenance = pretrain_encoder(table, PretrainSettings(epochs=5), name)
        encoders[name] = save_encoder(encoder, arguments.out / "encoders" / name, provenance)
    model = train_adapter(
        table,
        encoders,
        arguments.out / "run",
        lm=FrozenLM.from_pretrained("pocket"),
        template=template,
        settings=TrainSettings(epochs=3),
    ).model

    row = table.data["test"].with_format("numpy")[0]
    facts = table.facts(row)
    print("told in words:", template.tell(facts) or "nothing")
    answer = model.ask(table.signals(row), facts=facts)
    print(f"{template.question[0]} {answer.text} (recorded: {row['label']})")
    for label, probability in answer.probabilities.items():
        print(f"  {probability:6.1%}  {label}")


if __name__ == "__main__":
    main()
