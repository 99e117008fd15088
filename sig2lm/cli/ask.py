"""``sig2lm ask``."""

from typing import Annotated

import typer

from sig2lm.cli.checks import say_checks, say_reliance
from sig2lm.cli.groups import Asked, RunPlaces, Writing, takes_groups
from sig2lm.cli.options import QUESTION, RunArgument, SignalOption, paths_of
from sig2lm.cli.output import JsonOption, write_output
from sig2lm.cli.recordings import RunRecordings
from sig2lm.errors import Sig2LMError


@takes_groups
def ask(
    run: RunArgument,
    signal: SignalOption,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside",
            metavar="[NAME=]FILE",
            help="A second recording: the question is about both, the first and the second.",
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            help="Also give the labels that hold the right one so often, such as 0.9.", rich_help_panel=QUESTION
        ),
    ] = None,
    json_file: JsonOption = None,
    *,
    asked: Asked,
    writing: Writing,
    places: RunPlaces,
    reading: RunRecordings,
) -> None:
    """Ask one question about a recording. A question of the run's template is closed; others are answered freely.

    Example: sig2lm ask pocket-har --signal run.npz "What is the person doing?"

    Example: sig2lm ask RUN --signal run.npz --beside walk.npz "Which of the two moves more?" --choices first,second
    """
    import time
    from dataclasses import asdict

    import torch

    from sig2lm.cli.loading import load_signals
    from sig2lm.files import check_outputs

    check_outputs({"--json": json_file}, paths_of([*signal, *(beside or [])]))
    model = places.load_run(run)
    signals = {name: [one] for name, one in load_signals(model, signal, reading).items()}
    for name, one in load_signals(model, beside, reading).items() if beside else ():
        if name not in signals:
            raise Sig2LMError(
                f"expected --beside for a signal that --signal shows ({', '.join(signals)}), found one of '{name}'; "
                "pass a first recording of it, too"
            )
        signals[name].append(one)
    torch.manual_seed(writing.seed)
    started = time.perf_counter()
    options = {"coverage": coverage, "believe": True, **writing.stated}
    answer = model.ask(signals, asked.question, asked.labels, facts=asked.facts, **options)
    content = {
        "text": answer.text,
        "label": answer.label,
        "probabilities": answer.probabilities,
        "label_set": answer.label_set,
        "relies_on_signal": answer.relies_on_signal,
        "checks": [asdict(check) for check in answer.checks],
        "seconds": round(time.perf_counter() - started, 4),
    }
    if write_output(json_file, content):
        return
    typer.echo(answer.text)
    for label, probability in answer.ranked:
        typer.echo(f"  {probability:6.1%}  {label}")
    if answer.label_set is not None:
        typer.echo(f"  with a coverage of {coverage:g}: {' or '.join(answer.label_set)}")
    say_checks(answer.checks)
    say_reliance(answer.reliance)
