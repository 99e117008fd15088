"""MOMENT (Goswami et al. 2024, arXiv 2402.03885), library ``momentfm``, MIT licence.

It reads 512 samples in patches of 8. A shorter series is padded on the left, and the padding is masked from its
attention, as its authors advise. MOMENT hides a patch of which any sample is missing; here the gaps of a patch with an
observed sample are filled linearly and only patches without one are hidden, so that a dropped sample costs no patch.
"""

from typing import Any

from torch import Tensor

from sig2lm.encoder.external.alignment import fill_gaps
from sig2lm.encoder.external.fetching import loading, published
from sig2lm.encoder.external.series import ForeignConfig, LatestEncoder
from sig2lm.signals import Contract

INSTALL = "momentfm pins older versions of what sig2lm needs, but runs on these: pip install --no-deps momentfm"
_UNUSED = ("head.", "embed_tokens", "position_embedding.pe")


class MomentEncoder(LatestEncoder):
    """The encoder of a MOMENT model."""

    def __init__(self, config: ForeignConfig, model: Any) -> None:
        inner = model.config
        super().__init__(config, inner.d_model, inner.seq_len, inner.patch_len, inner.patch_stride_len, fixed=True)
        model.head = None
        model.encoder.embed_tokens = None  # a vocabulary of words, which series do not use
        self.model = model

    def states(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Run the model over channels as rows."""
        shape = values.shape
        values, sample_mask = fill_gaps(values, sample_mask).flatten(0, 1), sample_mask.flatten(0, 1)
        seen = self.in_patches(sample_mask).repeat_interleave(self.patch_size, -1).to(values.dtype)
        found = self.model.embed(x_enc=values[:, None], input_mask=seen, reduction="none")
        states: Tensor = found.embeddings
        return states.reshape(*shape[:2], *states.shape[2:])


def load(name: str, contract: Contract) -> MomentEncoder:
    """Load a MOMENT model from a folder or a hub id, such as ``AutonLab/MOMENT-1-small``.

    Raises
    ------
    CheckpointError
        When it cannot be reached or is damaged.
    Sig2LMError
        When the library is not installed.
    """
    found = published(name, "momentfm", INSTALL)
    with loading(found.folder, "a MOMENT model"):
        model = found.library.MOMENTPipeline.from_pretrained(
            str(found.folder),
            local_files_only=True,
            model_kwargs={"task_name": "embedding", "enable_gradient_checkpointing": False},
        )
    encoder = MomentEncoder(ForeignConfig("moment", contract, found.config), model)
    found.check(encoder.model, unused=_UNUSED)
    return encoder
