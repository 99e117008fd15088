"""The case this project began with: five rows of a smartwatch's accelerometer, and what gpt2 reads.

The rows are the first of WISDM 2019 (subject 1600, walking; CC BY 4.0, doi 10.24432/C5HK59), written without spaces.
They are 263 characters and 148 gpt2 tokens, 30 for each row of three accelerations. Run it with any tokenizer's folder,
or without one for the pocket LM's tokenizer:

    python examples/talk_rows.py [TOKENIZER_FOLDER [PAGE.html [WISDM_ROWS.txt]]]

The talk (Spathis & Kawsar 2023, arXiv 2309.06236) goes on to 199 such rows: 10,769 characters, 6,077 gpt2 tokens. Where
only a copy without time stamps is at hand, WISDM_ROWS.txt, the stamps are drawn again, 49.5 ms apart give or take
0.1 ms: the number of characters is then exact, and that of tokens a range, because it depends on the digits drawn.
"""

import sys
from pathlib import Path

import numpy as np

from sig2lm import load_tokenizer, tokenizer_report
from sig2lm.pocket import pocket_folder
from sig2lm.tokenization import Series, excerpt, series_from_values

ROWS = (
    "1600,A,90426708196641,7.091625,-0.5916671,8.195502;",
    "1600,A,90426757696641,4.972757,-0.15831658,6.6967316;",
    "1600,A,90426807196641,3.25372,-0.19183542,6.107758;",
    "1600,A,90426856696641,2.801216,-0.15592238,5.997625;",
    "1600,A,90426906196641,3.7708676,-1.0513538,7.731027;",
)


def talk_series() -> Series:
    """The five rows as a series: three channels of acceleration, and the rows as they stand."""
    cells = tuple(tuple(row.rstrip(";").split(",")[3:]) for row in ROWS)
    values = series_from_values([[float(row[i]) for row in cells] for i in range(3)], "the talk's five rows").values
    return Series("the talk's five rows", values, ("x", "y", "z"), cells, ROWS, duration=len(ROWS) / 20)


def with_stamps(rows: list[str], seed: int) -> str:
    """Put a drawn time stamp (ns) into rows ``subject,activity,x,y,z;``, the first of them that of the talk."""
    steps = np.random.default_rng(seed).normal(49.5e6, 1e5, len(rows) - 1).astype(np.int64)
    stamps = 90426708196641 + np.concatenate([[0], np.cumsum(steps)])
    cut = (row.split(",", 2) for row in rows)
    return "\n".join(f"{s},{a},{stamp},{xyz}" for (s, a, xyz), stamp in zip(cut, stamps, strict=True))


def main(folder: str, page: str | None = None, wisdm: str | None = None) -> None:
    tokenizer = load_tokenizer(folder)
    shown = excerpt(tokenizer, "\n".join(ROWS))
    print(f"{len(shown['text'])} characters, {shown['count']} {tokenizer.name} tokens")
    print("|".join(text.replace("\n", "⏎\n") for text, _ in shown["tokens"]))
    print(*(token for _, token in shown["tokens"] if token is not None))
    if page is not None:
        Path(page).write_text(page.to_html(tokenizer_report(tokenizer, talk_series())), encoding="utf-8")
        print(f"wrote {page}")
    if wisdm is not None:
        rows = Path(wisdm).read_text(encoding="utf-8").split()
        texts = [with_stamps(rows, seed) for seed in range(40)]
        counts = tokenizer.count(texts)
        print(f"{len(rows)} rows, a reconstruction with drawn time stamps: {len(texts[0]):,} characters, ", end="")
        print(f"{min(counts):,} to {max(counts):,} {tokenizer.name} tokens over {len(texts)} draws")


if __name__ == "__main__":
    if len(sys.argv) > 4:
        sys.exit("usage: python examples/talk_rows.py [TOKENIZER_FOLDER [PAGE.html [WISDM_ROWS.txt]]]")
    main(*(sys.argv[1:] or [str(pocket_folder())]))
