"""What the documents say is so: README's blocks run, as do the examples, and the files that are named exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_block_of_the_readme_runs_in_order(tmp_path: Path) -> None:
    """In an empty folder, with the command that this Python has."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 3
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    for language, text in blocks:
        command = ["bash", "-euo", "pipefail", "-c", text] if language == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": path, "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)},
        )
        assert done.returncode == 0, f"{text}\n{done.stderr}"
    assert (tmp_path / "report.json").is_file()
    assert (tmp_path / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_examples_import_what_everybody_may() -> None:
    """From the package, or from a room of it; nothing further down."""
    for example in (ROOT / "examples").glob("*.py"):
        for module in re.findall(r"^(?:from|import) (sig2lm[\w.]*)", example.read_text(encoding="utf-8"), re.MULTILINE):
            assert module.count(".") <= 1, f"{example.name} imports {module}"


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_files_that_documents_name_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name in re.findall(r"\]\((?!http)([^)#]+)\)|`((?:scripts|tests|examples|sig2lm|prompts)/[\w./]+)`", text):
        path = "".join(name)
        assert (ROOT / path).exists() or "*" in path, f"{document.name} names {path}"


def test_architecture_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    modules = [path for path in (ROOT / "sig2lm").rglob("*.py") if not path.stem.startswith("__")]
    assert [path.name for path in modules if path.stem not in text and path.parent.name not in text] == []
