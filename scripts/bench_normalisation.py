"""What the level of RR intervals does to an adapter: the reason why event series are centred by default.

    python scripts/bench_normalisation.py OUT [--seeds 3]

On simulated RR intervals (``sig2lm prepare synthetic``): for each normalisation and seed an encoder is pretrained and
an adapter trained, with the settings below; printed is the accuracy on people never seen, beside the linear
probe.
"""

import argparse
import statistics
from pathlib import Path

from timing import machine

from sig2lm.datasets import load_table, prepare
from sig2lm.encoder import save_encoder
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.lm import FrozenLM
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

PRETRAIN_EPOCHS, ADAPTER_EPOCHS, BATCH_SIZE = 10, 8, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    prepare("synthetic", None, arguments.out / "data")
    table = load_table(arguments.out / "data" / "af_rr")
    lm = FrozenLM.from_pretrained("pocket")
    print("| normalisation | accuracy, mean of seeds (each) | linear probe |\n|---|---|---|")
    for normalisation in ("dataset", "centred"):
        found, probes = [], []
        for seed in range(arguments.seeds):
            home = arguments.out / f"{normalisation}{seed}"
            settings = PretrainSettings(
                objective="masked", epochs=PRETRAIN_EPOCHS, normalisation=normalisation, seed=seed
            )
            encoder, provenance = pretrain_encoder(table, settings)
            outcome = train_adapter(
                table,
                {"rr": save_encoder(encoder, home / "encoder", provenance)},
                home / "run",
                lm=lm,
                template=load_template("af_rr"),
                settings=TrainSettings(epochs=ADAPTER_EPOCHS, batch_size=BATCH_SIZE, seed=seed),
            )
            report = evaluate(outcome.model, table).report
            found.append(report["accuracy"])
            probes.append(report["probe"]["accuracy"])
        each = ", ".join(f"{one:.3f}" for one in found)
        cells = [normalisation, f"{statistics.fmean(found):.3f} ({each})", f"{statistics.fmean(probes):.3f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
