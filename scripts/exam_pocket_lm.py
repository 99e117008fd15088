"""Examine the pocket LM on descriptions and questions in paraphrases that its training text does not have.

    python scripts/exam_pocket_lm.py sig2lm/pocket/lm --json exam.json --card

A closed question is right when the true label followed by <|end|> has the highest likelihood of all labels of the task.
Beside it stands the same score with the description taken out of the prompt, which must be near chance.
"""

import argparse
import json
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

import torch
from pocket_lm_text import TASKS, documents, held_out
from pocket_lm_text.conversations import label_question, opening, shape
from pocket_lm_text.grammar import Description, Document, Message, Task, expansions
from pocket_lm_text.numbers import COMPARING, COUNTING, Exercise
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parents[1]
KINDS = ("words", "numbers", "both")
EXAM_SEED = 20_000_003  # far from any seed of a build
BATCH_TOKENS = 8192


@dataclass(frozen=True)
class Item:
    """A closed question: the conversation so far, the labels and which of them is right."""

    task: str
    kind: str
    messages: tuple[Message, ...]
    labels: tuple[str, ...]
    label: str


@dataclass
class Report:
    """What the exam found; shares of right answers are between 0 and 1."""

    questions: int
    closed: dict[str, dict[str, float]] = field(default_factory=dict)
    perplexity: dict[str, float] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    known_sequences: float = 0.0  # share of the held-out paraphrases' sequences of four words that training text has
    seconds: float = 0.0


