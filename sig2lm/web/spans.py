"""Stretches of a time axis: what of a recording is in view, and what is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sig2lm.arguments import as_float
from sig2lm.errors import ArgumentError


@dataclass(frozen=True)
class Span:
    """From a time to a later one, in what the time axis is counted in.

    Examples
    --------
    >>> whole = Span(0.0, 60.0)
    >>> Span(10.0, 20.0).zoomed(0.5, 0.5, whole), Span(10.0, 20.0).moved(9.0, whole)
    (Span(start=12.5, end=17.5), Span(start=50.0, end=60.0))
    """

    start: float
    end: float

    @property
    def length(self) -> float:
        """End less start."""
        return self.end - self.start

    def at(self, share: float) -> float:
        """The time that lies at a share of the span, from 0 at its start to 1 at its end."""
        return self.start + min(max(share, 0.0), 1.0) * self.length

    def part(self, start: float, end: float) -> Self:
        """The part between two shares, in whichever order."""
        first, last = sorted((self.at(start), self.at(end)))
        return type(self)(first, last)

    def zoomed(self, factor: float, share: float, whole: Self) -> Self:
        """Return a span of ``factor`` times the length around the time at a share, which stays where it is."""
        length = min(self.length * factor, whole.length)
        start = self.at(share) - share * length
        return type(self)(start, start + length).moved(0.0, whole)

    def moved(self, lengths: float, whole: Self) -> Self:
        """Return the span, moved by so many of its own lengths, but not out of the whole."""
        length = min(self.length, whole.length)
        start = min(max(self.start + lengths * length, whole.start), whole.end - length)
        return type(self)(start, start + length)

    def shares(self, view: Self) -> tuple[float, float] | None:
        """Where the span begins in a view and how much of it is covered, as shares; None where it is out of view."""
        start, end = max(self.start, view.start), min(self.end, view.end)
        return ((start - view.start) / view.length, (end - start) / view.length) if end > start else None


def checked_span(start: float | None, end: float | None, whole: Span) -> Span:
    """Read a window as somebody states it; what is left out is the start, or the end, of the recording.

    Raises
    ------
    ArgumentError
        If it does not lie in order within the recording.
    """
    start = whole.start if start is None else as_float(start)
    end = whole.end if end is None else as_float(end)
    slack = 1e-6 * whole.length
    fits = whole.start - slack <= start < end <= whole.end + slack
    if not fits:
        raise ArgumentError(
            f"expected a window within {whole.start:g} to {whole.end:g}, found {start:g} to {end:g}; "
            "let 'from' come before 'to'"
        )
    return Span(max(start, whole.start), min(end, whole.end))
