"""Self-supervised objectives: each turns an encoder and a batch of signals into a loss.

An :class:`Objective` is a module around an encoder whose ``forward(values, sample_mask)`` returns a scalar; its
constructor's keywords are its options. A new one is a file here and a line in ``OBJECTIVES``.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.objectives.arrow_of_time import ArrowOfTime
from sig2lm.pretraining.objectives.byol import Byol
from sig2lm.pretraining.objectives.contrastive import Contrastive
from sig2lm.pretraining.objectives.cross_modal import CrossModalPrediction
from sig2lm.pretraining.objectives.crossl import CrossModalLatents
from sig2lm.pretraining.objectives.latent import LatentPrediction
from sig2lm.pretraining.objectives.masked import MaskedPatches
from sig2lm.pretraining.objectives.objective import Objective
from sig2lm.pretraining.objectives.subject_invariant import SubjectInvariant
from sig2lm.pretraining.objectives.transform import Transformations

OBJECTIVES: dict[str, type[Objective]] = {
    "masked": MaskedPatches,
    "latent": LatentPrediction,
    "contrastive": Contrastive,
    "byol": Byol,
    "crossl": CrossModalLatents,
    "cross_modal": CrossModalPrediction,
    "transform": Transformations,
    "arrow_of_time": ArrowOfTime,
}

__all__ = [
    "OBJECTIVES",
    "ArrowOfTime",
    "Byol",
    "Contrastive",
    "CrossModalLatents",
    "CrossModalPrediction",
    "LatentPrediction",
    "MaskedPatches",
    "Objective",
    "SubjectInvariant",
    "Transformations",
    "build_objective",
    "check_objective",
    "option_names",
]


def check_objective(name: str, options: Mapping[str, Any]) -> None:
    """Refuse an unknown objective, or options that it does not take.

    Raises
    ------
    Sig2LMError
        Naming those that there are.
    """
    if name not in OBJECTIVES:
        raise Sig2LMError(f"objective is '{name}', but there are {', '.join(OBJECTIVES)}; choose one")
    known = option_names(name)
    if unknown := [option for option in options if option not in known]:
        raise Sig2LMError(
            f"expected options of the objective '{name}' among {', '.join(known) or 'none'}, found "
            f"{', '.join(unknown)}; drop it or choose another objective"
        )


def option_names(name: str) -> list[str]:
    """Return the options that an objective takes."""
    return [option for option in inspect.signature(OBJECTIVES[name]).parameters if option != "encoder"]


def build_objective(name: str, encoder: SignalEncoder, options: Mapping[str, Any] | None = None) -> Objective:
    """Build an objective by name, with its constructor's keywords as options.

    Raises
    ------
    Sig2LMError
        When the name or an option is unknown, or the encoder's signals do not suit it.
    """
    check_objective(name, options or {})
    return OBJECTIVES[name](encoder, **(options or {}))
