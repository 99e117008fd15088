"""What a probe is made of: an encoder, rows to learn from, rows of other people to be judged on; checked beforehand."""

from dataclasses import dataclass, field, replace
from typing import Self

import datasets as hf

from sig2lm.datasets import Table
from sig2lm.encoder.compatibility import check_values
from sig2lm.encoder.config import channel_groups
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.tables import as_read, chosen_signal, labelled, renamed
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.evaluation.probing.classifiers import Numbers
from sig2lm.evaluation.probing.features import Features
from sig2lm.evaluation.probing.training import Training
from sig2lm.metrics import Predictions, label_numbers, scores
from sig2lm.pretraining.fine_tuning import FineTuneSettings

Scores = dict[str, float | None]


@dataclass(frozen=True)
class ProbeSettings:
    """What is measured.

    Attributes
    ----------
    fractions
        Of the training people whose labels are used, each in (0, 1].
    seeds
        How often people are drawn and weights begin again.
    split
        Of the people on whom is judged: validation or test.
    neighbours
        Of the kNN.
    tuning
        Of fine-tuning and of training from scratch; its seed is replaced.
    least_steps
        Of these two, however few labels there are.
    untrained
        Whether the same encoder without pretraining is measured beside it; it takes as long again.
    test_signal
        Of the table that is judged on, where it has another name there.
    missing
        Whether sensors are left out, too.
    self_training
        Whether, below all labels, the windows of the other training people are used as well, without their labels
        (:func:`sig2lm.pretraining.self_training.self_train`); about three times the work of fine-tuning, and more.
    labels
        Whether labels are used; without them only measures that need none are taken.

    Raises
    ------
    Sig2LMError
        When a fraction, the number of seeds or the split makes no sense.
    """

    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    seeds: int = 3
    split: str = "test"
    neighbours: int = 20
    tuning: FineTuneSettings = field(default_factory=FineTuneSettings)
    least_steps: int = 300
    untrained: bool = True
    test_signal: str | None = None
    missing: bool = False
    self_training: bool = False
    labels: bool = True

    def __post_init__(self) -> None:
        wrong = [fraction for fraction in self.fractions if not 0.0 < fraction <= 1.0]
        if wrong or not self.fractions or len(set(self.fractions)) < len(self.fractions):
            found = ", ".join(f"{fraction:g}" for fraction in self.fractions)
            raise Sig2LMError(
                f"expected different fractions of the labels above 0 and up to 1, found {found or 'none'}; "
                "write them as 0.01,0.1,1"
            )
        if self.seeds < 1 or self.neighbours < 1:
            raise Sig2LMError(f"expected at least one seed and neighbour, found {self.seeds} and {self.neighbours}")
        if self.split not in ("validation", "test"):
            raise Sig2LMError(f"expected the split validation or test to judge on, found '{self.split}'")
        if self.missing and not self.labels:
            raise Sig2LMError("missing sensors are judged by labels, which are not to be used; leave one of them out")
        if self.self_training and not (self.labels and min(self.fractions) < 1.0):
            raise Sig2LMError(
                "self-training needs some people's labels and others' windows; use labels, and a fraction below 1"
            )


