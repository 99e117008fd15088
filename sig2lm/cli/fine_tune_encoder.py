"""``sig2lm fine-tune-encoder``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sig2lm.cli.options import (
    LEARNING,
    Augment,
    BatchSize,
    BelieveOption,
    DataOption,
    EncoderDevice,
    LearningRate,
    SeedOption,
    named,
    say,
)

UNLABELLED = "Windows without a label"


def fine_tune_encoder(
    data: DataOption,
    encoder: Annotated[
        list[str], typer.Option("--encoder", metavar="[NAME=]FOLDER", help="An encoder for each named signal.")
    ],
    out: Annotated[
        Path, typer.Option(help="A new folder for the encoder; with several signals one folder in it each.")
    ],
    epochs: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="By default 5, and more where these are fewer than 300 steps.", rich_help_panel=LEARNING
        ),
    ] = None,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 1e-3,
    class_balance: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Weight of rare labels: 0 as often as they come, 1 all alike.",
            rich_help_panel=LEARNING,
        ),
    ] = 0.0,
    augment: Augment = 0.5,
    self_training: Annotated[
        bool,
        typer.Option("--self-training", help="Learn from windows without a label, too.", rich_help_panel=UNLABELLED),
    ] = False,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            help="With --self-training: a further data set, whose labels are not read.", rich_help_panel=UNLABELLED
        ),
    ] = None,
    device: EncoderDevice = "auto",
    believe: BelieveOption = False,
    seed: SeedOption = 0,
) -> None:
    """Fine-tune encoders on the labels of the training subjects, before an adapter learns to read them.

    Example: sig2lm fine-tune-encoder --data data/har --encoder encoders/har --out encoders/har_tuned
    """
    from sig2lm.datasets import load_table
    from sig2lm.errors import Sig2LMError
    from sig2lm.files import check_new
    from sig2lm.pretraining.classifier import save_classifier
    from sig2lm.pretraining.fine_tuning import FineTuneSettings, fine_tuned_encoders
    from sig2lm.pretraining.self_training import SelfTrainingSettings, self_trained_encoders

    if unlabelled is not None and not self_training:
        raise Sig2LMError("--unlabelled is for --self-training only; pass both, or leave it out")
    check_new(out)
    table = load_table(data, believe=believe)
    folders = named(encoder, list(table.info.signals), "--encoder")
    settings = FineTuneSettings(
        epochs, batch_size, learning_rate, augment=augment, seed=seed, class_balance=class_balance, device=device
    )
    if self_training:
        further = load_table(unlabelled, believe=believe) if unlabelled else None
        student = SelfTrainingSettings(epochs=epochs, tuning=settings)
        classifier, records = self_trained_encoders(table, folders, table.info.labels, student, further)
    else:
        classifier, records = fine_tuned_encoders(table, folders, table.info.labels, settings, say)
    save_classifier(classifier, out, records)
    record = next(iter(records.values()))
    if self_training:
        _tell_kept(record["self_training"])
    seconds = record["seconds"]
    typer.echo(f"{', '.join(records)} learned {len(table.info.labels)} labels in {seconds:.0f} s -> {out}")
    if record.get("validation"):
        told = ", ".join(f"{name} {value:.3f}" for name, value in record["validation"].items() if value is not None)
        typer.echo(f"validation: {told}")


def _tell_kept(found: dict[str, Any]) -> None:
    """Print how many windows of each label the teacher was sure of."""
    typer.echo(
        f"of {found['unlabelled']} windows without a label the teacher was sure of {sum(found['kept'].values())}: "
        + ", ".join(f"{count} {label}" for label, count in found["kept"].items())
    )
    if found["fell_back"]:
        typer.echo("so labels were learned from the labelled windows alone, and distortions from all", err=True)
