"""The page of an annotated recording: signal, labels and probabilities along time, and how often each label came."""

from collections.abc import Sequence
from dataclasses import dataclass

from sig2lm.pages.base import render
from sig2lm.pages.timeline import lanes
from sig2lm.pages.timeline.digest import Digest, Trace


@dataclass(frozen=True)
class Heading:
    """What was asked about what.

    Attributes
    ----------
    recording
        Names of the files.
    question
        As it was asked.
    lm, run
        Who answered.
    notes
        Sentences on what was left out or done beforehand.
    """

    recording: str
    question: str
    run: str
    lm: str
    notes: tuple[str, ...] = ()


def to_html(heading: Heading, digest: Digest, signals: Sequence[Sequence[Trace]]) -> str:
    """Render the page; text from files and answers is escaped.

    Parameters
    ----------
    heading
        Words above.
    digest
        The answers.
    signals
        The traces of each recording.
    """
    counts = digest.counts()
    answered = max(digest.windows - digest.missing, 1)
    return render(
        "timeline",
        heading=heading,
        windows=digest.windows,
        missing=digest.missing,
        counts=[(number, label, count, count / answered) for number, (label, count) in enumerate(counts.items())],
        signal_lanes=[lane for found in signals for lane in lanes.signal_lanes(found, digest.end)],
        strip=lanes.label_strip(digest),
        probability_lanes=lanes.probability_lanes(digest),
        ticks=lanes.time_ticks(digest.end),
        colour=lanes.colour,
        length=digest.end,
    )
