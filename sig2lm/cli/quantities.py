"""``sig2lm quantities``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sig2lm.quantities import Measurement


def quantities(
    file: Annotated[Path, typer.Argument(help="A recording: csv, tsv, npy, npz, parquet, WFDB or EDF.")],
    sampling_rate: Annotated[float | None, typer.Option(help="Hz, where the file does not state it.")] = None,
    channels: Annotated[str | None, typer.Option(metavar="A,B,...", help="Names of the channels.")] = None,
    units: Annotated[str | None, typer.Option(metavar="A,B,...", help="Their units, or one for all.")] = None,
    period: Annotated[float | None, typer.Option(help="Seconds between rows: 86400 for days.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """Measure what a recording carries: step rate, heart rate, skin conductance, ..., without any model."""
    import json
    from dataclasses import asdict

    from sig2lm.errors import SignalError
    from sig2lm.quantities import lacking_packages, measure
    from sig2lm.signals import read_signal

    signal = read_signal(
        file, sampling_rate=sampling_rate, channels=_split(channels), units=_split(units), period=period
    )
    found = list(measure(signal).values())
    for package, names in lacking_packages(signal).items():
        typer.echo(f"without the package {package}: no {', '.join(names)}; pip install 'sig2lm[quantities]'", err=True)
    if as_json:
        typer.echo(json.dumps([asdict(fact) for fact in found], ensure_ascii=False))
    elif not found:
        told = ", ".join(
            f"{name} ({unit or 'no unit'})" for name, unit in zip(signal.channels, signal.units, strict=True)
        )
        raise SignalError(f"'{file}': nothing to measure in {told}; state units and rate, or take a longer recording")
    else:
        _show(found)


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _show(found: "list[Measurement]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("quantity", "value", "within", "from", "how")
    for fact in found:
        table.add_row(fact.name, fact.stated, f"± {fact.tolerance:.3g}", ", ".join(fact.source), fact.method)
    Console().print(table)
