"""What the documents say is so: README's blocks run, as do the examples, and the files that are named exist."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from sig2lm.cli import main
from sig2lm.datasets.public import synthetic

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(short_trainings: None, tmp_path: Path) -> Iterator[Path]:
    """An empty folder to be in; the people that are simulated record less than they do for users."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "RECORDINGS", {"har": 4, "af_rr": 12, "stress": 12})
        patched.chdir(tmp_path)
        yield tmp_path


def run_commands(text: str) -> None:
    """Run each line of a block of shell as the command would, in this process."""
    for line in text.replace("\\\n", " ").splitlines():
        name, *arguments = shlex.split(line, comments=True) or [""]
        if name:
            assert name == "sig2lm", line
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("sys.argv", [name, *arguments])
                with pytest.raises(SystemExit) as ended:
                    main()
            assert not ended.value.code, line


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_block_of_the_readme_runs_in_order(home: Path) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [language for language, _ in blocks] == ["python", "bash", "python"]
    for language, text in blocks:
        if language == "bash":
            run_commands(text)
        else:
            exec(compile(text, "README.md", "exec"), {})
    assert (home / "report.json").is_file()
    assert (home / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [str(example)])
    runpy.run_path(str(example), run_name="__main__")


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
