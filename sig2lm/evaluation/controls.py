"""What would refute a score: the same questions without the signal, in other words, and with sensors missing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from datasets import DatasetDict
from scipy.special import softmax

from sig2lm.datasets import Table
from sig2lm.encoder.tables import sensors_left_out
from sig2lm.evaluation.asking import drawn_question, held_out_question, predict
from sig2lm.formatting import CONTROL_NAMES
from sig2lm.metrics import Predictions, scores
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import SignalSource, shuffled_rows
from sig2lm.templates.task import Question

CONTROLS: dict[str, SignalSource] = {"shuffled": "shuffled", "zeroed": "zeroed", "text_only": "none"}
MEASURED: dict[str, SignalSource] = {"measured_only": "measured"}  # beside these where a template states it
_DECIDING = {"macro_f1": "macro-F1", "auroc": "AUROC"}
Progress = Callable[[str], None]


def controls(
    model: SignalLM,
    table: Table,
    split: str,
    batch_size: int = 64,
    progress: Progress = lambda text: None,
    predictions: Predictions | None = None,
) -> dict[str, dict[str, float | None]]:
    """Score the same questions with signals shuffled, zeroed and absent.

    Where the template states what was measured of a signal, also with these words alone (``measured_only``).

    Where prompts differ in nothing but signals, the answers behind shuffled signals are those known of other rows, and
    the LM is not asked again: ``predictions`` are with the own signals.
    """
    question, found = held_out_question(model, table), {}
    measured = MEASURED if question.task.template.shows_measured else {}
    for control, source in {**CONTROLS, **measured}.items():
        if source == "shuffled" and predictions is not None and _differ_in_signals_only(table, split, question):
            order = shuffled_rows(len(predictions.truth))
            found[control] = scores(replace(predictions, probabilities=predictions.probabilities[order]))
            continue
        progress(f"asking again, signals {control.replace('_', ' ')}")
        found[control] = scores(predict(model, table, split, question, source, batch_size))
    return found


def _differ_in_signals_only(table: Table, split: str, question: Question) -> bool:
    """Whether all rows are asked the same words: no own questions, nothing told of each, one paraphrase."""
    told = set(question.task.template.variables) - {"question", "signals", *table.info.signals}
    return bool(question.text) and not told and not any(table.data[split]["question"])


def no_better(found: Mapping[str, Any], without: Mapping[str, Mapping[str, float | None]]) -> str | None:
    """Say in a sentence that answers are no better than those of a control; None where they are better.

    They are better where the lower end of an interval over subjects, of macro-F1 or of AUROC, lies above every control;
    where there is no interval the score itself has to.

    Parameters
    ----------
    found
        The scores of a run with ``ci``, as :func:`sig2lm.evaluation.evaluate.scored` returns them.
    without
        The scores of the controls by name, as :func:`controls` returns them.

    Examples
    --------
    >>> run = {"macro_f1": 0.52, "auroc": None, "ci": {"macro_f1": [0.47, 0.58], "auroc": None}}
    >>> no_better(run, {"shuffled": {"macro_f1": 0.3, "auroc": None}}) is None
    True
    >>> print(no_better(run, {"shuffled": {"macro_f1": 0.5, "auroc": None}}))
    no better than with signals of other rows: macro-F1 0.520 (95 % from 0.470 to 0.580) beside 0.500
    """
    told = []
    for measure, title in _DECIDING.items():
        rivals = {name: one[measure] for name, one in without.items() if one.get(measure) is not None}
        own = found.get(measure)
        if own is None or not rivals:
            continue
        interval = (found.get("ci") or {}).get(measure)
        best = max(rivals, key=lambda name: rivals[name] or 0.0)
        rival = rivals[best]
        assert rival is not None
        if (interval[0] if interval else own) > rival:
            return None
        reach = f" (95 % from {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        told.append(f"with {CONTROL_NAMES.get(best, best)}: {title} {own:.3f}{reach} beside {rival:.3f}")
    return f"no better than {'; and than '.join(told)}" if told else None


def paraphrases(
    model: SignalLM, table: Table, split: str, predictions: Predictions, batch_size: int = 64
) -> dict[str, dict[str, float | None]]:
    """Put scores in the held-out paraphrase beside those in the paraphrases of training; empty without a held-out one.

    ``uncalibrated`` is what the held-out paraphrase scores by the LM's likelihoods alone
    (:mod:`sig2lm.model.calibration`).
    """
    question = held_out_question(model, table)
    if not question.text:
        return {}
    known = predict(model, table, split, drawn_question(model, question.task), batch_size=batch_size)
    found = {"held_out": scores(predictions), "of_training": scores(known)}
    if question.offsets is not None:
        found["uncalibrated"] = scores(_uncalibrated(predictions, question))
    return found


def without_sensors(
    model: SignalLM, table: Table, split: str, batch_size: int = 64, progress: Progress = lambda text: None
) -> list[dict[str, Any]]:
    """Score the same questions with each channel group missing: the channels of a signal that share a unit.

    What is missing is masked, nothing is imputed; what the model learned from was complete.

    Returns
    -------
    list of dict
        ``signal``, ``channels`` and the scores without them, one for each channel group.

    Raises
    ------
    DatasetError
        If there is one channel group only.
    """
    left_out = sensors_left_out(replace(table, data=DatasetDict({split: table.data[split]})))
    question = held_out_question(model, table)
    found = []
    for without in left_out:
        progress(f"asking again without {without.signal} {', '.join(without.channels)}")
        predictions = predict(model, without.table, split, question, batch_size=batch_size)
        found.append({"signal": without.signal, "channels": without.channels, **scores(predictions)})
    return found


def _uncalibrated(predictions: Predictions, question: Question) -> Predictions:
    """The answers as the LM's likelihoods alone would have them."""
    logs = np.log(np.maximum(predictions.probabilities, np.finfo(np.float64).tiny)) / question.scale
    return replace(predictions, probabilities=softmax(logs - np.asarray(question.offsets), axis=1))
