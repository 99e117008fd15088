"""What every training command says when it is done."""

import typer

_FEW = 100  # a few hundred recordings at the default settings: weights have hardly moved by then


def warn_of_few_steps(steps: int) -> None:
    """Warn of a training that can hardly have taught anything."""
    if steps < _FEW:
        typer.echo(f"that was {steps} steps, which is few; raise --epochs or lower --batch-size", err=True)
