"""What the parser of the command line refuses, as one line."""

import re
from typing import Any

import typer

from sig2lm.arguments import unknown

UsageError: Any = typer.BadParameter.__bases__[0]
"""What the parser raises; typer gives it no public name."""


def trouble(error: OSError | MemoryError) -> str:
    """Return what the machine refuses, where no part of the program knew better what to do about it."""
    if isinstance(error, MemoryError):
        return "expected to find room in memory, but there is none left; take a shorter recording or smaller batches"
    place = f" '{error.filename}'" if error.filename is not None else ""
    reason = error.strerror or " ".join(str(error).split())
    return f"expected to read and write{place}, but: {reason}; check the path, its permissions and the disk"


def mistake(error: Any) -> str:
    """Return what is wrong with a command line, and which `--help` says more."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "sig2lm"
    known = getattr(error, "possibilities", None)
    if hasattr(error, "option_name") and error.ctx is not None:
        options = [name for parameter in error.ctx.command.params for name in parameter.opts if name.startswith("--")]
        meant = unknown("option", error.option_name, known or options).split("; ")
        return f"{meant[0]}; {meant[-1] if known else 'there is none like it'}; see `{command} --help`"
    said = error.format_message()
    if chosen := re.search(r"'([^']*)' is not one of (.*)", said):
        choices = re.findall(r"'([^']*)'", chosen[2])
        return unknown(str(error.param.name).replace("_", " "), chosen[1], choices)
    if wrong := re.match(r"No such command '(.*?)'", said):
        return unknown("command", wrong[1], list(error.ctx.command.commands))
    return f"{said.rstrip('.')}; see `{command} --help`"
