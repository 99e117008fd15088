"""What of the recipe helps a frozen LM to learn labels from signals: one thing changed at a time.

    python scripts/bench_recipe.py TABLE ENCODER [--lm smollm2] [--steps 60] [--windows 120] [--only NAME ...]

Every variant trains an adapter for so many steps on the training people of TABLE and is judged on windows of its
validation people, never of test people: macro-F1 and loss by the LM's likelihoods alone, without calibration, which
would hide differences. Variants that are in the results already and are not asked for again stay there.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from results import COMMIT, RESULTS, record
from torch import Tensor, nn

from sig2lm.datasets import Table, load_table
from sig2lm.datasets.subset import take_rows
from sig2lm.evaluation.asking import predict
from sig2lm.files import read_json
from sig2lm.lm import FrozenLM
from sig2lm.metrics import scores
from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.table_examples import TableExamples
from sig2lm.templates.task import Question
from sig2lm.templates.template import load_template
from sig2lm.training.reliance import measure_loss
from sig2lm.training.train_adapter import align_adapters, build_model
from sig2lm.training.trainer import TrainSettings, adapted, build_trainer

RECIPE = TrainSettings()
VARIANTS: dict[str, TrainSettings] = {
    "the recipe": RECIPE,
    "no alignment": replace(RECIPE, align_steps=0),
    "learning rate 1e-4": replace(RECIPE, learning_rate=1e-4),
    "learning rate 3e-4": replace(RECIPE, learning_rate=3e-4),
    "learning rate 3e-3": replace(RECIPE, learning_rate=3e-3),
    "4 virtual tokens": replace(RECIPE, adapter=AdapterConfig(num_virtual_tokens=4)),
    "8 virtual tokens": replace(RECIPE, adapter=AdapterConfig(num_virtual_tokens=8)),
    "16 virtual tokens": replace(RECIPE, adapter=AdapterConfig(num_virtual_tokens=16)),
    "32 virtual tokens": replace(RECIPE, adapter=AdapterConfig(num_virtual_tokens=32)),
    "linear adapter": replace(RECIPE, adapter=AdapterConfig("linear")),
    "MLP adapter": replace(RECIPE, adapter=AdapterConfig("mlp")),
    "augmented windows": replace(RECIPE, augment=0.5),
    "gradients of the last two thirds of layers": RECIPE,
    "gradients of the last third of layers": RECIPE,
}
GRADIENTS = {"gradients of the last two thirds of layers": 2 / 3, "gradients of the last third of layers": 1 / 3}


@contextmanager
def gradients_through(lm: FrozenLM, share: float | None) -> Iterator[None]:
    """Let gradients pass through a share of the LM's layers, the last ones; through all by default.

    The layers before these count as the identity, which their residual stream is to a first approximation, so that a
    step spares their backward pass; what the LM says stays as it is.
    """
    if share is None:
        yield
        return
    layers = lm.model.get_decoder().layers
    first = min(len(layers) - 1, round(len(layers) * (1 - share)))  # that gradients pass through
    beginning: list[Tensor] = []

    def begin(_: nn.Module, hidden: tuple[Tensor, ...]) -> None:
        beginning[:] = hidden[:1]

    def skip(_: nn.Module, __: tuple[Tensor, ...], hidden: Tensor) -> Tensor:
        return hidden.detach() + (beginning[0] - beginning[0].detach())

    hooks = [layers[0].register_forward_pre_hook(begin), layers[first - 1].register_forward_hook(skip)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def judge(name: str, table: Table, encoder: Path, lm: FrozenLM, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one variant and judge it on the validation people."""
    settings = adapted(VARIANTS[name], lm)
    assert settings.batch_size is not None
    rows = arguments.steps * settings.batch_size
    cut = take_rows(table, "train", rows)
    started = time.process_time()
    model = build_model([cut], {"motion": encoder}, lm, [load_template("har")], settings)
    encoders, prompter = {"motion": model.branch("motion").encoder}, model.prompter(model.tasks[0])
    raw = frozenset(encoders) if settings.augment else frozenset()
    aligned_on = TableExamples(table, "train", prompter, encoders, raw)
    eval_set = TableExamples(table, "validation", prompter, encoders)
    alignment = align_adapters(model, [aligned_on], [eval_set], settings)
    aligned = time.process_time() - started
    with tempfile.TemporaryDirectory() as scratch, gradients_through(lm, GRADIENTS.get(name)):
        once = replace(settings, epochs=1.0, save_steps=10**9)
        trainer = build_trainer(model, TableExamples(cut, "train", prompter, encoders, raw), None, Path(scratch), once)
        trainer.train()
    model.eval()
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    task = model.tasks[0]
    question = Question(task, str(task.template.held_out), task.labels)
    return {
        "variant": name,
        "macro_f1": scores(predict(model, table, "validation", question, batch_size=32))["macro_f1"],
        "validation loss": measure_loss(model, [eval_set], "own"),
        "other rows' signals": measure_loss(model, [eval_set], "shuffled"),
        "training loss": float(np.mean([entry["loss"] for entry in history[-10:]])),
        "gradient norm": float(np.mean([entry["grad_norm"] for entry in history[-10:]])),
        "words explained": None if alignment is None else alignment["explained"]["motion"],
        "alignment s": aligned,
        "processor s": time.process_time() - started,
        "steps": trainer.state.global_step,
        "commit": COMMIT,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--lm", default="smollm2")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--windows", type=int, default=120)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    arguments = parser.parse_args()
    table = take_rows(load_table(arguments.table), "validation", arguments.windows)
    lm = FrozenLM.from_pretrained(arguments.lm)
    place = RESULTS / f"recipe-{Path(arguments.lm).name}.json"
    for name in arguments.only:
        row = judge(name, table, arguments.encoder, lm, arguments)
        print(row, flush=True)
        rows = read_json(place, "results")["rows"] if place.is_file() else []
        found = {one["variant"]: one for one in [*rows, row]}
        record(
            place.stem,
            [found[known] for known in VARIANTS if known in found],
            f"What helps {Path(arguments.lm).name} to learn labels: {arguments.windows} windows of validation people",
            [f"{arguments.steps} steps in each variant; likelihoods without calibration; one seed."],
        )


if __name__ == "__main__":
    main()
