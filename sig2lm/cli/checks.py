"""What is said of an answer: whether its numbers were measured so, and whether it rests on the signal."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sig2lm.model.reliance import Reliance
    from sig2lm.quantities import Check


def say_checks(checks: "tuple[Check, ...]") -> None:
    """Say of each number that an answer states whether it was measured so."""
    from sig2lm.quantities.quantity import unit_words

    for check in checks:
        if check.measured is None:
            found = f"the signal does not show the {check.quantity}"
        else:
            found = f"measured {check.measured:.3g} {unit_words(check.unit)}"
        typer.echo(f"  {'✓' if check.within else '✗'} {check.text}: {found}")


def say_reliance(reliance: "Reliance | None") -> None:
    """Say of an answer that does not rest on the signal that it does not."""
    if reliance is not None and not reliance.holds:
        typer.echo(f"  {without_signal(reliance)}")


def without_signal(reliance: "Reliance") -> str:
    """Say that an answer does not rest on the signal, and by which measure."""
    from sig2lm.model.reliance import NOTHING_OBSERVED

    if reliance is NOTHING_OBSERVED:
        return "does not rely on the signal: every sample is missing"
    return (
        "does not rely on the signal: other recordings make this answer as likely "
        f"(log-odds {reliance.change:+.2f}, expected {reliance.threshold:.2f} or more)"
    )
