"""Which way to write a series: tokens against error against consistency, for one tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sig2lm.errors import TokenizerError
from sig2lm.tokenization.alignments import place_value_consistency
from sig2lm.tokenization.pieces import split_rows
from sig2lm.tokenization.roundtrip import lost_characters
from sig2lm.tokenization.serializer import Serializer
from sig2lm.tokenization.serializers import Plain, build_serializer, default_serializers
from sig2lm.tokenization.series import Series, Values
from sig2lm.tokenization.streaming import count_text
from sig2lm.tokenization.tokenizer import TextTokenizer

AS_WRITTEN = "as written"
ROW_SEPARATORS = ("\n", ";", "|", " / ")
LARGEST_ERROR = 0.02  # of a channel's standard deviation; half a percent of its variance is then noise at the most
CONSISTENCY_SLACK = 0.05
VALUES_CUT = 3_000  # values that are cut one by one, for consistency
ROWS_READ_BACK = 300


@dataclass(frozen=True)
class Written:
    """A series as one serializer writes it; the same for every tokenizer.

    Attributes
    ----------
    relative_error
        Root mean square error over the standard deviation, of the channel where it is largest.
    largest_error
        Largest absolute error of any value.
    """

    name: str
    serializer: Serializer
    cells: list[list[str]]
    relative_error: float
    largest_error: float


@dataclass(frozen=True)
class SerializerScore:
    """How one serializer does with one tokenizer.

    Attributes
    ----------
    consistency
        `place_value_consistency` of consecutive values of a channel, or None where none can be compared.
    cumulative
        Whether a value can only be known by adding up all before it.
    read_back
        Whether the tokenizer's ids, decoded, could be read back within the stated error.
    pareto
        Whether no other that can be read back is as good in tokens, error and consistency, and better in one.
    """

    name: str
    error: str
    tokens: int
    tokens_per_value: float
    relative_error: float
    largest_error: float
    consistency: float | None
    cumulative: bool
    read_back: bool
    pareto: bool
    example: str


@dataclass(frozen=True)
class SoftPrompt:
    """The comparison row: a soft prompt of `virtual_tokens` for each window of `window_rows` rows, no text at all."""

    virtual_tokens: int
    window_rows: int
    tokens: int
    tokens_per_value: float


@dataclass(frozen=True)
class Ranking:
    """All serializers for one tokenizer and one series, and which to take.

    Attributes
    ----------
    scores
        The recommended one first, then by tokens.
    recommended
        A name, or None where nothing could be read back.
    reason
        Why, in words.
    row_separator
        What stands between rows: the line break where the tokenizer keeps it.
    """

    scores: tuple[SerializerScore, ...]
    recommended: str | None
    reason: str
    row_separator: str
    soft_prompt: SoftPrompt


def write_all(series: Series, names: Sequence[str] = ()) -> list[Written]:
    """Write a series with each of the named serializers (by default one of each kind), and as it came."""
    values = series.values
    serializers = [build_serializer(name, values) for name in names] or default_serializers(values)
    unique = {serializer.name: serializer for serializer in serializers}
    written = [_write(name, serializer, serializer.cells(values), values) for name, serializer in unique.items()]
    as_written = [list(row) for row in series.rows]
    if all(as_written != other.cells for other in written):
        written.insert(0, _write(AS_WRITTEN, Plain(), as_written, values))
    return written


def _write(name: str, serializer: Serializer, cells: list[list[str]], values: Values) -> Written:
    relative, largest = errors(values, serializer.read([["".join(cell.split()) for cell in row] for row in cells]))
    return Written(name, serializer, cells, relative, largest)


def errors(values: Values, found: Values) -> tuple[float, float]:
    """Give the relative error (RMS over standard deviation, largest channel) and the largest absolute error.

    A channel that never changes is compared with its mean instead of its deviation.
    """
    relative = [0.0]
    for before, after in zip(values, found, strict=True):
        known = ~np.isnan(before)
        if known.any():
            rms = float(np.sqrt(np.mean((before[known] - after[known]) ** 2)))
            size = float(np.std(before[known])) or float(np.abs(np.mean(before[known]))) or 1.0
            relative.append(rms / size)
    return max(relative), float(np.nanmax(np.abs(values - found)))


def surviving_row_separator(tokenizer: TextTokenizer) -> str:
    """Find a separator of rows that the tokenizer does not confuse with a space: the line break, or the next best."""
    lost = {character.character for character in lost_characters(tokenizer, ROW_SEPARATORS)}
    return next((row for row in ROW_SEPARATORS if row not in lost), ROW_SEPARATORS[0])


def rank(
    tokenizer: TextTokenizer,
    series: Series,
    written: Sequence[Written],
    virtual_tokens: int = 16,
    window_rows: int = 128,
) -> Ranking:
    """Score the serializers of a series with a tokenizer, find the Pareto set and recommend one.

    Recommended is, among those that can be read back with an error of at most 2 % of the standard deviation, that let
    each value be read alone, and whose consistency is within 0.05 of the best of them, the one with the fewest tokens.

    Parameters
    ----------
    tokenizer, series
        What to rank for.
    written
        The result of `write_all` for this series; it can serve many tokenizers.
    virtual_tokens, window_rows
        The soft prompt to compare with.
    """
    row = surviving_row_separator(tokenizer)
    scores = _mark_pareto([_score(tokenizer, series, entry, row) for entry in written])
    chosen = _choose(scores)
    scores.sort(key=lambda score: (score is not chosen, score.tokens))
    windows = -(-series.num_rows // window_rows)
    tokens = windows * virtual_tokens
    return Ranking(
        scores=tuple(scores),
        recommended=chosen.name if chosen else None,
        reason=_reason(chosen, scores),
        row_separator=row,
        soft_prompt=SoftPrompt(virtual_tokens, window_rows, tokens, tokens / series.num_values),
    )


def _score(tokenizer: TextTokenizer, series: Series, written: Written, row: str) -> SerializerScore:
    serializer = written.serializer.with_row(row)
    tokens = count_text(tokenizer, serializer.join(written.cells), check_every=1_000_000).tokens
    return SerializerScore(
        name=written.name,
        error=serializer.error,
        tokens=tokens,
        tokens_per_value=tokens / series.num_values,
        relative_error=written.relative_error,
        largest_error=written.largest_error,
        consistency=_consistency(tokenizer, serializer, written.cells[: max(VALUES_CUT // len(series.channels), 2)]),
        cumulative=serializer.cumulative,
        read_back=_reads_back(tokenizer, series.values[:, :ROWS_READ_BACK], serializer, written.cells[:ROWS_READ_BACK]),
        pareto=False,
        example=serializer.join(written.cells[:2]),
    )


def _consistency(tokenizer: TextTokenizer, serializer: Serializer, cells: list[list[str]]) -> float | None:
    rows = split_rows(tokenizer, cells, serializer.cell, serializer.row)
    shares = [place_value_consistency(channel) for channel in zip(*rows, strict=True)]
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else None


def _reads_back(tokenizer: TextTokenizer, values: Values, serializer: Serializer, cells: list[list[str]]) -> bool:
    ids = tokenizer.ids([serializer.join(cells)])
    try:
        found = serializer.decode(tokenizer.decode_batch(ids)[0])
    except TokenizerError:
        return False
    return within_bound(values, found, serializer.bound(values))


def within_bound(values: Values, found: Values, bound: Values) -> bool:
    """Tell whether values (C, T) were read back: missing where they were missing, and elsewhere within the bound."""
    if found.shape != values.shape:
        return False
    missing = np.isnan(values)
    return bool((np.isnan(found) == missing).all() and (np.abs(found - values) <= bound)[~missing].all())


def _mark_pareto(scores: list[SerializerScore]) -> list[SerializerScore]:
    usable = [_axes(score) for score in scores if score.read_back]
    return [
        SerializerScore(**{**vars(score), "pareto": score.read_back and not _dominated(_axes(score), usable)})
        for score in scores
    ]


def _axes(score: SerializerScore) -> tuple[float, float, float]:
    return score.tokens, score.relative_error, -_known(score.consistency)


def _dominated(axes: tuple[float, float, float], others: list[tuple[float, float, float]]) -> bool:
    return any(other != axes and all(b <= a for a, b in zip(axes, other, strict=True)) for other in others)


def _known(consistency: float | None) -> float:
    return 1.0 if consistency is None else consistency


def _choose(scores: list[SerializerScore]) -> SerializerScore | None:
    usable = [score for score in scores if score.read_back and not score.cumulative]
    exact = [score for score in usable if score.relative_error <= LARGEST_ERROR] or usable
    if not exact:
        return None
    best = max(_known(score.consistency) for score in exact)
    steady = [score for score in exact if _known(score.consistency) >= best - CONSISTENCY_SLACK]
    return min(steady, key=lambda score: (score.tokens, score.relative_error))


def _reason(chosen: SerializerScore | None, scores: list[SerializerScore]) -> str:
    if chosen is None:
        return "No serializer can be read back from this tokenizer's ids."
    steady = "" if chosen.consistency is None else f", {chosen.consistency:.0%} of neighbouring values cut alike"
    text = (
        f"{chosen.tokens_per_value:.2f} tokens per value, an error of {chosen.relative_error:.2%} of the standard "
        f"deviation{steady}"
    )
    if chosen.name.startswith("spaced"):
        text += "; the offset and scale of each channel have to be said once"
    plain = next((score for score in scores if score.name in (AS_WRITTEN, "plain") and score is not chosen), None)
    if plain is not None and plain.tokens > chosen.tokens:
        text += f"; {plain.name} it would be {plain.tokens_per_value:.2f}"
    cheaper = [score for score in scores if score.tokens < chosen.tokens]
    if cheaper:
        text += ". Cheaper ones " + _why_not(cheaper, chosen)
    return text + "."


def _why_not(cheaper: list[SerializerScore], chosen: SerializerScore) -> str:
    named: dict[str, list[str]] = {}
    for score in cheaper:
        if not score.read_back:
            reason = "cannot be read back"
        elif score.cumulative:
            reason = "make the model add up"
        elif score.relative_error > LARGEST_ERROR:
            reason = "lose more than 2%"
        else:
            reason = f"are cut alike less often than {_known(chosen.consistency):.0%}"
        named.setdefault(reason, []).append(score.name)
    return " or ".join(f"{reason} ({', '.join(names)})" for reason, names in named.items())
