"""Ask a frozen language model about a biosignal.

>>> from sig2lm import SignalLM, simulate
>>> model = SignalLM.from_pretrained("pocket-har")
>>> model.ask(simulate("har", "jogging")).text
'jogging'

Public names load on first use, so that ``import sig2lm`` is quick and imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sig2lm._version import __version__ as __version__

_HOME = {
    "AdapterConfig": "sig2lm.model.adapter",
    "Answer": "sig2lm.model.answer",
    "ArgumentError": "sig2lm.errors",
    "Chat": "sig2lm.model.chat",
    "ComparisonSettings": "sig2lm.evaluation.comparison",
    "Contract": "sig2lm.signals",
    "FineTuneSettings": "sig2lm.pretraining.fine_tuning",
    "FrozenLM": "sig2lm.lm",
    "PretrainSettings": "sig2lm.pretraining",
    "ProbeSettings": "sig2lm.evaluation.probing",
    "SelfTrainingSettings": "sig2lm.pretraining.self_training",
    "Sig2LMError": "sig2lm.errors",
    "Signal": "sig2lm.signals",
    "SignalEncoder": "sig2lm.encoder",
    "SignalLM": "sig2lm.model.signal_lm",
    "Template": "sig2lm.templates.template",
    "TrainSettings": "sig2lm.training.trainer",
    "annotate": "sig2lm.model.annotate",
    "compare": "sig2lm.evaluation.comparison",
    "evaluate": "sig2lm.evaluation.evaluate",
    "fine_tuned_encoders": "sig2lm.pretraining.fine_tuning",
    "load_encoder": "sig2lm.encoder",
    "load_table": "sig2lm.datasets",
    "load_template": "sig2lm.templates.template",
    "load_tokenizer": "sig2lm.tokenization",
    "measure": "sig2lm.quantities",
    "prepare": "sig2lm.datasets",
    "pretrain_encoder": "sig2lm.pretraining",
    "probe_encoder": "sig2lm.evaluation.probing",
    "read_signal": "sig2lm.signals",
    "save_encoder": "sig2lm.encoder",
    "save_signal": "sig2lm.signals",
    "simulate": "sig2lm.signals.simulation",
    "tokenizer_report": "sig2lm.tokenization",
    "train_adapter": "sig2lm.training.train_adapter",
}

__all__ = [
    "AdapterConfig",
    "Answer",
    "ArgumentError",
    "Chat",
    "ComparisonSettings",
    "Contract",
    "FineTuneSettings",
    "FrozenLM",
    "PretrainSettings",
    "ProbeSettings",
    "SelfTrainingSettings",
    "Sig2LMError",
    "Signal",
    "SignalEncoder",
    "SignalLM",
    "Template",
    "TrainSettings",
    "annotate",
    "compare",
    "evaluate",
    "fine_tuned_encoders",
    "load_encoder",
    "load_table",
    "load_template",
    "load_tokenizer",
    "measure",
    "prepare",
    "pretrain_encoder",
    "probe_encoder",
    "read_signal",
    "save_encoder",
    "save_signal",
    "simulate",
    "tokenizer_report",
    "train_adapter",
]

if TYPE_CHECKING:
    from sig2lm.datasets import load_table, prepare
    from sig2lm.encoder import SignalEncoder, load_encoder, save_encoder
    from sig2lm.errors import ArgumentError, Sig2LMError
    from sig2lm.evaluation.comparison import ComparisonSettings, compare
    from sig2lm.evaluation.evaluate import evaluate
    from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
    from sig2lm.lm import FrozenLM
    from sig2lm.model.adapter import AdapterConfig
    from sig2lm.model.annotate import annotate
    from sig2lm.model.answer import Answer
    from sig2lm.model.chat import Chat
    from sig2lm.model.signal_lm import SignalLM
    from sig2lm.pretraining import PretrainSettings, pretrain_encoder
    from sig2lm.pretraining.fine_tuning import FineTuneSettings, fine_tuned_encoders
    from sig2lm.pretraining.self_training import SelfTrainingSettings
    from sig2lm.quantities import measure
    from sig2lm.signals import Contract, Signal, read_signal, save_signal
    from sig2lm.signals.simulation import simulate
    from sig2lm.templates.template import Template, load_template
    from sig2lm.tokenization import load_tokenizer, tokenizer_report
    from sig2lm.training.train_adapter import train_adapter
    from sig2lm.training.trainer import TrainSettings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sig2lm' has no attribute {name!r}")
    found = getattr(import_module(_HOME[name]), name)
    globals()[name] = found  # so that a later import of a submodule of the same name cannot take its place
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
