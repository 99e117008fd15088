"""``sig2lm prepare``: a data set in its own layout becomes the common table."""

from pathlib import Path
from typing import Annotated

import typer

from sig2lm.errors import DatasetError

# Written out, since the names are known only once the readers are loaded; a test compares.
NAMES = (
    "HAR: motionsense, sp_sw_har, wisdm_watch, ucihar. AF: afdb, cinc2017, ptbxl_rhythm. ECG: ptbxl. Stress: "
    "stress_predict, wesad, pmdata, lifesnaps. Your own: manifest. Simulated: synthetic."
)


def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help=NAMES)],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Its folder; none (or -) for synthetic.")],
    out: Annotated[Path | None, typer.Argument(metavar="OUT", help="A new folder.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the split by subject; see the printed split rule.")] = None,
) -> None:
    """Turn a data set into the common table: windows, labels, a split by subject."""
    from sig2lm.datasets import prepare as prepare_table

    if name == "synthetic" and out is None:
        source, out = Path("-"), source
    if out is None:
        raise DatasetError(f"expected SOURCE and OUT for '{name}', found only '{source}'; pass both")
    prepared = prepare_table(name, None if name == "synthetic" else source, out, seed=seed)
    for info in prepared if isinstance(prepared, list) else [prepared]:
        where = out / info.task if isinstance(prepared, list) else out
        typer.echo(f"{info.name}: {info.kept} windows kept -> {where}")
        for reason, count in info.dropped.items():
            typer.echo(f"  dropped {count}: {reason}")
        typer.echo(f"  labels: {', '.join(info.labels)}")
        typer.echo(f"  split: {info.split_rule}")
