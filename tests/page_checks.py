"""What every page must be: well formed, on its own, readable; and what a browser makes of it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

VOID = {"meta", "br", "wbr", "img", "hr", "input", "link"}
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


class Page(HTMLParser):
    """Collects the tags of a page, what they load, their ids and links; refuses tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str | None] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.loads += [found[name] for name in ("src", "srcset", "poster", "data", "xlink:href") if name in found]
        if tag in ("link", "use", "image"):
            self.loads.append(found.get("href"))
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag == "a":
            self.links.append(found["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def assert_stands_alone(text: str) -> Page:
    """Parse a page that needs no network and no script, whose links lead into it, in light, dark and on paper."""
    page = Page(text)
    assert page.loads == []
    assert "script" not in page.tags
    assert not re.search(r"@import|url\(|https?://", text)
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    return page


def assert_shown(text: str, folder: Path, width: int, dark: bool) -> str:
    """Show a page in a browser, check its first screen, and return the document the browser made of it."""
    from PIL import Image

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs a chromium in the path")
    page, picture = folder / "report.html", folder / "report.png"
    page.write_text(text, encoding="utf-8")
    options = [*OPTIONS, f"--user-data-dir={folder / 'home'}", f"--window-size={width},1600"]
    options.append(f"--blink-settings=preferredColorScheme={0 if dark else 1}")
    run = [chromium, *options, f"--screenshot={picture}", page.as_uri()]
    subprocess.run(run, check=True, capture_output=True, timeout=120)
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (1600, width, 3)
    corner = pixels[:20, :20].mean()
    assert corner < 60 if dark else corner > 230
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    assert np.abs(pixels[:, -4:] - pixels[0, -1]).max() < 30, "something runs out of the page to the right"
    dump = [chromium, *options, "--dump-dom", page.as_uri()]
    return subprocess.run(dump, check=True, capture_output=True, text=True, timeout=120).stdout
