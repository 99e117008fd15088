"""Reading: prompts with signals in them go through the LM, for a loss or to be continued.

``values (B, C, T) -> patches (B, P, E) -> soft_prompt (B, K, D)``, scattered into the token embeddings (B, L, D) at
``places`` (B, L). The LM reads the result; the loss looks at the positions of the answer only.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

from sig2lm.encoder import stack_values
from sig2lm.errors import ArgumentError, SignalError
from sig2lm.lm import Context, FrozenLM, repeat_cache, to_device
from sig2lm.model.batches import IGNORED, collate
from sig2lm.model.examples import Example, SignalInput
from sig2lm.model.signal_branch import Branch, SignalBranch
from sig2lm.model.soft_prompt import real_tokens, scatter

_PREFIXES_KEPT = 8


class SignalFusion(nn.Module):
    """A frozen LM with a way in for named signals.

    Parameters
    ----------
    lm
        The LM.
    branches
        For each named signal its encoder and adapter; a branch without an encoder is
        trained and asked in the same way, by examples that name it.
    """

    def __init__(self, lm: FrozenLM, branches: Mapping[str, Branch]) -> None:
        super().__init__()
        if unsafe := [name for name in branches if not name.isidentifier()]:
            raise ArgumentError(
                f"expected signals whose names are words (letters, digits, _), found {unsafe[0]!r}; name it otherwise"
            )
        self.lm = lm
        self.branches = nn.ModuleDict(branches)
        self._prefixes: OrderedDict[tuple[str | int, ...], DynamicCache] = OrderedDict()

    def branch(self, name: str) -> SignalBranch:
        """Return the encoder and adapter of a named signal.

        Raises
        ------
        SignalError
            If the model reads no signal of that name.
        """
        branch = self._branch(name)
        assert isinstance(branch, SignalBranch)
        return branch

    def _branch(self, name: str) -> Branch:
        if name not in self.branches:
            raise SignalError(
                f"the signal is called '{name}', but this model reads {', '.join(self.branches)}; rename it"
            )
        branch = self.branches[name]
        assert isinstance(branch, Branch)
        return branch

    def num_virtual_tokens(self, name: str, num_patches: int) -> int:
        """K for a named signal of ``num_patches``."""
        return self._branch(name).num_virtual_tokens(num_patches)

    def train(self, mode: bool = True) -> Self:
        """Set the training mode of adapters, and of encoders and LoRA layers that are trained."""
        if self.lm.has_lora:
            self._prefixes.clear()  # what the LM makes of a text changes with its LoRA layers, and with nothing else
        return super().train(mode)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        signals: Mapping[str, Mapping[str, Tensor]],
        prefix_ids: Tensor,
    ) -> dict[str, Tensor]:
        """Return the loss of a batch of :func:`collate`: cross entropy on the answers' tokens only.

        Each answer counts alike, however long it is: a caption of thirty tokens, most of which need no signal, would
        drown the yes or no beside it.
        """
        inputs_embeds, attention_mask = self.embed(input_ids, attention_mask, signals)
        answered = (labels != IGNORED).any(dim=0).int()
        num_answer = int(labels.shape[1] - answered.argmax())
        prefix = self.prefix(prefix_ids)
        logits = self.lm(inputs_embeds, attention_mask, input_ids=input_ids, prefix=prefix, num_logits=num_answer + 1)[
            :, :-1
        ]
        answers = labels[:, -num_answer:]
        losses = cross_entropy(
            logits.flatten(0, 1).float(), answers.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(answers)
        counts = (answers != IGNORED).sum(dim=1)
        return {"loss": (losses.sum(dim=1) / counts.clamp(min=1))[counts > 0].mean()}

    def embed(
        self, input_ids: Tensor, attention_mask: Tensor, signals: Mapping[str, Mapping[str, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Embed tokens and scatter the soft prompts into their places.

        Returns
        -------
        tuple of Tensor
            inputs_embeds (B, L, D), and the attention mask (B, L), 0 also at virtual tokens of unobserved patches.

        Raises
        ------
        PromptError
            When the places are not exactly as many as the virtual tokens.
        """
        inputs_embeds = self.lm.embed(input_ids)
        for name, fields in signals.items():
            inputs = {key: tensor for key, tensor in fields.items() if key not in ("places", "counts")}
            soft_prompt, mask = self._branch(name)(**inputs)
            real = real_tokens(soft_prompt, fields["counts"])
            inputs_embeds = scatter(inputs_embeds, fields["places"], soft_prompt[real])
            attention_mask = scatter(attention_mask, fields["places"], mask[real])
        return inputs_embeds, attention_mask

    def prefix(self, prefix_ids: Tensor) -> DynamicCache | None:
        """Return keys and values of a shared beginning (N,), computed once; None for an empty one."""
        if not len(prefix_ids):
            return None
        key = (str(self.lm.device), *prefix_ids.tolist())
        found = self._prefixes.pop(key, None)  # another thread may take it away at any moment, so it is held here
        if found is None:
            with torch.no_grad():
                ids = prefix_ids[None].to(self.lm.device)
                found = self.lm.prefill(self.lm.embed(ids), torch.ones_like(ids), ids)
        self._prefixes[key] = found
        while len(self._prefixes) > _PREFIXES_KEPT:
            with suppress(KeyError):
                self._prefixes.popitem(last=False)
        return found

    @torch.no_grad()
    def read(self, examples: Sequence[Example]) -> Context:
        """Read prompts (without answers) up to their last token, ready to be continued."""
        batch = self.to_device(collate(examples, self.lm.dialogue.placeholder, self.lm.sharing_limit))
        inputs_embeds, mask = self.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
        rows, shared = len(examples), batch["prefix_ids"]
        past = None
        if (prefix := self.prefix(shared)) is not None:
            past = repeat_cache(prefix, rows)
        ids = torch.cat([shared.expand(rows, -1), batch["input_ids"]], dim=1)
        mask = torch.cat([torch.ones_like(shared).expand(rows, -1), mask], dim=1)
        return self.lm.read(inputs_embeds, mask, ids, past)

    def score(self, context: Context, sentences: Sequence[str]) -> Tensor:
        """Return the log-likelihood (B, n) of each of n answers behind prompts that have been read."""
        return self.lm.score(context, [self.lm.dialogue.encode_answer(sentence) for sentence in sentences])

    def to_device(self, batch: Any) -> Any:
        """Move the tensors of a batch to where the LM is."""
        return to_device(batch, self.lm.device)

    @torch.no_grad()
    def soft_prompt(self, recording: SignalInput) -> tuple[Tensor, Tensor]:
        """Return the soft prompt (K, D) of one recording and its mask (K,)."""
        assert recording.values is not None
        values, mask = stack_values([recording.values])
        device = self.lm.device
        soft_prompt, soft_mask = self.branch(recording.name)(values.to(device), mask.to(device))
        return soft_prompt[0], soft_mask[0]

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return what training changed: adapters, and encoders that were trained here; never the LM."""
        tensors: dict[str, Tensor] = {}
        for name in self.branches:
            for part, module in self._branch(name).trained_parts.items():
                tensors |= {f"{name}.{part}.{key}": tensor for key, tensor in module.state_dict().items()}
        return tensors
