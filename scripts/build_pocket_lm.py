"""Build the pocket LM: write its text, train its tokenizer and its weights, save it in Hugging Face format.

    python scripts/build_pocket_lm.py --out sig2lm/pocket/lm

The text comes from `scripts/pocket_lm_text`. All of it follows from the seed: the same machine, thread count and
library versions give the same weights; elsewhere the sums round differently and the weights drift apart.
"""

import argparse
import json
import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import torch
from pocket_lm_text import documents, held_out
from pocket_lm_text.grammar import Document, pattern
from pocket_lm_tokenizer import CONTEXT, train_tokenizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sig2lm.lm.placement import slower_than_float32

ROOT = Path(__file__).parents[1]
CARD = Path(__file__).with_name("pocket_lm_card.md")
SHORT = 256
LONG_SHARE = 0.08  # of the short documents go to long rows too, so that these are not lists of numbers only
WEIGHTS = {"assistant": 1.0, "text": 0.3, "user": 0.1, "system": 0.1}  # the answers are what the model is for
BATCH = 2048  # tokens


@dataclass
class Row:
    """One or more documents: token ids, and the weight of the loss at each."""

    ids: list[int]
    weights: list[float]

    def add(self, ids: Sequence[int], weight: float) -> None:
        self.ids.extend(ids)
        self.weights.extend([weight] * len(ids))


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """The untrained model."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def encode(document: Document, tokenizer: PreTrainedTokenizerFast) -> Row:
    """A document as the chat template renders it; what users wrote cannot spell a control token."""
    row = Row([tokenizer.bos_token_id], [0.0])
    for message in document.messages:
        weight = WEIGHTS[message.role]
        row.add([tokenizer.convert_tokens_to_ids(f"<|{message.role}|>")], WEIGHTS["user"])
        for part in message.parts:
            row.add(tokenizer.encode(part, split_special_tokens=True), weight)
        row.add([tokenizer.eos_token_id], weight)
    if document.text:
        row.add([*tokenizer.encode(document.text), tokenizer.eos_token_id], WEIGHTS["text"])
    return row


def pack(documents: Sequence[Row], length: int) -> list[Row]:
    """Put documents into rows of at most `length` tokens, each into the first of 32 open rows with room for it."""
    full: list[Row] = []
    open_rows: list[Row] = []
    for document in documents:
        home = next((row for row in open_rows if len(row.ids) + len(document.ids) <= length), None)
        if home is not None:
            home.ids += document.ids
            home.weights += document.weights
            continue
        if len(open_rows) == 32:
            full.append(open_rows.pop(max(range(32), key=lambda i: len(open_rows[i].ids))))
        open_rows.append(Row([*document.ids], [*document.weights]))
    return full + open_rows


def write_text(path: Path, count: int, seed: int) -> list[Document]:
    """Write the training text as JSON lines, and make sure that no held-out paraphrase is in it."""
    written = list(islice(documents(seed), count))
    everything = "\n".join(document.content for document in written).lower()
    found = [paraphrase for paraphrase in held_out() if pattern(paraphrase).search(everything)]
    if found:
        raise SystemExit(f"held-out paraphrases occur in the training text: {found}")
    with path.open("w", encoding="utf-8") as file:
        for document in written:
            messages = [{"role": message.role, "content": message.text} for message in document.messages]
            file.write(
                json.dumps({"messages": messages} if messages else {"text": document.text}, ensure_ascii=False) + "\n"
            )
    return written


def batches(written: Sequence[Document], tokenizer: PreTrainedTokenizerFast, seed: int) -> list[list[Row]]:
    """Batches of rows of one length each, in random order."""
    rng = Random(seed)
    short, long = [], []
    for document in written:
        row = encode(document, tokenizer)
        if len(row.ids) <= CONTEXT:
            (short if len(row.ids) <= SHORT and rng.random() > LONG_SHARE else long).append(row)
    result = []
    for rows, length in ((pack(short, SHORT), SHORT), (pack(long, CONTEXT), CONTEXT)):
        rng.shuffle(rows)
        size = BATCH // length
        result += [rows[i : i + size] for i in range(0, len(rows), size)]
    rng.shuffle(result)
    return result


@cache
def is_quick_in_bfloat16() -> bool:
    """Whether this CPU has instructions for it; others take twenty times as long as in float32."""
    return slower_than_float32(torch.bfloat16) < 1


def loss_of(model: LlamaForCausalLM, rows: Sequence[Row]) -> torch.Tensor:
    """Cross-entropy of the next token, averaged by weight."""
    length = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [model.config.pad_token_id] * (length - len(row.ids)) for row in rows])
    weights = torch.tensor([row.weights + [0.0] * (length - len(row.ids)) for row in rows])[:, 1:].flatten()
    model.set_attn_implementation("eager" if length <= SHORT else "sdpa")  # the faster one on a CPU
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_quick_in_bfloat16()):
        logits = model(ids).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (losses * weights).sum() / weights.sum()


def optimizers(model: LlamaForCausalLM, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices of the layers, AdamW for embeddings and norms."""
    layers = [p for p in model.model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is q for q in layers)]
    return [
        torch.optim.Muon(layers, lr=learning_rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def train(model: LlamaForCausalLM, data: Sequence[Sequence[Row]], learning_rate: float) -> float:
    """Train on every batch once, with warm-up and cosine decay; give the minutes it took."""
    pair = optimizers(model, learning_rate)
    warmup, steps = max(1, len(data) // 25), len(data)

    def factor(step: int) -> float:
        return min((step + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * max(0, step - warmup) / (steps - warmup)))

    schedules = [torch.optim.lr_scheduler.LambdaLR(optimizer, factor) for optimizer in pair]
    model.train()
    start, recent = time.perf_counter(), []
    for step, rows in enumerate(data, 1):
        loss = loss_of(model, rows)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in (*pair, *schedules):
            part.step()
        model.zero_grad()
        recent = [*recent[-99:], loss.item()]
        if step % 100 == 0 or step == steps:
            minutes = (time.perf_counter() - start) / 60
            print(f"step {step}/{steps}  loss {sum(recent) / len(recent):.4f}  {minutes:.1f} min", flush=True)
    return (time.perf_counter() - start) / 60


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Save everything as float16 beside `out`, then put it in the place of what was there."""
    temporary = out.with_name(out.name + ".building")
    shutil.rmtree(temporary, ignore_errors=True)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=64,
    )
    model.to(torch.float16).save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    if CARD.exists():
        shutil.copyfile(CARD, temporary / "README.md")
    for file in temporary.iterdir():
        file.chmod(0o644)
    if out.exists():
        shutil.rmtree(out)
    os.replace(temporary, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "sig2lm" / "pocket" / "lm", help="folder of the model; replaced"
    )
    parser.add_argument(
        "--text", type=Path, default=ROOT / "runs" / "pocket_lm.jsonl", help="where the training text goes"
    )
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.text.parent.mkdir(parents=True, exist_ok=True)
    written = write_text(options.text, options.documents, options.seed)
    tokenizer = train_tokenizer(document.content for document in written[:20_000])
    data = batches(written, tokenizer, options.seed)
    model = build_model(tokenizer, options.seed)
    print(
        f"{len(tokenizer)} tokens, {model.num_parameters() / 1e6:.2f} M parameters, {len(data)} steps of {BATCH} tokens"
    )
    minutes = train(model, data, options.learning_rate)
    save(model, tokenizer, options.out)
    print(f"trained in {minutes:.1f} min; saved in {options.out}")


if __name__ == "__main__":
    main()
