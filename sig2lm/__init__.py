"""Ask a frozen language model about a biosignal.

Public names load on first use, so that ``import sig2lm`` is quick and imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Answer": "sig2lm.model.answering",
    "Chat": "sig2lm.model.chat",
    "Contract": "sig2lm.signals",
    "Signal": "sig2lm.signals",
    "SignalEncoder": "sig2lm.encoder",
    "SignalLM": "sig2lm.model.signal_lm",
    "Sig2LMError": "sig2lm.errors",
    "Template": "sig2lm.templates.template",
    "load_table": "sig2lm.datasets",
    "load_template": "sig2lm.templates.template",
    "prepare": "sig2lm.datasets",
    "read_signal": "sig2lm.signals",
}

__all__ = [
    "Answer",
    "Chat",
    "Contract",
    "Sig2LMError",
    "Signal",
    "SignalEncoder",
    "SignalLM",
    "Template",
    "load_table",
    "load_template",
    "prepare",
    "read_signal",
]

if TYPE_CHECKING:
    from sig2lm.datasets import load_table, prepare
    from sig2lm.encoder import SignalEncoder
    from sig2lm.errors import Sig2LMError
    from sig2lm.model.answering import Answer
    from sig2lm.model.chat import Chat
    from sig2lm.model.signal_lm import SignalLM
    from sig2lm.signals import Contract, Signal, read_signal
    from sig2lm.templates.template import Template, load_template


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sig2lm' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
