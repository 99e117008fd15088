"""``sig2lm quantities``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sig2lm.cli.groups import takes_groups
from sig2lm.cli.output import JsonOption, write_output
from sig2lm.cli.recordings import Recordings, read_options, say_notes

if TYPE_CHECKING:
    from sig2lm.quantities import Measurement


@takes_groups
def quantities(
    file: Annotated[Path, typer.Argument(help="A recording of any format that `sig2lm formats` lists.")],
    json_file: JsonOption = None,
    *,
    reading: Recordings,
) -> None:
    """Measure what a recording carries: step rate, heart rate, skin conductance, ..., without any model.

    Example: sig2lm quantities walk.csv --sampling-rate 50 --units g
    """
    from dataclasses import asdict

    from sig2lm.errors import SignalError
    from sig2lm.files import check_outputs
    from sig2lm.quantities import lacking_packages, measure
    from sig2lm.signals import read_signal

    check_outputs({"--json": json_file}, [file])
    signal = read_signal(file, **read_options(reading).stated)
    say_notes(file, signal.notes)
    found = list(measure(signal).values())
    for package, names in lacking_packages(signal).items():
        typer.echo(f"without the package {package}: no {', '.join(names)}; pip install 'sig2lm[quantities]'", err=True)
    if not found:
        told = ", ".join(
            f"{name} ({unit or 'no unit'})" for name, unit in zip(signal.channels, signal.units, strict=True)
        )
        raise SignalError(f"'{file}': nothing to measure in {told}; state units and rate, or take a longer recording")
    if write_output(json_file, {"quantities": [asdict(fact) for fact in found]}):
        return
    _show(found)


def _show(found: "list[Measurement]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("quantity", "value", "within", "from", "how")
    for fact in found:
        table.add_row(fact.name, fact.stated, f"± {fact.tolerance:.3g}", ", ".join(fact.source), fact.method)
    Console().print(table)
