"""Put it together: every measure for every tokenizer and series, as data, Markdown and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sig2lm.files import expanded, real_path
from sig2lm.tokenization.alignments import alignment
from sig2lm.tokenization.contexts import context_dependence, spellings
from sig2lm.tokenization.costs import cost
from sig2lm.tokenization.distances import distance_distortion, pattern_consistency
from sig2lm.tokenization.findings import find
from sig2lm.tokenization.integers import chunk_stability, grouping, neighbour_consistency, one_token_integers
from sig2lm.tokenization.loading import as_tokenizer
from sig2lm.tokenization.ranking import Written, rank, write_all
from sig2lm.tokenization.reading import as_series
from sig2lm.tokenization.roundtrip import lost_case, lost_characters, round_trip
from sig2lm.tokenization.series import Series
from sig2lm.tokenization.streaming import FileCount, count_file
from sig2lm.tokenization.tokenizer import TextTokenizer, Tokens

FORMAT_VERSION = 1
PLACES = {"after a comma": ",", "after a space": ", "}
EXCERPT_ROWS = 5
EXCERPT_CHARACTERS = 320

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TokenizerReport:
    """What tokenizers do to numbers.

    Attributes
    ----------
    version
        Of this format; the JSON Schema beside this module describes it.
    series
        For each series what it is: channels, rows, skipped columns, an excerpt.
    tokenizers
        For each tokenizer its ``measures``, ``serializers`` (a ranking for each series) and ``findings``.
    """

    version: int
    series: dict[str, dict[str, Any]]
    tokenizers: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain lists, dicts, strings and numbers."""
        return {"version": self.version, "series": self.series, "tokenizers": self.tokenizers}

    def to_json(self) -> str:
        """Write the report as JSON that follows the schema; no NaN in it."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def report_schema() -> dict[str, Any]:
    """Load the JSON Schema of `TokenizerReport.to_json`."""
    schema: dict[str, Any] = json.loads((Path(__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
    return schema


def tokenizer_report(
    tokenizer: Any,
    series: Any,
    *,
    serializers: Sequence[str] = (),
    lm: str | Path | None = None,
    virtual_tokens: int = 16,
    window_rows: int = 128,
    progress: Progress | None = None,
) -> TokenizerReport:
    """Analyse what one or several tokenizers make of one or several series.

    Parameters
    ----------
    tokenizer
        What `as_tokenizer` takes, or a list of it.
    series
        What `as_series` takes (a `Series`, a `Signal`, an array, a path), or a list of it.
    serializers
        Names as `build_serializer` takes them; by default one of each kind.
    lm
        Folder of a causal LM. Its own tokenizer is analysed too, and its input embeddings are probed (needs torch).
    virtual_tokens, window_rows
        The soft prompt that serializers are compared with.
    progress
        Called with a description and the part of all work that is done, from 0 to 1.

    Raises
    ------
    TokenizerError
        A tokenizer cannot be loaded, or a serializer does not exist.
    SignalError
        A series cannot be read.
    CheckpointError
        `lm` holds no causal LM.
    """
    tell = progress or (lambda _text, _part: None)
    every = [as_series(item, f"series {i + 1}") for i, item in enumerate(_listed(series))]
    tokenizers, probed = _tokenizers(_listed(tokenizer), lm)
    named = _unique(every)
    tell("writing the series", 0.0)
    written = {name: write_all(item, serializers) for name, item in named.items()}
    files = _file_counts(named, tokenizers, tell)
    found = {}
    for i, (name, item) in enumerate(tokenizers.items()):
        tell(f"measuring {name}", 0.3 + 0.7 * i / len(tokenizers))
        counts = {key: files[key][name] if key in files else None for key in named}
        measures = _measures(item, named, counts)
        measures["embedding_probe"] = _probe(lm, item) if lm is not None and name == probed else None
        found[name] = _result(item, measures, named, written, virtual_tokens, window_rows)
    tell("done", 1.0)
    return TokenizerReport(FORMAT_VERSION, {name: item.summary() for name, item in named.items()}, found)


def _tokenizers(given: list[Any], lm: str | Path | None) -> tuple[dict[str, TextTokenizer], str | None]:
    """Load the tokenizers, with that of the LM, and name the one that is the LM's."""
    chosen = [as_tokenizer(item) for item in given]
    if lm is not None and not any(_same_folder(item.source, lm) for item in chosen):
        chosen.append(as_tokenizer(Path(lm)))
    named = _unique(chosen)
    return named, next((name for name, item in named.items() if lm and _same_folder(item.source, lm)), None)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _same_folder(source: str, folder: str | Path) -> bool:
    return real_path(expanded(source)) == real_path(expanded(folder))


def _unique(items: Sequence[Any]) -> dict[str, Any]:
    """Key items by name; a name that comes again gets a number."""
    named: dict[str, Any] = {}
    for item in items:
        name, i = item.name, 2
        while name in named:
            name, i = f"{item.name} ({i})", i + 1
        named[name] = item
    return named


