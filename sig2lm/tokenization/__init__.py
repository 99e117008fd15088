"""What a tokenizer does to numbers: measures, serializers, report. No torch, except in `embeddings`.

``tokenizer_report(tokenizer, series)`` runs everything; each measure can be called on its own. Public names load on
first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Series": "series",
    "TextTokenizer": "tokenizer",
    "TokenizerReport": "report",
    "alignment": "alignments",
    "as_tokenizer": "loading",
    "build_serializer": "serializers",
    "chunk_stability": "integers",
    "context_dependence": "contexts",
    "cost": "costs",
    "count_file": "streaming",
    "distance_distortion": "distances",
    "excerpt": "report",
    "grouping": "integers",
    "load_tokenizer": "loading",
    "lost_characters": "roundtrip",
    "neighbour_consistency": "integers",
    "one_token_integers": "integers",
    "pattern_consistency": "distances",
    "pocket_tokenizer": "loading",
    "probe_embeddings": "embeddings",
    "rank": "ranking",
    "read_series": "reading",
    "report_schema": "report",
    "round_trip": "roundtrip",
    "series_from_signal": "series",
    "series_from_values": "series",
    "spellings": "contexts",
    "tokenizer_report": "report",
    "write_all": "ranking",
}

__all__ = [
    "Series",
    "TextTokenizer",
    "TokenizerReport",
    "alignment",
    "as_tokenizer",
    "build_serializer",
    "chunk_stability",
    "context_dependence",
    "cost",
    "count_file",
    "distance_distortion",
    "excerpt",
    "grouping",
    "load_tokenizer",
    "lost_characters",
    "neighbour_consistency",
    "one_token_integers",
    "pattern_consistency",
    "pocket_tokenizer",
    "probe_embeddings",
    "rank",
    "read_series",
    "report_schema",
    "round_trip",
    "series_from_signal",
    "series_from_values",
    "spellings",
    "tokenizer_report",
    "write_all",
]

if TYPE_CHECKING:
    from sig2lm.tokenization.alignments import alignment
    from sig2lm.tokenization.contexts import context_dependence, spellings
    from sig2lm.tokenization.costs import cost
    from sig2lm.tokenization.distances import distance_distortion, pattern_consistency
    from sig2lm.tokenization.embeddings import probe_embeddings
    from sig2lm.tokenization.integers import chunk_stability, grouping, neighbour_consistency, one_token_integers
    from sig2lm.tokenization.loading import as_tokenizer, load_tokenizer, pocket_tokenizer
    from sig2lm.tokenization.ranking import rank, write_all
    from sig2lm.tokenization.reading import read_series
    from sig2lm.tokenization.report import TokenizerReport, excerpt, report_schema, tokenizer_report
    from sig2lm.tokenization.roundtrip import lost_characters, round_trip
    from sig2lm.tokenization.serializers import build_serializer
    from sig2lm.tokenization.series import Series, series_from_signal, series_from_values
    from sig2lm.tokenization.streaming import count_file
    from sig2lm.tokenization.tokenizer import TextTokenizer


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sig2lm.tokenization' has no attribute {name!r}")
    return getattr(import_module(f"sig2lm.tokenization.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
