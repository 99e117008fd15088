"""What remains when a sensor is missing: at test time, in training, or both.

The table of Deldari et al. 2024 (CroSSL, arXiv 2307.16847): each channel group (channels that share a unit) is left out
in turn. A missing sensor is masked, nothing is imputed.
"""

from collections.abc import Callable
from typing import Any

from sig2lm.datasets import Table
from sig2lm.encoder.tables import sensors_left_out
from sig2lm.evaluation.probing.classifiers import linear_probe
from sig2lm.evaluation.probing.features import window_features
from sig2lm.evaluation.probing.study import Scores, Study
from sig2lm.metrics import spreads
from sig2lm.pretraining.windows import WindowDataset

Progress = Callable[[str], None]
WHEN = ("test", "training", "both")


def missing_sensors(study: Study, progress: Progress) -> dict[str, Any]:
    """Score a linear probe and fine-tuning with each channel group missing in training, at test time, or in both.

    Returns
    -------
    dict
        ``complete``: ``linear`` and ``fine_tuned`` scores with all sensors; ``sensors``: for each channel group its
        ``channels`` and ``unit``, and for both methods the scores with it missing at ``test``, in ``training``, in
        ``both``. Mean and spread over seeds; the linear probe has none.

    Raises
    ------
    DatasetError
        If there is one channel group only.
    """
    missing = list(sensors_left_out(study.labelled))
    tables = [study.labelled, *(without.table for without in missing)]
    linear = _linear(study, tables)
    tuned = [_fine_tuned(study, tables, seed, progress) for seed in range(study.settings.seeds)]
    found = {
        "linear": {place: spreads([scores]) for place, scores in linear.items()},
        "fine_tuned": {place: spreads([scores[place] for scores in tuned]) for place in tuned[0]},
    }
    left_out = [
        {
            "channels": without.channels,
            "unit": without.unit,
            **{
                method: {when: scores[place] for when, place in zip(WHEN, _places(number), strict=True)}
                for method, scores in found.items()
            },
        }
        for number, without in enumerate(missing, start=1)
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
