"""The page in a real browser: everything that a person does there, and that nothing is asked of any other machine."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sig2lm.signals import Signal, save_signal
from sig2lm.signals.simulation import simulate

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")

HOSTILE = "<img src=x onerror=document.title='taken'>"
PATIENCE = 30_000  # ms, on a machine that is busy
playwright.expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of the run that ships with the package; its address and the folder of its temporary files."""
    pytest.importorskip("gradio", reason="needs the extra 'web'")
    folder = tmp_path_factory.mktemp("server")
    environment = os.environ | {"TMPDIR": str(folder), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "sig2lm", "web", "pocket-har", "--port", "0", "--max-megabytes", "0.3"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        found = re.match(r"open (http://127\.0\.0\.1:\d+) ", process.stdout.readline())
        assert found, process.stderr.read()
        yield found[1], folder
    finally:
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=30)[1]
    assert "Traceback" not in errors
    assert list(folder.glob("sig2lm-web-*")) == []


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs a chromium in the path")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(server, chromium):
    """Open the page as somebody new; at the end, nothing was asked of another machine and no script failed."""
    address, _ = server
    opened, outside, failures = [], [], []

    def visit(width=1280, dark=False):
        context = chromium.new_context(
            viewport={"width": width, "height": 1000}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on(
            "request", lambda one: None if one.url.startswith((address, "data:", "blob:")) else outside.append(one.url)
        )
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(address)
        page.get_by_role("heading", name="Ask about a signal").wait_for()
        opened.append(context)
        return page

    yield visit
    for context in opened:
        context.close()
    assert outside == []
    assert failures == []


def take(page, label="jogging"):
    page.get_by_label("Or take a simulated one").first.click()
    page.get_by_role("option", name=label, exact=True).first.click()
    page.locator(".plots figcaption", has_text=f"simulated: {label}").wait_for()


def drop(page, *files):
    page.locator("input[type=file]").first.set_input_files(files)


def answered(page, count=1):
    """Wait until so many questions are answered, and give the last answer."""
    page.locator(".answered:not(.writing)").nth(count - 1).wait_for()
    return page.locator(".answered").nth(count - 1)


def walk(path: Path, channels=None) -> Path:
    recorded = simulate("har", "walking", seed=1)["motion"]
    values = np.tile(recorded.values, (1, 2))
    save_signal(Signal(values, 50.0, tuple(channels or recorded.channels), recorded.units), path)
    return path


def shades(page):
    """Brightness of the page's background, 0 to 255."""
    found = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", found)[:3])) / 3


def test_a_recording_is_dropped_seen_and_asked_about(visit, tmp_path):
    page = visit()
    drop(page, walk(tmp_path / "walk.npz"))
    page.locator(".plots figcaption", has_text="walk.npz").wait_for()
    assert page.locator(".plots .key b").all_inner_texts() == ["m/s²", "rad/s"]
    assert page.get_by_label("Window end").first.input_value() == "2.56"
    page.get_by_role("button", name="What is the person doing?").click()
    answer = answered(page)
    assert "walking" in answer.inner_text()
    shares = [float(text.strip("<>%")) for text in answer.locator(".track small").all_inner_texts()]
    assert len(shares) == 6
    assert sum(shares) == pytest.approx(100, abs=1)
    page.get_by_label("Your question").fill("Describe the movement.")
    page.keyboard.press("Enter")
    page.locator(".writing").wait_for(state="attached")  # it is there while it is written
    assert len(answered(page, 2).locator("p").first.inner_text().split()) > 3
    assert page.get_by_label("Your question").input_value() == ""
    assert page.locator(".log .about").all_inner_texts() == ["About walk.npz, 0 to 2.56 s"]
    page.get_by_role("button", name="What does it rest on?").click()
    page.locator(".answered .evidence", has_text="Asked alone").wait_for()
    page.locator(".plots .key", has_text="speaks for the answer").wait_for()
    assert page.get_by_text("Research software, not a medical device").count() == 1
    assert page.get_by_text("pocket, 2.52 M parameters, frozen").is_visible()


def test_a_plot_is_zoomed_moved_and_a_window_chosen_on_it(visit):
    page = visit()
    take(page)
    shown = page.locator(".tools .soft").first
    lines = page.locator(".lines").first
    page.get_by_role("button", name="Zoom in").click()
    playwright.expect(shown).to_have_text(re.compile(r"^5\.12 to 15\.36 of 20\.48 s"))
    box = page.locator(".ground").first.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    playwright.expect(page.get_by_label("Window start").first).to_have_value(re.compile(r"^7\.6"))
    assert float(page.get_by_label("Window end").first.input_value()) == pytest.approx(10.24, abs=0.1)
    lines.focus()
    page.keyboard.press("0")
    playwright.expect(shown).to_have_text(re.compile(r"^0 to 20\.48"))
    page.get_by_label("Window start").first.fill("30")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    playwright.expect(alert).to_have_text(re.compile(r"^expected a window within 0 to 20\.48, found 30 to 10\.2\d*; "))


def test_a_second_recording_stands_beside_the_first(visit):
    page = visit()
    take(page, "sitting")
    page.get_by_text("A second recording beside the first").click()
    page.get_by_label("Or take a simulated one").nth(1).click()
    page.get_by_role("option", name="jogging", exact=True).click()
    page.locator(".plots figcaption", has_text="simulated: jogging").wait_for()
    page.get_by_role("button", name="Describe the recording.").click()
    answered(page)
    assert page.locator(".log .about").inner_text() == (
        "About simulated: sitting, 0 to 2.56 s; beside it, simulated: jogging, 0 to 2.56 s"
    )
    page.get_by_role("button", name="New conversation").click()
    page.get_by_text("Answers appear here").wait_for()


def test_what_goes_wrong_is_one_line(visit, tmp_path):
    page = visit()
    alert = page.get_by_role("alert")
    page.get_by_role("button", name="What is the person doing?").click()
    playwright.expect(alert).to_have_text(re.compile(r"^expected a recording, found none on the page; drop a file"))
    broken = tmp_path / "holiday.npz"
    broken.write_bytes(b"\x89PNG no numbers")
    drop(page, broken)
    playwright.expect(alert.first).to_have_text(re.compile(r"^'?holiday\.npz'?"))
    large = tmp_path / "large.csv"
    large.write_bytes(b"1,2\n" * 200_000)
    drop(page, large)
    page.get_by_text(re.compile("maximum", re.IGNORECASE)).first.wait_for()
    assert "Traceback" not in page.inner_text("body")


def test_names_from_files_are_text(visit, tmp_path):
    page = visit()
    drop(page, walk(tmp_path / "other.npz", channels=[f"{HOSTILE} {number}" for number in range(6)]))
    page.get_by_role("alert").get_by_text(HOSTILE).wait_for()
    drop(page, walk(tmp_path / "'\"><img src=x onerror=alert(1)>.npz"))
    page.locator(".plots figcaption", has_text="onerror").wait_for()
    page.get_by_label("Your question").fill(f"What is {HOSTILE}?")
    page.get_by_role("button", name="Ask", exact=True).click()
    answered(page)
    page.get_by_role("tab", name="Numbers as text").click()
    page.get_by_role("button", name="What it makes of the window").click()
    page.frame_locator("iframe.report").get_by_text("tokens").first.wait_for()
    for frame in page.frames:
        assert frame.locator("img[src=x]").count() == 0
    assert page.title() == "sig2lm: pocket-har"


@pytest.mark.parametrize(("width", "dark"), [(390, True), (390, False), (1280, True)])
def test_it_fits_a_phone_and_follows_light_and_dark(visit, width, dark):
    page = visit(width, dark)
    assert shades(page) < 60 if dark else shades(page) > 230
    take(page)
    page.get_by_role("button", name="What is the person doing?").click()
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.wait_for_function(  # it is drawn for its width, so that its texts have their size
        """() => {
            const drawing = document.querySelector("svg.drawing");
            return Math.abs(drawing.viewBox.baseVal.width - drawing.clientWidth) < 25;
        }"""
    )


def test_keys_are_enough(visit):
    page = visit()

    def tab_to(text):
        for _ in range(60):
            page.keyboard.press("Tab")
            name = page.evaluate("(document.activeElement.ariaLabel || document.activeElement.innerText || '')")
            if text in name:
                return
        raise AssertionError(f"no way to '{text}' with the tabulator")

    tab_to("Or take a simulated one")
    page.keyboard.press("ArrowDown")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".plots").first.wait_for()
    tab_to("Plot from 0 to 20.48 s")
    page.keyboard.press("+")
    page.locator('[aria-label^="Plot from 5.12 to 15.36 s"]').wait_for()
    page.keyboard.press("ArrowRight")  # the plot is still where keys go
    page.locator('[aria-label^="Plot from 10.24 to 20.48 s"]').wait_for()
    tab_to("What is the person doing?")
    page.keyboard.press("Enter")
    assert answered(page).locator(".bars").is_visible()


