"""``sig2lm pretrain-encoder``, ``sig2lm fine-tune-encoder`` and ``sig2lm train-adapter``."""

import math
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from sig2lm.cli.options import DataOption, named

ENCODER_HELP = (
    "An encoder for each named signal: a folder, or one of another library such as chronos:amazon/chronos-bolt-tiny."
)

_FEW_STEPS = 100  # a few hundred recordings at the default settings: weights have hardly moved by then


def pretrain_encoder(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="A new folder for the encoder.")],
    signal: Annotated[str | None, typer.Option(help="Which named signal, where the data has several.")] = None,
    channels: Annotated[
        str | None, typer.Option(metavar="NAME,NAME,...", help="Of the signal; all by default.")
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            help="Self-supervised objective: contrastive, masked, latent, byol, crossl, cross_modal, transform or "
            "arrow_of_time."
        ),
    ] = "contrastive",
    positives: Annotated[
        str | None,
        typer.Option(
            help="Of contrastive and byol: time (neighbours, the default where there are any), augmentation or subject."
        ),
    ] = None,
    momentum_encoder: Annotated[
        bool, typer.Option("--momentum-encoder", help="Of contrastive: a slow copy makes the keys.")
    ] = False,
    latent_mask: Annotated[
        str | None, typer.Option(help="Of crossl: spatial (whole channel groups, default) or random.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Of cross_modal: a channel; its channel group is predicted from the others.")
    ] = None,
    subject_invariant: Annotated[
        float, typer.Option(min=0.0, help="Weight of an adversary that tells the subject; 0 for none.")
    ] = 0.0,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 1e-3,
    patch_size: Annotated[int | None, typer.Option(min=1, help="Samples; by default an eighth of the window.")] = None,
    width: Annotated[int, typer.Option(min=8)] = 128,
    depth: Annotated[int, typer.Option(min=1)] = 4,
    normalisation: Annotated[
        str | None, typer.Option(help="dataset, centred, instance or none; by default centred for event series.")
    ] = None,
    seed: int = 0,
) -> None:
    """Pretrain an encoder on the training subjects, without labels."""
    from typing import cast, get_args

    from sig2lm.datasets import load_table
    from sig2lm.encoder import save_encoder
    from sig2lm.encoder.patch_transformer import Normalisation
    from sig2lm.errors import Sig2LMError
    from sig2lm.files import check_new
    from sig2lm.pretraining import PretrainSettings
    from sig2lm.pretraining import pretrain_encoder as pretrain
    from sig2lm.pretraining.pretrain import DivergedError

    if normalisation is not None and normalisation not in get_args(Normalisation):
        raise Sig2LMError(f"normalisation is '{normalisation}', but there are {', '.join(get_args(Normalisation))}")
    check_new(out)
    options = {
        "positives": positives,
        "momentum_encoder": momentum_encoder or None,
        "latent_mask": latent_mask,
        "target": target,
    }
    settings = PretrainSettings(
        objective=objective,
        options={name: value for name, value in options.items() if value is not None},
        subject_invariant=subject_invariant,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patch_size=patch_size,
        width=width,
        depth=depth,
        normalisation=cast(Normalisation | None, normalisation),
        channels=None if channels is None else tuple(part.strip() for part in channels.split(",")),
        seed=seed,
    )
    speaks = not int(os.environ.get("RANK", "0"))  # of several processes the first one
    try:
        encoder, provenance = pretrain(load_table(data), settings, signal)
    except DivergedError as error:
        if error.encoder is None or not speaks:
            raise
        save_encoder(error.encoder, out, {**error.provenance, "diverged": str(error)})
        raise Sig2LMError(f"{error}; '{out}' holds the encoder as it was after epoch {error.epochs}") from error
    if not speaks:
        return
    save_encoder(encoder, out, provenance)
    loss = provenance["loss"]
    typer.echo(f"{objective} loss {loss[0]:.4f} -> {loss[-1]:.4f} in {provenance['seconds']:.0f} s -> {out}")
    _tell_few(epochs * math.ceil(provenance["data"]["windows"] / batch_size))


def fine_tune_encoder(
    data: DataOption,
    encoder: Annotated[
        list[str], typer.Option("--encoder", metavar="[NAME=]FOLDER", help="An encoder for each named signal.")
    ],
    out: Annotated[
        Path, typer.Option(help="A new folder for the encoder; with several signals one folder in it each.")
    ],
    epochs: Annotated[float, typer.Option(min=0.0)] = 5.0,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 5e-4,
    augment: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Probability of each augmentation that suits the signal.")
    ] = 0.5,
    self_training: Annotated[
        bool, typer.Option("--self-training", help="Learn from windows without a label, too.")
    ] = False,
    unlabelled: Annotated[
        Path | None, typer.Option(help="With --self-training: a further data set, whose labels are not read.")
    ] = None,
    seed: int = 0,
) -> None:
    """Teach encoders the labels of the training subjects, before an adapter learns to read them."""
    from sig2lm.datasets import load_table
    from sig2lm.encoder import save_encoder
    from sig2lm.errors import Sig2LMError
    from sig2lm.files import check_new, new_folder
    from sig2lm.pretraining.fine_tuning import FineTuneSettings, fine_tuned_encoders
    from sig2lm.pretraining.self_training import SelfTrainingSettings, self_trained_encoders

    if unlabelled is not None and not self_training:
        raise Sig2LMError("--unlabelled is for --self-training only; pass both, or leave it out")
    check_new(out)
    table = load_table(data)
    folders = named(encoder, list(table.info.signals), "--encoder")
    settings = FineTuneSettings(epochs, batch_size, learning_rate, augment=augment, seed=seed)
    if self_training:
        further = load_table(unlabelled) if unlabelled else None
        student = SelfTrainingSettings(epochs=epochs, tuning=settings)
        classifier, records = self_trained_encoders(table, folders, table.info.labels, student, further)
    else:
        classifier, records = fine_tuned_encoders(table, folders, table.info.labels, settings)
    if len(records) == 1:
        name, record = next(iter(records.items()))
        save_encoder(classifier.encoder(name), out, record)
    else:
        with new_folder(out) as folder:
            for name, record in records.items():
                save_encoder(classifier.encoder(name), folder / name, record)
    record = next(iter(records.values()))
    if self_training:
        _tell_kept(record["self_training"])
    seconds = record["seconds"]
    typer.echo(f"{', '.join(records)} learned {len(table.info.labels)} labels in {seconds:.0f} s -> {out}")
    _tell_few(math.ceil(epochs * record["data"]["windows"] / batch_size))


def _tell_few(steps: int) -> None:
    """Warn of a training that can hardly have taught anything."""
    if steps < _FEW_STEPS:
        typer.echo(f"that was {steps} steps, which is few; raise --epochs or lower --batch-size", err=True)


def _tell_kept(found: dict[str, Any]) -> None:
    """Print how many windows of each label the teacher was sure of."""
    typer.echo(
        f"of {found['unlabelled']} windows without a label the teacher was sure of {sum(found['kept'].values())}: "
        + ", ".join(f"{count} {label}" for label, count in found["kept"].items())
    )
    if found["fell_back"]:
        typer.echo("so labels were learned from the labelled windows alone, and distortions from all", err=True)


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
    _tell_few(outcome.steps)
