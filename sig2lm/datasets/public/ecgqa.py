"""ECG-QA: questions about the recordings of PTB-XL, written from their statements and put in other words by experts.

Reads the official JSON (`ecgqa/ptbxl/paraphrased/{train,valid,test}/*.json`, or `template` where no paraphrased ones
are there) beside PTB-XL itself (`sig2lm.datasets.public.ptbxl_records`). Two tables come of it:

- ``ecgqa`` (task `ecg_qa`): questions about one recording, the signal `ecg`;
- ``ecgqa_pairs`` (task `ecg_qa_pairs`): comparisons of two recordings, the signals `first_ecg` and `second_ecg`, which
  are of one patient (consecutive) or of two (irrelevant).

Every row brings its own question and answer. Of a question that is to be verified the answer is the row's label, too
(yes, no, not sure), so that these can be scored; other answers are lists ("qrs duration, qt interval"; "none" where the
list is empty). Facts: `question_type` as published, `attribute_type`, age and sex. Questions about recordings that are
not there are left out and counted.

The split is that of the questions' folders, as published: by patient, and other than PTB-XL's own folds. A seed divides
the patients of `ecgqa` again; pairs join patients, so theirs is not divided. A row holds its recording: all 400,000
questions take 20 GB at 100 Hz.

Source: https://github.com/Jwoo5/ecg-qa. Licence: CC BY 4.0. Cite Oh et al., ECG-QA: A Comprehensive Question Answering
Dataset Combined With Electrocardiogram, NeurIPS 2023 Datasets and Benchmarks.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sig2lm.datasets.public.ptbxl_records import FLAT, Archive, Record
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Signal

LABELS = ("yes", "no", "not sure")
NO_RECORDING = "questions about recordings that are not there"
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_VARIANTS = ("paraphrased", "template")  # the first that is there
_KEPT = 64  # recordings at hand, since questions about one stand together


@dataclass(frozen=True)
class _Question:
    split: str
    ecgs: tuple[int, ...]
    kind: str
    about: str
    question: str
    answer: str
    source: str


def draft_ecgqa(source: Path, seed: int | None, recordings: Path | None = None) -> Draft:
    """Plan the table of questions about one recording.

    Parameters
    ----------
    source
        The folder of ECG-QA, or one that holds it.
    seed
        None for the published split; else a random one by patient.
    recordings
        Of PTB-XL; by default it is looked for in `source`.

    Raises
    ------
    DatasetError
        If a layout is another, or a question or a recording cannot be read.
    """
    return _draft("ecgqa", ("ecg",), source, seed, recordings)


def draft_ecgqa_pairs(source: Path, seed: int | None, recordings: Path | None = None) -> Draft:
    """Plan the table of comparisons of two recordings; as `draft_ecgqa` otherwise, but a seed is refused."""
    if seed is not None:
        raise DatasetError("comparisons join patients, so only the published split keeps them apart; leave out --seed")
    return _draft("ecgqa_pairs", ("first_ecg", "second_ecg"), source, seed, recordings)


def _draft(name: str, signals: tuple[str, ...], source: Path, seed: int | None, recordings: Path | None) -> Draft:
    archive = Archive.find(recordings or source)
    records = {record.ecg: record for record in archive.lines()}
    asked = [question for question in _read_questions(source) if len(question.ecgs) == len(signals)]
    questions = [question for question in asked if all(ecg in records for ecg in question.ecgs)]
    dropped = Counter({NO_RECORDING: len(asked) - len(questions)} if len(questions) < len(asked) else {})
    named = sorted({ecg for question in questions for ecg in question.ecgs})
    archive.check_files([records[ecg] for ecg in named])
    splits, rule = None, "by patient, as the questions' folders are published (train, valid, test)"
    if seed is not None:
        patients = {records[ecg].patient: frozenset(LABELS) for ecg in named}
        splits, rule = split_subjects(patients, seed, "patient")
    info = TableInfo(
        name=name,
        task="ecg_qa" if len(signals) == 1 else "ecg_qa_pairs",
        labels=LABELS,
        signals=dict.fromkeys(signals, archive.contract),
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"ECG-QA over PTB-XL ({archive.records}), https://github.com/Jwoo5/ecg-qa",
        licence="CC BY 4.0 (questions and recordings)",
        citation=(
            "Oh et al.: ECG-QA: A Comprehensive Question Answering Dataset Combined With Electrocardiogram. NeurIPS "
            "2023 Datasets and Benchmarks; and Wagner et al.: PTB-XL. Scientific Data 7, 154, 2020, "
            "doi 10.1038/s41597-020-0495-6"
        ),
    )
    notes = Counter[str]()
    return Draft(info, _read_rows(archive, records, questions, signals, splits, notes), dropped, notes=notes)


def _find_files(source: Path) -> list[tuple[str, Path]]:
    """Return the files of questions, each with its split, of the first variant that is there."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted(source.rglob("*.json")):
        split, variant = path.parent.name, path.parent.parent.name
        if split in _SPLITS and variant in _VARIANTS and not any(part.startswith("mimic") for part in path.parts):
            found.setdefault(variant, []).append((_SPLITS[split], path))
    for variant in _VARIANTS:
        if variant in found:
            return found[variant]
    raise DatasetError(
        f"expected ECG-QA in '{source}' (ecgqa/ptbxl/paraphrased/train/*.json and so on), found no such file; give the "
        "folder of the repository"
    )


