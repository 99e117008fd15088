"""Errors that a user can cause and fix.

Every message says what was expected, what was found and what to do. The command line prints
``sig2lm: error: MESSAGE`` and leaves with exit code 2; any other exception is a bug and keeps its traceback.
"""

import unicodedata


def one_line(text: str) -> str:
    """Write what cannot be printed as an escape: names of files and columns may hold line ends and codes of terminals.

    >>> print(one_line("a\\nb \\x1b[31m µV"))
    a\\nb \\x1b[31m µV
    """
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else ascii(letter)[1:-1]
        for letter in text
    )


class Sig2LMError(Exception):
    """Base of every error that the user can fix; its message is one line, whatever was found."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class ArgumentError(Sig2LMError, TypeError):
    """An argument of a function is unknown, or of another kind than is meant."""


class SignalError(Sig2LMError):
    """A signal, or a file that should hold one, is not what is needed."""


class DatasetError(Sig2LMError):
    """A data set, its layout or a prepared table is not what is needed."""


class PromptError(Sig2LMError):
    """A prompt template, or what fills it, is not what is needed."""


class CheckpointError(Sig2LMError):
    """A saved encoder, run or language model is missing, damaged or belongs to something else."""


class TokenizerError(Sig2LMError):
    """A tokenizer cannot be loaded or cannot do what is asked of it."""
