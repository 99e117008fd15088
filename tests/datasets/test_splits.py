"""Splits never share a subject, do not depend on order, and keep every label in training where that is possible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig2lm.datasets.splits import split_subjects
from sig2lm.errors import DatasetError

LABELS = st.sets(st.sampled_from("abcd"))
SUBJECTS = st.dictionaries(st.text(min_size=1, max_size=4), LABELS, min_size=2, max_size=30)


@given(SUBJECTS, st.integers(0, 1000))
def test_every_subject_has_one_split_and_train_and_test_have_some(labels, seed):
    splits, _ = split_subjects(labels, seed)
    assert set(splits) == set(labels)
    assert {"train", "test"} <= set(splits.values()) <= {"train", "validation", "test"}


@given(SUBJECTS, st.integers(0, 1000))
def test_the_order_of_subjects_does_not_matter(labels, seed):
    backwards = dict(reversed(labels.items()))
    assert split_subjects(labels, seed) == split_subjects(backwards, seed)


@given(SUBJECTS, st.integers(0, 1000))
def test_every_label_is_trained_on_where_someone_can_be_spared(labels, seed):
    splits, _ = split_subjects(labels, seed)
    trained = set().union(*(labels[subject] for subject, split in splits.items() if split == "train"))
    holders = {label: [s for s in labels if label in labels[s]] for label in set().union(*labels.values())}
    spare = [s for s in labels if all(len(holders[label]) > 1 for label in labels[s])]
    if spare:
        assert trained == set(holders)


def test_shares_and_the_rule_in_words():
    splits, rule = split_subjects({f"s{i}": {"a", "b"} for i in range(24)}, seed=3)
    counts = [list(splits.values()).count(split) for split in ("train", "validation", "test")]
    assert counts == [15, 3, 6]
    assert rule.startswith(
        "by subject, drawn with seed 3: 6 of 24 subjects for test, 3 for validation, 15 for training"
    )
    assert splits != split_subjects({f"s{i}": {"a", "b"} for i in range(24)}, seed=4)[0]


def test_two_subjects_are_train_and_test_and_one_is_refused():
    assert sorted(split_subjects({"a": {"x"}, "b": {"y"}}, 0)[0].values()) == ["test", "train"]
    with pytest.raises(DatasetError, match="two subjects are needed to split by subject, found 1"):
        split_subjects({"a": {"x"}}, 0)
