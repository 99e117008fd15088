"""What each extra adds to an installation: packages beside those of the core, and their size on disk.

    python scripts/measure_extras.py

Sizes are those of the packages that are installed here; an extra that is not installed as a whole is left out.
"""

import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from results import ROOT, record

NAME = "sig2lm"
NOT_SHOWN = {"dev", "docs"}


def needed(requirements: Iterable[Requirement], known: set[str]) -> set[str]:
    """Names of the packages that requirements bring, with those that these need, beside known ones.

    Raises
    ------
    PackageNotFoundError
        If one of them is not installed.
    """
    found: set[str] = set()
    left = [(one, extra) for one in requirements for extra in ("", *one.extras)]
    while left:
        one, extra = left.pop()
        name = canonicalize_name(one.name)
        if name == NAME or (name in known | found and not extra):
            continue
        distribution(name)
        found.add(name)
        for text in requires(name) or []:
            further = Requirement(text)
            if further.marker is None or further.marker.evaluate({"extra": extra}):
                left += [(further, asked) for asked in ("", *further.extras)]
    return found - known


def megabytes(name: str) -> float:
    """Size of a package's files."""
    places = (Path(str(one.locate())) for one in distribution(name).files or [])
    return sum(place.stat().st_size for place in places if place.is_file()) / 1e6


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = needed(map(Requirement, project["dependencies"]), set())
    rows: list[dict[str, Any]] = [{"extra": "(core)", "packages": len(core), "MB": round(sum(map(megabytes, core)), 1)}]
    for extra, texts in project["optional-dependencies"].items():
        if extra in NOT_SHOWN:
            continue
        try:
            names = needed(map(Requirement, texts), core)
        except PackageNotFoundError as missing:
            print(f"{extra}: {missing.name} is not installed")
            continue
        sizes = {name: megabytes(name) for name in sorted(names)}
        largest = max(sizes, key=sizes.__getitem__, default="")
        rows.append({"extra": extra, "packages": len(names), "MB": round(sum(sizes.values()), 1), "largest": largest})
        print(rows[-1])
    record("extras", rows, "What each extra adds to an installation", ["packages beside those of the core"])


if __name__ == "__main__":
    main()
