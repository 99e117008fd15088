"""Whether a training learned from the signals: its loss beside losses that need none.

A falling loss proves little, as an adapter also learns how answers sound and how often each occurs. So two other losses
stand beside it: that of the same answers when the prompt holds no signal at all, known before training begins, and at
its end that of the same answers behind the signals of other rows. Only a model that reads its signals beats the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sig2lm.datasets.subset import spread_rows
from sig2lm.model.batches import collate
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import SignalSource, TableExamples

_ROWS = 128
_BATCH = 32
_MARGIN = 0.98  # of a loss without the own signal: what is not below has hardly read it


@dataclass(frozen=True)
class Losses:
    """Mean cross entropy of a token of an answer, nats, on rows spread over labels and subjects.

    Attributes
    ----------
    without_signal
        When the prompt holds no signal: what the LM says of itself.
    shuffled
        Behind the signals of other rows: what can be known of answers without reading.
    own
        Behind their own signals.
    """

    without_signal: float
    shuffled: float
    own: float

    @property
    def advice(self) -> str | None:
        """One line where training brought nothing, with what to try; None where the model reads its signals."""
        if self.own < _MARGIN * min(self.without_signal, self.shuffled):
            return None
        rival, loss = (
            ("without any signal", self.without_signal)
            if self.without_signal < self.shuffled
            else ("with the signals of other rows", self.shuffled)
        )
        return (
            f"the loss {self.own:.3f} is not below the {loss:.3f} {rival}: this run does not read its signals; try "
            "more --epochs, another --learning-rate, an encoder that learned the labels (fine-tune-encoder), or "
            "--augment 0.5 where training is much better than validation"
        )


def measure_loss(model: SignalLM, sets: Sequence[TableExamples], source: SignalSource) -> float:
    """Return the mean loss over at most 128 rows of some sets, with the signals of ``source``."""
    found = [_loss(model, examples, source, -(-_ROWS // len(sets))) for examples in sets]
    return float(np.mean(found))


@torch.no_grad()
def _loss(model: SignalLM, examples: TableExamples, source: SignalSource, count: int) -> float:
    rows = spread_rows(examples.row_labels, examples.subjects, count)
    shown = examples if examples.source == source else replace(examples, source=source)
    model.eval()
    losses, sizes = [], []
    for start in range(0, len(rows), _BATCH):
        batch = [shown[row] for row in rows[start : start + _BATCH]]
        inputs = model.to_device(collate(batch, model.lm.dialogue.placeholder, model.lm.sharing_limit))
        losses.append(model(**inputs)["loss"].item())
        sizes.append(len(batch))
    return float(np.average(losses, weights=sizes))
