"""What remains when a sensor is missing: at test time, in training, or both.

The table of Deldari et al. 2024 (CroSSL, arXiv 2307.16847): each channel group (channels that share a unit) is left out
in turn. A missing sensor is masked, nothing is imputed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sig2lm.datasets import Table
from sig2lm.encoder.config import channel_groups
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.tables import without_channels
from sig2lm.evaluation.probing.classifiers import linear_probe
from sig2lm.evaluation.probing.features import window_features
from sig2lm.evaluation.probing.study import ProbeSettings, Scores, Study
from sig2lm.metrics import spreads
from sig2lm.pretraining.windows import WindowDataset

Progress = Callable[[str], None]
WHEN = ("test", "training", "both")


def missing_sensors(
    table: Table,
    encoder: PatchEncoder,
    settings: ProbeSettings | None = None,
    signal: str | None = None,
    test_table: Table | None = None,
) -> dict[str, Any]:
    """Leave out each channel group of an encoder's signal, with all labels.

    Parameters
    ----------
    table, encoder, settings, signal, test_table
        As for :func:`sig2lm.evaluation.probing.probe_encoder`.

    Returns
    -------
    dict
        ``complete``: ``linear`` and ``fine_tuned`` scores with all sensors; ``sensors``: for each channel group its
        ``channels`` and ``unit``, and for both methods the scores with it missing at ``test``, in ``training``, in
        ``both``. Mean and spread over seeds; the linear probe has none.

    Raises
    ------
    DatasetError, SignalError
        As there; also when there is one channel group only, or no label.
    """
    study = Study.from_table(table, encoder, replace(settings or ProbeSettings(), missing=True), signal, test_table)
    return sensors_left_out(study, lambda _: None)


def sensors_left_out(study: Study, progress: Progress) -> dict[str, Any]:
    """:func:`missing_sensors` of data that are ready."""
    contract = study.encoder.contract
    groups = channel_groups(contract)
    tables = [study.labelled, *(without_channels(study.labelled, study.name, group) for group in groups)]
    linear = _linear(study, tables)
    tuned = [_fine_tuned(study, tables, seed, progress) for seed in range(study.settings.seeds)]
    found = {
        "linear": {place: spreads([scores]) for place, scores in linear.items()},
        "fine_tuned": {place: spreads([scores[place] for scores in tuned]) for place in tuned[0]},
    }
    left_out = [
        {
            "channels": [contract.channels[channel] for channel in group],
            "unit": contract.units[group[0]],
            **{
                method: {when: scores[place] for when, place in zip(WHEN, _places(number), strict=True)}
                for method, scores in found.items()
            },
        }
        for number, group in enumerate(groups, start=1)
    ]
    return {"complete": {method: scores[0, 0] for method, scores in found.items()}, "sensors": left_out}


def _places(number: int) -> tuple[tuple[int, int], ...]:
    """(training table, test table) for each of ``WHEN``; table 0 is complete."""
    return (0, number), (number, 0), (number, number)


def _asked(training: int, tables: int) -> list[int]:
    """On which tables who learned from a table is judged."""
    return list(range(tables)) if training == 0 else [0, training]


def _linear(study: Study, tables: list[Table]) -> dict[tuple[int, int], Scores]:
    features = [
        {split: window_features(study.encoder, WindowDataset(table, study.name, split)) for split in table.data}
        for table in tables
    ]
    truth, split = study.truth("train"), study.settings.split
    return {
        (training, test): study.scores(
            linear_probe(features[training]["train"], truth, features[test][split], len(study.labels))
        )
        for training in range(len(tables))
        for test in _asked(training, len(tables))
    }


def _fine_tuned(study: Study, tables: list[Table], seed: int, progress: Progress) -> dict[tuple[int, int], Scores]:
    found: dict[tuple[int, int], Scores] = {}
    for training, table in enumerate(tables):
        progress(f"seed {seed}: fine-tuning with {'all sensors' if training == 0 else 'a sensor missing'}")
        asked = _asked(training, len(tables))
        answers = study.training(seed).fine_tuned(
            study.encoder, table, [tables[test] for test in asked], range(len(table.data["train"]))
        )
        found |= {(training, test): study.scores(answer) for test, answer in zip(asked, answers, strict=True)}
    return found
