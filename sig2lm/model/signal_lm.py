"""The bridge: encoder -> adapter -> frozen LM, to be asked, chatted with, and shared."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from huggingface_hub import ModelHubMixin

from sig2lm.encoder import PatchEncoder
from sig2lm.lm import FrozenLM
from sig2lm.model.annotate import Annotation, annotate
from sig2lm.model.answering import QuestionAnswerer, Signals
from sig2lm.model.chat import Chat
from sig2lm.model.checkpoint import fetch_run, load_trained, read_run, write_run


class SignalLM(
    QuestionAnswerer,
    ModelHubMixin,
    library_name="sig2lm",
    tags=["biosignals", "time-series", "soft-prompt"],
):
    """A frozen LM that reads signals: a :class:`QuestionAnswerer` that converses, annotates and is kept on disk."""

    def chat(self, signals: Signals, facts: Mapping[str, str] | None = None) -> Chat:
        """Begin a conversation about recordings, which are read once."""
        return Chat(self, signals, facts)

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
        return annotate(self, signals, question, choices, **settings)

    def _save_pretrained(self, save_directory: Path) -> None:
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
        revision, download
            For a hub id: branch, tag or commit, and other options of ``huggingface_hub.snapshot_download``.

        Raises
        ------
        CheckpointError
            When something is missing, damaged, or not what the run was trained with.
        """
        run = read_run(fetch_run(pretrained_model_name_or_path, revision, **download), lm, encoders or {})
        model = cls(run.lm, run.branches, run.tasks, run.calibrations)
        load_trained(model, run.trained, run.what)
        return model.eval()
