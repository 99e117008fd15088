"""What UCI HAR and HAPT share: the same thirty people with a phone at the waist, six activities, the authors' split."""

from collections.abc import Set

from sig2lm.datasets.public.motionsense import MOTION
from sig2lm.datasets.table import TableInfo

ACTIVITIES = ("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "lying")
UNITS = ("g",) * 3 + ("rad/s",) * 3  # of the files
VALIDATION_SUBJECTS = ("7", "16", "26")


def published_split(train: Set[str], test: Set[str]) -> tuple[dict[str, str], str]:
    """The split of each person, and the rule in words: the authors', with some of train for validation."""
    splits = dict.fromkeys(train, "train") | dict.fromkeys(test, "test")
    splits |= {person: "validation" for person in VALIDATION_SUBJECTS if person in train}
    return splits, f"by subject, as published; of train, {' '.join(VALIDATION_SUBJECTS)} for validation"


def describe_table(name: str, split_rule: str, *, source: str, licence: str, citation: str) -> TableInfo:
    """Describe a table of either, before rows are counted."""
    return TableInfo(
        name=name,
        task="har_uci",
        labels=ACTIVITIES,
        signals={"motion": MOTION},
        split_rule=split_rule,
        kept=0,
        dropped={},
        source=source,
        licence=licence,
        citation=citation,
    )