@dataclass(frozen=True)
class Study:
    """An encoder and its data.

    Attributes
    ----------
    encoder, settings
        As given.
    name
        Of the signal.
    table
        The train split and the split that is judged on, as the encoder reads them; rows without a label, too.
    rows
        For each split which rows have one of the labels.
    labelled
        Only these rows.
    labels
        At least two, or none where labels are not used.
    """

    encoder: PatchEncoder
    settings: ProbeSettings
    name: str
    table: Table
    rows: dict[str, list[int]]
    labelled: Table
    labels: tuple[str, ...]

    @classmethod
    def from_table(
        cls,
        table: Table,
        encoder: PatchEncoder,
        settings: ProbeSettings | None = None,
        signal: str | None = None,
        test_table: Table | None = None,
    ) -> Self:
        """Bring data into the encoder's form; everything that can be refused is refused here.

        Raises
        ------
        DatasetError, SignalError
            When the data do not suit the encoder or the questions.
        """
        settings = settings or ProbeSettings()
        judged = table if test_table is None else test_table
        split = settings.split
        if split not in judged.data:
            raise DatasetError(f"expected a {split} split in '{judged.path}', found {', '.join(judged.data)}")
        name = chosen_signal(table, encoder.contract, signal)
        if test_table is not None:
            other = chosen_signal(test_table, encoder.contract, settings.test_signal or name)
            judged = renamed(test_table, other, name)
        check_values(table, "train", {name: encoder})
        check_values(judged, split, {name: encoder})
        labels = _shared_labels(table, judged, settings) if settings.labels else ()
        if settings.missing:
            _check_sensors(table, encoder, labels)
        source = {"train": table} if "train" in table.data else {}
        parts = {
            part: as_read(replace(where, data=hf.DatasetDict({part: where.data[part]})), name, encoder.contract)
            for part, where in {**source, split: judged}.items()
        }
        whole = replace(parts[split], data=hf.DatasetDict({part: found.data[part] for part, found in parts.items()}))
        rows = {
            part: [row for row, label in enumerate(found["label"]) if label in labels]
            for part, found in whole.data.items()
        }
        study = cls(encoder, settings, name, whole, rows, labelled(whole, labels), labels)
        if labels:
            study.check_people()
        return study

    def check_people(self) -> None:
        """Refuse a share of one person's labels.

        Raises
        ------
        DatasetError
            When there is one training person.
        """
        people = set(self.labelled.data["train"]["subject"])
        if len(people) < 2 and min(self.settings.fractions) < 1.0:
            raise DatasetError(
                f"expected several training people to take a fraction of, found one ('{people.pop()}'); "
                "add people, or pass --fractions 1"
            )

    def training(self, seed: int) -> Training:
        """How encoders are trained with one seed."""
        settings = self.settings
        return Training(self.labels, settings.split, replace(settings.tuning, seed=seed), settings.least_steps)

    def truth(self, split: str) -> Numbers:
        """Number of the label of each labelled row."""
        return label_numbers(self.labelled.data[split]["label"], self.labels)

    def scores(self, probabilities: Features) -> Scores:
        """Scores of probabilities (N, M) for the labelled rows of the split that is judged on."""
        rows = self.labelled.data[self.settings.split]
        return scores(Predictions.from_names(self.labels, rows["label"], probabilities, rows["subject"]))


def _shared_labels(table: Table, judged: Table, settings: ProbeSettings) -> tuple[str, ...]:
    """Labels to learn and be judged on, in the table's order; none where one side has no label at all.

    Raises
    ------
    DatasetError
        When there are fewer than two.
    """
    taught = set(table.data["train"]["label"]) - {None} if "train" in table.data else set()
    asked = set(judged.data[settings.split]["label"]) - {None}
    if not (taught and asked):
        return ()
    if len(taught) < 2:
        raise DatasetError(
            f"expected several labels in the train split of '{table.path}', found only '{taught.pop()}'; "
            "add others, or pass --label-free"
        )
    if judged is table:
        return tuple(label for label in table.info.labels if label in taught | asked)
    shared = tuple(label for label in table.info.labels if label in taught & asked)
    if len(shared) < 2:
        raise DatasetError(
            f"expected at least two labels that '{table.path}' and '{judged.path}' share, found {len(shared)}: "
            f"{', '.join(sorted(taught))} there and {', '.join(sorted(asked))} here; choose data with common labels"
        )
    return shared


def _check_sensors(table: Table, encoder: PatchEncoder, labels: tuple[str, ...]) -> None:
    """Refuse to leave out the only channel group, or to judge it without labels.

    Raises
    ------
    DatasetError
        Naming what lacks.
    """
    contract = encoder.contract
    if len(channel_groups(contract)) < 2:
        raise DatasetError(
            "expected an encoder of two channel groups or more (channels of different units) to leave one out, found "
            f"one: {', '.join(contract.channels)} in {contract.units[0]}; probe it without --missing"
        )
    if not labels:
        raise DatasetError(f"expected labels in '{table.path}' to judge missing sensors by, found none; add some")
