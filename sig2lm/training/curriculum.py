"""The curriculum: tables whose rows ask more than for a label, and what training never shows, to judge transfer by."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import datasets as hf

from sig2lm.datasets import Table
from sig2lm.errors import DatasetError, PromptError
from sig2lm.templates import Task
from sig2lm.templates.questions import KINDS, Kind
from sig2lm.training.known import Known, Row, know, known_rows
from sig2lm.training.questions import Asked, Writer

# How often each kind is asked; of those that a task holds out, or that a row does not carry, others take the share.
WEIGHTS: dict[Kind, float] = {
    "label": 3.0,
    "describe": 1.0,
    "measure": 2.0,
    "compare": 1.5,
    "pair": 1.0,
    "verify": 2.0,
    "choose": 1.0,
    "explain": 1.0,
    "unanswerable": 1.5,  # at a twentieth of the questions, refusing is lost among yes and no
    "dialogue": 1.5,
}
_TRIES = 4  # of a conversation, before another kind is drawn


@dataclass(frozen=True)
class Curriculum:
    """Questions about the rows of a table.

    Attributes
    ----------
    table
        Whose labels and signals they are written from.
    known
        Its training rows, which decide thresholds, and what separates labels.
    weights
        How often each kind is asked.
    seed
        Draws; a row's questions depend on its number, not on the other rows.
    """

    table: Table
    known: Known
    weights: Mapping[Kind, float]
    seed: int = 0

    @classmethod
    def from_table(
        cls, table: Table, task: Task, weights: Mapping[Kind, float] | None = None, seed: int = 0
    ) -> "Curriculum":
        """Measure a table's training rows and plan what is asked about them.

        Parameters
        ----------
        table, task
            What is asked about, and in which template.
        weights
            Kinds with how often each is asked; by default all of them (``WEIGHTS``).

        Raises
        ------
        PromptError
            If the template's questions name unknown labels, or nothing is left to ask.
        """
        return cls.from_known(table, know(table, task), weights, seed)

    @classmethod
    def from_known(
        cls, table: Table, known: Known, weights: Mapping[Kind, float] | None = None, seed: int = 0
    ) -> "Curriculum":
        """Plan what is asked about a table whose training rows are measured already; else as :meth:`from_table`."""
        weights = dict(WEIGHTS if weights is None else weights)
        taught = [kind for kind in Writer(known).kinds() if weights.get(kind)]
        if not taught:
            raise PromptError(
                f"expected kinds to train on beside those held out ({', '.join(known.plan.held_out.kinds)}), "
                f"found {', '.join(weights) or 'none'}; name others"
            )
        return cls(table, known, weights, seed)

    def training(self, split: str = "train", count: int | None = None) -> list[Asked]:
        """Return one question for each row of a split, or for ``count`` of them, as training asks them.

        Rows about which nothing can be asked are left out.
        """
        rows = known_rows(self.table, split, self._sample(split, count))
        writer = Writer(self.known, others=rows)
        asked = (self._draw(writer, row, split) for row in rows)
        return _with_their_others([one for one in asked if one is not None])

    def transfer(self, split: str = "test", count: int = 200) -> list[Asked]:
        """Return up to ``count`` questions of each kind that training never shows, about rows drawn at random.

        Each is put in a held-out paraphrase; kinds, claims and topics that are held out say so (``Asked.held_out``).
        """
        rows = known_rows(self.table, split, self._sample(split, count))
        writer = Writer(self.known, transfer=True, others=rows)
        found = []
        for row in rows:
            for kind in KINDS:
                asked = self._write(writer, kind, row, random.Random(f"{self.seed}-{split}-{kind}-{row.number}"))
                found += [asked] if asked is not None else []
        return _with_their_others(found)

    def training_table(self) -> Table:
        """Return the table with a question in each row of its train and validation splits, to be trained on.

        Rows that have a question of their own keep it, but that one of several labels may be asked about one of them;
        the label's question is left to the template.
        """
        data = {
            split: self._asking(rows, split) if split in ("train", "validation") else rows
            for split, rows in self.table.data.items()
        }
        return replace(self.table, data=hf.DatasetDict(data))

    def transfer_table(self, asked: Sequence[Asked], split: str = "test") -> Table:
        """Return a table whose one split puts these questions, a row each."""
        rows = self.table.data[split].select([one.row for one in asked])
        return replace(self.table, data=hf.DatasetDict({split: with_questions(rows, asked)}))

    def _asking(self, rows: hf.Dataset, split: str) -> hf.Dataset:
        own = rows["question"][:]
        asked = {one.row: one for one in self.training(split)}
        several = [len(self.table.labels(row)) > 1 for row in rows.select_columns(["label", "facts"])]
        kept = [number for number in range(len(rows)) if number in asked or own[number]]
        if len(rows) and not kept and split == "train":
            raise PromptError(
                f"expected rows of '{self.table.path}' about which {', '.join(self.weights)} can be asked, found none: "
                "its signals carry no quantity that these need; name others, or see `sig2lm quantities`"
            )
        rows = rows if len(kept) == len(rows) else rows.select(kept)
        answers = rows["answer"][:]
        columns: dict[str, list[Any]] = {"question": [], "answer": [], "earlier": [], "row": kept, "beside": []}
        for place, number in enumerate(kept):
            one = asked.get(number)
            of_label = one is not None and one.kind == "label" and not one.earlier
            keeps = own[number] and not (one is not None and one.kind == "verify" and several[number])
            mine = keeps or one is None or of_label
            columns["question"].append(own[number] if mine or one is None else one.question)
            columns["answer"].append(answers[place] if mine or one is None else one.answer)
            columns["earlier"].append(json.dumps([] if mine or one is None else one.earlier))
            columns["beside"].append(None if mine or one is None else one.beside)
        return _replaced(rows, columns)

    def _sample(self, split: str, count: int | None) -> list[int]:
        """Numbers of some rows of a split."""
        if split not in self.table.data:
            raise DatasetError(
                f"expected the split '{split}' in '{self.table.path}', found {', '.join(self.table.data)}; choose one"
            )
        size = len(self.table.data[split])
        if count is None or count >= size:
            return list(range(size))
        return sorted(random.Random(f"{self.seed}-{split}").sample(range(size), count))

    def _draw(self, writer: Writer, row: Row, split: str) -> Asked | None:
        rng = random.Random(f"{self.seed}-{split}-{row.number}")
        kinds = {kind: self.weights[kind] for kind in writer.kinds() if self.weights.get(kind)}
        while kinds:
            (kind,) = rng.choices(list(kinds), list(kinds.values()))
            asked = self._write(writer, kind, row, rng)
            if asked is not None:
                return asked
            del kinds[kind]
        return None

    @staticmethod
    def _write(writer: Writer, kind: Kind, row: Row, rng: random.Random) -> Asked | None:
        """Write a question; a kind that declines keeps its answers balanced so, and is not asked again."""
        tries = (writer.write(kind, row, rng) for _ in range(_TRIES if kind == "dialogue" else 1))
        return next((asked for asked in tries if asked is not None), None)


def read_weights(text: str) -> dict[Kind, float]:
    """Read kinds and how often each is asked: ``all``, ``label,measure`` or ``label=3,measure=1``.

    Raises
    ------
    PromptError
        When a kind is unknown or a weight is no positive number.
    """
    if text.strip() == "all":
        return dict(WEIGHTS)
    weights: dict[Kind, float] = {}
    for part in text.split(","):
        name, separator, number = part.strip().partition("=")
        kind = next((kind for kind in KINDS if kind == name), None)
        try:
            weight = float(number) if separator else WEIGHTS[kind] if kind else 0.0
        except ValueError:
            weight = 0.0
        if kind is None or not 0 < weight < float("inf"):
            raise PromptError(
                f"expected kinds of question ({', '.join(KINDS)}) with weights above 0, found '{part.strip()}'; "
                "write all, label,measure or label=3,measure=1"
            )
        weights[kind] = weight
    return weights


def with_questions(rows: hf.Dataset, asked: Sequence[Asked]) -> hf.Dataset:
    """Return rows with a question each, as ``TableExamples`` reads them."""
    columns: dict[str, list[Any]] = {
        "question": [one.question for one in asked],
        "answer": [one.answer for one in asked],
        "earlier": [json.dumps(one.earlier) for one in asked],
        "row": [one.row for one in asked],
        "beside": [one.beside for one in asked],
    }
    return _replaced(rows, columns)


def _with_their_others(asked: list[Asked]) -> list[Asked]:
    """Leave out questions about two recordings of which the second is asked nothing, so has no row."""
    rows = {one.row for one in asked}
    kept = [one for one in asked if one.beside is None or one.beside in rows]
    return kept if len(kept) == len(asked) else _with_their_others(kept)


def _replaced(rows: hf.Dataset, columns: Mapping[str, list[Any]]) -> hf.Dataset:
    for name, values in columns.items():
        if name in rows.column_names:
            rows = rows.remove_columns([name])
        kind = hf.Value("int64" if name in ("row", "beside") else "string")
        rows = rows.add_column(name, values, feature=kind)
    return rows
