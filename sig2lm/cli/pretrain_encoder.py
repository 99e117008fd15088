"""``sig2lm pretrain-encoder``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sig2lm.cli.options import DataOption, say


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
    epochs: Annotated[
        int | None, typer.Option(min=1, help="By default 10, and more where these are fewer than 300 steps.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 1e-3,
    architecture: Annotated[
        str | None,
        typer.Option(
            help="resnet1d, conv_transformer or patch_transformer; by default resnet1d for waveforms and "
            "patch_transformer for slow rows and events."
        ),
    ] = None,
    size: Annotated[str, typer.Option(help="tiny, small or base.")] = "small",
    patch_size: Annotated[int | None, typer.Option(min=1, help="Samples that a patch stands for.")] = None,
    token_rate: Annotated[
        float | None, typer.Option(help="Patches a second instead; by default about 5 where there is a sampling rate.")
    ] = None,
    width: Annotated[int | None, typer.Option(min=8, help="Instead of the size's own.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Instead of the size's own.")] = None,
    normalisation: Annotated[
        str | None,
        typer.Option(
            help="dataset, centred, instance, recording or none; by default recording for ECG, centred for event "
            "series, else dataset."
        ),
    ] = None,
    seed: int = 0,
) -> None:
    """Pretrain an encoder on the training subjects, without labels."""
    from typing import cast, get_args

    from sig2lm.datasets import load_table
    from sig2lm.encoder import save_encoder
    from sig2lm.encoder.config import Normalisation
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
        architecture=architecture,
        size=size,
        patch_size=patch_size,
        token_rate=token_rate,
        width=width,
        depth=depth,
        normalisation=cast(Normalisation | None, normalisation),
        channels=None if channels is None else tuple(part.strip() for part in channels.split(",")),
        seed=seed,
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
