"""Patches that are kept are those of the encoder at hand, whatever about it has changed."""

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sig2lm.datasets import Table, load_table
from sig2lm.errors import CheckpointError
from sig2lm.model.table_examples import encode_split
from sig2lm.signals import Contract


class Own(nn.Module):
    """Days times a number that is no weight."""

    width = 4

    def __init__(self, contract: Contract, gain: float) -> None:
        super().__init__()
        self.contract, self.gain = contract, gain

    def num_patches(self, num_samples: int) -> int:
        return num_samples

    def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.where(sample_mask, values, 0.0) * self.gain
        return seen.transpose(1, 2), sample_mask.any(1)


@pytest.fixture
def table(simulated: Path, tmp_path: Path) -> Table:
    shutil.copytree(simulated / "data" / "stress", tmp_path / "table", ignore=shutil.ignore_patterns("cache-*"))
    return load_table(tmp_path / "table")


def patches(table: Table, encoder: nn.Module) -> np.ndarray:
    return encode_split(table, "test", "daily", encoder)["patches"][0]


def kept(table: Table) -> set[str]:
    return {path.name for path in table.path.glob("test/cache-*-*.arrow")}


def test_an_attribute_or_the_code_of_an_own_encoder_is_part_of_the_key(table: Table) -> None:
    contract = table.info.signals["daily"]
    first = patches(table, Own(contract, 1.0))
    stored = kept(table)
    assert len(stored) == 1
    np.testing.assert_array_equal(patches(table, Own(contract, 1.0)), first)
    assert kept(table) == stored
    np.testing.assert_array_equal(patches(table, Own(contract, 2.0)), 2 * first)

    class Rewritten(Own):
        def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
            found, mask = super().forward(values, sample_mask)
            return -found, mask

    Rewritten.__qualname__ = Own.__qualname__
    np.testing.assert_array_equal(patches(table, Rewritten(contract, 1.0)), -first)


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-300], lambda content: content.replace(b'"_type": "Value"', b'"_tyqe": "Value"')],
)
def test_a_damaged_cache_is_made_again(table: Table, damage: Callable[[bytes], bytes]) -> None:
    encoder = Own(table.info.signals["daily"], 5.0)
    first = patches(table, encoder)
    (name,) = kept(table)
    file = table.path / "test" / name
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    np.testing.assert_array_equal(patches(table, encoder), first)


def build(path: Path, barrier: "multiprocessing.synchronize.Barrier", found: "multiprocessing.Queue[bytes]") -> None:
    table = load_table(path)
    barrier.wait()
    found.put(patches(table, Own(table.info.signals["daily"], 3.0)).tobytes())


@pytest.mark.slow
def test_two_processes_fill_one_cache(table: Table) -> None:
    spawned = multiprocessing.get_context("spawn")
    barrier, found = spawned.Barrier(2), spawned.Queue()
    workers = [spawned.Process(target=build, args=(table.path, barrier, found)) for _ in range(2)]
    for worker in workers:
        worker.start()
    first, second = found.get(timeout=240), found.get(timeout=240)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert first == second
    assert len(kept(table)) == 1


def test_an_encoder_that_gives_no_numbers_is_refused_and_nothing_is_kept(table: Table) -> None:
    with pytest.raises(CheckpointError, match=r"encoder of 'daily' whose patches are numbers.*test split"):
        patches(table, Own(table.info.signals["daily"], float("nan")))
    assert not kept(table)
