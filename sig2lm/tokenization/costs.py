"""What a series costs in tokens: per value, row and second, and how much of a context it fills.

Spathis & Kawsar 2023 (arXiv 2309.06236) count 148 gpt2 tokens for five rows of a watch's accelerometer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sig2lm.tokenization.series import Series
from sig2lm.tokenization.streaming import count_text
from sig2lm.tokenization.tokenizer import TextTokenizer

CONTEXTS = {"4k": 4_096, "8k": 8_192, "32k": 32_768, "128k": 131_072}  # tokens


@dataclass(frozen=True)
class ContextUse:
    """How a context of `tokens` tokens is filled.

    Attributes
    ----------
    share
        Part of the context that the series fills; above 1 it does not fit.
    rows
        How many rows fit, at the series' own tokens per row.
    seconds
        How long a signal that is, or None where the series has no clock.
    """

    tokens: int
    share: float
    rows: int
    seconds: float | None


@dataclass(frozen=True)
class Cost:
    """The size of a text of numbers, in tokens.

    Attributes
    ----------
    round_trip
        Whether decoding the ids gave the text back; where it did not, the ratios are those of a changed text.
    tokens_per_second
        None where the series has no clock.
    contexts
        A `ContextUse` for each of `CONTEXTS`.
    """

    round_trip: bool
    tokens: int
    characters: int
    bytes: int
    tokens_per_value: float
    tokens_per_row: float
    tokens_per_second: float | None
    characters_per_token: float
    bytes_per_token: float
    contexts: dict[str, ContextUse]


def cost(tokenizer: TextTokenizer, series: Series) -> Cost:
    """Measure what the channels of a series cost, written as a person would paste them.

    The text is ``series.text``: each value as it stands in the source, commas between channels, a line for each row;
    skipped columns are left out. All of it is decoded again before anything is divided.

    Examples
    --------
    Two rows ``480,481`` and ``482,480`` are 15 characters. gpt2 makes ``480|,|481|⏎|482|,|480`` of them: 7 tokens,
    1.75 per value, 3.5 per row, 2.14 characters per token; 8,192 tokens hold 2,340 such rows.

    Notes
    -----
    Source: Spathis & Kawsar 2023, arXiv 2309.06236, section 3.
    """
    text = series.text
    counter = count_text(tokenizer, text)
    tokens = max(counter.tokens, 1)
    per_row = tokens / series.num_rows
    seconds_per_row = series.duration / series.num_rows if series.duration else None
    size = len(text.encode())
    return Cost(
        round_trip=counter.round_trip,
        tokens=counter.tokens,
        characters=len(text),
        bytes=size,
        tokens_per_value=tokens / series.num_values,
        tokens_per_row=per_row,
        tokens_per_second=per_row / seconds_per_row if seconds_per_row else None,
        characters_per_token=len(text) / tokens,
        bytes_per_token=size / tokens,
        contexts={
            name: ContextUse(
                limit,
                tokens / limit,
                int(limit / per_row),
                limit / per_row * seconds_per_row if seconds_per_row else None,
            )
            for name, limit in CONTEXTS.items()
        },
    )
