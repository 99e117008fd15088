"""``sig2lm export-onnx``."""

from pathlib import Path
from typing import Annotated

import typer

from sig2lm.cli.groups import RunPlaces, takes_groups
from sig2lm.cli.options import RunArgument


@takes_groups
def export_onnx(
    run: RunArgument,
    out: Annotated[Path, typer.Option(help="The file.")],
    signal: Annotated[str | None, typer.Option(metavar="NAME", help="Which of the run's signals, of several.")] = None,
    window: Annotated[
        float | None, typer.Option(help="Seconds of a recording (rows without a rate); by default the encoder's.")
    ] = None,
    *,
    places: RunPlaces,
) -> None:
    """Write encoder and adapter of a run as ONNX, and hold the file against torch; the LM is not in it.

    Example: sig2lm export-onnx pocket-har --out har.onnx
    """
    from sig2lm.errors import Sig2LMError
    from sig2lm.files import check_new, expanded
    from sig2lm.model.onnx_export import export_onnx as export

    check_new(out)
    model = places.load_run(run)
    names = list(model.branches)
    if signal is None and len(names) > 1:
        raise Sig2LMError(f"expected --signal with one of {', '.join(names)}, found none; choose one")
    apart = export(model, signal or names[0], out, window)
    size = expanded(out).stat().st_size
    typer.echo(f"{out}: {size / 1e6:.1f} MB, at most {apart:.1e} of its largest number from torch")