def _read_questions(source: Path) -> list[_Question]:
    questions = []
    for split, path in _find_files(source):
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(entries, list):
                raise TypeError("no list")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise DatasetError(
                f"'{path}': expected a list of questions, but it is unreadable: {error}; get it"
            ) from error
        for number, entry in enumerate(entries, start=1):
            try:
                questions.append(_as_question(entry, split, path.name))
            except (KeyError, TypeError, ValueError) as error:
                raise DatasetError(
                    f"'{path}' entry {number}: expected question, answer, question_type and ecg_id (one or two) as "
                    f"published, but it is unreadable: {error!r}; get the file again"
                ) from error
    return sorted(questions, key=lambda question: question.ecgs)


def _as_question(entry: dict[str, Any], split: str, file: str) -> _Question:
    ecgs, answers = tuple(int(ecg) for ecg in entry["ecg_id"]), [str(answer) for answer in entry["answer"]]
    if len(ecgs) not in (1, 2) or isinstance(entry["answer"], str) or not str(entry["question"]).strip():
        raise ValueError(f"{len(ecgs)} recordings, answer {entry['answer']!r}")
    kind, about = str(entry["question_type"]), str(entry.get("attribute_type") or "")
    answer = ", ".join(answers) or "none"
    return _Question(split, ecgs, kind, about, str(entry["question"]).strip(), answer, file)


def _read_rows(
    archive: Archive,
    records: dict[int, Record],
    questions: list[_Question],
    names: tuple[str, ...],
    splits: dict[str, str] | None,
    notes: Counter[str],
) -> Iterator[TableRow]:
    @lru_cache(maxsize=_KEPT)
    def read(ecg: int) -> Signal:
        signal, flat = archive.read_ecg(records[ecg])
        notes.update([FLAT] * flat)
        return signal

    for question in questions:
        found = [records[ecg] for ecg in question.ecgs]
        patients = list(dict.fromkeys(record.patient for record in found))
        verified = question.kind.endswith("verify") and question.answer in LABELS
        facts = {"question_type": question.kind, "attribute_type": question.about}
        facts |= {name: found[0].facts.get(name, "") for name in ("age", "sex") if len(found) == 1}
        yield TableRow(
            "+".join(patients),
            question.answer if verified else None,
            {name: read(ecg) for name, ecg in zip(names, question.ecgs, strict=True)},
            " ".join(record.file for record in found),
            split=question.split if splits is None else splits[found[0].patient],
            question=question.question,
            answer=question.answer,
            facts={name: fact for name, fact in facts.items() if fact},
        )
