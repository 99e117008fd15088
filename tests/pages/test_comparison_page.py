"""The comparison's page: whatever the numbers and names are, it is well formed, stands alone, shows what there is."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from page_checks import assert_shown, assert_stands_alone

import sig2lm.pages
from sig2lm.errors import Sig2LMError
from sig2lm.formatting import duration
from sig2lm.pages import plots
from sig2lm.pages.base import write_page
from sig2lm.pages.comparison import to_html
from sig2lm.pages.scoreboard import headline, table
from sig2lm.pages.windows import cards, choices

EVIL = "<script>alert('$x_1$ & \"y\"')</script>"
LABELS = ("walking", "walking upstairs", EVIL)


def entry(method, name, labels, accuracy=0.8, **more):
    rng = np.random.default_rng(len(name))
    interval = [accuracy - 0.1, min(accuracy + 0.1, 1.0)]
    found = {
        "method": method,
        "name": name,
        "accuracy": accuracy,
        "macro_f1": accuracy,
        "auroc": 0.9,
        "ece": 0.05,
        "mae": None,
        "quadratic_kappa": None,
        "ci": {"accuracy": interval, "macro_f1": interval, "auroc": None},
        "tokens_per_question": 46.0,
        "seconds_per_answer": 0.0043,
        "trained_parameters": 148_992,
        "training_seconds": 96.2,
        "notes": [],
        "confusion": {"labels": list(labels), "matrix": rng.integers(0, 90, (len(labels),) * 2).tolist()},
        "reliability": [
            {"confidence": 0.5, "accuracy": 0.4, "count": 3},
            {"confidence": 1.0, "accuracy": 0.9, "count": 9},
        ],
    }
    return found | more


def recording(values, channels=("x", "y"), units=("m/s^2", "m/s^2"), rate=50.0, period=None):
    return {"channels": list(channels), "units": list(units), "sampling_rate": rate, "period": period, "values": values}


def window(labels, signals, truth=0, answer=0):
    shares = np.linspace(1, 2, len(labels)) / np.linspace(1, 2, len(labels)).sum()
    return {
        "subject": "3",
        "source": f"walk {EVIL}.csv",
        "start": 12.8,
        "truth": labels[truth],
        "answer": labels[answer],
        "probabilities": dict(zip(labels, map(float, shares), strict=True)),
        "signals": signals,
    }


def motion(samples=128):
    rng = np.random.default_rng(samples)
    return {"motion": recording(rng.normal(0, 3, (2, samples)).round(4).tolist())}


def comparison(labels=LABELS, **more):
    methods = [
        entry(1, "numbers as text, zero-shot", labels, 0.2, trained_parameters=0, notes=[f"cut to 37 samples {EVIL}"]),
        entry(4, "encoder + adapter", labels, 0.94),
        entry(5, "encoder + adapter + LoRA", labels, 0.93),
    ]
    baselines = [
        entry(None, "majority class", labels, 0.3, tokens_per_question=None, seconds_per_answer=None, reliability=None),
        entry(None, "linear probe, no LM", labels, 0.91, tokens_per_question=None, ci=None),
    ]
    control = {"accuracy": 0.2, "macro_f1": 0.1, "auroc": None}
    found = {
        "task": "har",
        "data": f"motion {EVIL}",
        "split": "test",
        "examples": 5321,
        "subjects": 6,
        "labels": list(labels),
        "ordinal": False,
        "lm": {"name": "pocket", "fingerprint": "9f3c1a77be20d41e"},
        "template": {"task": "har", "version": 2},
        "serializer": "plain",
        "methods": methods,
        "baselines": baselines,
        "windows": [window(labels, motion(), truth=0), window(labels, motion(31), truth=0)],
        "mistakes": [window(labels, motion(), truth=0, answer=-1)],
        "controls": {"shuffled": control, "zeroed": control, "text_only": control},
    }
    return found | more


def test_the_page_stands_alone_and_escapes():
    page = to_html(comparison())
    found = assert_stands_alone(page)
    assert "&lt;script&gt;" in page
    assert found.tags.count("svg") == 3 + 4  # a panel for each window, a diagram for each entry with confidences
    assert page.count('role="img" aria-label="') == 7
    assert page.count('<table class="confusion">') == 5
    assert page == to_html(comparison())


def test_the_page_says_what_is_best_and_what_it_stands_beside():
    report = comparison()
    assert "Best of the comparison is “encoder + adapter”: macro-F1 0.940 (95% interval 0.840 to 1.000)" in headline(
        report
    )
    assert "the best without an LM, “linear probe, no LM”, has 0.910" in headline(report)
    page = to_html(report)
    report["methods"][2]["macro_f1"] = 0.94
    assert headline(report).startswith(
        "Best of the comparison are “encoder + adapter” and “encoder + adapter + LoRA”: macro"
    )
    report["methods"][0]["macro_f1"] = 0.94
    assert headline(report).startswith("No method is better than another: macro-F1 0.940")
    for text in (
        "5,321 of 6 subjects",
        "its own signals (encoder + adapter)",
        "The LM is small",
        "0.840–1.000",
        "4.3 ms",
    ):
        assert text in page
    assert "The LM is small" not in to_html(comparison(lm={"name": "Qwen/Qwen2.5-0.5B", "fingerprint": None}))
    page = to_html({**report, "controls": None, "windows": [], "mistakes": [], "split_rule": "by subject, seed 0"})
    assert not re.search('id="(controls|windows|mistakes)"', page)
    assert "test split (by subject, seed 0)" in page


def test_what_is_written_like_the_best_is_marked_in_each_column():
    rows = table(
        [
            {"name": "a", "accuracy": 0.91234, "ece": 0.2, "seconds_per_answer": 0.02, "trained_parameters": 5},
            {"name": "b", "accuracy": 0.91201, "ece": 0.1, "seconds_per_answer": None, "trained_parameters": 0},
            {
                "name": "c",
                "accuracy": 0.5,
                "auroc": 0.7,
                "ece": None,
                "seconds_per_answer": 0.01,
                "trained_parameters": 0,
            },
            {"name": "d", "accuracy": None, "auroc": 0.7, "ece": 0.3, "seconds_per_answer": 0.02},
        ]
    )
    best = {
        title: "".join(row["name"] for row in rows["rows"] if row["cells"][place]["best"])
        for place, title in enumerate(rows["titles"])
    }
    assert best == {"accuracy": "ab", "macro-F1": "", "AUROC": "", "ECE": "b", "tokens per question": ""} | {
        "time per answer": "c", "trained parameters": "", "training time": ""
    }  # fmt: skip


def test_a_scale_has_its_own_scores_and_short_labels_stand_above_their_columns():
    labels = list("12345")
    report = comparison(labels, ordinal=True, mistakes=[])
    report["methods"][0] |= {"mae": 1.25, "quadratic_kappa": -0.25}
    page = to_html(report)
    for text in (
        ">MAE<",
        "1.250",
        "-0.250",
        "(a scale)",
        '<th scope="col">5</th>',
        "every answer is right",
    ):
        assert text in page
    assert ">MAE<" not in to_html(comparison())
    assert '<abbr title="walking upstairs">2</abbr>' in to_html(comparison())


def test_numbers_that_do_not_apply_may_be_missing():
    empty = {key: None for key in entry(1, "", LABELS) if key not in ("method", "name")}
    bare = {"subject": "1", "truth": "a", "answer": None, "probabilities": None, "signals": {}, "start": None}
    report = comparison(methods=[{"method": 1, "name": "nothing measured", **empty}], baselines=None, windows=[bare])
    report |= {"mistakes": None, "controls": None, "lm": None, "template": None, "serializer": None}
    page = to_html(report)
    assert_stands_alone(page)
    assert "No method has a score." in page
    assert "no label" in page


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
VALUE = st.none() | st.floats(-(2.0**100), 2.0**100) | st.just(float("nan"))


@settings(max_examples=8)
@given(st.data())
def test_any_names_values_and_probabilities_make_a_page(data):
    labels = data.draw(st.lists(TEXT, min_size=1, max_size=18, unique=True))
    samples = data.draw(st.integers(0, 40))
    channels = data.draw(st.lists(TEXT, min_size=1, max_size=9))
    units = data.draw(st.lists(st.sampled_from(["ms", "count", EVIL]), min_size=len(channels), max_size=len(channels)))
    rows = st.lists(VALUE, min_size=samples, max_size=samples)
    rate, period = data.draw(st.sampled_from([(50.0, None), (None, 86400.0), (None, 7200.0), (None, None)]))
    values = data.draw(st.lists(rows, min_size=len(channels), max_size=len(channels)))
    shown = window(labels, {data.draw(TEXT): recording(values, channels, units, rate, period)}, answer=-1)
    shown["probabilities"] = dict(
        zip(
            labels,
            data.draw(st.lists(st.none() | st.floats(0, 1), min_size=len(labels), max_size=len(labels))),
            strict=True,
        )
    )
    report = comparison(labels, windows=[shown], mistakes=[copy.deepcopy(shown)], data=data.draw(TEXT))
    report |= {"methods": report["methods"][:1], "baselines": []}
    page = assert_stands_alone(to_html(report))
    assert page.tags.count("svg") == 1 + 2 * len(set(units))


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=300), st.integers(1, 40))
def test_a_shortened_line_keeps_the_least_and_the_greatest(values, columns):
    time, kept = plots.envelope(np.arange(len(values), dtype=float), values, columns)
    row = np.array(values, dtype=float)
    assert len(kept) <= max(2 * columns, 1)
    assert np.all(np.diff(time) > 0)
    np.testing.assert_array_equal(row[time.astype(int)], kept)
    if np.isfinite(row).any():
        assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(row), np.nanmax(row))


@given(st.lists(st.floats(-1e30, 1e30) | st.just(float("nan")), max_size=20), st.floats(0, 1e6))
@example([], 0.0)
@example([5.0, 5.0], 0.0)
def test_axes_hold_every_sample_and_are_never_too_narrow(values, least):
    row = np.array(values, dtype=float)
    low, high = plots.limits(row, least)
    assert low < high
    assert high - low >= least
    assert np.all((row[np.isfinite(row)] >= low) & (row[np.isfinite(row)] <= high))


def drawn(values, **more):
    rows = np.array(values, dtype=float)
    shown = {"step": 1.0, "clock": "s", "end": float(rows.shape[1]), "limits": plots.limits(rows), "description": "x"}
    return str(plots.panel(plots.Panel(rows, **(shown | more))))


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=50, max_size=90))
def test_lines_break_where_samples_are_missing(present):
    values = np.where(present, np.sin(np.arange(len(present))), np.nan)
    lines = re.findall(r'<path d="(M[^"]*)" style="[^"]*stroke:var\(--s0\)[^"]*linecap:square', drawn([values]))
    runs = [run for run in "".join("x" if there else " " for there in present).split(" ") if run]
    assert sum(line.count("M") for line in lines) == len(runs)
    assert sum(line.count("L") for line in lines) == sum(len(run) - 1 for run in runs)


def test_single_samples_are_dots_and_everything_is_inside():
    drawing = drawn([[1.0, np.nan, 30.0] + [np.nan] * 60])
    assert drawing.count("linecap:round") == 1
    points = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", drawing)
    assert len(points) > 4
    assert all(0 <= float(x) <= 400 and 0 <= float(y) <= 112 for x, y in points)
    assert "id=" not in drawing


def test_rows_beats_and_seconds_have_their_clocks():
    clocks = {}
    for name, more in {"s": {"rate": 50.0}, "days": {"rate": None, "period": 86400.0}, "beats": {"rate": None}}.items():
        signal = recording([[800.0, 810.0, None]], ("rr",), ("ms",), **more)
        (card,) = cards([window(LABELS, {"rr": signal})])
        clocks[name] = card["where"][-1]
        assert f">{name}</text>" in card["panels"][0]["drawing"]
        assert card["panels"][0]["missing"] == pytest.approx(1 / 3)
    assert clocks == {"s": "from 12.8 s", "days": "from row 12.8", "beats": "from row 12.8"}


def test_channels_share_a_panel_with_their_unit_and_only_the_last_has_a_time_axis():
    units = ("m/s^2", "rad/s", "m/s^2")
    signal = recording(np.ones((3, 9)).tolist(), ("a", "g", "b"), units)
    (card,) = cards([window(LABELS, {"motion": signal})])
    assert [[name for _, name in panel["channels"]] for panel in card["panels"]] == [["a", "b"], ["g"]]
    assert [panel["unit"] for panel in card["panels"]] == ["m/s²", "rad/s"]
    assert [">s</text>" in panel["drawing"] for panel in card["panels"]] == [False, True]
    assert [panel["signal"] for panel in card["panels"]] == ["motion", ""]


def test_rest_does_not_look_like_motion():
    rest, jogging = (
        window(LABELS, {"motion": recording([[size * np.sin(i) for i in range(60)]], ("x",), ("m/s^2",))})
        for size in (0.01, 10.0)
    )
    (card,) = cards([rest], [jogging])
    heights = [
        float(y)
        for _, y in re.findall(
            r"[ML](-?[\d.]+) (-?[\d.]+)",
            re.findall(r'<path d="[^"]*" style="[^"]*--s0[^"]*"', card["panels"][0]["drawing"])[0],
        )
    ]
    assert max(heights) - min(heights) < 1


@given(st.dictionaries(TEXT, st.floats(0, 1), min_size=1, max_size=18))
def test_choices_that_are_cut_off_are_summed_up(probabilities):
    truth = list(probabilities)[-1]
    shown = choices(probabilities, truth)
    assert sum(share for _, share, _ in shown) == pytest.approx(sum(probabilities.values()))
    assert [label for label, _, correct in shown if correct] == [truth]
    assert len(shown) <= 8


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0, "0 s"), (0.0213, "21.3 ms"), (2.5, "2.5 s"), (600, "10 min")]
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "comparison.html"
    write_page(to_html(comparison()), path)
    written = path.read_text(encoding="utf-8")
    assert written == to_html(comparison())
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(Sig2LMError, match="choose another path"):
        write_page(to_html(comparison()), path / "below a file.html")


def test_a_page_of_many_long_windows_stays_small():
    rng = np.random.default_rng(0)
    wrist = {
        "bvp": recording(rng.normal(size=(1, 3840)).tolist(), ("bvp",), ("dimensionless",), 64.0),
        "acc": recording(rng.normal(size=(3, 1920)).tolist(), ("x", "y", "z"), ("m/s^2",) * 3, 32.0),
        "eda": recording(rng.normal(size=(1, 240)).tolist(), ("eda",), ("µS",), 4.0),
        "temp": recording(rng.normal(size=(1, 240)).tolist(), ("temperature",), ("degC",), 4.0),
    }
    shown = [window(LABELS, wrist, answer=-1)] * 4  # a sixth of what the comparison shows
    assert 6 * len(to_html(comparison(windows=shown, mistakes=[])).encode()) < 2_000_000


def colours(theme):
    css = (Path(sig2lm.pages.__file__).parent / "palette.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    found = {}
    for block in blocks[: 1 + theme]:
        found |= dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    return {name: np.array([int(value[i : i + 2], 16) for i in (1, 3, 5)]) for name, value in found.items()}


def contrast(one, other):
    """WCAG 2.1, contrast ratio of two colours."""
    light = []
    for colour in (one, other):
        share = colour / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(light) / min(light)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_texts_and_lines_stand_out(theme):
    found = colours(theme)
    for context in (found["card"], found["page"]):
        assert all(contrast(found[name], context) >= 4.5 for name in ("ink", "soft", "accent", "loss", "good"))
    assert all(contrast(found[f"s{number}"], found["card"]) >= 3 for number in range(plots.SERIES_COLOURS))
    for tone in ("accent", "distortion"):
        assert contrast(found["ink"], 0.42 * found[tone] + 0.58 * found["card"]) >= 4.5


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (500, True)], ids=["desk, light", "phone, dark"])
def test_a_browser_shows_the_page(tmp_path, width, dark):
    made = assert_shown(to_html(comparison()), tmp_path, width, dark)
    assert made.count("<svg") == 7
    assert made.count("<article") == 3
