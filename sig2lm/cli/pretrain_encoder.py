"""``sig2lm pretrain-encoder``."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from sig2lm.cli.options import ENCODER, LEARNING, BatchSize, DataOption, EncoderDevice, LearningRate, SeedOption, say

# As in the modules that learn, which would be slow to import for a help; a test compares.
Objective = Literal["contrastive", "masked", "latent", "byol", "crossl", "cross_modal", "transform", "arrow_of_time"]
Positives = Literal["time", "augmentation", "subject"]
LatentMask = Literal["spatial", "random"]
Architecture = Literal["resnet1d", "conv_transformer", "patch_transformer"]
Size = Literal["tiny", "small", "base"]
Norm = Literal["dataset", "centred", "instance", "recording", "none"]
OBJECTIVE = "Objective"


def pretrain_encoder(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="A new folder for the encoder.")],
    signal: Annotated[str | None, typer.Option(help="Which named signal, where the data has several.")] = None,
    channels: Annotated[
        str | None, typer.Option(metavar="NAME,NAME,...", help="Of the signal; all by default.")
    ] = None,
    objective: Annotated[
        Objective, typer.Option(help="What is learned without labels.", rich_help_panel=OBJECTIVE)
    ] = "contrastive",
    positives: Annotated[
        Positives | None,
        typer.Option(
            help="Of contrastive and byol; by default time (neighbours) where windows have any.",
            rich_help_panel=OBJECTIVE,
        ),
    ] = None,
    momentum_encoder: Annotated[
        bool,
        typer.Option(
            "--momentum-encoder", help="Of contrastive: a slow copy makes the keys.", rich_help_panel=OBJECTIVE
        ),
    ] = False,
    latent_mask: Annotated[
        LatentMask | None,
        typer.Option(help="Of crossl: whole channel groups (spatial, default) or random.", rich_help_panel=OBJECTIVE),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Of cross_modal: a channel; its channel group is predicted from the others.", rich_help_panel=OBJECTIVE
        ),
    ] = None,
    subject_invariant: Annotated[
        float,
        typer.Option(
            min=0.0, help="Weight of an adversary that predicts the subject; 0 for none.", rich_help_panel=OBJECTIVE
        ),
    ] = 0.0,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="By default 10, and more where these are fewer than 300 steps.", rich_help_panel=LEARNING
        ),
    ] = None,
    batch_size: BatchSize = 128,
    learning_rate: LearningRate = 1e-3,
    architecture: Annotated[
        Architecture | None,
        typer.Option(
            help="By default resnet1d for waveforms, patch_transformer for slow rows and events.",
            rich_help_panel=ENCODER,
        ),
    ] = None,
    size: Annotated[Size, typer.Option(help="How large the encoder is.", rich_help_panel=ENCODER)] = "small",
    patch_size: Annotated[
        int | None, typer.Option(min=1, help="Samples that a patch stands for.", rich_help_panel=ENCODER)
    ] = None,
    token_rate: Annotated[
        float | None,
        typer.Option(
            help="Patches a second instead; by default about 5 where there is a sampling rate.", rich_help_panel=ENCODER
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(min=8, help="Instead of the size's own.", rich_help_panel=ENCODER)
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Instead of the size's own.", rich_help_panel=ENCODER)
    ] = None,
    normalisation: Annotated[
        Norm | None,
        typer.Option(
            help="By default recording for ECG, centred for event series, else dataset.", rich_help_panel=ENCODER
        ),
    ] = None,
    device: EncoderDevice = "auto",
    seed: SeedOption = 0,
) -> None:
    """Pretrain an encoder on the training subjects, without labels.

    Example: sig2lm pretrain-encoder --data data/har --out encoders/har
    """
    from sig2lm.datasets import load_table
    from sig2lm.encoder import save_encoder
    from sig2lm.errors import Sig2LMError
    from sig2lm.files import check_new
    from sig2lm.pretraining import PretrainSettings
    from sig2lm.pretraining import pretrain_encoder as pretrain
    from sig2lm.pretraining.pretrain import DivergedError

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
        architecture=architecture,
        size=size,
        patch_size=patch_size,
        token_rate=token_rate,
        width=width,
        depth=depth,
        normalisation=normalisation,
        channels=None if channels is None else tuple(part.strip() for part in channels.split(",")),
        seed=seed,
        device=device,
    )
    speaks = not int(os.environ.get("RANK", "0"))  # of several processes the first one
    try:
        encoder, provenance = pretrain(load_table(data), settings, signal, say=say if speaks else lambda line: None)
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
