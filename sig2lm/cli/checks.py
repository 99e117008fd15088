"""Whether the numbers that an answer states were measured so."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
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
