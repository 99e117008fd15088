"""An encoder of your own: ten lines of torch that train_adapter takes as it is. Everything is written below FOLDER.

    python examples/own_encoder.py [FOLDER]

What an encoder needs: a contract, a width, num_patches and forward (``sig2lm/encoder/protocol.py``). This one describes
each half second by mean and deviation of each channel, with nothing to train. Encoders of other libraries need no code:
after ``pip install 'sig2lm[chronos]'``, pass ``{"motion": "chronos:amazon/chronos-bolt-tiny"}`` in place of the module.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from sig2lm import Contract, FrozenLM, SignalLM, TrainSettings, load_table, load_template, prepare, train_adapter


class HalfSeconds(nn.Module):
    """Mean and deviation of each channel in each half second."""

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self.contract, self.width = contract, 2 * len(contract.channels)
        self.samples = round(contract.sampling_rate / 2)

    def num_patches(self, num_samples: int) -> int:
        return num_samples // self.samples

    def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        x, seen = (y.unfold(-1, self.samples, self.samples) for y in (values, sample_mask))
        count = seen.sum(-1).clamp(min=1)
        mean = (x * seen).sum(-1) / count
        deviation = ((x - mean[..., None]).square() * seen).sum(-1).div(count).sqrt()
        return torch.cat([mean, deviation], dim=1).transpose(1, 2), seen.any(-1).any(1)


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "own_encoder")
    prepare("synthetic", None, home / "data")
    table = load_table(home / "data" / "har")
    encoder = HalfSeconds(table.info.signals["motion"])

    train_adapter(
        table,
        {"motion": encoder},
        home / "run",
        lm=FrozenLM.from_pretrained("pocket"),
        template=load_template("har"),
        settings=TrainSettings(epochs=2),
    )

    # The run holds the adapter and knows the encoder by its fingerprint; it is passed again.
    model = SignalLM.from_pretrained(home / "run", encoders={"motion": encoder})
    for row in table.data["test"].with_format("numpy").shuffle(seed=0).select(range(3)):
        print(f"{row['label']}: {model.ask(table.signals(row)).text}")


if __name__ == "__main__":
    main()
