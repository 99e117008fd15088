"""One way to make a page: a template that extends ``base.html.j2``, the house's looks, and a style of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from sig2lm.files import replaced_file
from sig2lm.formatting import duration, number, percent

_HERE = Path(__file__).parent


def render(folder: Path, template: str, style: str, **content: Any) -> str:
    """Render a page that needs nothing else: no network, no script.

    Parameters
    ----------
    folder
        Where the template and its style are.
    template, style
        Names of the files; the template extends ``base.html.j2``, the style comes after ``base.css``.
    content
        What the template shows; strings are escaped unless they are `Markup`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "number": number, "percent": percent}
    sheets = (path.read_text(encoding="utf-8") for path in (_HERE / "base.css", folder / style))
    return environment.get_template(template).render(css=Markup("".join(sheets)), **content)


def write_page(page: str, path: str | Path) -> None:
    """Write a rendered page to a file, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
