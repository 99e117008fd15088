"""How fast the bridge is, as ratios within one run.

    python scripts/bench_bridge.py [train|ask|length|passes|import|all] [--rounds 5] [--sentences 9]

``train``   a training step against the textbook way, like for like and default against default
``ask``     a closed answer against a generated one; a second question against the first
``length``  the LM's cost and the peak memory from 1,000 to 100,000 samples
``passes``  how many prompts `sig2lm evaluate` reads, of all that its table of scores rests on
``import``  ``import sig2lm`` and ``sig2lm --help``

The models have random weights: only shapes matter for time. The setting of ``train`` and ``ask`` is 4 examples of 3
channels x 1,000 samples, a Llama of width 256 and 4 layers with a vocabulary of 4,096 or 128,256, and ``--sentences``
of instructions before the signal. What is static is read once, so the ratios of ``train`` grow with it. Ratios go to
docs/benchmarks/results/bridge.json, but for the import's; those that are not measured again stay there.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import RESULTS, record
from timing import alternate, machine, milliseconds, ratio, ratios
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.subset import take_rows
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder
from sig2lm.evaluation.asking import TIMED
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.files import read_json
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig, build_adapter
from sig2lm.model.batches import collate
from sig2lm.model.examples import Example
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import encode_values
from sig2lm.pocket import pocket_folder
from sig2lm.signals import Contract, Signal
from sig2lm.templates.task import Task
from sig2lm.templates.template import Template

CONTRACT = Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, 50.0)
INSTRUCTIONS = (
    "You are given a recording of an accelerometer that a person wears on the wrist. The recording has three channels, "
    "one for each axis, in metres per second squared, and stands below between the words. Sitting and standing are "
    "still, and differ in the direction of gravity; walking is regular, with about two steps in a second; jogging is "
    "regular too, faster, and shakes more; stairs are uneven. Look at the size of the movement first, then at its "
    "rhythm, then at the direction of gravity. Do not guess from how often an activity occurs in daily life, and do "
    "not take noise of the sensor for movement. If two activities seem to fit, choose the one whose rhythm fits "
    "better. On the way up the steps are slower than on level context and each one lifts the body; on the way down the "
    "foot lands harder and the peaks are sharper. A person who stands may sway a little; a person who sits moves the "
    "arms. Answer with one of the labels and nothing else. "
)
SENTENCES = INSTRUCTIONS.count(". ")
ASKED = 48  # rows that passes are counted over
Rows = list[dict[str, Any]]
TEMPLATE = Template(
    task="bench",
    version=1,
    source="scripts/bench_bridge.py",
    system=INSTRUCTIONS,
    prompt="SignalInput: $motion\n$question",
    question=("What is the person doing?", "Is the person still or moving?"),
    labels=("walking", "jogging", "walking upstairs", "walking downstairs", "sitting", "standing"),
)


def build_lm(vocabulary: int, attention: str = "sdpa") -> FrozenLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=8,
        max_position_embeddings=2048,
        attn_implementation=attention,
    )
    tokenizer = AutoTokenizer.from_pretrained(pocket_folder())
    return FrozenLM(LlamaForCausalLM(config), tokenizer, fingerprint="random")


def template(sentences: int) -> Template:
    """The template with so many sentences of instructions."""
    first = ". ".join(INSTRUCTIONS.split(". ")[:sentences]).strip()
    return TEMPLATE.model_copy(update={"system": first + ("" if not first or first.endswith(".") else ".")})


def build_model(
    lm: FrozenLM, kind: str, patch_size: int, train_encoder: bool = False, sentences: int = SENTENCES
) -> SignalLM:
    torch.manual_seed(0)
    encoder = SignalEncoder(PatchTransformerConfig(CONTRACT, patch_size, patch_size, mean=(0.0,) * 3, std=(1.0,) * 3))
    adapter = build_adapter(AdapterConfig(kind, num_virtual_tokens=16), encoder.width, lm.width, lm.embedding_norm)
    return SignalLM(
        lm, {"motion": SignalBranch(encoder.eval(), adapter, train_encoder)}, Task.from_template(template(sentences))
    )


def recordings(count: int, samples: int = 1000) -> list[Signal]:
    rng, units = np.random.default_rng(0), CONTRACT.units
    values = [rng.normal(size=(3, samples)).astype(np.float32) for _ in range(count)]
    return [Signal(one, 50.0, CONTRACT.channels, units) for one in values]


def examples(model: SignalLM, signals: list[Signal], cached: bool) -> list[Example]:
    """Training examples; with ``cached`` the encoder has run already, as in training with a frozen one."""
    found = []
    for number, signal in enumerate(signals):
        raw = model.recordings(signal)
        if cached:
            encoder = model.branch("motion").encoder
            raw = {place: encode_values(encoder, "motion", [signal.values])[0] for place in raw}
        found.append(model.prompter(model.tasks[0]).example(raw, TEMPLATE.question[0], TEMPLATE.labels[number % 6]))
    return found


def step(model: SignalLM, batch: dict) -> None:
    model.train()
    model.zero_grad(set_to_none=True)
    model(**batch)["loss"].backward()


def textbook_step(model: SignalLM, batch: dict) -> None:
    """The whole sequence through the LM, logits and loss over all of it, labels masked."""
    model.train()
    model.zero_grad(set_to_none=True)
    inputs_embeds, mask = model.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
    logits = model.lm.model(inputs_embeds=inputs_embeds, attention_mask=mask).logits
    cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten()).backward()


def textbook_batch(model: SignalLM, signals: list[Signal]) -> dict:
    """The same batch with the shared beginning in every row: examples and one that shares nothing with them."""
    batch = collate(examples(model, signals, cached=False), model.lm.dialogue.placeholder)
    prefix, rows = batch["prefix_ids"], len(signals)
    wide = prefix.expand(rows, -1)
    signal = batch["signals"]["motion"]
    places = torch.cat([torch.zeros_like(wide, dtype=torch.bool), signal["places"]], 1)
    return {
        "input_ids": torch.cat([wide, batch["input_ids"]], 1),
        "attention_mask": torch.cat([torch.ones_like(wide), batch["attention_mask"]], 1),
        "labels": torch.cat([torch.full_like(wide, -100), batch["labels"]], 1),
        "signals": {"motion": {**signal, "places": places}},
    }


def bench_train(rounds: int, sentences: int) -> Rows:
    signals, rows = recordings(4), []
    for vocabulary in (4096, 128256):
        plain, ours = build_lm(vocabulary, "eager"), build_lm(vocabulary)
        textbook = build_model(plain, "linear", 4, True, sentences)
        like = build_model(ours, "linear", 4, True, sentences)
        default = build_model(ours, "resampler", 32, sentences=sentences)
        wide = textbook_batch(textbook, signals)
        narrow, cached = (
            collate(examples(model, signals, cached=flag), ours.dialogue.placeholder)
            for model, flag in ((like, False), (default, True))
        )
        with torch.no_grad():
            same = abs(like.eval()(**narrow)["loss"] - textbook_loss(textbook, wide))
        assert same < 1e-3, f"the two ways differ: {same}"
        ways = {
            "textbook": partial(textbook_step, textbook, wide),
            "like for like": partial(step, like, narrow),
            "default": partial(step, default, cached),
        }
        seconds = alternate(ways, rounds)
        lengths = wide["input_ids"].shape[1], narrow["input_ids"].shape[1], cached["input_ids"].shape[1]
        instructions = len(narrow["prefix_ids"])
        print(f"\ntraining step, vocabulary {vocabulary:,}; static tokens {instructions}; positions a row {lengths}")
        for name, found in seconds.items():
            print(f"  {name:14} {milliseconds(found):>10}   {ratio(seconds['textbook'], found)}x")
            if name != "textbook":
                what = f"training step: the textbook's time / {name}"
                rows.append({"what": what, "of": f"vocabulary {vocabulary:,}", **ratios(seconds["textbook"], found)})
    return rows


def textbook_loss(model: SignalLM, batch: dict) -> torch.Tensor:
    inputs_embeds, mask = model.eval().embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
    logits = model.lm.model(inputs_embeds=inputs_embeds, attention_mask=mask).logits
    return cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())


def bench_ask(rounds: int) -> Rows:
    lm, rows = build_lm(4096), []
    for what, samples, kind, patch in (
        ("1,000 samples, 16 virtual tokens", 1000, "resampler", 32),
        ("1,000 samples, 250 virtual tokens", 1000, "linear", 4),
        ("100,000 samples, 16 virtual tokens", 100_000, "resampler", 32),
    ):
        model = build_model(lm, kind, patch).eval()
        (signal,) = recordings(1, samples)
        chat = model.chat(signal)
        longest = max(len(lm.dialogue.encode_answer(label)) for label in TEMPLATE.labels)

        def fresh(model: SignalLM = model, signal: Signal = signal) -> None:
            model.chat(signal).ask(TEMPLATE.question[0])

        def again(chat=chat) -> None:
            chat.reset()
            chat.ask(TEMPLATE.question[1])

        def generated(model: SignalLM = model, signal: Signal = signal, longest: int = longest) -> None:
            model.ask(signal, "Which one?", max_new_tokens=longest, min_new_tokens=longest)

        def closed(model: SignalLM = model, signal: Signal = signal) -> None:
            model.ask(signal, TEMPLATE.question[0])

        chat.ask(TEMPLATE.question[0])
        seconds = alternate({"first": fresh, "second": again, "closed": closed, "generated": generated}, rounds)
        print(f"\n{what}")
        print(f"  first question {milliseconds(seconds['first'])}, second {milliseconds(seconds['second'])}: ", end="")
        print(f"the second costs {ratio(seconds['second'], seconds['first'])} of the first")
        print(f"  six choices scored {milliseconds(seconds['closed'])}, {longest} tokens generated ", end="")
        print(f"{milliseconds(seconds['generated'])}: {ratio(seconds['generated'], seconds['closed'])}x")
        rows += [
            {"what": "second question / first", "of": what, **ratios(seconds["second"], seconds["first"])},
            {"what": "generated answer / closed", "of": what, **ratios(seconds["generated"], seconds["closed"])},
        ]
    return rows


def bench_length(rounds: int) -> Rows:
    lm = build_lm(4096)
    model = build_model(lm, "resampler", 32).eval()
    contexts = {}
    for samples in (1000, 100_000):
        (signal,) = recordings(1, samples)
        example = replace(examples(model, [signal], cached=True)[0], answer_ids=())
        batch = collate([example], lm.dialogue.placeholder)
        with torch.no_grad():
            inputs_embeds, mask = model.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
        ids = batch["input_ids"]
        contexts[samples] = lambda e=inputs_embeds, m=mask, i=ids: lm(e, m, input_ids=i, num_logits=1)
    with torch.no_grad():
        seconds = alternate({str(samples): way for samples, way in contexts.items()}, max(rounds, 15), warm=3)
    print(f"\nLM on 100,000 samples against 1,000: {ratio(seconds['100000'], seconds['1000'])} of the time")
    started = time.perf_counter()
    model.ask(recordings(1, 100_000)[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"one answer from 100,000 samples: {time.perf_counter() - started:.2f} s; peak memory {peak:.2f} GiB")
    return [{"what": "LM", "of": "100,000 samples / 1,000", **ratios(seconds["100000"], seconds["1000"])}]


def bench_passes(rounds: int) -> Rows:
    """Prompts that the LM reads while the run that ships is evaluated, as a multiple of the rows that are asked about.

    Scores rest on five askings of each row: its own signal, another's, zeros, none, and the words of training. Beside
    them stand the recordings by which a new paraphrase is calibrated, and those that an answer's seconds are taken of.
    """
    with tempfile.TemporaryDirectory() as scratch:
        prepare("synthetic", None, Path(scratch) / "data")
        table = take_rows(load_table(Path(scratch) / "data" / "har"), "test", ASKED)
        model = SignalLM.from_pretrained("pocket-har", device="cpu")
        read = prompts_read(model)
        evaluate(model, table, batch_size=16)
    asked = len(table.data["test"])
    for_ever = len(model.calibrations[0].recordings) + min(TIMED, asked) + 1
    scored = sum(read) - for_ever
    print(f"\nevaluate reads {sum(read)} prompts in {len(read)} calls, {scored} of them for scores of {asked} rows")
    of = f"{asked} rows, 5 askings; {for_ever} further prompts for calibration and seconds, however many rows"
    return [{"what": "evaluate: prompts read / rows", "of": of, "median": scored / asked}]


def prompts_read(model: SignalLM) -> list[int]:
    """Rows of each call of the LM, from now on; trees of choices, which have a mask of their own, are not prompts."""
    rows: list[int] = []

    def add(module: torch.nn.Module, arguments: Any, options: dict[str, Any]) -> None:
        mask = options["attention_mask"]
        if mask is not None and mask.dim() == 2 and options["inputs_embeds"].shape[1] > 1:
            rows.append(len(options["inputs_embeds"]))

    model.lm.model.register_forward_pre_hook(add, with_kwargs=True)
    return rows


def bench_import(rounds: int) -> Rows:
    bare = [sys.executable, "-c", "pass"]
    ways = {
        "python -c pass": bare,
        "import sig2lm": [sys.executable, "-c", "import sig2lm"],
        "sig2lm --help": [sys.executable, "-m", "sig2lm", "--help"],
    }
    seconds = alternate(
        {name: lambda c=command: subprocess.run(c, check=True, capture_output=True) for name, command in ways.items()},
        max(rounds, 7),
    )
    print()
    for name, found in seconds.items():
        print(f"{name:16} {milliseconds(found)}")
    return []


BENCHES: dict[str, Callable[[int], Rows]] = {
    "train": partial(bench_train, sentences=SENTENCES),
    "ask": bench_ask,
    "length": bench_length,
    "passes": bench_passes,
    "import": bench_import,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="all", choices=[*BENCHES, "all"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="of instructions before the signal, in train")
    arguments = parser.parse_args()
    BENCHES["train"] = partial(bench_train, sentences=arguments.sentences)
    print(machine())
    for name, bench in BENCHES.items():
        if arguments.what in (name, "all"):
            keep(bench(arguments.rounds))


def keep(rows: Rows) -> None:
    """Record rows beside those that were measured before."""
    place = RESULTS / "bridge.json"
    earlier = read_json(place, "a benchmark")["rows"] if place.is_file() else []
    fresh = {(row["what"], row["of"]) for row in rows}
    notes = ["Median, lowest and highest ratio of the rounds; LMs with random weights, but for evaluate."]
    kept = [row for row in earlier if (row["what"], row["of"]) not in fresh]
    if rows:
        record(place.stem, [*kept, *rows], "How quick the bridge is, as ratios within one run", notes)


if __name__ == "__main__":
    main()
