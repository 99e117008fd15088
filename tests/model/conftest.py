"""A small table of simulated days, with an encoder for it."""

from pathlib import Path

import pytest
import torch
from datasets import DatasetDict

from sig2lm.datasets import Table, load_table, prepare
from sig2lm.encoder import EncoderConfig, SignalEncoder, save_encoder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the simulated tables and, under "encoder", an untrained encoder for that of the stress task."""
    folder = tmp_path_factory.mktemp("simulated")
    prepare("synthetic", None, folder / "data")
    info = load_table(folder / "data" / "stress").info
    contract = info.signals["daily"]
    channels = len(contract.channels)
    torch.manual_seed(0)
    config = EncoderConfig(contract, 1, 1, 16, 1, 2, "instance", (0.0,) * channels, (1.0,) * channels)
    save_encoder(SignalEncoder(config), folder / "encoder")
    return folder


@pytest.fixture(scope="session")
def days(simulated: Path) -> Table:
    """The stress table, cut to a few rows of each split."""
    table = load_table(simulated / "data" / "stress")
    rows = {"train": 96, "validation": 16, "test": 48}
    cut = {split: table.data[split].shuffle(seed=0).select(range(count)) for split, count in rows.items()}
    return Table(DatasetDict(cut), table.info, table.path)
