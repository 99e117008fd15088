"""What a pattern finds: each recording once, under a name of its own, whatever lies about."""

import os
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sig2lm.cohort import Source, find_sources
from sig2lm.errors import Sig2LMError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1,2\n")


def names(pattern: Path, out: Path | None = None) -> list[str]:
    return [source.name for source in find_sources(str(pattern), out).sources]


def test_a_name_is_the_path_below_the_folders_without_wildcards(tmp_path: Path) -> None:
    touch(tmp_path, "a/walk.csv", "b/walk.csv", "b/walk.npz", "b/ü x.csv", "b/.hidden.csv")
    assert names(tmp_path / "**/*") == ["a/walk.csv", "b/walk.csv", "b/walk.npz", "b/ü x.csv"]
    assert names(tmp_path / "b" / "*.csv") == ["walk.csv", "ü x.csv"]
    assert names(tmp_path / "b" / "walk.csv") == ["walk.csv"]
    parts = [source.part for source in find_sources(str(tmp_path / "**/*")).sources]
    assert len(set(parts)) == 4


def test_brackets_in_a_name_are_no_wildcard_where_the_file_is_there(tmp_path: Path) -> None:
    touch(tmp_path, "walk [1].csv")
    assert names(tmp_path / "walk [1].csv") == ["walk [1].csv"]


@pytest.mark.parametrize("name", ["_a.csv", ".a.csv", "x=1/a.csv", "a%5F.csv", "a\nb.csv", 'a"b?.csv', "日本.csv"])
def test_a_part_is_read_by_who_reads_the_folder(name: str, tmp_path: Path) -> None:
    """Readers of Parquet folders skip some names, and take others for columns."""
    part = Source(name, Path(name)).part
    (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"recording": [name]}), tmp_path / part)
    assert pq.read_table(tmp_path).to_pydict() == {"recording": [name]}


def test_names_that_differ_have_parts_that_differ() -> None:
    several = ["_a", "%5Fa", "a=b", "a%3Db", "a/b", "a%2Fb"]
    assert len({Source(name, Path(name)).part for name in several}) == len(several)
    assert Source("day 1/a.csv", Path()).part == PurePosixPath("day 1/a.csv.parquet")


def test_what_was_written_is_no_recording(tmp_path: Path) -> None:
    touch(tmp_path, "walk.csv", "labels/walk.csv.parquet", "labels/_cohort.json")
    found = find_sources(str(tmp_path / "**/*"), tmp_path / "labels")
    assert [source.name for source in found.sources] == ["walk.csv"]
    assert found.notes == ("2 of the files that match lie in the output folder and are left out",)
    with pytest.raises(Sig2LMError, match="found none: 3 of the files that match lie in the output folder"):
        find_sources(str(tmp_path / "**/*"), tmp_path)


def test_a_recording_of_several_files_is_one(tmp_path: Path) -> None:
    touch(tmp_path, "100.hea", "100.dat", "100.atr", "100.csv", "e4/BVP.csv", "e4/ACC.csv", "e4/tags.csv", "alone.dat")
    (tmp_path / "e4" / "BVP.csv").write_text("1544027337.0\n64.0\n" + "0.1\n" * 70)
    (tmp_path / "e4" / "ACC.csv").write_text(
        "1544027337.0,1544027337.0,1544027337.0\n32.0,32.0,32.0\n" + "1,2,3\n" * 40
    )
    assert names(tmp_path / "**/*") == ["100.csv", "100.hea", "alone.dat", "e4"]
    assert names(tmp_path / "**/*.csv") == ["100.csv", "e4/ACC.csv", "e4/BVP.csv", "e4/tags.csv"]


def test_links_in_a_circle_find_a_recording_once(tmp_path: Path) -> None:
    touch(tmp_path, "a/walk.csv")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "copy.csv").symlink_to(tmp_path / "a" / "walk.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")  # to open it would be to wait for ever
    assert names(tmp_path / "**/*") == ["copy.csv"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*.edf", "expected recordings that match"),
        ("nowhere/*", "found none"),
        ("a", r"write 'DIR/\*\*/\*' for all files"),
        ("*/../a/walk.csv", r"without \.\. behind a wildcard"),
    ],
)
def test_a_pattern_that_finds_nothing_is_refused(pattern: str, message: str, tmp_path: Path) -> None:
    touch(tmp_path, "a/walk.csv")
    with pytest.raises(Sig2LMError, match=message):
        find_sources(str(tmp_path / pattern))


def test_a_recording_that_changes_has_another_stamp(tmp_path: Path) -> None:
    touch(tmp_path, "100.hea", "100.dat", "101.dat", "e4/a.csv")
    record, folder = Source("100.hea", tmp_path / "100.hea"), Source("e4", tmp_path / "e4")
    before = record.stamp(), folder.stamp()
    (tmp_path / "101.dat").write_text("other")
    assert (record.stamp(), folder.stamp()) == before
    (tmp_path / "100.dat").write_text("other")
    touch(tmp_path, "e4/b.csv")
    assert record.stamp() != before[0]
    assert folder.stamp() != before[1]
