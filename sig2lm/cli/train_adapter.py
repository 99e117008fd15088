"""``sig2lm train-adapter``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sig2lm.cli.groups import MODEL, Placement, takes_groups
from sig2lm.cli.options import ENCODER, LEARNING, QUESTION, Augment, BelieveOption, LearningRate, SeedOption, named

if TYPE_CHECKING:
    from sig2lm.lm import FrozenLM
    from sig2lm.training.reliance import Losses
    from sig2lm.training.trainer import TrainSettings

# As in the modules that train, which would be slow to import for a help; a test compares.
Adapter = Literal["linear", "mlp", "resampler"]
Precision = Literal["fp32", "bf16", "fp16"]
RUNNING = "Running"
ENCODER_HELP = (
    "An encoder for each named signal: a folder, or one of another library such as chronos:amazon/chronos-bolt-tiny."
)


@takes_groups
def train_adapter(
    data: Annotated[list[Path], typer.Option(help="A prepared table; several are tasks that one run learns.")],
    out: Annotated[Path, typer.Option(help="A new folder for the run.")],
    encoder: Annotated[list[str], typer.Option("--encoder", metavar="[NAME=]FOLDER|LIBRARY:NAME", help=ENCODER_HELP)],
    lm: Annotated[
        str, typer.Option("--lm", help="Folder, GGUF file, hub id, 'smollm2', or 'pocket'.", rich_help_panel=MODEL)
    ] = "pocket",
    template: Annotated[
        list[str] | None,
        typer.Option(
            help="Template name or YAML file, one for each table; by default the task's own, else 'generic'.",
            rich_help_panel=QUESTION,
        ),
    ] = None,
    adapter: Annotated[Adapter, typer.Option(help="What makes the soft prompt.", rich_help_panel=MODEL)] = "resampler",
    num_virtual_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="K of the resampler; by default 16, for an LM above 20 M parameters 8.", rich_help_panel=MODEL
        ),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(min=0.0, help="By default 5, for an LM above 20 M parameters 1.", rich_help_panel=LEARNING),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="By default 32, for an LM above 20 M parameters 16.", rich_help_panel=LEARNING),
    ] = None,
    learning_rate: LearningRate = 1e-3,
    gradient_accumulation: Annotated[int, typer.Option(min=1, help="Batches a step.", rich_help_panel=LEARNING)] = 1,
    precision: Annotated[Precision, typer.Option(help="Of the arithmetic.", rich_help_panel=LEARNING)] = "fp32",
    train_encoder: Annotated[
        bool, typer.Option("--train-encoder", help="Train the encoder too.", rich_help_panel=ENCODER)
    ] = False,
    encoder_learning_rate: Annotated[
        float, typer.Option(min=0.0, help="With --train-encoder.", rich_help_panel=ENCODER)
    ] = 2e-4,
    lora_rank: Annotated[
        int, typer.Option(min=0, help="Rank of LoRA layers in the LM; 0 for none.", rich_help_panel=MODEL)
    ] = 0,
    augment: Augment = 0.0,
    calibration_examples: Annotated[
        int,
        typer.Option(
            min=0,
            help="Training recordings that the run keeps, encoded, to calibrate new paraphrases.",
            rich_help_panel=QUESTION,
        ),
    ] = 32,
    curriculum: Annotated[
        str | None,
        typer.Option(
            metavar="all|KIND[=WEIGHT],...",
            help="Ask more than for labels: questions from labels and measured quantities, see `sig2lm questions`.",
            rich_help_panel=QUESTION,
        ),
    ] = None,
    measured: Annotated[
        bool,
        typer.Option(
            "--measured",
            help="State in every prompt what was measured of the signal, so that the LM need not guess numbers.",
            rich_help_panel=QUESTION,
        ),
    ] = False,
    save_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps between resumable checkpoints; by default an epoch.", rich_help_panel=RUNNING),
    ] = None,
    report_to: Annotated[
        str, typer.Option(help="A logger of transformers, such as tensorboard.", rich_help_panel=RUNNING)
    ] = "none",
    rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Learn from so many rows, spread over labels and subjects; all by default.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop after so many epochs (or --save-steps) without a better validation loss.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    align_steps: Annotated[
        int,
        typer.Option(
            min=0,
            help="Steps in which soft prompts first learn to stand where the LM's words stand.",
            rich_help_panel=LEARNING,
        ),
    ] = 150,
    start_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on from the adapters and LoRA layers of a finished run, on the same LM and encoders.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run in --out.", rich_help_panel=RUNNING)
    ] = False,
    believe: BelieveOption = False,
    seed: SeedOption = 0,
    *,
    placement: Placement,
) -> None:
    """Train an adapter between an encoder and a frozen LM; Ctrl-C leaves a checkpoint that --resume continues.

    Example: sig2lm train-adapter --data data/har --encoder encoders/har --out runs/har
    """
    from sig2lm.cli.loading import template_for
    from sig2lm.datasets import load_table
    from sig2lm.datasets.subset import take_rows
    from sig2lm.errors import Sig2LMError
    from sig2lm.files import check_new
    from sig2lm.model.adapter import AdapterConfig
    from sig2lm.templates import Task
    from sig2lm.training.curriculum import Curriculum, read_weights
    from sig2lm.training.known import know, stating_measured
    from sig2lm.training.train_adapter import rows_of
    from sig2lm.training.train_adapter import train_adapter as train
    from sig2lm.training.trainer import TrainSettings, adapted, default_virtual_tokens

    if not resume:
        check_new(out)
    tables = [load_table(folder, believe=believe) for folder in data]
    names: list[str | None] = [*template] if template else [None] * len(tables)
    if len(names) != len(tables):
        raise Sig2LMError(
            f"expected a template for each of {len(tables)} tables, found {len(names)}; repeat --template"
        )
    templates = [template_for(table, name) for table, name in zip(tables, names, strict=True)]
    if curriculum is not None or measured:
        weights = None if curriculum is None else read_weights(curriculum)
        typer.echo("measuring what the recordings carry ...", err=True)
        for number, (one, asked) in enumerate(zip(tables, templates, strict=True)):
            known = know(one, Task.from_template(asked, one.info.labels))
            if measured:
                templates[number] = stating_measured(asked, known)
            if weights is not None:
                fewer = take_rows(one, "train", rows)  # before pairs are made of them
                tables[number] = Curriculum.from_known(fewer, known, weights, seed).training_table()
    frozen = placement.load(lm)
    settings = TrainSettings(
        adapter=AdapterConfig(adapter, num_virtual_tokens or default_virtual_tokens(frozen)),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        gradient_accumulation=gradient_accumulation,
        precision=precision,
        seed=seed,
        train_encoder=train_encoder,
        encoder_learning_rate=encoder_learning_rate,
        lora_rank=lora_rank,
        augment=augment,
        calibration_examples=calibration_examples,
        save_steps=save_steps,
        report_to=report_to,
        rows=rows,
        patience=patience,
        align_steps=align_steps,
        start_from=start_from,
    )
    settings = adapted(settings, frozen, rows_of(tables, rows))
    first = not int(os.environ.get("RANK", "0"))  # of several processes the first one speaks
    if first:
        _show_settings(settings, frozen, rows_of(tables, rows))
    outcome = train(
        tables,
        named(encoder, list(dict.fromkeys(name for table in tables for name in table.info.signals)), "--encoder"),
        out,
        lm=frozen,
        template=templates,
        settings=settings,
        resume=resume,
    )
    if not first:
        return
    summary = f"{outcome.trained_parameters:,} parameters, {outcome.steps} steps, {outcome.seconds:.0f} s -> {out}"
    if outcome.interrupted:
        typer.echo(f"interrupted: {summary}; continue with the same command and --resume", err=True)
        raise typer.Exit(130)
    typer.echo(summary)
    if outcome.losses is not None:
        _show_losses(outcome.losses)


def _show_settings(settings: "TrainSettings", lm: "FrozenLM", rows: int) -> None:
    """Say what was chosen to suit the LM and the data, and how long the training will be."""
    from sig2lm.training.trainer import schedule

    assert settings.adapter is not None
    assert settings.batch_size is not None
    typer.echo(
        f"'{lm.name}' has {lm.num_parameters / 1e6:.1f} M parameters, embeddings of width {lm.width} and norm "
        f"{lm.embedding_norm:.2f}; {settings.adapter.num_virtual_tokens} virtual tokens; "
        f"{schedule(settings, settings.batch_size, rows)}",
        err=True,
    )


def _show_losses(losses: "Losses") -> None:
    """Put the loss beside those that need no signal, and call out a run that is no better."""
    typer.echo(
        f"loss {losses.own:.3f}, with the signals of other rows {losses.shuffled:.3f}, "
        f"without any {losses.without_signal:.3f}"
    )
    if losses.advice:
        typer.echo(losses.advice, err=True)
