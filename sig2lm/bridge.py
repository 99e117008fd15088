"""The bridge: encoder -> adapter -> frozen LM, and the questions it answers.

``values (B, C, T) -> patches (B, P, E) -> soft_prompt (B, K, D)``, scattered into the token embeddings (B, L, D) at
``places`` (B, L). The LM reads the result; loss and scores look at the positions of the answer only.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import ModelHubMixin
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

from sig2lm.data import IGNORED, Example, Prompter, Recording, collate, describe
from sig2lm.encoder import PatchEncoder, stack_values
from sig2lm.errors import SignalError
from sig2lm.lm import Context, FrozenLM, repeat_cache
from sig2lm.prompts import SignalPlace
from sig2lm.signals import Signal
from sig2lm.soft_prompt import Modality, real_tokens, scatter
from sig2lm.task import Task, check_tasks, choose_task

if TYPE_CHECKING:
    from sig2lm.annotate import Annotation
    from sig2lm.chat import Chat

Signals = Signal | Sequence[Signal] | Mapping[str, Signal | Sequence[Signal]]
"""One signal, several of one kind, or named ones."""

_PREFIXES_KEPT = 8


@dataclass(frozen=True)
class Answer:
    """What the LM said.

    Attributes
    ----------
    text
        The answer in words.
    label
        The closed answer that it is, or that its text names; None where it names none.
    probabilities
        For a closed question, the probability of each choice given that it is one of them; None for an open one.
    """

    text: str
    label: str | None
    probabilities: dict[str, float] | None


class SignalLM(
    nn.Module,
    ModelHubMixin,
    library_name="sig2lm",
    tags=["biosignals", "time-series", "soft-prompt"],
):
    """A frozen LM that reads signals.

    Parameters
    ----------
    lm
        The LM.
    modalities
        For each named signal its encoder and adapter.
    tasks
        What it is asked, one task or several; which of them is meant follows from the signals at hand.

    Raises
    ------
    PromptError
        When a task shows none of the signals, or a signal is shown by no task.
    """

    def __init__(
        self,
        lm: FrozenLM,
        modalities: Mapping[str, Modality],
        tasks: Task | Sequence[Task],
    ) -> None:
        super().__init__()
        self.lm = lm
        self.modalities = nn.ModuleDict(modalities)
        self.tasks = (tasks,) if isinstance(tasks, Task) else tuple(tasks)
        check_tasks(self.tasks, list(modalities))
        self._prefixes: OrderedDict[tuple[str | int, ...], DynamicCache] = OrderedDict()

    def task(self, signals: Iterable[str]) -> Task:
        """Return the task that shows signals of these names, see :func:`sig2lm.task.choose_task`."""
        return choose_task(self.tasks, list(self.modalities), signals)

    def prompter(self, task: Task) -> Prompter:
        """Writes examples of a task in this model's tokens."""
        return Prompter(task, self.lm.dialogue, self.num_virtual_tokens)

    def modality(self, name: str) -> Modality:
        """Return the encoder and adapter of a named signal.

        Raises
        ------
        SignalError
            When the model reads no signal of that name.
        """
        if name not in self.modalities:
            raise SignalError(
                f"the signal is called '{name}', but this model reads {', '.join(self.modalities)}; rename it"
            )
        modality = self.modalities[name]
        assert isinstance(modality, Modality)
        return modality

    def num_virtual_tokens(self, name: str, num_patches: int) -> int:
        """K for a named signal of ``num_patches``."""
        return self.modality(name).num_virtual_tokens(num_patches)

    def train(self, mode: bool = True) -> "SignalLM":
        """Set the training mode of adapters, and of encoders and LoRA layers that are trained."""
        if self.lm.has_lora:
            self._prefixes.clear()  # what the LM makes of a text changes with its LoRA layers, and with nothing else
        return super().train(mode)

    # -- reading ------------------------------------------------------------------------------------------------------

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        signals: Mapping[str, Mapping[str, Tensor]],
        prefix_ids: Tensor,
    ) -> dict[str, Tensor]:
        """Return the loss of a batch of :func:`sig2lm.data.collate`: cross entropy on the answers' tokens only."""
        inputs_embeds, attention_mask = self.embed(input_ids, attention_mask, signals)
        answered = (labels != IGNORED).any(dim=0).int()
        num_answer = int(labels.shape[1] - answered.argmax())
        prefix = self.prefix(prefix_ids)
        logits = self.lm(inputs_embeds, attention_mask, prefix=prefix, num_logits=num_answer + 1)[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1).float(), labels[:, -num_answer:].flatten(), ignore_index=IGNORED)
        return {"loss": loss}

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
            soft_prompt, mask = self.modality(name)(**inputs)
            real = real_tokens(soft_prompt, fields["counts"])
            inputs_embeds = scatter(inputs_embeds, fields["places"], soft_prompt[real])
            attention_mask = scatter(attention_mask, fields["places"], mask[real])
        return inputs_embeds, attention_mask

    def prefix(self, prefix_ids: Tensor) -> DynamicCache | None:
        """Return keys and values of a shared beginning (N,), computed once; None for an empty one."""
        if not len(prefix_ids):
            return None
        key = (str(self.lm.device), *prefix_ids.tolist())
        if key not in self._prefixes:
            with torch.no_grad():
                ids = prefix_ids[None].to(self.lm.device)
                self._prefixes[key] = self.lm.prefill(self.lm.embed(ids), torch.ones_like(ids))
        self._prefixes.move_to_end(key)
        while len(self._prefixes) > _PREFIXES_KEPT:
            self._prefixes.popitem(last=False)
        return self._prefixes[key]

    @torch.no_grad()
    def read(self, examples: Sequence[Example]) -> Context:
        """Read prompts (without answers) up to their last token, ready to be continued."""
        batch = self.to_device(collate(examples, self.lm.dialogue.placeholder, self.lm.attention_window))
        inputs_embeds, mask = self.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
        rows, shared = len(examples), batch["prefix_ids"]
        past = None
        if (prefix := self.prefix(shared)) is not None:
            past = repeat_cache(prefix, rows)
        ids = torch.cat([shared.expand(rows, -1), batch["input_ids"]], dim=1)
        mask = torch.cat([torch.ones_like(shared).expand(rows, -1), mask], dim=1)
        return Context(ids, mask, self.lm.prefill(inputs_embeds[:, :-1], mask[:, :-1], past))

    def to_device(self, batch: Any) -> Any:
        """Move the tensors of a batch to where the LM is."""
        if isinstance(batch, Mapping):
            return {key: self.to_device(value) for key, value in batch.items()}
        return batch.to(self.lm.device) if isinstance(batch, Tensor) else batch

    # -- asking -------------------------------------------------------------------------------------------------------

    def ask(
        self,
        signals: Signals,
        question: str | None = None,
        choices: Sequence[str] | None = None,
        *,
        facts: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        """Answer a question about one recording, or about several together.

        Parameters
        ----------
        signals
            A signal, several of one kind, or named ones (``{"motion": ..., "ecg": ...}``).
        question
            Any text; the template's first question by default.
        choices
            The closed answers to choose among. Without them, a question that is the template's own is answered with the
            model's labels, and any other with free text.
        facts
            What else is known, for templates that tell it: ``{"age": "67"}``.
        options
            For free text, those of ``transformers``' ``generate`` (``max_new_tokens``, ``do_sample``, ...).

        Raises
        ------
        SignalError
            When a signal breaks the encoder's contract.
        """
        return self.ask_many([signals], question, choices, facts=[facts or {}], **options)[0]

    def ask_many(
        self,
        recordings: Sequence[Signals],
        question: str | None = None,
        choices: Sequence[str] | None = None,
        *,
        facts: Sequence[Mapping[str, str]] | None = None,
        batch_size: int = 32,
        **options: Any,
    ) -> list[Answer]:
        """Ask one question about each of many recordings, in batches; an answer does not depend on its batch mates.

        ``facts`` are as many as recordings; the rest is as in :meth:`ask`. All recordings belong to one task.
        """
        if not recordings:
            return []
        task = self.task(self.named(recordings[0]))
        question = question or task.template.question[0]
        choices = task.choices(question, choices)
        told = facts if facts is not None else [{}] * len(recordings)
        examples = (
            self.example(task, self.recordings(signals), question, known)
            for signals, known in zip(recordings, told, strict=True)
        )
        return [
            answer for batch in batched(examples, batch_size) for answer in self.answer(batch, task, choices, **options)
        ]

    def example(
        self, task: Task, recordings: Mapping[SignalPlace, Recording], question: str, facts: Mapping[str, str]
    ) -> Example:
        """Write one question of a task about recordings."""
        fields = {**facts, **self.summaries(task, recordings)}
        return self.prompter(task).example(recordings, question, fields=fields)

    @torch.no_grad()
    def answer(
        self, examples: Sequence[Example], task: Task, choices: Sequence[str] | None, **options: Any
    ) -> list[Answer]:
        """Answer a batch of examples: by the likelihood of the choices, or with generated text."""
        self.eval()
        return self.answer_context(self.read(examples), task, choices, **options)

    @torch.no_grad()
    def answer_context(
        self, context: Context, task: Task, choices: Sequence[str] | None, **options: Any
    ) -> list[Answer]:
        """Answer from prompts that have been read."""
        if choices is None:
            texts = [self.lm.dialogue.decode(ids) for ids in self.lm.generate(context, **options)]
            return [Answer(text, task.parse(text), None) for text in texts]
        said = {choice: task.sentence(choice) for choice in choices}
        scores = self.lm.score(context, [self.lm.dialogue.encode_answer(text) for text in said.values()])
        answers = []
        for row in scores.softmax(-1).tolist():
            probabilities = dict(zip(choices, row, strict=True))
            best = max(probabilities, key=probabilities.__getitem__)
            answers.append(Answer(said[best], best, probabilities))
        return answers

    def chat(self, signals: Signals, facts: Mapping[str, str] | None = None) -> "Chat":
        """Begin a conversation about recordings, which are read once."""
        from sig2lm.chat import Chat

        return Chat(self, signals, facts)

    def annotate(
        self, signals: Signals, question: str | None = None, choices: Sequence[str] | None = None, **settings: Any
    ) -> "Annotation":
        """Ask the same question about each window of a recording of any length.

        Parameters
        ----------
        signals
            One recording of each name; those that are sampled run side by side in time.
        question, choices
            As in :meth:`ask`.
        settings
            ``window`` and ``stride`` in s (in rows for signals without a sampling rate), the encoder's window by
            default; ``facts``; ``batch_size``; and options of generation, as in :meth:`ask`.

        Returns
        -------
        Annotation
            To iterate: a row (start, end, label, probabilities) for each whole window, asked when its turn comes.

        Raises
        ------
        SignalError
            When a signal breaks the encoder's contract, or is shorter than a window.
        """
        from sig2lm.annotate import annotate

        return annotate(self, signals, question, choices, **settings)

    def recordings(self, signals: Signals, first: Mapping[str, int] | None = None) -> dict[SignalPlace, Recording]:
        """Conform signals to their contracts and return them as the recordings of an example.

        Parameters
        ----------
        signals
            As :meth:`ask` takes them.
        first
            Number of the first recording of each name, where a conversation has some already.

        Raises
        ------
        SignalError
            When a signal has a name that the model does not know, or breaks its contract.
        """
        found: dict[SignalPlace, Recording] = {}
        for name, several in self.named(signals).items():
            encoder = self.modality(name).encoder
            for index, signal in enumerate(several, (first or {}).get(name, 0)):
                conformed = encoder.contract.conform(signal, f"the encoder of '{name}'")
                count = encoder.num_patches(conformed.num_samples)
                found[SignalPlace(name, index)] = Recording(name, count, conformed.values)
        return found

    def summaries(self, task: Task, recordings: Mapping[SignalPlace, Recording]) -> dict[str, str]:
        """Describe recordings in words and numbers, where the template asks for it (``$motion_summary``)."""
        found: dict[str, list[str]] = {}
        for place, recording in recordings.items():
            if f"{place.name}_summary" in task.template.variables:
                contract = self.modality(place.name).encoder.contract
                found.setdefault(f"{place.name}_summary", []).append(describe(recording, contract))
        return {name: " ".join(texts) for name, texts in found.items()}

    @torch.no_grad()
    def soft_prompt(self, recording: Recording) -> tuple[Tensor, Tensor]:
        """Return the soft prompt (K, D) of one recording and its mask (K,)."""
        assert recording.values is not None
        values, mask = stack_values([recording.values])
        device = self.lm.device
        soft_prompt, soft_mask = self.modality(recording.name)(values.to(device), mask.to(device))
        return soft_prompt[0], soft_mask[0]

    def named(self, signals: Signals) -> dict[str, list[Signal]]:
        """Return signals by name, whichever way they were passed."""
        if isinstance(signals, Mapping):
            return {name: [one] if isinstance(one, Signal) else list(one) for name, one in signals.items()}
        several = [signals] if isinstance(signals, Signal) else list(signals)
        if len(self.modalities) > 1:
            raise SignalError(
                f"this model reads the signals {', '.join(self.modalities)}, found one without a name; "
                "pass a dictionary {name: signal}"
            )
        return {next(iter(self.modalities)): several}

    # -- checkpoint ---------------------------------------------------------------------------------------------------

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return what training changed: adapters, and encoders that were trained here; never the LM."""
        tensors: dict[str, Tensor] = {}
        for name in self.modalities:
            modality = self.modality(name)
            parts: dict[str, nn.Module | PatchEncoder] = {"adapter": modality.adapter}
            if modality.train_encoder:
                parts["encoder"] = modality.encoder
            for part, module in parts.items():
                tensors |= {f"{name}.{part}.{key}": tensor for key, tensor in module.state_dict().items()}
        return tensors

    def _save_pretrained(self, save_directory: Path) -> None:
        from sig2lm.checkpoint import write_run

        write_run(self, save_directory, bundle_encoders=True)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        lm: FrozenLM | str | Path | None = None,
        encoders: Mapping[str, str | Path | PatchEncoder] | None = None,
        revision: str | None = None,
        **download: Any,
    ) -> "SignalLM":
        """Load a run from a folder or a hub id.

        Parameters
        ----------
        pretrained_model_name_or_path
            What ``train-adapter`` or ``save_pretrained`` wrote.
        lm
            The LM, or where it is now; by default where it was in training. It must be the same one.
        encoders
            Where the encoders are now, likewise: folders, ``LIBRARY:NAME``, or modules of your own.
        revision, download
            For a hub id: branch, tag or commit, and other options of ``huggingface_hub.snapshot_download``.

        Raises
        ------
        CheckpointError
            When something is missing, damaged, or not what the run was trained with.
        """
        from sig2lm.checkpoint import fetch_run, read_run

        return read_run(fetch_run(pretrained_model_name_or_path, revision, **download), lm, encoders or {})


def batched(examples: Iterator[Example], size: int) -> Iterator[list[Example]]:
    """Cut an iterator into lists of at most ``size``."""
    batch: list[Example] = []
    for example in examples:
        batch.append(example)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
