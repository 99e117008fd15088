"""Encoders side by side: the same probe of each, on the same people, beside extra trees on hand features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sig2lm.datasets import Table
from sig2lm.encoder import ARCHITECTURES, SignalEncoder, load_any_encoder
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import Sig2LMError
from sig2lm.evaluation.hand_features import answer_by_trees, features_of
from sig2lm.evaluation.probing.fractions import nested_rows
from sig2lm.evaluation.probing.missing import Progress
from sig2lm.evaluation.probing.probe import METHODS, probe_encoder
from sig2lm.evaluation.probing.study import ProbeSettings, Study
from sig2lm.metrics import spreads
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.objectives import OBJECTIVES

RIVAL = "extra trees on hand features"


@dataclass(frozen=True)
class Candidate:
    """An encoder to be compared.

    Attributes
    ----------
    name
        What it is called in the table.
    encoder
        It is left as it is.
    pretrained_here
        Settings and seconds of its pretraining, where that was done for the comparison.
    """

    name: str
    encoder: PatchEncoder
    pretrained_here: dict[str, Any] | None = None


def find_candidate(
    text: str,
    table: Table,
    signal: str | None = None,
    pretraining: PretrainSettings | None = None,
    progress: Progress = lambda line: None,
) -> Candidate:
    """Load an encoder, or pretrain one on the training people of a table.

    Parameters
    ----------
    text
        A folder, ``sig2lm:NAME`` or ``LIBRARY:NAME``; or an architecture, an objective, or ``ARCHITECTURE:OBJECTIVE``,
        by which one is pretrained. A folder of such a name is written ``./masked``.
    pretraining
        Of what the text leaves open.

    Raises
    ------
    CheckpointError, DatasetError
        As loading and pretraining do.
    """
    parts = text.split(":")
    architectures, objectives = ([part for part in parts if part in known] for known in (ARCHITECTURES, OBJECTIVES))
    if len(architectures) + len(objectives) < len(parts) or max(len(architectures), len(objectives)) > 1:
        contracts = table.info.signals
        encoder = load_any_encoder(text, contracts.get(signal or "", next(iter(contracts.values()))))
        return Candidate(text.rstrip("/").rpartition("/")[2], encoder)
    settings = pretraining or PretrainSettings()
    settings = replace(
        settings,
        architecture=architectures[0] if architectures else settings.architecture,
        objective=objectives[0] if objectives else settings.objective,
    )
    progress(f"{text}: pretraining")
    made, record = pretrain_encoder(table, settings, signal)
    return Candidate(text, made, {"seconds": record["seconds"], **record["settings"]})


def compare_encoders(
    table: Table,
    candidates: Sequence[Candidate],
    settings: ProbeSettings | None = None,
    signal: str | None = None,
    test_table: Table | None = None,
    progress: Progress = lambda line: None,
) -> dict[str, Any]:
    """Judge several encoders alike.

    Parameters
    ----------
    table, settings, signal, test_table
        As of :func:`probe_encoder`.
    candidates
        Two or more, named differently.

    Returns
    -------
    dict
        Ready for JSON. ``encoders``: for each ``name``, ``architecture`` (None for other libraries), ``parameters``,
        ``pretrained_here``, ``scores`` (for each fraction, those of each of ``methods``), ``label_free``, ``missing``
        and ``seconds``; ``rival``: scores of extra trees for each fraction, None without labels; ``fractions``: numbers
        of people and windows; and what was measured, as of :func:`probe_encoder`.

    Raises
    ------
    Sig2LMError
        When there are fewer than two candidates, or two of one name; else as :func:`probe_encoder`, before anything is
        measured.
    """
    names = [candidate.name for candidate in candidates]
    if len(names) < 2 or len(set(names)) < len(names):
        raise Sig2LMError(
            f"expected two encoders or more of different names to compare, found {', '.join(names) or 'none'}"
        )
    studies = [Study.from_table(table, one.encoder, settings, signal, test_table) for one in candidates]
    reports = [
        probe_encoder(table, one.encoder, settings, signal, test_table, _named(progress, one.name))
        for one in candidates
    ]
    first = reports[0]
    methods = [method for method in METHODS if any(method in report["methods"] for report in reports)]
    return {
        **{key: first[key] for key in ("data", "test_data", "split", "labels", "sizes", "settings")},
        "methods": {method: METHODS[method] for method in methods if first["fractions"]},
        "fractions": [{key: part[key] for key in ("fraction", "people", "windows")} for part in first["fractions"]],
        "encoders": [_described(*pair) for pair in zip(candidates, reports, strict=True)],
        "rival": _trees(studies[0], progress) if first["fractions"] else None,
    }


def _named(progress: Progress, name: str) -> Progress:
    return lambda line: progress(f"{name}: {line}")


def _described(candidate: Candidate, report: dict[str, Any]) -> dict[str, Any]:
    encoder = candidate.encoder
    config = encoder.config if isinstance(encoder, SignalEncoder) else None
    return {
        "name": candidate.name,
        "fingerprint": report["encoder"]["fingerprint"],
        "signal": report["signal"],
        "architecture": None if config is None else config.architecture,
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        "pretrained_here": candidate.pretrained_here,
        "scores": [part["methods"] for part in report["fractions"]],
        "label_free": report["label_free"],
        "missing": report["missing"],
        "seconds": report["seconds"],
    }


def _trees(study: Study, progress: Progress) -> list[dict[str, Any]]:
    """Scores of extra trees on hand features for each fraction, over the same draws of people."""
    progress(RIVAL)
    settings, train = study.settings, study.labelled.data["train"]
    known, asked = (features_of(study.labelled, part) for part in ("train", settings.split))
    truth, drawn = study.truth("train"), sorted(settings.fractions)
    found: dict[float, list[dict[str, float | None]]] = {fraction: [] for fraction in drawn}
    for seed in range(settings.seeds):
        for fraction, rows in nested_rows(train["subject"], train["label"], drawn, seed).items():
            answers = answer_by_trees(known[rows], truth[rows], asked, len(study.labels), seed)
            found[fraction].append(study.scores(answers))
    return [spreads(scores) for scores in found.values()]
