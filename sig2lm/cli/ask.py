"""``sig2lm ask`` and ``sig2lm chat``."""

from typing import TYPE_CHECKING, Annotated

import typer

from sig2lm.cli.options import (
    DeviceOption,
    DtypeOption,
    EncoderPlaces,
    FactOption,
    LMOption,
    QuantizationOption,
    RunArgument,
    SignalOption,
    facts,
)
from sig2lm.cli.recordings import BelieveOption, Texts, takes_recordings

if TYPE_CHECKING:
    from sig2lm.quantities import Check

ChoicesOption = Annotated[
    str | None, typer.Option("--choices", metavar="A,B,...", help="Closed answers; the likeliest is given.")
]


@takes_recordings
def ask(
    run: RunArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    signal: SignalOption,
    choices: ChoicesOption = None,
    fact: FactOption = None,
    coverage: Annotated[
        float | None, typer.Option(help="Also give the labels that hold the right one so often, such as 0.9.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    lm: LMOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    quantization: QuantizationOption = "none",
    encoder: EncoderPlaces = None,
    believe: BelieveOption = False,
    *,
    reading: Texts,
) -> None:
    """Ask one question about a recording. A question of the run's template is closed; others are answered freely."""
    import json
    import time
    from dataclasses import asdict

    from sig2lm.cli.loading import load_run, load_signals

    model = load_run(run, lm, encoder, device=device, dtype=dtype, quantization=quantization)
    signals = load_signals(model, signal, reading, believe=believe)
    started = time.perf_counter()
    answer = model.ask(signals, question, split_choices(choices), facts=facts(fact), coverage=coverage)
    seconds = time.perf_counter() - started
    if as_json:
        content = {
            "text": answer.text,
            "label": answer.label,
            "probabilities": answer.probabilities,
            "label_set": answer.label_set,
            "checks": [asdict(check) for check in answer.checks],
            "seconds": round(seconds, 4),
        }
        typer.echo(json.dumps(content, ensure_ascii=False))
        return
    typer.echo(answer.text)
    for label, probability in sorted((answer.probabilities or {}).items(), key=lambda item: -item[1]):
        typer.echo(f"  {probability:6.1%}  {label}")
    if answer.label_set is not None:
        typer.echo(f"  with a coverage of {coverage:g}: {' or '.join(answer.label_set)}")
    say_checks(answer.checks)


@takes_recordings
def chat(
    run: RunArgument,
    signal: SignalOption,
    fact: FactOption = None,
    lm: LMOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    quantization: QuantizationOption = "none",
    encoder: EncoderPlaces = None,
    believe: BelieveOption = False,
    *,
    reading: Texts,
) -> None:
    """Ask several questions about a recording, which is read once. An empty line ends the conversation."""
    from sig2lm.cli.loading import load_run, load_signals

    model = load_run(run, lm, encoder, device=device, dtype=dtype, quantization=quantization)
    conversation = model.chat(load_signals(model, signal, reading, believe=believe), facts(fact))
    typer.echo("Ask; /choices A,B: QUESTION for a closed question, an empty line to leave.", err=True)
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            break
        if not line:
            break
        if line.startswith("/choices "):
            listed, separator, question = line.removeprefix("/choices ").partition(":")
            if not separator:
                typer.echo("expected /choices A,B: QUESTION", err=True)
                continue
            typer.echo(conversation.ask(question.strip(), split_choices(listed)).text)
        elif conversation.task.choices(line, None):
            typer.echo(conversation.ask(line).text)
        else:
            pieces = []
            for piece in conversation.stream(line):
                pieces.append(piece)
                typer.echo(piece, nl=False)
            typer.echo()
            say_checks(conversation.check("".join(pieces)))


def say_checks(checks: "tuple[Check, ...]") -> None:
    """Say of each number that an answer states whether it was measured so."""
    from sig2lm.quantities.quantity import unit_words

    for check in checks:
        if check.measured is None:
            found = f"the signal does not show the {check.quantity}"
        else:
            found = f"measured {check.measured:.3g} {unit_words(check.unit)}"
        typer.echo(f"  {'✓' if check.within else '✗'} {check.text}: {found}")


def split_choices(text: str | None) -> list[str] | None:
    """Read ``a,b,c``."""
    return None if text is None else [choice.strip() for choice in text.split(",") if choice.strip()]
