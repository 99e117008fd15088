"""Folds by subject: every subject is tested once, and nobody stands on two sides."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_table import INFO, make_row

from sig2lm.datasets import Table, load_table
from sig2lm.datasets.folds import _deal, fold
from sig2lm.datasets.writer import Draft, write_table
from sig2lm.errors import DatasetError


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Table:
    folder = tmp_path_factory.mktemp("table")
    rows = [
        make_row(i, ("train", "test", "validation")[i % 12 % 3], subject=f"s{i % 12}", label=INFO.labels[i % 12 > 8])
        for i in range(120)
    ]
    write_table(Draft(INFO, iter(rows)), folder)
    return load_table(folder)


def test_every_row_is_tested_once(table):
    folds = [fold(table, number, 4) for number in range(4)]
    tested = Counter(start for one in folds for start in one.data["test"]["start"])
    assert set(tested.values()) == {1}
    assert len(tested) == 120
    for one in folds:
        sides = [set(split["subject"]) for split in one.data.values()]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 12
        assert sum(map(len, one.data.values())) == 120
        assert set(one.data) == {"train", "validation", "test"}


def test_a_fold_is_the_same_each_time(table):
    assert fold(table, 1, 4).data["test"]["subject"] == fold(table, 1, 4).data["test"]["subject"]
    assert fold(table, 1, 4).info.split_rule == "fold 2 of 4 by subject, dealt with seed 0"


def test_a_rare_label_spreads_over_the_folds(table):
    # Three people of twelve sit: in four folds nobody tests two of them.
    sitting = [set(fold(table, number, 4).data["test"]["label"]) for number in range(4)]
    assert sum("sitting" in labels for labels in sitting) == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=60), st.integers(2, 5))
def test_hands_are_equal_in_subjects(rows, count):
    subjects = [str(subject) for subject, _ in rows]
    if len(set(subjects)) < count:
        with pytest.raises(DatasetError, match=f"at least {count} subjects"):
            _deal(subjects, [str(label) for _, label in rows], count, 0)
        return
    hands = Counter(_deal(subjects, [str(label) for _, label in rows], count, 0).values())
    assert max(hands.values()) - min(hands.values()) <= 1
    assert len(hands) == count


def test_a_fold_that_is_none(table):
    with pytest.raises(DatasetError, match="expected a fold from 0 to 4, found 5"):
        fold(table, 5)
