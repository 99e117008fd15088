"""``sig2lm chat``."""

from typing import TYPE_CHECKING, Any

import typer

from sig2lm.cli.checks import say_checks
from sig2lm.cli.options import (
    DeviceOption,
    DtypeOption,
    EncoderPlaces,
    FactOption,
    LMOption,
    MaxNewTokens,
    QuantizationOption,
    RunArgument,
    SeedOption,
    SignalOption,
    Temperature,
    TopP,
    facts,
    split_choices,
    writing,
)
from sig2lm.cli.recordings import BelieveOption, Texts, takes_recordings
from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.model.chat import Chat

_HELP = "Ask; /choices A,B: QUESTION for a closed question, /reset to forget what was said, an empty line to leave."


@takes_recordings
def chat(
    run: RunArgument,
    signal: SignalOption,
    fact: FactOption = None,
    max_new_tokens: MaxNewTokens = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: SeedOption = 0,
    lm: LMOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    quantization: QuantizationOption = "none",
    encoder: EncoderPlaces = None,
    believe: BelieveOption = False,
    *,
    reading: Texts,
) -> None:
    """Ask several questions about a recording, which is read once. An empty line ends the conversation.

    Example: sig2lm chat pocket-har --signal run.npz
    """
    import torch

    from sig2lm.cli.loading import load_run, load_signals

    model = load_run(run, lm, encoder, device=device, dtype=dtype, quantization=quantization)
    conversation = model.chat(load_signals(model, signal, reading, believe=believe), facts(fact))
    options = writing(max_new_tokens, temperature, top_p)
    torch.manual_seed(seed)
    typer.echo(_HELP, err=True)
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            break
        if not line:
            break
        try:
            _answer(conversation, line, options)
        except Sig2LMError as error:  # one bad question ends no conversation
            typer.echo(f"error: {error}", err=True)


def _answer(conversation: "Chat", line: str, options: dict[str, Any]) -> None:
    """Do what a line asks for, and print the answer."""
    command, _, rest = line.partition(" ")
    if command == "/reset":
        conversation.reset()
    elif command == "/choices":
        listed, separator, question = rest.rpartition(":")
        if not separator or not question.strip():
            raise Sig2LMError("expected /choices A,B: QUESTION")
        typer.echo(conversation.ask(question.strip(), split_choices([listed])).text)
    elif command.startswith("/"):
        raise Sig2LMError(f"unknown command '{command}'; {_HELP[0].lower()}{_HELP[1:]}")
    elif conversation.task.choices(line, None):
        typer.echo(conversation.ask(line).text)
    else:
        pieces = []
        for piece in conversation.stream(line, **options):
            pieces.append(piece)
            typer.echo(piece, nl=False)
        typer.echo()
        say_checks(conversation.check("".join(pieces)))
