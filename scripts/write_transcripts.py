"""Conversations about test recordings as a page: who and what is drawn by a seed, so nothing is chosen.

Each is a label, three more questions of kinds that are drawn, and one that no recording can answer, in words that
training never showed. The right answer stands beside what was said, with the checks of stated numbers.

python scripts/write_transcripts.py pocket-har=data/har --count 10
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from results import COMMIT, shown_command

from sig2lm import SignalLM, load_table
from sig2lm.cli.checks import without_signal
from sig2lm.datasets import Table
from sig2lm.files import replaced_file
from sig2lm.model.answer import Answer
from sig2lm.templates.questions import Kind
from sig2lm.training.known import Row, know, known_rows
from sig2lm.training.questions import Asked, Writer

DRAWN: tuple[Kind, ...] = ("describe", "measure", "compare", "pair", "verify", "choose", "explain")
WORDS = 48  # tokens that an answer may take


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN=DATA", help="A run, and a table whose people it never saw.")
    parser.add_argument("--count", type=int, default=10, help="Conversations for each run.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/transcripts.md"))
    asked = parser.parse_args()
    pairs = [text.rpartition("=")[::2] for text in asked.runs]
    if not all(run and data for run, data in pairs):
        parser.error(f"expected RUN=DATA, found {' '.join(asked.runs)}")
    parts = [section(run, load_table(data), asked.count, asked.seed) for run, data in pairs]
    head = [
        "# Transcripts",
        "",
        f"Conversations on test recordings, drawn by seed {asked.seed} and not chosen. Below each answer stand what is",
        "right (the label, or what was measured), whether its numbers hold, whether it does not rely on the signal.",
        "",
        f"Written by `{shown_command()}` at commit {COMMIT}.",
    ]
    with replaced_file(asked.out) as temporary:
        temporary.write_text("\n".join([*head, *(line for part in parts for line in part), ""]), encoding="utf-8")


def section(run: str, table: Table, count: int, seed: int) -> list[str]:
    """The conversations about one table."""
    model = SignalLM.from_pretrained(run)
    task = model.task(table.info.signals)
    rows = table.data["test"]
    numbers = sorted(random.Random(seed).sample(range(len(rows)), min(count, len(rows))))
    lines = ["", f"## {table.info.name}, answered by {Path(run).name} ({Path(model.lm.name).name})"]
    drawn_rows = known_rows(table, "test", numbers)
    writer = Writer(know(table, task), transfer=True, others=drawn_rows)
    for place, row in enumerate(drawn_rows, 1):
        drawn = list(questions(writer, row, random.Random(f"{seed}-{row.number}")))
        signals = table.signals(rows.with_format("numpy")[row.number])
        facts = {name: text for name, text in table.facts(rows[row.number]).items() if name in model.known_facts(task)}
        chat = model.chat(signals, facts)
        lines += ["", f"### {table.info.name} {place}: {', '.join(row.labels) or 'no label'}", ""]
        for one in drawn:
            options = {} if one.choices else {"max_new_tokens": WORDS}
            if one.beside is None:
                lines += told(one, chat.ask(one.question, one.choices, **options))
            else:  # apart from the conversation, which is about one
                other = table.signals(rows.with_format("numpy")[one.beside])
                both = {name: [signals[name], other[name]] for name in signals}
                label = ", ".join(table.labels(rows[one.beside])) or "no label"
                shown = replace(one, question=f"{one.question} (second: {label})")
                lines += told(shown, model.ask(both, one.question, one.choices, facts=facts))
    return lines


def questions(writer: Writer, row: Row, rng: random.Random) -> Iterator[Asked]:
    """A label, three kinds that the recording carries, and what no recording can answer."""
    kinds: tuple[Kind, ...] = ("label", *rng.sample(DRAWN, 3), "unanswerable")
    for kind in kinds:
        if (asked := writer.write(kind, row, rng)) is not None:
            yield asked


def told(asked: Asked, answer: Answer) -> list[str]:
    """A question, what was said, and what is to be said of that."""
    notes = [f"right: {asked.answer}"] if answer.text != asked.answer else ["right"]
    for check in answer.checks:
        measured = "not in the signal" if check.measured is None else f"measured {check.measured:.3g}"
        notes.append(f"{'✓' if check.within else '✗'} {check.text} ({measured})")
    if answer.reliance is not None and not answer.reliance.holds:
        notes.append(without_signal(answer.reliance).partition(":")[0])
    return [f"- **{asked.question}**  ", f"  {answer.text or '(nothing)'}  ", f"  *{'; '.join(notes)}*"]


if __name__ == "__main__":
    main()
