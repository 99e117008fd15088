"""What an LM can do, measured once on the LM itself.

Padding, shared beginnings and trees of choices are only short cuts: the LM must compute the same with them as without.
Most do; recurrent states, ALiBi, chunks and bugs break one or another. A list of names would be wrong with the next
release, so a dozen short texts are read both ways. What shows only in texts longer than a window or chunk is taken
from the config.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import get_layer_types_and_kwargs

from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.files import cache_folder, read_json, write_json
from sig2lm.lm.cache import copy_state, repeat_cache
from sig2lm.lm.runner import Runner
from sig2lm.lm.tree import TokenTree, read_tree

_VERSION = 4  # counts up when something else is measured
_LENGTH = 12
_TOLERANCE = 5e-4  # of the standard deviation of the logits
_ROUNDINGS = 16  # of the LM's type, which another order of the same sums may differ by (bfloat16: 0.125)
_NOISE = 5.0  # what differs less than this many times the LM's own rounding is the same
# Layers whose attention depends on the distance between two tokens and on nothing else of where they stand.
_ROOM = 256  # positions that are kept for an answer where it may not grow past a window or chunk
_KNOWN_LAYERS = {
    "full_attention",
    "sliding_attention",
    "chunked_attention",
    "linear_attention",
    "conv",
    "hybrid",
    "hybrid_sliding",
    "dummy",
}
# Families that are wrong in transformers itself, and only in texts too long to be measured here.
_WRONG = {"moshi": "past its sliding window it reads a text otherwise token by token than at once"}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Capabilities:
    """What an LM computes the same with a short cut as without.

    Attributes
    ----------
    refusal
        Why the LM cannot be used at all; None where it can.
    padding
        A row of a padded batch, also with tokens hidden inside, as the row alone.
    prefix
        A beginning read once and continued by several rows, as each row read whole.
    continuation
        A text read in two parts, as read at once.
    steps
        A text whose second part is read token by token, likewise.
    branching
        Choices read as one tree, as one after the other.
    """

    refusal: str | None = None
    padding: bool = False
    prefix: bool = False
    continuation: bool = False
    steps: bool = False
    branching: bool = False


@dataclass(frozen=True)
class Reach:
    """How far layers see, from the config.

    Attributes
    ----------
    window
        Shortest sliding window; None where every layer sees everything.
    chunk
        Shortest chunk of chunked attention, whose bounds are counted from the first position, padding included.
    known
        Whether all layers are of a kind whose behaviour past short texts is known here.
    """

    window: int | None
    chunk: int | None
    known: bool

    @property
    def shared(self) -> int | None:
        """Longest text of which rows may share a beginning; None for any."""
        spans = [span for span in (self.window, self.chunk) if span]
        return max(min(spans) - _ROOM, 0) if spans else None

    def holds_in_a_chunk(self, length: int) -> bool:
        """Whether a text and an answer to it stay within the first chunk."""
        return self.chunk is None or length + _ROOM <= self.chunk


def reach(config: Any) -> Reach:
    """Read from an LM's config how far its layers see."""
    config = config.get_text_config(decoder=True)
    types, options = get_layer_types_and_kwargs(config)
    spans: dict[bool, list[int]] = {True: [], False: []}
    for kind, option in zip(types, options, strict=True):
        if option.get("sliding_window"):
            spans[kind == "chunked_attention"].append(int(option["sliding_window"]))
    if "local" in (getattr(config, "attention_layers", None) or ()):  # GPT-Neo
        spans[False].append(int(config.window_size))
    if getattr(config, "attention_window_size", None):  # RecurrentGemma
        spans[False].append(int(config.attention_window_size))
    known = set(types) <= _KNOWN_LAYERS
    return Reach(min(spans[False], default=None), min(spans[True], default=None), known)


_MEASURED: dict[tuple[str, ...], Capabilities] = {}


def measured(run: Runner, fingerprint: str) -> Capabilities:
    """Return what :func:`measure` found of an LM, here or in an earlier process.

    The cache is keyed by all that may change the finding: weights, dtype, device, attention and version of the library.
    A refusal is never kept: what raised there, such as memory that was full for a moment, may not raise again.
    """
    attention = str(getattr(run.base.config, "_attn_implementation", ""))
    table = run.model.get_input_embeddings().weight
    key = (fingerprint, str(table.dtype), table.device.type, attention, transformers.__version__, str(_VERSION))
    if key in _MEASURED:
        return _MEASURED[key]
    file = cache_folder() / "capabilities" / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.json"
    found = _remembered(file) or _measured_now(run, file)
    if found.refusal is None:
        _MEASURED[key] = found
    return found


