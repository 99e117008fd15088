"""The house rules that a reader can rely on: imports point one way, public names exist, nothing heavy loads early."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sig2lm

PACKAGE = Path(sig2lm.__file__).parent
BASE = {"errors", "files", "hub", "pocket_lm"}
# What each part of the package may import of the others (itself aside).
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "files": {"errors"},
    "hub": {"errors"},
    "pocket_lm": set(),
    "tensors": BASE,
    "signals": BASE,
    "quantities": BASE | {"signals"},
    "prompts": BASE,
    "report": BASE,
    "tokenization": BASE | {"signals", "report"},
    "timeline": BASE | {"signals", "report"},
    "synthetic": BASE | {"signals"},
    "datasets": BASE | {"signals", "synthetic"},
    "encoder": BASE | {"tensors", "signals", "datasets", "metrics"},
    "adapter": BASE,
    "lm": BASE | {"prompts"},
    "task": BASE | {"prompts"},
    "data": BASE | {"signals", "prompts", "task", "datasets", "encoder", "lm"},
    "soft_prompt": BASE | {"adapter", "encoder"},
    "reading": BASE | {"soft_prompt", "encoder", "lm", "data"},
    "calibration": BASE | {"reading", "data", "prompts"},
    "bridge": BASE | {"calibration", "reading", "soft_prompt", "encoder", "lm", "data", "prompts", "task", "signals"},
    "metrics": BASE,
}
AFTER_BRIDGE = set(ALLOWED) | {"bridge", "checkpoint"}
ALLOWED |= dict.fromkeys(
    ("checkpoint", "trainer", "train", "chat", "annotate", "baselines", "evaluate", "ladder"),
    AFTER_BRIDGE | {"trainer", "baselines", "evaluate"},
)
WITHOUT_TORCH = (
    "errors",
    "files",
    "pocket_lm",
    "signals",
    "quantities",
    "prompts",
    "task",
    "report",
    "timeline",
    "tokenization",
    "synthetic",
    "datasets",
    "metrics",
)
# Named exceptions: a module that may import torch, imported by nobody at its top level.
TORCH_EXCEPTIONS = {"tokenization/embeddings.py"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def top_level_imports(path: Path) -> set[str]:
    """Modules that a file imports when it is imported (not in functions, not for type checkers)."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(path)
    if part in ("__init__", "__main__", "cli"):
        return
    used = {name.split(".")[1] for name in top_level_imports(path) if name.startswith("sig2lm.")}
    assert used - {part, "__version__"} <= ALLOWED[part], f"{part} must not import {used - ALLOWED[part]}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_torch_stays_out_of_where_it_is_not_needed(path: Path) -> None:
    if part_of(path) in WITHOUT_TORCH and str(path.relative_to(PACKAGE)) not in TORCH_EXCEPTIONS:
        assert not {name.split(".")[0] for name in top_level_imports(path)} & {"torch", "transformers", "peft"}


def test_every_part_is_in_the_table() -> None:
    assert {part_of(path) for path in modules()} - {"__init__", "__main__", "cli"} == set(ALLOWED)


def test_public_names_exist_and_are_all_listed() -> None:
    assert sorted(sig2lm._HOME) == sig2lm.__all__ == sorted(set(sig2lm.__all__))
    for name in sig2lm.__all__:
        assert getattr(sig2lm, name).__module__.startswith("sig2lm.")


@pytest.mark.parametrize(
    "command", ["import sig2lm", "import sig2lm.cli", "import sig2lm.signals", "import sig2lm.prompts"]
)
def test_light_imports_bring_no_torch(command: str) -> None:
    check = f"import sys; {command}; assert not {{'torch', 'transformers', 'datasets'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_tokenizer_analysis_and_tables_bring_no_torch() -> None:
    check = "import sys; import sig2lm.tokenization; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
