"""The house rules that a reader can rely on: imports point one way, public names exist, nothing heavy loads early."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import sig2lm

PACKAGE = Path(sig2lm.__file__).parent
BASE = {"_version", "arguments", "errors", "files", "formatting", "hub", "pocket", "tensors", "metrics", "progress"}
DATA = BASE | {"signals", "quantities", "datasets", "templates", "tokenization"}
# What each room of the package may import of the others, in functions and for type checkers too.
ALLOWED: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "arguments": {"errors"},
    "formatting": set(),
    "progress": set(),
    "pocket": set(),
    "files": {"errors"},
    "hub": {"errors"},
    "tensors": {"errors", "files"},
    "metrics": set(),
    "templates": BASE,
    "signals": BASE,
    "quantities": BASE | {"signals"},
    "tokenization": BASE | {"signals"},
    "datasets": BASE | {"signals", "quantities"},
    "pages": BASE | {"signals", "quantities", "tokenization"},
    "lm": BASE | {"templates"},
    "encoder": BASE | {"signals", "datasets"},
    "pretraining": DATA | {"encoder"},
    "model": DATA | {"encoder", "lm"},
    "training": DATA | {"encoder", "pretraining", "lm", "model"},
    "serve": DATA | {"encoder", "lm", "model"},
    "evaluation": DATA | {"encoder", "pretraining", "lm", "model", "training"},
}
ENTRANCES = {"__init__", "__main__", "cli"}  # these may import every room
WITHOUT_TORCH = set(ALLOWED) - {
    "hub",
    "tensors",
    "lm",
    "encoder",
    "pretraining",
    "model",
    "training",
    "evaluation",
    "serve",
}
# Named exceptions: a module that may import torch, imported by nobody at its top level.
TORCH_EXCEPTIONS = {"sig2lm.tokenization.embeddings"}


def module_name(path: Path) -> str:
    parts = ("sig2lm", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports(module: str, everywhere: bool) -> Iterator[str]:
    """Modules that a file imports: at its top level only, or in functions and for type checkers too."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield below if below in FILES else node.module


def test_rooms_import_one_way_and_files_have_no_cycles() -> None:
    assert {room_of(module) for module in FILES} - ENTRANCES <= set(ALLOWED)
    graph: dict[str, set[str]] = {}
    for module in FILES:
        used = {name for name in imports(module, everywhere=True) if name in FILES}
        room = room_of(module)
        if room not in ENTRANCES:
            others = {room_of(name) for name in used} - {room}
            assert others <= ALLOWED[room], f"{module} must not import {others - ALLOWED[room]}"
        # A package's own names stand in its __init__; what its parts import of each other is what counts.
        graph[module] = {
            name for name in used if not module.startswith(f"{name}.") and not name.startswith(f"{module}.")
        }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_torch_stays_out_of_where_it_is_not_needed() -> None:
    for module in FILES:
        if room_of(module) in WITHOUT_TORCH and module not in TORCH_EXCEPTIONS:
            heavy = {name.split(".")[0] for name in imports(module, everywhere=False)} & {
                "torch",
                "transformers",
                "peft",
            }
            assert not heavy, f"{module} must not import {heavy}"


def test_public_names_exist_and_are_all_listed() -> None:
    assert sorted(sig2lm._HOME) == sig2lm.__all__ == sorted(set(sig2lm.__all__))
    for name in sig2lm.__all__:
        assert getattr(sig2lm, name).__module__.startswith("sig2lm.")


def test_light_imports_bring_nothing_heavy() -> None:
    """In one fresh process, the lightest first: what one of them brings stands against all that come before."""
    light = ("sig2lm", "sig2lm.cli", "sig2lm.signals", "sig2lm.templates")
    checks = [f"import {name}; assert not {{'torch', 'transformers', 'datasets'}} & set(sys.modules)" for name in light]
    checks += ["import sig2lm.pages.comparison; assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"]
    checks += ["import sig2lm.tokenization; assert 'torch' not in sys.modules"]
    subprocess.run([sys.executable, "-c", "\n".join(["import sys", *checks])], check=True)
