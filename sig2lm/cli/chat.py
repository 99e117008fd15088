"""``sig2lm chat``."""

from typing import TYPE_CHECKING, Any

import typer

from sig2lm.cli.checks import say_checks, say_reliance
from sig2lm.cli.groups import RunPlaces, Writing, takes_groups
from sig2lm.cli.options import FactOption, RunArgument, SignalOption, facts, split_choices
from sig2lm.cli.recordings import RunRecordings
from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.model.answer import Answer
    from sig2lm.model.chat import Chat

_HELP = "Ask; /choices A,B: QUESTION for a closed question, /reset to forget what was said, an empty line to leave."


@takes_groups
def chat(
    run: RunArgument,
    signal: SignalOption,
    fact: FactOption = None,
    *,
    writing: Writing,
    places: RunPlaces,
    reading: RunRecordings,
) -> None:
    """Ask several questions about a recording, which is read once. An empty line ends the conversation.

    Example: sig2lm chat pocket-har --signal run.npz
    """
    import torch

    from sig2lm.cli.loading import load_signals

    model = places.load_run(run)
    conversation = model.chat(load_signals(model, signal, reading), facts(fact), believe=True)
    torch.manual_seed(writing.seed)
    typer.echo(_HELP, err=True)
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            break
        if not line:
            break
        try:
            _answer(conversation, line, writing.stated)
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
        _say(conversation.ask(question.strip(), split_choices([listed])))
    elif command.startswith("/"):
        raise Sig2LMError(f"unknown command '{command}'; {_HELP[0].lower()}{_HELP[1:]}")
    elif conversation.task.choices(line, None):
        _say(conversation.ask(line))
    else:
        pieces = []
        for piece in conversation.stream(line, **options):
            pieces.append(piece)
            typer.echo(piece, nl=False)
        typer.echo()
        say_checks(conversation.check("".join(pieces)))
        say_reliance(conversation.reliance())


def _say(answer: "Answer") -> None:
    typer.echo(answer.text)
    say_reliance(answer.reliance)
