"""A whole prompt as vectors, for engines that take these in place of tokens (vLLM's ``prompt_embeds``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from sig2lm.errors import Sig2LMError
from sig2lm.files import replaced_file
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.batches import collate
from sig2lm.model.recordings import Signals
from sig2lm.signals.arrays import ArrayClock

SUFFIXES = (".safetensors", ".pt")


@dataclass(frozen=True)
class ExportedPrompt:
    """A prompt that any engine with the same LM can go on from.

    Attributes
    ----------
    embeddings
        (L, D) in the LM's dtype; the whole prompt, chat template and soft prompts included.
    lm
        Name of the LM that reads it.
    lm_fingerprint
        Of its config, weights and tokenizer.
    question
        What it asks.
    stop_ids
        Tokens that end the answer.
    """

    embeddings: Tensor
    lm: str
    lm_fingerprint: str
    question: str
    stop_ids: tuple[int, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """What stands beside the tensor in a safetensors file."""
        return {
            "lm": self.lm,
            "lm_fingerprint": self.lm_fingerprint,
            "question": self.question,
            "stop_token_ids": ",".join(map(str, self.stop_ids)),
        }

    def save(self, path: str | Path) -> None:
        """Write the embeddings: ``.safetensors`` under the key ``prompt_embeds``, or ``.pt``, a bare tensor.

        Raises
        ------
        Sig2LMError
            If the name ends in something else, or cannot be written.
        """
        path = check_suffix(path)
        with replaced_file(path) as temporary:
            if path.suffix == ".pt":
                torch.save(self.embeddings, temporary)  # a tensor alone, as `torch.load(weights_only=True)` takes it
            else:
                save_file({"prompt_embeds": self.embeddings}, temporary, self.metadata)
                temporary.chmod(0o644)


def check_suffix(path: str | Path) -> Path:
    """Return where a prompt can be written.

    Raises
    ------
    Sig2LMError
        If the name ends in no format that is known here.

    Examples
    --------
    >>> check_suffix("walk.pt").name
    'walk.pt'
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise Sig2LMError(f"expected a name that ends in {' or '.join(SUFFIXES)}, found '{path.name}'; choose one")
    return path


@torch.no_grad()
def export_prompt(
    model: QuestionAnswerer,
    signals: Signals,
    question: str | None = None,
    facts: Mapping[str, str] | None = None,
    *,
    believe: bool = False,
) -> ExportedPrompt:
    """Return the prompt of a question as vectors.

    Virtual tokens of what was not observed, which the model's own reading hides behind a mask, are left out: engines
    count positions as they stand.

    Parameters
    ----------
    model
        Whose prompt it is.
    signals, question, facts, believe
        As :meth:`SignalLM.ask` takes them.

    Raises
    ------
    Sig2LMError
        If the LM has LoRA layers, or needs more of a token than its vector.
    """
    lm = model.lm
    if lm.has_lora:
        raise Sig2LMError(
            "expected a run whose LM is frozen, found LoRA layers beside it, without which the prompt means something "
            "else; train a run without --lora-rank"
        )
    if lm.embeds_twice:
        raise Sig2LMError(f"the LM '{lm.name}' embeds each token again in every layer, which a prompt of vectors lacks")
    named = model.named(signals, ArrayClock(believe=believe))
    task = model.task(named)
    text = question or task.template.question[0]
    example = model.example(task, model.recordings(named), text, model.checked_facts(task, facts or {}))
    lm.check_length(len(example.prompt.input_ids) + 1)
    batch = model.to_device(collate([example], lm.dialogue.placeholder, 0))
    embeddings, mask = model.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
    seen = embeddings[0][mask[0].bool()].to(lm.dtype).cpu().contiguous()
    return ExportedPrompt(seen, lm.name, lm.fingerprint, text, tuple(lm.dialogue.stop_ids))
