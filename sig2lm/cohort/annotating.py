"""A cohort is annotated: one part a recording, a list of failures, and a record by which an interrupted job goes on."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sig2lm.arguments import unknown
from sig2lm.cohort.job import CohortJob, Outcome, job_key
from sig2lm.cohort.local import run_local
from sig2lm.cohort.parts import finished
from sig2lm.cohort.ray_data import run_ray
from sig2lm.cohort.sources import Source
from sig2lm.cohort.worker import Count
from sig2lm.errors import Sig2LMError
from sig2lm.files import alone, check_new, check_writable, expanded, read_json, write_json
from sig2lm.progress import Progress

# Readers of Parquet folders skip what begins with an underscore.
RECORD, FAILURES = "_cohort.json", "_failures.jsonl"

Engine = Callable[[CohortJob, Sequence[Source], Path, int, Count], Iterator[Outcome]]
ENGINES: Mapping[str, Engine] = {"local": run_local, "ray": run_ray}


@dataclass
class CohortSummary:
    """What became of a cohort.

    Attributes
    ----------
    recordings
        How many there are.
    annotated, skipped, failed
        How many have rows now, had them before, and have none.
    windows, without_values
        Rows of this time, and those among them without a label.
    notes, reasons
        What was guessed, and why recordings failed, with how many of them.
    failures
        The file that lists those that failed.
    """

    recordings: int
    failures: Path
    annotated: int = 0
    skipped: int = 0
    failed: int = 0
    windows: int = 0
    without_values: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome; a failure is listed at once."""
        if outcome.reason is None:
            self.annotated += 1
            self.windows += outcome.windows
            self.without_values += outcome.missing
            self.notes.update(outcome.notes)
            return
        self.failed += 1
        self.reasons[_general(outcome.reason)] += 1
        content = {"recording": outcome.recording, "reason": outcome.reason}
        if outcome.trace:
            content["trace"] = outcome.trace
        with self.failures.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(content, ensure_ascii=False)}\n")

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-ready."""
        counts = {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}
        return {**counts, "failures": str(self.failures) if self.failed else None}


def annotate_cohort(
    job: CohortJob,
    sources: Sequence[Source],
    out: str | Path,
    *,
    engine: str | Engine = "local",
    workers: int = 1,
    resume: bool = False,
) -> CohortSummary:
    """Ask about every window of many recordings.

    A script that calls this needs ``if __name__ == "__main__":``, since workers import it.

    Parameters
    ----------
    job, sources
        What is asked, and of what (:func:`find_sources`).
    out
        A folder: a Parquet file for each recording, with the columns recording, start_s, end_s (s), label, and each
        choice with its probability, relies_on_signal; ``_failures.jsonl`` with a line for each that failed.
    engine, workers
        ``local``: processes of this machine; ``ray``: actors of Ray Data.
    resume
        Go on with what lies in ``out``: recordings that have changed, and those that failed, are read again.

    Raises
    ------
    Sig2LMError
        If the job cannot be done with any recording, or ``out`` holds something else or another job.
    """
    if isinstance(engine, str) and engine not in ENGINES:
        raise Sig2LMError(unknown("engine", engine, list(ENGINES)))
    run = ENGINES[engine] if isinstance(engine, str) else engine
    out = expanded(out)
    identity = job.identity()
    _check_folder(out, identity, resume)
    out.mkdir(parents=True, exist_ok=True)
    with alone(out):
        write_json(out / RECORD, identity)
        _sweep(out)
        (out / FAILURES).unlink(missing_ok=True)
        summary = CohortSummary(len(sources), out / FAILURES)
        left = [source for source in sources if not (resume and _is_finished(out, source, job_key(identity)))]
        summary.skipped = len(sources) - len(left)
        if not left:
            return summary
        with Progress("annotating", len(sources), done=summary.skipped, unit="recordings") as progress:
            for outcome in run(job, left, out, workers, partial(_count, progress)):
                summary.add(outcome)
                progress.advance()
        _sweep(out)
    return summary


def _count(progress: Progress, windows: int) -> None:
    progress.advance(0, windows=int(progress.figures.get("windows", 0)) + windows)


def _check_folder(out: Path, identity: Mapping[str, Any], resume: bool) -> None:
    """Refuse a folder that holds something else, or the rows of another job."""
    if not (out / RECORD).is_file():
        if not (out.is_dir() and not any(out.iterdir())):
            check_new(out)
        check_writable(out)
        return
    if not resume:
        raise Sig2LMError(f"'{out}' holds a cohort already; go on with --resume, or write somewhere else")
    recorded = read_json(out / RECORD, f"the record of the cohort in '{out}'")
    for name, value in identity.items():
        if recorded.get(name) != value:
            raise Sig2LMError(
                f"the cohort in '{out}' was begun with {name} {_shown(recorded.get(name))}, found {_shown(value)}; "
                "resume with the same, or write somewhere else"
            )


def _sweep(out: Path) -> None:
    """Remove halves of parts that killed workers have left."""
    for half in out.rglob(".*.parquet*.partial"):
        half.unlink(missing_ok=True)


def _is_finished(out: Path, source: Source, key: str) -> bool:
    place = out / source.part
    try:
        return place.is_file() and finished(place, key, source.stamp()) is not None
    except OSError:  # the recording cannot be looked at; the worker says why
        return False


def _general(reason: str) -> str:
    """A reason without the file that it begins with, so that those of many files can be counted."""
    before, separator, after = reason.partition("': ")
    return after if separator and before.startswith("'") else reason


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
