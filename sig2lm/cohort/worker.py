"""Who annotates recordings one after the other: it loads the model once, and no recording stops it."""

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sig2lm.cohort.job import CohortJob, Outcome, job_key
from sig2lm.cohort.parts import finished, part_file, part_schema, sign
from sig2lm.cohort.sources import Source
from sig2lm.errors import Sig2LMError
from sig2lm.model.annotate import Annotation
from sig2lm.model.reading import read_recording
from sig2lm.model.signal_lm import SignalLM

_SECONDS_BETWEEN_COUNTS = 0.5
Count = Callable[[int], None]


class Worker:
    """A model that is ready, and the question that it puts to each window.

    Parameters
    ----------
    job
        What is asked.
    out
        The folder of the parts.

    Raises
    ------
    Sig2LMError
        If the job cannot be done with any recording: the run does not load, the question or a fact is not known.
    """

    def __init__(self, job: CohortJob, out: Path) -> None:
        self.job, self.out, self.key = job, out, job_key(job.identity())
        encoders = {job.signal: job.encoder} if job.encoder else {}
        self.model = SignalLM.from_pretrained(job.run, lm=job.lm, encoders=encoders, **dict(job.placement))
        task = self.model.task([job.signal])
        if len(shown := task.template.shown(list(self.model.branches))) > 1:
            raise Sig2LMError(
                f"the run reads {', '.join(shown)} together, and a cohort holds one file a recording; annotate each "
                "recording by --signal"
            )
        self.model.checked_facts(task, job.facts)
        part_schema(self.model.question(task, job.question, job.choices).choices or ())

    def annotate(self, source: Source, count: Count = lambda windows: None) -> Outcome:
        """Write the part of a recording, and say what became of it; whatever goes wrong is its outcome.

        Parameters
        ----------
        source
            The recording.
        count
            Called now and then with the number of windows since the last call.
        """
        try:
            return self._annotate(source, count)
        except Sig2LMError as error:
            return Outcome(source.name, reason=" ".join(str(error).split()))
        except Exception as error:  # a bug, or memory: the other recordings go on, and the trace is kept
            reason = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            return Outcome(source.name, reason=reason, trace=traceback.format_exc())

    def _annotate(self, source: Source, count: Count) -> Outcome:
        place, stamp = self.out / source.part, source.stamp()
        if (done := finished(place, self.key, stamp)) is not None:  # by a worker that was lost before it could say so
            return done
        job = self.job
        read = read_recording(self.model, job.signal, source.path, job.reading, believe=job.believe)
        annotation = self._planned(source, {job.signal: read.signal})
        outcome = Outcome(source.name, left_over=annotation.left_over, notes=(*read.notes, *_beats(annotation)))
        with part_file(place, source.name, annotation.question.choices) as part:
            told, said = 0, time.monotonic()
            for row in annotation:
                part.write(row)
                if time.monotonic() - said > _SECONDS_BETWEEN_COUNTS:
                    count(part.windows - told)
                    told, said = part.windows, time.monotonic()
            outcome = replace(outcome, windows=part.windows, missing=part.missing)
            sign(part, outcome, self.key, stamp)
        count(outcome.windows - told)
        return outcome

    def _planned(self, source: Source, signals: dict[str, object]) -> Annotation:
        job = self.job
        try:
            return self.model.annotate(
                signals,
                job.question,
                job.choices,
                window=job.window,
                stride=job.stride,
                facts=job.facts,
                batch_size=job.batch_size,
                believe=True,  # it was judged when it was read
            )
        except Sig2LMError as error:
            raise type(error)(f"'{source.path}': {error}") from error


def _beats(annotation: Annotation) -> list[str]:
    leads = sorted({track.beats[1] for track in annotation.tracks.values() if track.beats})
    return [f"heart beats were found in the channel {lead}; asked about the intervals between them" for lead in leads]
