"""``sig2lm train-adapter``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sig2lm.cli.few_steps import warn_of_few_steps
from sig2lm.cli.options import named

ENCODER_HELP = (
    "An encoder for each named signal: a folder, or one of another library such as chronos:amazon/chronos-bolt-tiny."
)


def train_adapter(
    data: Annotated[list[Path], typer.Option(help="A prepared table; several are tasks that one run learns.")],
    out: Annotated[Path, typer.Option(help="A new folder for the run.")],
    encoder: Annotated[list[str], typer.Option("--encoder", metavar="[NAME=]FOLDER|LIBRARY:NAME", help=ENCODER_HELP)],
    lm: Annotated[str, typer.Option("--lm", help="Folder, GGUF file, hub id, 'smollm2', or 'pocket'.")] = "pocket",
    template: Annotated[
        list[str] | None,
        typer.Option(help="Template name or YAML file, one for each table; by default the task's own, else 'generic'."),
    ] = None,
    adapter: Annotated[str, typer.Option(help="linear, mlp or resampler.")] = "resampler",
    num_virtual_tokens: Annotated[int, typer.Option(min=1, help="K of the resampler.")] = 16,
    epochs: Annotated[float, typer.Option(min=0.0)] = 5.0,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 1e-3,
    gradient_accumulation: Annotated[int, typer.Option(min=1)] = 1,
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    train_encoder: Annotated[bool, typer.Option("--train-encoder", help="Train the encoder too.")] = False,
    encoder_learning_rate: Annotated[float, typer.Option(min=0.0, help="With --train-encoder.")] = 2e-4,
    lora_rank: Annotated[int, typer.Option(min=0, help="Rank of LoRA layers in the LM; 0 for none.")] = 0,
    augment: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Probability of each augmentation that suits the signal.")
    ] = 0.0,
    calibration_examples: Annotated[
        int, typer.Option(min=0, help="Training recordings that the run keeps, encoded, to calibrate new paraphrases.")
    ] = 32,
    curriculum: Annotated[
        str | None,
        typer.Option(
            metavar="all|KIND[=WEIGHT],...",
            help="Ask more than for labels: questions from labels and measured quantities, see `sig2lm questions`.",
        ),
    ] = None,
    save_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between resumable checkpoints; by default an epoch.")
    ] = None,
    report_to: Annotated[str, typer.Option(help="A logger of transformers, such as tensorboard.")] = "none",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted run in --out.")] = False,
    seed: int = 0,
) -> None:
    """Train an adapter between an encoder and a frozen LM; Ctrl-C leaves a checkpoint that --resume continues."""
    from typing import cast, get_args

    from sig2lm.cli.loading import template_for
    from sig2lm.datasets import load_table
    from sig2lm.errors import Sig2LMError
    from sig2lm.lm import FrozenLM
    from sig2lm.model.adapter import ADAPTERS, AdapterConfig, AdapterKind
    from sig2lm.templates import Task
    from sig2lm.training.curriculum import Curriculum, read_weights
    from sig2lm.training.train_adapter import train_adapter as train
    from sig2lm.training.trainer import Precision, TrainSettings

    for what, given, known in (
        ("adapter", adapter, ADAPTERS),
        ("precision", precision, get_args(Precision)),
    ):
        if given not in known:
            raise Sig2LMError(f"{what} is '{given}', but there are {', '.join(known)}; choose one")
    tables = [load_table(folder) for folder in data]
    names: list[str | None] = [*template] if template else [None] * len(tables)
    if len(names) != len(tables):
        raise Sig2LMError(
            f"expected a template for each of {len(tables)} tables, found {len(names)}; repeat --template"
        )
    templates = [template_for(table, name) for table, name in zip(tables, names, strict=True)]
    if curriculum is not None:
        weights = read_weights(curriculum)
        typer.echo("measuring what the recordings carry, to write questions from ...", err=True)
        tables = [
            Curriculum.from_table(one, Task.from_template(asked, one.info.labels), weights, seed).training_table()
            for one, asked in zip(tables, templates, strict=True)
        ]
    settings = TrainSettings(
        adapter=AdapterConfig(cast(AdapterKind, adapter), num_virtual_tokens),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        gradient_accumulation=gradient_accumulation,
        precision=cast(Precision, precision),
        seed=seed,
        train_encoder=train_encoder,
        encoder_learning_rate=encoder_learning_rate,
        lora_rank=lora_rank,
        augment=augment,
        calibration_examples=calibration_examples,
        save_steps=save_steps,
        report_to=report_to,
    )
    outcome = train(
        tables,
        named(encoder, list(dict.fromkeys(name for table in tables for name in table.info.signals)), "--encoder"),
        out,
        lm=FrozenLM.from_pretrained(lm),
        template=templates,
        settings=settings,
        resume=resume,
    )
    if int(os.environ.get("RANK", "0")):
        return  # of several processes the first one speaks
    summary = f"{outcome.trained_parameters:,} parameters, {outcome.steps} steps, {outcome.seconds:.0f} s -> {out}"
    if outcome.interrupted:
        typer.echo(f"interrupted: {summary}; continue with the same command and --resume", err=True)
        raise typer.Exit(130)
    typer.echo(summary)
    warn_of_few_steps(outcome.steps)
