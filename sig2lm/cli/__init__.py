"""The command line. Each command's file imports what it runs inside its handler, so that ``--help`` is quick."""

import functools
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from typer.core import TyperGroup

from sig2lm.cli.annotate import annotate
from sig2lm.cli.ask import ask
from sig2lm.cli.cache import cache
from sig2lm.cli.card import card
from sig2lm.cli.chat import chat
from sig2lm.cli.cross_validate import cross_validate
from sig2lm.cli.demo import demo
from sig2lm.cli.evaluate import evaluate
from sig2lm.cli.explain import explain
from sig2lm.cli.export_onnx import export_onnx
from sig2lm.cli.export_prompt import export_prompt
from sig2lm.cli.fine_tune_encoder import fine_tune_encoder
from sig2lm.cli.formats import formats
from sig2lm.cli.mistakes import UsageError, mistake, trouble
from sig2lm.cli.prepare import prepare
from sig2lm.cli.pretrain_encoder import pretrain_encoder
from sig2lm.cli.probe import probe
from sig2lm.cli.quantities import quantities
from sig2lm.cli.questions import questions
from sig2lm.cli.serve import serve
from sig2lm.cli.tokenizer_report import tokenizer_report
from sig2lm.cli.train_adapter import train_adapter
from sig2lm.cli.web import web
from sig2lm.errors import Sig2LMError, one_line

app = typer.Typer(
    name="sig2lm",
    help="Ask a frozen language model about a biosignal. Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(prepare)
app.command()(pretrain_encoder)
app.command()(probe)
app.command()(fine_tune_encoder)
app.command()(train_adapter)
app.command()(evaluate)
app.command()(cross_validate)
app.command()(ask)
app.command()(chat)
app.command()(explain)
app.command()(annotate)
app.command()(card)
app.command()(export_onnx)
app.command()(serve)
app.command()(export_prompt)
app.command()(quantities)
app.command()(questions)
app.command()(tokenizer_report)
app.command()(formats)
app.command()(cache)
app.command()(web)


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from sig2lm._version import __version__

        typer.echo(__version__)
        raise typer.Exit


@contextmanager
def _decisions_on_stderr() -> Iterator[None]:
    """Print what sig2lm itself decided or waits for, one plain line each, while a command runs."""
    logger, lines = logging.getLogger("sig2lm"), logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(lines)


@functools.cache
def _command() -> TyperGroup:
    """All commands, put together once however often one is run in a process."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def main() -> None:
    """Run the command line: a mistake of the user is one line and exit code 2, an interruption 130."""
    # Libraries keep quiet: what a user must know, the commands say.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        with _decisions_on_stderr():
            sys.exit(_command()(prog_name="sig2lm", standalone_mode=False))
    except Sig2LMError as error:
        typer.echo(f"sig2lm: error: {error}", err=True)
        sys.exit(2)
    except (OSError, MemoryError) as error:
        typer.echo(f"sig2lm: error: {one_line(trouble(error))}", err=True)
        sys.exit(2)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            typer.echo(f"sig2lm: error: {one_line(mistake(error))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("sig2lm: interrupted", err=True)
        sys.exit(130)
