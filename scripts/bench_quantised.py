"""What becomes of an adapter's answers where the LM has fewer bits than in its training.

    python scripts/bench_quantised.py RUN TABLE [--fold K] [--questions 60] [--lm smollm2]

RUN was trained with a GGUF file, whose blocks are read as float32. First every weight that sig2lm reads is held against
what the package gguf, llama.cpp's own, makes of the same block. Then the LM's linear layers are written again in other
types and read back, and the run answers the same questions about test people with each: what a user sees who trains
with one file and asks with another.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader, quants
from results import record
from torch import nn

from sig2lm.datasets import Table, fold, load_table
from sig2lm.datasets.subset import take_rows
from sig2lm.evaluation.asking import held_out_question, predict
from sig2lm.lm import FrozenLM
from sig2lm.lm.gguf import SMOLLM2, gguf_file, smollm2_file
from sig2lm.metrics import Predictions, scores
from sig2lm.model.signal_lm import SignalLM

FOLDS = 5
NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_output": "self_attn.o_proj",
    **{f"attn_{one}": f"self_attn.{one}_proj" for one in "qkv"},
    **{f"ffn_{one}": f"mlp.{one}_proj" for one in ("gate", "up", "down")},
}  # of a Llama, in llama.cpp's file and in transformers


def largest_difference(file: Path, lm: FrozenLM) -> tuple[float, str]:
    """Of any weight from gguf's own reading of the file, and which types its blocks have."""
    weights, config = lm.model.state_dict(), lm.model.config
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    largest, counts = 0.0, dict[str, int]()
    for tensor in GGUFReader(file).tensors:
        parts = tensor.name.removesuffix(".weight").split(".")
        place = f"model.layers.{parts[1]}." if parts[0] == "blk" else ""
        found = quants.dequantize(tensor.data, tensor.tensor_type)
        if parts[-1] in heads:  # llama.cpp turns neighbours, transformers halves
            rows, width = found.shape
            found = found.reshape(heads[parts[-1]], -1, 2, width).swapaxes(1, 2).reshape(rows, width)
        ours = weights[f"{place}{NAMES[parts[-1]]}.weight"].numpy()
        largest = max(largest, float(np.abs(ours - found).max()))
        counts[tensor.tensor_type.name] = counts.get(tensor.tensor_type.name, 0) + int(tensor.n_elements)
    return largest, ", ".join(f"{count / 1e6:.1f} M weights in {kind}" for kind, count in counts.items())


def blocks(kind: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Write a weight in llama.cpp's blocks and read it back."""
    as_type = GGMLQuantizationType[kind]

    def again(weight: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(quants.dequantize(quants.quantize(weight.numpy(), as_type), as_type))

    return again


WAYS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "float32 of the file": lambda weight: weight,
    "bfloat16": lambda weight: weight.bfloat16().float(),
    "Q8_0": blocks("Q8_0"),
    "Q5_0": blocks("Q5_0"),
    "Q4_0": blocks("Q4_0"),
}


def answered(run: Path, table: Table, lm: str, way: str) -> Predictions:
    """What a run answers with an LM whose linear layers were written in one way."""
    frozen = FrozenLM.from_pretrained(lm, device="cpu", dtype="float32")
    tied = frozen.model.get_output_embeddings()
    with torch.no_grad():
        for module in frozen.model.modules():
            if isinstance(module, nn.Linear) and module is not tied:
                module.weight.copy_(WAYS[way](module.weight))
    model = SignalLM.from_pretrained(run, lm=frozen)
    return predict(model, table, "test", held_out_question(model, table))


def row(way: str, found: Predictions, first: Predictions) -> dict[str, Any]:
    told = scores(found)
    moved = np.abs(found.probabilities - first.probabilities).sum(1) / 2
    return {
        "linear layers": way,
        "macro_f1": told["macro_f1"],
        "auroc": told["auroc"],
        "same answer": float(np.mean(found.answers == first.answers)),
        "probability that moved, mean": float(moved.mean()),
        "at most": float(moved.max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--lm", default=SMOLLM2, help="a GGUF file of a Llama, the run's own")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--questions", type=int, default=60)
    arguments = parser.parse_args()
    table = load_table(arguments.table)
    table = table if arguments.fold is None else fold(table, arguments.fold, FOLDS)
    table = take_rows(table, "test", arguments.questions)
    file = smollm2_file() if arguments.lm == SMOLLM2 else gguf_file(Path(arguments.lm))
    difference, kinds = largest_difference(file, FrozenLM.from_pretrained(arguments.lm, device="cpu", dtype="float32"))
    print(f"largest difference from gguf's own reading: {difference:g}; {kinds}", flush=True)
    found = {way: answered(arguments.run, table, arguments.lm, way) for way in WAYS}
    first = next(iter(found.values()))
    rows = [row(way, one, first) for way, one in found.items()]
    notes = [
        f"{file.name}: {kinds}. Read by sig2lm as float32, no weight differs from gguf's own reading of its block by "
        f"more than {difference:g}.",
        f"{len(first.truth)} test windows of {table.info.name}; the run was trained with the first row's weights. The "
        "others were written in that type from these and read back: what four bits took from the LM before the file "
        "was written is in all rows alike.",
    ]
    title = "An LM with fewer bits than its adapter was trained with"
    print(record(f"quantised-{table.info.name}", rows, title, notes))
    for one in rows:
        print(one)


if __name__ == "__main__":
    main()