def _remembered(file: Path) -> Capabilities | None:
    try:
        return Capabilities(**read_json(file, "what an LM can do"))
    except (CheckpointError, TypeError):  # not there, cut short, or of another version: measured again
        return None


def _measured_now(run: Runner, file: Path) -> Capabilities:
    found = measure(run)
    if found.refusal is None:
        with suppress(Sig2LMError):  # a cache that cannot be written only costs the next process a second
            write_json(file, asdict(found))
    return found


@torch.no_grad()
def measure(run: Runner) -> Capabilities:
    """Read short texts with each short cut and without, and compare.

    Parameters
    ----------
    run
        The LM, in evaluation mode.
    """
    family = str(getattr(run.base.config.get_text_config(), "model_type", ""))
    if family in _WRONG:
        return Capabilities(refusal=_WRONG[family])
    table = run.model.get_input_embeddings()
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, table.num_embeddings, (3, _LENGTH), generator=generator).to(table.weight.device)
    try:
        probe = _Probe(run, ids)
    except Exception as error:  # whatever a family raises when it is given vectors
        return Capabilities(refusal=f"it does not read vectors in place of tokens ({_line(error)})")
    if not probe.tells_tokens_apart():
        return Capabilities(refusal="it does not read vectors in place of tokens (they do not change what it predicts)")
    if not probe.same(probe.prefix_of_first, probe.alone[0][:, : _LENGTH // 2]):
        return Capabilities(refusal="it is no causal LM: what follows a token changes what it predicts there")
    if not probe.holds(probe.check_embeddings):
        return Capabilities(refusal="it reads vectors otherwise than the tokens that they stand for")
    if not probe.holds(probe.check_gradient):
        return Capabilities(
            refusal=f"no gradient reaches its input vectors, so that no adapter can be trained{probe.trouble}"
        )
    continuation = run.cache_name is not None and probe.holds(probe.check_continuation)
    steps = run.cache_name is not None and probe.holds(probe.check_steps)
    padding = probe.holds(probe.check_padding)
    prefix = padding and continuation and probe.holds(probe.check_prefix)
    branching = prefix and probe.holds(probe.check_tree)
    return Capabilities(None, padding, prefix, continuation, steps, branching)


class _Probe:
    """Three texts of one length, each read alone."""

    def __init__(self, run: Runner, ids: Tensor) -> None:
        self.run, self.ids, self.trouble = run, ids, ""
        self.vectors = run.model.get_input_embeddings()(ids)
        self.alone = [self.read(slice(row, row + 1)) for row in range(len(ids))]
        self.prefix_of_first = self.read(slice(0, 1), slice(0, _LENGTH // 2))
        together = self.read(slice(None))
        self.scale = float(torch.stack(self.alone).float().std()) or 1.0
        noise = max(self._distance(together[row : row + 1], one) for row, one in enumerate(self.alone))
        rounding = _ROUNDINGS * torch.finfo(self.vectors.dtype).eps
        self.tolerance = max(_TOLERANCE, rounding, _NOISE * noise)

    def read(self, rows: slice, columns: slice = slice(None), **options: Any) -> Tensor:
        """Logits of every position of some rows and columns."""
        vectors, ids = self.vectors[rows, columns], self.ids[rows, columns]
        options = {"num_logits": vectors.shape[1], "input_ids": ids, **options}
        return self.run(vectors, options.pop("attention_mask", None), options.pop("cache", None), **options)

    def same(self, one: Tensor, other: Tensor) -> bool:
        return self._distance(one, other) <= self.tolerance

    def holds(self, check: Callable[[], bool]) -> bool:
        """Whether a check passes; whatever it raises means no, and is the trouble then."""
        self.trouble = ""
        try:
            return check()
        except Exception as error:  # a short cut that raises is one that cannot be taken
            self.trouble = f" ({_line(error)})"
            _logger.debug("%s: %s", check.__name__, _line(error))
            return False

    def tells_tokens_apart(self) -> bool:
        return not self.same(self.alone[0][:, -1:], self.alone[1][:, -1:])

    def check_embeddings(self) -> bool:
        options = {"use_cache": False} if "use_cache" in self.run.takes else {}
        return self.same(self.run.model(input_ids=self.ids[:1], **options).logits, self.alone[0])

    def check_gradient(self) -> bool:
        with torch.enable_grad():
            vectors = self.vectors[:1].detach().requires_grad_()
            logits = self.run(vectors, num_logits=1, input_ids=self.ids[:1])
            score = logits.float().square().sum()  # of all tokens: the logit of one, such as padding's, may be constant
            (gradient,) = torch.autograd.grad(score, vectors)
        return bool(torch.isfinite(gradient).all()) and bool(gradient.any())

    def check_padding(self) -> bool:
        """The second row loses its first five tokens, the third one in the middle too."""
        mask = torch.ones_like(self.ids)
        mask[1, :5], mask[2, :3], mask[2, 6] = 0, 0, 0
        padded = self.read(slice(None), attention_mask=mask)
        kept = mask[2].bool()
        third = self.run(self.vectors[2:, kept], num_logits=3, input_ids=self.ids[2:, kept])
        return (
            self.same(padded[:1], self.alone[0])
            and self.same(padded[1:2, -4:], self.read(slice(1, 2), slice(5, None))[:, -4:])
            and self.same(padded[2:, -3:], third)
        )

    def check_continuation(self) -> bool:
        cache = self._half(slice(0, 1))
        again = copy_state(cache)
        mask = torch.ones_like(self.ids[:1])
        parts = [
            self.read(slice(0, 1), slice(_LENGTH // 2, None), attention_mask=mask, cache=c) for c in (cache, again)
        ]
        whole = self.alone[0][:, _LENGTH // 2 :]
        return self.same(parts[0], whole) and self.same(parts[1], whole)

    def check_steps(self) -> bool:
        cache, mask = self._half(slice(0, 1)), torch.ones_like(self.ids[:1])
        steps = [
            self.read(slice(0, 1), slice(at, at + 1), attention_mask=mask[:, : at + 1], cache=cache)
            for at in range(_LENGTH // 2, _LENGTH)
        ]
        return self.same(torch.cat(steps, dim=1), self.alone[0][:, _LENGTH // 2 :])

    def check_prefix(self) -> bool:
        """Three rows continue the first half of the first, the second of them padded."""
        half = _LENGTH // 2
        cache = self._half(slice(0, 1))
        for _ in range(2):  # twice, since the first must leave the cache as it was
            mask = torch.ones_like(self.ids)
            mask[1, half : half + 2] = 0
            read = self.read(slice(None), slice(half, None), attention_mask=mask, cache=repeat_cache(cache, 3))
            for row in range(3):
                start = half + 2 if row == 1 else half
                vectors = torch.cat([self.vectors[:1, :half], self.vectors[row : row + 1, start:]], dim=1)
                ids = torch.cat([self.ids[:1, :half], self.ids[row : row + 1, start:]], dim=1)
                if not self.same(read[row : row + 1, -4:], self.run(vectors, num_logits=4, input_ids=ids)):
                    return False
        return True

    def check_tree(self) -> bool:
        """Two branches of two tokens behind the first half of the first two rows, the second padded."""
        half = _LENGTH // 2
        mask = torch.ones_like(self.ids[:2, :half])
        mask[1, :2] = 0
        cache = self.run.empty_cache()
        self.read(slice(0, 2), slice(0, half - 1), attention_mask=mask[:, :-1], cache=cache, num_logits=1)
        choices = [self.ids[0, -3:].tolist(), self.ids[1, -3:].tolist()]
        last = self.ids[:2, half - 1 : half]
        tree = read_tree(self.run, last, mask, cache, TokenTree(choices))
        chains = [read_tree(self.run, last, mask, cache, TokenTree([one])) for one in choices]
        return self.same(tree[:, 1:3], chains[0][:, 1:]) and self.same(tree[:, 3:], chains[1][:, 1:])

    def _half(self, rows: slice) -> DynamicCache:
        cache = self.run.empty_cache()
        self.read(rows, slice(0, _LENGTH // 2), cache=cache, attention_mask=torch.ones_like(self.ids[rows, :6]))
        return cache

    def _distance(self, one: Tensor, other: Tensor) -> float:
        difference = (one.float() - other.float()).abs().max().item()
        return difference / self.scale if difference == difference else float("inf")


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