class Examinee:
    """A language model and its tokenizer, in float32."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation up to where the assistant answers."""
        content = [{"role": message.role, "content": message.text} for message in messages]
        return self.tokenizer.apply_chat_template(content, add_generation_prompt=True, return_dict=False)

    def answer_ids(self, text: str) -> list[int]:
        return [*self.tokenizer.encode(text), self.tokenizer.eos_token_id]

    @torch.inference_mode()
    def log_likelihoods(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[tuple[float, bool]]:
        """For each (prompt, answer): log-likelihood (nats) of the answer, and whether greedy decoding would give it."""
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        results: list[tuple[float, bool]] = [(0.0, False)] * len(pairs)
        while order:
            longest = len(pairs[order[-1]][0]) + len(pairs[order[-1]][1])
            batch = [order.pop() for _ in range(min(len(order), max(1, BATCH_TOKENS // longest)))]
            ids = torch.full((len(batch), longest), self.tokenizer.pad_token_id)
            for row, i in enumerate(batch):
                ids[row, : len(pairs[i][0]) + len(pairs[i][1])] = torch.tensor(pairs[i][0] + pairs[i][1])
            hidden = self.model.model(ids).last_hidden_state  # causal: the padding at the right changes nothing
            for row, i in enumerate(batch):
                prompt, answer = pairs[i]
                at = hidden[row, len(prompt) - 1 : len(prompt) + len(answer) - 1]
                logits = self.model.lm_head(at).log_softmax(-1)
                target = torch.tensor(answer)
                chosen = logits.gather(1, target[:, None]).sum().item()
                results[i] = (chosen, bool((logits.argmax(1) == target).all()))
        return results

    @torch.inference_mode()
    def generate(self, messages: Sequence[Message]) -> str:
        """The greedy answer, as text."""
        ids = torch.tensor([self.prompt(messages)])
        out = self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=48)
        return self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


def closed_item(task: Task, rng: Random, label: str, kind: str, held_out: bool = True, described: bool = True) -> Item:
    """A question for the label about one description, in the shape of the shipped template."""
    description = task.describe(rng, label, kind, held_out)
    question = label_question(task, rng, held_out)
    messages = (
        Message("system", (shape(task.name).system,)),
        opening(task.name, description.text if described else "", question),
    )
    return Item(task.name, kind, messages, task.labels, label)


def follow_up_item(task: Task, rng: Random, label: str, kind: str) -> Item:
    """The label asked last, after one or two other questions and their right answers."""
    description = task.describe(rng, label, kind, True)
    turns = [_answered(task, description, rng) for _ in range(rng.choice((1, 2)))]
    messages = [Message("system", (shape(task.name).system,)), opening(task.name, description.text, turns[0][0])]
    for index, (question, answer) in enumerate(turns):
        if index:
            messages.append(Message("user", (question,)))
        messages.append(Message("assistant", (answer,)))
    messages.append(Message("user", (label_question(task, rng, True),)))
    return Item(task.name, kind, tuple(messages), task.labels, label)


def _answered(task: Task, description: Description, rng: Random) -> tuple[str, str]:
    """A question that a description settles without giving the label away, and its answer."""
    settled = [question for question in task.details if question.answer(description, rng) is not None]
    if settled and rng.random() < 0.7:
        question = rng.choice(settled)
        return question.paraphrases.choose(rng), str(question.answer(description, rng))
    return "What is the name of the person?", "The recording does not say."


def closed_items(
    task: Task, count: int, seed: int, make: Callable[..., Item] = closed_item, **options: bool
) -> list[Item]:
    """`count` questions with every label and kind equally often."""
    rng = Random(f"{seed} {task.name} {make.__name__}")
    return [
        make(task, rng, task.labels[i % len(task.labels)], KINDS[i // len(task.labels) % 3], **options)
        for i in range(count)
    ]


def score(examinee: Examinee, items: Sequence[Item]) -> list[tuple[bool, bool]]:
    """For each item: right by likelihood over the labels, and right by greedy decoding."""
    pairs, owners = [], []
    for index, item in enumerate(items):
        prompt = examinee.prompt(item.messages)
        for label in item.labels:
            pairs.append((prompt, examinee.answer_ids(label)))
            owners.append((index, label))
    best: dict[int, tuple[float, bool, bool]] = {}
    for (index, label), (likelihood, greedy) in zip(owners, examinee.log_likelihoods(pairs), strict=True):
        if index not in best or likelihood > best[index][0]:
            right = label == items[index].label
            best[index] = (likelihood, right, right and greedy)
    return [best[index][1:] for index in range(len(items))]


def cell(column: str, score: float | None) -> str:
    """A score as text; a dash where a short exam asked nothing."""
    if score is None:
        return "–"
    return f"{score:.0f}" if column == "questions" else f"{100 * score:.1f} %"


def share(results: Sequence[bool]) -> float:
    return sum(results) / len(results)


def examine_task(examinee: Examinee, task: Task, count: int, seed: int) -> dict[str, float]:
    """All closed scores of one task, and the open one."""
    items = closed_items(task, count, seed)
    results = score(examinee, items)
    scores = {"questions": float(count), "all": share([right for right, _ in results])}
    for kind in KINDS:
        of_kind = [right for (right, _), item in zip(results, items, strict=True) if item.kind == kind]
        if of_kind:  # a short exam may ask nothing of a kind
            scores[kind] = share(of_kind)
    few = count // 3
    scores["greedy"] = share([greedy for _, greedy in results])
    scores["trained paraphrases"] = share(
        [r for r, _ in score(examinee, closed_items(task, few, seed, held_out=False))]
    )
    scores["follow-up"] = share([r for r, _ in score(examinee, closed_items(task, few, seed, follow_up_item))])
    scores["no description"] = share([r for r, _ in score(examinee, closed_items(task, few, seed, described=False))])
    scores["chance"] = 1 / len(task.labels)
    scores["open"] = examine_open(examinee, task, max(6, count // 12), seed, held_out=False)
    scores["open, new question"] = examine_open(examinee, task, max(6, count // 12), seed, held_out=True)
    return scores


def examine_open(examinee: Examinee, task: Task, count: int, seed: int, held_out: bool) -> float:
    """Share of answers to open questions about new descriptions that are sentences of the grammar for the label."""
    rng, right = Random(f"{seed} {task.name} open"), []
    for i in range(count):
        label = task.labels[i % len(task.labels)]
        description = task.describe(rng, label, rng.choice(KINDS), True)
        message = opening(task.name, description.text, task.open_questions.choose(rng, held_out))
        answer = examinee.generate([Message("system", (shape(task.name).system,)), message])
        right.append(says(task, answer) == label)
    return share(right)


def says(task: Task, answer: str) -> str | None:
    """The label for which the grammar has this sentence; None for a sentence that it does not have."""
    for label, sentences in task.sentences.items():
        if any(answer == text for paraphrase in sentences.seen for text in expansions(paraphrase)):
            return label
    return None


def examine_numbers(
    examinee: Examinee, exercises: Sequence[Callable[[Random], Exercise]], count: int, seed: int
) -> float:
    """Share of number exercises whose greedy answer is right."""
    rng, pairs = Random(f"{seed} numbers"), []
    for _ in range(count):
        question, answer = rng.choice(exercises)(rng)
        pairs.append((examinee.prompt([Message("user", (question,))]), examinee.answer_ids(answer)))
    return share([greedy for _, greedy in examinee.log_likelihoods(pairs)])


def perplexity(examinee: Examinee, count: int, seed: int) -> dict[str, float]:
    """Perplexity per token of new documents: of the assistant's turns, and of everything."""
    totals = {"answers": [0.0, 0], "all text": [0.0, 0]}
    answers, everything = [], []
    for document in islice(documents(seed), count):
        everything.append(_whole(examinee, document))
        answers += [
            (examinee.prompt(document.messages[:i]), examinee.answer_ids(message.text))
            for i, message in enumerate(document.messages)
            if message.role == "assistant"
        ]
    for name, pairs in (("answers", answers), ("all text", everything)):
        pairs = [pair for pair in pairs if len(pair[0]) + len(pair[1]) <= 1024]
        totals[name] = [sum(nats for nats, _ in examinee.log_likelihoods(pairs)), sum(len(ids) for _, ids in pairs)]
    return {name: math.exp(-nats / tokens) for name, (nats, tokens) in totals.items()}


def _whole(examinee: Examinee, document: Document) -> tuple[list[int], list[int]]:
    bos, end = examinee.tokenizer.bos_token_id, examinee.tokenizer.eos_token_id
    if document.text:
        return [bos], [*examinee.tokenizer.encode(document.text), end]
    content = [{"role": message.role, "content": message.text} for message in document.messages]
    return [bos], examinee.tokenizer.apply_chat_template(content, return_dict=False)[1:]


def known_sequences(seed: int) -> float:
    """Share of the sequences of four words in held-out paraphrases that 20,000 new training documents have."""

    def fours(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z']+", re.sub(r"\{\w+\}", "", text.lower()))  # neither numbers nor slots
        return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}

    seen = set().union(*(fours(document.content) for document in islice(documents(seed), 20_000)))
    asked = [four for paraphrase in held_out() for four in fours(next(expansions(paraphrase)))]
    return share([four in seen for four in asked])


def examine(folder: Path, count: int, seed: int) -> Report:
    """The whole exam."""
    start = time.perf_counter()
    examinee = Examinee(folder)
    report = Report(questions=count)
    for name, task in TASKS.items():
        report.closed[name] = examine_task(examinee, task, count, seed)
    report.perplexity = perplexity(examinee, 1000, seed)
    for name, exercises in (("comparing", COMPARING), ("counting", COUNTING)):
        report.numbers[name] = examine_numbers(examinee, exercises, count, seed)
        for exercise in exercises:
            report.numbers[f"{name}: {exercise.__name__}"] = examine_numbers(examinee, [exercise], 200, seed)
    report.known_sequences = known_sequences(seed)
    report.seconds = time.perf_counter() - start
    return report


def markdown(report: Report) -> str:
    """The report as Markdown tables."""
    columns = list(next(iter(report.closed.values())))
    lines = ["| task | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for task, scores in report.closed.items():
        cells = [cell(column, scores.get(column)) for column in columns]
        lines.append(f"| {task} | " + " | ".join(cells) + " |")
    lines += ["", "| beside the closed questions | |", "|---|---|"]
    lines += [f"| perplexity per token, {name} | {value:.2f} |" for name, value in report.perplexity.items()]
    lines += [f"| {name} | {100 * value:.1f} % |" for name, value in report.numbers.items()]
    lines.append(f"| sequences of four held-out words that training text has | {100 * report.known_sequences:.1f} % |")
    return "\n".join(lines)


def write_card(path: Path, table: str) -> None:
    """Put the table between the marks of the model card."""
    before, rest = path.read_text(encoding="utf-8").split("<!-- exam -->")
    after = rest.split("<!-- end of exam -->")[1]
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(f"{before}<!-- exam -->\n{table}\n<!-- end of exam -->{after}", encoding="utf-8")
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "sig2lm" / "pocket" / "lm")
    parser.add_argument("--questions", type=int, default=1500, help="closed questions a task")
    parser.add_argument("--seed", type=int, default=EXAM_SEED)
    parser.add_argument("--json", type=Path, help="write the report there too")
    parser.add_argument("--card", action="store_true", help="put the tables into the folder's README.md")
    options = parser.parse_args()
    report = examine(options.folder, options.questions, options.seed)
    print(f"{markdown(report)}\n\n{report.seconds:.0f} s")
    if options.card:
        write_card(options.folder / "README.md", markdown(report))
    if options.json:
        options.json.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