def test_sessions_are_apart_and_leave_nothing(visit, server, tmp_path):
    address, folder = server
    secret = walk(tmp_path / "secret.npz")
    first, second = visit(), visit()
    drop(first, secret)
    first.locator(".plots figcaption", has_text="secret.npz").wait_for()
    lying = list(folder.rglob("secret.npz"))
    assert lying
    for path in lying:  # nobody is handed a file, not even who knows its name
        assert second.request.get(f"{address}/gradio_api/file={path}").status == 404
    second.get_by_role("button", name="What is the person doing?").click()
    second.get_by_role("alert").get_by_text("expected a recording, found none").wait_for()
    assert second.locator("figcaption").count() == 0
    first.context.close()
    deadline = time.monotonic() + 20
    while list(folder.rglob("secret.npz")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert list(folder.rglob("secret.npz")) == []


def test_who_goes_away_while_an_answer_streams_holds_nobody_up(visit):
    gone, next_one = visit(), visit()
    take(gone)
    gone.get_by_label("Your question").fill("Describe the movement.")
    gone.keyboard.press("Enter")
    gone.locator(".writing").wait_for(state="attached")
    gone.context.close()
    take(next_one)
    next_one.get_by_role("button", name="What is the person doing?").click()
    assert answered(next_one).is_visible()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pocket-har", "--port", "{port}"], r"expected a free port, found that 127\.0\.0\.1:\d+ cannot be used"),
        (["no-such-run", "--port", "0"], "no-such-run"),
    ],
    ids=["port taken", "run missing"],
)
def test_what_keeps_it_from_starting_is_one_line(server, arguments, message):
    port = server[0].rpartition(":")[2]
    command = [sys.executable, "-m", "sig2lm", "web", *(text.format(port=port) for text in arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert re.match(r"sig2lm: error: ", ended.stderr)
    assert re.search(message, ended.stderr)
    assert ended.stderr.count("\n") == 1
