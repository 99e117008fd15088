"""Results -> HTML pages that stand alone. Plain results in, never a model; no torch.

`page` renders any page of the house (template and looks in ``base.*`` and ``parts.html.j2``), `text` writes its
numbers, `plots` draws; `ladder` (with `scoreboard` and `windows`) is the page of ``sig2lm evaluate --ladder``. Public
names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {"to_html": "ladder", "write_html": "ladder"}

__all__ = ["to_html", "write_html"]

if TYPE_CHECKING:
    from sig2lm.report.ladder import to_html, write_html


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sig2lm.report' has no attribute {name!r}")
    return getattr(import_module(f"sig2lm.report.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
