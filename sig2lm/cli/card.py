"""``sig2lm card``."""

import typer

from sig2lm.cli.options import RunArgument


def card(run: RunArgument) -> None:
    """Print the model card of a run: task, data, scores beside their controls, parts and licences, limits.

    The scores are those of RUN/report.json, which `sig2lm evaluate RUN --data TABLE --json RUN/report.json` writes.

    Example: sig2lm card pocket-har
    """
    from sig2lm.files import expanded
    from sig2lm.model.card import run_card
    from sig2lm.model.checkpoint import fetch_run

    typer.echo(str(run_card(fetch_run(run), None if expanded(run).is_dir() else run)))
