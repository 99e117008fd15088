"""``sig2lm prepare``: a data set in its own layout becomes the common table."""

from pathlib import Path
from typing import Annotated

import typer

from sig2lm.arguments import unknown
from sig2lm.cli.options import say
from sig2lm.errors import DatasetError

# Written out, since the names are known only once the readers are loaded; a test compares.
NAMES = (
    "HAR: motionsense, sp_sw_har, wisdm_watch, ucihar, pamap2. AF: afdb, cinc2017, ptbxl_rhythm. ECG: ptbxl, "
    "ecgqa, ecgqa_pairs. Sleep: sleep_edf. Stress: stress_predict, wesad, wesad_affect, pmdata, lifesnaps. Your own: "
    "manifest. Simulated: synthetic."
)


def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help=NAMES)],
    places: Annotated[
        list[Path],
        typer.Argument(metavar="[SOURCE] OUT", help="The folder of the data set (synthetic has none), and a new one."),
    ],
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**32 - 1, help="Seed of the split by subject; see the printed split rule."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Of a manifest: leave out, and count, files that cannot be read.")
    ] = False,
    believe: Annotated[
        bool, typer.Option("--believe", help="Of a manifest: take values that cannot be what they are said to be.")
    ] = False,
    chest_offset: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="wesad, wesad_affect: csv of S2,-22.5 (s from the wristband's start to the chest's)."
        ),
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="ecgqa: the folder of PTB-XL, where it does not lie in SOURCE.")
    ] = None,
) -> None:
    """Turn a data set into the common table: windows, labels, a split by subject.

    Example: sig2lm prepare synthetic data

    Example: sig2lm prepare motionsense MotionSense data/motionsense
    """
    from sig2lm.datasets import DATASETS
    from sig2lm.datasets import prepare as prepare_table

    if name not in DATASETS:
        raise DatasetError(unknown("data set", name, DATASETS))
    wanted = 1 if name == "synthetic" else 2
    if len(places) != wanted:
        what = "OUT" if wanted == 1 else "SOURCE and OUT"
        raise DatasetError(f"expected {what} for '{name}', found {' '.join(map(str, places))}; pass {what}")
    out = places[-1]
    stated = {"skip_bad": skip_bad or None, "believe": believe or None, "chest_offsets": chest_offset}
    stated |= {"recordings": recordings}
    options = {key: value for key, value in stated.items() if value is not None}
    source = None if name == "synthetic" else places[0]
    prepared = prepare_table(name, source, out, seed, say=say, **options)
    for info in prepared if isinstance(prepared, list) else [prepared]:
        where = out / info.task if isinstance(prepared, list) else out
        typer.echo(f"{info.name}: {info.kept} windows kept -> {where}")
        for reason, count in info.dropped.items():
            typer.echo(f"  dropped {count}: {reason}")
        typer.echo(f"  labels: {', '.join(info.labels)}")
        typer.echo(f"  split: {info.split_rule}")