def _file_counts(
    series: dict[str, Series], tokenizers: dict[str, TextTokenizer], tell: Progress
) -> dict[str, dict[str, FileCount]]:
    """Count whole files, all tokenizers in one pass over each."""
    counts = {}
    sizes = {name: item.file.stat().st_size for name, item in series.items() if item.file}
    done, total = 0, max(sum(sizes.values()), 1)
    for name, item in series.items():
        if item.file is None:
            continue

        def step(size: int, name: str = name) -> None:
            nonlocal done
            done += size
            tell(f"counting {name}", 0.3 * done / total)

        by_position = count_file(item.file, list(tokenizers.values()), step)
        counts[name] = dict(zip(tokenizers, by_position, strict=True))
    return counts


def _measures(
    tokenizer: TextTokenizer, series: dict[str, Series], files: dict[str, FileCount | None]
) -> dict[str, Any]:
    neighbours = {place: asdict(neighbour_consistency(tokenizer, before=text)) for place, text in PLACES.items()}
    single = {place: asdict(one_token_integers(tokenizer, before=text)) for place, text in PLACES.items()}
    return {
        "neighbour_consistency": neighbours,
        "one_token_integers": single,
        "chunk_stability": [asdict(row) for row in chunk_stability(tokenizer)],
        "grouping": asdict(grouping(tokenizer)),
        "context_dependence": asdict(context_dependence(tokenizer)),
        "alignment": asdict(alignment(tokenizer)),
        "pattern_consistency": asdict(pattern_consistency(tokenizer)),
        "distance_distortion": asdict(distance_distortion(tokenizer)),
        "lost_characters": [asdict(character) for character in lost_characters(tokenizer)],
        "case_lost": lost_case(tokenizer),
        "spellings": {name: [asdict(row) for row in rows] for name, rows in spellings(tokenizer).items()},
        "series": {name: _series_measures(tokenizer, item, files[name]) for name, item in series.items()},
    }


def _series_measures(tokenizer: TextTokenizer, series: Series, file: FileCount | None) -> dict[str, Any]:
    values = [cell for row in series.rows[:300] for cell in row]
    return {
        "round_trip": asdict(round_trip(tokenizer, series.lines)),
        "cost": asdict(cost(tokenizer, series)),
        "alignment": asdict(alignment(tokenizer, values)),
        "file": None if file is None else {**asdict(file), "tokens_per_row": file.tokens_per_row},
        "excerpt": excerpt(tokenizer, first_rows(series.lines)),
    }


def first_rows(lines: Sequence[str]) -> str:
    """Take the first rows, as many whole ones as fit an excerpt, or the beginning of the first."""
    rows = list(lines[:EXCERPT_ROWS])
    while len(rows) > 1 and len("\n".join(rows)) > EXCERPT_CHARACTERS:
        rows.pop()
    return "\n".join(rows)[:EXCERPT_CHARACTERS]


def excerpt(tokenizer: TextTokenizer, text: str) -> dict[str, Any]:
    """Give a text, its tokens as [characters, id] and their number; characters in no token have the id None."""
    tokens = tokenizer.encode(text)
    return {"text": text, "tokens": [list(pair) for pair in shown_tokens(tokens)], "count": len(tokens)}


def shown_tokens(tokens: Tokens) -> list[tuple[str, int | None]]:
    """List (characters, id) in order, and (characters, None) for characters that no token stands for."""
    shown: list[tuple[str, int | None]] = []
    reached = 0
    for (start, end), token in zip(tokens.spans, tokens.ids, strict=True):
        if start > reached:
            shown.append((tokens.text[reached:start], None))
        shown.append((tokens.text[start:end], token))
        reached = end
    if reached < len(tokens.text):
        shown.append((tokens.text[reached:], None))
    return shown


def _probe(folder: str | Path, tokenizer: TextTokenizer) -> dict[str, Any] | None:
    from sig2lm.tokenization.embeddings import probe_embeddings

    probe = probe_embeddings(folder, tokenizer)
    return None if probe is None else asdict(probe)


def _result(
    tokenizer: TextTokenizer,
    measures: dict[str, Any],
    series: dict[str, Series],
    written: dict[str, list[Written]],
    virtual_tokens: int,
    window_rows: int,
) -> dict[str, Any]:
    serializers = {
        name: asdict(rank(tokenizer, item, written[name], virtual_tokens, window_rows)) for name, item in series.items()
    }
    result = {
        "vocabulary_size": tokenizer.vocabulary_size,
        "max_length": tokenizer.max_length,
        "measures": measures,
        "serializers": serializers,
        "findings": [asdict(finding) for finding in find(measures, serializers)],
    }
    plain: dict[str, Any] = json.loads(json.dumps(result, allow_nan=False))
    return plain
