"""The bridge: encoder -> adapter -> frozen LM, to be asked, chatted with, and shared."""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Self

import torch
from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from sig2lm.arguments import check_known
from sig2lm.encoder import PatchEncoder
from sig2lm.files import real_path, write_json
from sig2lm.lm import FrozenLM, PlacementRequest
from sig2lm.model.annotate import Annotation, annotate
from sig2lm.model.answer import Answer
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.card import run_card
from sig2lm.model.chat import Chat
from sig2lm.model.checkpoint import REPORT, fetch_run, load_trained, read_run, write_run
from sig2lm.model.explaining import explain
from sig2lm.model.recordings import Signals

_OURS = {"pretrained_model_name_or_path", "repo_id", "repo_type", "local_dir", "allow_patterns", "ignore_patterns"}


class SignalLM(
    QuestionAnswerer,
    ModelHubMixin,
    library_name="sig2lm",
    tags=["biosignals", "time-series", "soft-prompt"],
):
    """A frozen LM that reads signals: a :class:`QuestionAnswerer` that converses, annotates and is kept on disk.

    Attributes
    ----------
    provenance, report
        How it was trained, and how it was evaluated, as they stood beside the run that it was loaded from.
    """

    provenance: Mapping[str, Any] = MappingProxyType({})
    report: Mapping[str, Any] | None = None

    def chat(self, signals: Signals, facts: Mapping[str, str] | None = None, **stated: Any) -> Chat:
        """Begin a conversation about recordings, which are read once; arguments as in :class:`Chat`."""
        return Chat(self, signals, facts, **stated)

    def annotate(
        self, signals: Signals, question: str | None = None, choices: Sequence[str] | None = None, **settings: Any
    ) -> Annotation:
        """Ask the same question about each window of a recording of any length.

        Parameters
        ----------
        signals
            One recording of each name; those that are sampled run side by side in time.
        question, choices
            As in :meth:`ask`.
        settings
            ``window`` and ``stride`` in s (in rows for signals without a sampling rate), the encoder's window by
            default; ``facts``; ``batch_size``; and what arrays do not state and options of free text, as in
            :meth:`ask`.

        Returns
        -------
        Annotation
            To iterate: a row (start, end, label, probabilities) for each whole window, asked when its turn comes.

        Raises
        ------
        SignalError
            When a signal breaks the encoder's contract, or is shorter than a window.
        """
        return annotate(self, signals, question, choices, **settings)

    def explain(
        self, signals: Signals, question: str | None = None, choices: Sequence[str] | None = None, **settings: Any
    ) -> Answer:
        """Answer a question and say what the answer rests on.

        Parts of the signals are hidden in turn, as missing samples: stretches of time, channels, and stretches of each
        channel. How the log-odds of the answer change is its evidence; all of it is read as one batch.

        Parameters
        ----------
        signals, question, choices
            As in :meth:`ask`.
        settings
            ``stretches`` of time, 16 by default (fewer where a recording has fewer samples, or the encoder does not
            look as finely); ``facts``; and what arrays do not state and options of free text, as in :meth:`ask`.

        Returns
        -------
        Answer
            With its ``evidence`` (:class:`sig2lm.model.evidence.Evidence`).

        Raises
        ------
        ArgumentError, SignalError
            As :meth:`ask`.
        """
        return explain(self, signals, question, choices, **settings)

    def print_trainable_parameters(self) -> None:
        """Print how many parameters training changes, of how many: the LM is frozen."""
        counts = {"LM": self.lm} | {name: self.branch(name) for name in self.branches}
        trained = {name: _count(part, trained=True) for name, part in counts.items()}
        whole = sum(_count(part) for part in counts.values())
        parts = ", ".join(f"{name} {number:,}" for name, number in trained.items())
        print(  # noqa: T201 - what it is for, as in peft
            f"trainable: {sum(trained.values()):,} of {whole:,} parameters "
            f"({sum(trained.values()) / whole:.2%}); {parts}"
        )

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Write the run into a folder, with its frozen encoders and a model card but never the LM.

        Parameters
        ----------
        save_directory
            Where to.
        options
            ``push_to_hub=True`` uploads it too, with the options of ``push_to_hub``.

        Raises
        ------
        ArgumentError
            When an option is unknown.
        """
        known = [*_names(ModelHubMixin.save_pretrained), *_names(ModelHubMixin.push_to_hub)]
        check_known("option", options, [name for name in known if name != "save_directory"])
        named = {"name": real_path(Path(save_directory)).name}
        found: str | None = super().save_pretrained(save_directory, **{"model_card_kwargs": named, **options})
        return found

    def _save_pretrained(self, save_directory: Path) -> None:
        write_run(self, save_directory, dict(self.provenance), bundle_encoders=True)
        (save_directory / REPORT).unlink(missing_ok=True)
        if self.report is not None:
            write_json(save_directory / REPORT, self.report)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload what :meth:`save_pretrained` writes; options are those of ``ModelHubMixin.push_to_hub``."""
        found: str = super().push_to_hub(repo_id, **{"model_card_kwargs": {"name": repo_id}, **options})
        return found

    def generate_model_card(self, name: str | None = None) -> ModelCard:
        """Return the card that is written beside a run, unless somebody has put one there.

        Parameters
        ----------
        name
            What users load the run by.
        """
        with TemporaryDirectory() as folder:
            self._save_pretrained(Path(folder))
            return run_card(Path(folder), name)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        lm: FrozenLM | str | Path | None = None,
        encoders: Mapping[str, str | Path | PatchEncoder] | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        quantization: str = "none",
        attn_implementation: str | None = None,
        revision: str | None = None,
        **download: Any,
    ) -> Self:
        """Load a run from a folder or a hub id.

        Parameters
        ----------
        pretrained_model_name_or_path
            What ``train-adapter`` or ``save_pretrained`` wrote.
        lm
            The LM, or where it is now; by default where it was in training. It must be the same one.
        encoders
            Where the encoders are now, likewise: folders, ``LIBRARY:NAME``, or modules of your own.
        device, dtype, quantization, attn_implementation
            Where the LM is loaded, as :meth:`FrozenLM.from_pretrained` takes it; encoders and adapters lie beside it in
            float32.
        revision, download
            For a hub id: branch, tag or commit, and other options of ``huggingface_hub.snapshot_download``.

        Raises
        ------
        ArgumentError
            When an option is unknown.
        CheckpointError
            When something is missing, damaged, or not what the run was trained with.
        """
        known = [*_names(cls.from_pretrained), *_names(snapshot_download)]
        check_known("option", download, [name for name in known if name not in _OURS])
        placement = PlacementRequest(device, dtype, quantization, attn_implementation)
        run = read_run(fetch_run(pretrained_model_name_or_path, revision, **download), lm, encoders or {}, placement)
        model = cls(run.lm, run.branches, run.tasks, run.calibrations)
        model.provenance, model.report = run.provenance, run.report
        load_trained(model, run.trained, run.what)
        model.branches.to(run.lm.device)
        return model.eval()


def _names(function: Callable[..., Any]) -> list[str]:
    """The arguments that a function takes by name."""
    named = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return [name for name, one in signature(function).parameters.items() if one.kind in named and name != "self"]


def _count(module: Any, trained: bool = False) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trained)
