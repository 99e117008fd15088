"""One way to make a page: a template that extends ``base.html.j2``, the house's looks, and a style of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from sig2lm.files import replaced_file
from sig2lm.formatting import duration, number, percent

_FOLDERS = (Path(__file__).parent, Path(__file__).parent / "timeline")


def render(page: str, style: str | None = None, **content: Any) -> str:
    """Render a page that needs nothing else: no network, no script.

    Parameters
    ----------
    page
        Name of the template, ``PAGE.html.j2``, which extends ``base.html.j2``.
    style
        Name of its style, ``STYLE.css``, which comes after ``palette.css`` and ``base.css``; that of the page by
        default.
    content
        What the template shows; strings are escaped unless they are `Markup`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_FOLDERS)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "number": number, "percent": percent}
    css = "".join(loader.get_source(environment, f"{name}.css")[0] for name in ("palette", "base", style or page))
    return environment.get_template(f"{page}.html.j2").render(css=Markup(css), **content)


def write_page(page: str, path: str | Path) -> None:
    """Write a rendered page to a file, whole or not at all; an older file is replaced, its folder is made.

    Raises
    ------
    Sig2LMError
        If the file cannot be written.
    """
    with replaced_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
