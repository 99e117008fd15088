"""Build the trained run that ships with the package: simulated people, the pocket LM, encoder and adapter.

    python scripts/build_pocket_run.py

It learns labels only; with `--curriculum` also to describe, measure and compare.
All of it follows from the seed, on one machine. To be built again whenever the format of runs changes.
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sig2lm import (
    AdapterConfig,
    FrozenLM,
    PretrainSettings,
    SignalLM,
    TrainSettings,
    evaluate,
    fine_tuned_encoders,
    load_table,
    load_template,
    prepare,
    pretrain_encoder,
    save_encoder,
    train_adapter,
)
from sig2lm.files import read_json, write_json
from sig2lm.model.checkpoint import write_run
from sig2lm.pocket import POCKET, POCKET_RUNS
from sig2lm.templates.task import Task
from sig2lm.training.curriculum import Curriculum

ROOT = Path(__file__).parents[1]
CARD = """---
license: apache-2.0
library_name: sig2lm
---
# {name}

A small run of sig2lm, for a first question without data, network or GPU:

```python
from sig2lm import SignalLM, simulate

model = SignalLM.from_pretrained("{name}")
print(model.ask(simulate("{task}", "{label}")).text)
```

`python scripts/build_pocket_run.py` made it: {windows} simulated windows of {people} people who do not exist, an
encoder of width {width} (pretrained without labels, then fine-tuned), an adapter of {parameters:,} parameters, and the
pocket LM, which is not in this folder. On {examples} windows of {subjects} simulated people that it never saw, asked in
a paraphrase that it never saw: accuracy {accuracy:.3f} (signals shuffled among the questions: {shuffled:.3f}; chance
{chance:.3f}). These figures say that the pipeline works, not how well it works on people: simulated movement is
simpler. It is no medical device.
"""


def build(task: str, scratch: Path, epochs: float, curriculum: bool) -> tuple[SignalLM, dict[str, Any], dict[str, Any]]:
    """Simulate, pretrain, fine-tune, train; return the model, how it came about, and its scores."""
    prepare("synthetic", None, scratch / "data")
    table = load_table(scratch / "data" / task)
    (name,) = table.info.signals
    encoder, record = pretrain_encoder(
        table, PretrainSettings("masked", epochs=10, architecture="patch_transformer", width=64, depth=3)
    )
    save_encoder(encoder, scratch / "encoder", record)
    classifier, records = fine_tuned_encoders(table, {name: scratch / "encoder"}, table.info.labels)
    save_encoder(classifier.encoder(name), scratch / "fine_tuned", records[name])
    template = load_template(task)
    asked = table
    if curriculum:
        asked = Curriculum.from_table(table, Task.from_template(template, table.info.labels)).training_table()
    outcome = train_adapter(
        asked,
        {name: scratch / "fine_tuned"},
        scratch / "run",
        lm=FrozenLM.from_pretrained(POCKET),
        template=template,
        settings=TrainSettings(adapter=AdapterConfig(num_virtual_tokens=8, hidden=128), epochs=epochs, batch_size=16),
    )
    if outcome.interrupted:
        raise KeyboardInterrupt
    training = read_json(scratch / "run" / "train.json", "the record of the training")
    return outcome.model, training, evaluate(outcome.model, table).report


def card(name: str, model: SignalLM, report: dict[str, Any], rows: int) -> str:
    """Describe the run in words and measured numbers."""
    task = name.removeprefix("pocket-")
    (branch,) = (model.branch(signal) for signal in model.branches)
    labels = model.tasks[0].labels
    return CARD.format(
        name=name,
        task=task,
        label=labels[1],
        windows=f"{rows:,}",
        people=24,
        width=branch.encoder.width,
        parameters=sum(p.numel() for p in branch.adapter.parameters()),
        examples=report["examples"],
        subjects=report["subjects"],
        accuracy=report["accuracy"],
        shuffled=report["controls"]["shuffled"]["accuracy"],
        chance=1 / len(labels),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", choices=sorted(POCKET_RUNS), default="pocket-har")
    parser.add_argument("--out", type=Path, help="folder of the run; replaced")
    parser.add_argument("--epochs", type=float, default=8.0, help="of the adapter")
    parser.add_argument("--curriculum", action="store_true", help="ask more than for labels, which takes longer")
    options = parser.parse_args()
    task = options.name.removeprefix("pocket-")
    out = options.out or ROOT / "sig2lm" / "pocket" / POCKET_RUNS[options.name]
    with tempfile.TemporaryDirectory() as scratch:
        model, training, report = build(task, Path(scratch), options.epochs, options.curriculum)
        table = load_table(Path(scratch) / "data" / task)
        written = Path(scratch) / "written"
        write_run(model, written, {**training, "history": training["history"][-1:]}, bundle_encoders=True)
        write_json(written / "report.json", report)
        (written / "README.md").write_text(card(options.name, model, report, table.info.kept), encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(written, out)
    print(f"accuracy {report['accuracy']:.3f}, {sum(f.stat().st_size for f in out.rglob('*')) / 1e6:.1f} MB in {out}")


if __name__ == "__main__":
    main()
