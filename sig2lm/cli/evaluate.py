"""``sig2lm evaluate``."""

from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sig2lm.cli.groups import RunPlaces, takes_groups
from sig2lm.cli.options import BelieveOption, DataOption, RunArgument, SeedOption, Split
from sig2lm.cli.output import PANEL, JsonOption, write_output

if TYPE_CHECKING:
    from sig2lm.datasets import Table
    from sig2lm.evaluation.comparison import Comparison, ComparisonSettings
    from sig2lm.model.signal_lm import SignalLM

_COMPARISON = "Comparison"


@takes_groups
def evaluate(
    run: RunArgument,
    data: DataOption,
    split: Annotated[Split, typer.Option(help="Whose recordings.")] = "test",
    json_file: JsonOption = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Measure the other ways to ask this LM, too.", rich_help_panel=_COMPARISON),
    ] = False,
    methods: Annotated[
        str, typer.Option(metavar="1,2,...", help="Which methods of the comparison.", rich_help_panel=_COMPARISON)
    ] = "1,2,3,4,5",
    questions: Annotated[
        bool, typer.Option("--questions", help="Ask what a curriculum never trains on, kind by kind, instead.")
    ] = False,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows that --compare or --questions ask about, drawn at random; all, or 200."),
    ] = None,
    training_rows: Annotated[
        int | None,
        typer.Option(
            min=1, help="Rows that prompt tuning and LoRA learn from; all by default.", rich_help_panel=_COMPARISON
        ),
    ] = None,
    context: Annotated[
        int,
        typer.Option(
            min=64,
            help="Tokens that a prompt with numbers may take, where the LM reads more.",
            rich_help_panel=_COMPARISON,
        ),
    ] = 2048,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the scores as a page there.", rich_help_panel=PANEL)
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Fit extra trees on hand features, without LM or encoder, too.")
    ] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a row for each question there (csv or parquet): subject, source, answer.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    reliance_gate: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Leave with exit code 1 unless macro-F1 falls by X with shuffled, noisy and dropped signals.",
        ),
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Ask again with each sensor missing.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions read at once.")] = 64,
    believe: BelieveOption = False,
    seed: SeedOption = 0,
    *,
    places: RunPlaces,
) -> None:
    """Score a run, beside shuffled and zeroed signals, text only, and a linear probe of its encoder.

    What `sig2lm fine-tune-encoder` wrote is scored by its own classifier, without an LM.

    With --compare, the same questions are also put to the same LM with numbers as text (1), with examples in the prompt
    (2), with a tuned prompt (3), and with LoRA layers (5) beside the run itself (4).

    Example: sig2lm evaluate runs/har --data data/har --html har.html
    """
    from sig2lm.datasets import load_table
    from sig2lm.encoder.tables import closed_rows
    from sig2lm.errors import Sig2LMError
    from sig2lm.evaluation.classifier import evaluate_classifier
    from sig2lm.evaluation.controls import without_sensors
    from sig2lm.evaluation.degradation import check_fall
    from sig2lm.evaluation.degradation import reliance_gate as gate
    from sig2lm.evaluation.evaluate import evaluate as score
    from sig2lm.evaluation.predictions import check_suffix, prediction_frame, write_predictions
    from sig2lm.files import check_outputs
    from sig2lm.pretraining.classifier import is_classifier, load_classifier

    check_outputs({"--json": json_file, "--html": html, "--predictions": predictions}, [data])
    if predictions is not None:
        check_suffix(predictions)
    if html is not None and questions:
        raise Sig2LMError("--html shows labels; leave out --questions")
    if missing and compare:
        raise Sig2LMError("--missing asks the run alone; leave out --compare")
    if questions and predictions is not None:
        raise Sig2LMError("--predictions is for labels; leave out --questions")
    if questions and (missing or compare):
        raise Sig2LMError("--questions asks the run alone; leave out --compare and --missing")
    if reliance_gate is not None:
        if compare or questions:
            raise Sig2LMError("--reliance-gate asks the run alone; leave out --compare and --questions")
        check_fall(reliance_gate)
    table = load_table(data, believe=believe)
    table = table if questions else closed_rows(table, _progress)
    chosen = parse_methods(methods)
    if is_classifier(run):
        if compare or questions or missing or html is not None or reliance_gate is not None:
            raise Sig2LMError(f"'{run}' is an encoder with its classifier and asks no LM; leave out what asks one")
        scored = evaluate_classifier(load_classifier(run), table, split, baselines, _progress)
        if not write_output(json_file, scored.report):
            show_classifier(scored.report)
        if predictions is not None:
            write_predictions(prediction_frame(table, split, scored.predictions), predictions)
        return
    if baselines and (compare or questions):
        raise Sig2LMError("--baselines stand beside the scores of labels; leave out --compare and --questions")
    model = places.load_run(run)
    evaluated = None
    if compare:
        from sig2lm.evaluation.comparison import ComparisonSettings

        settings = ComparisonSettings(chosen, rows, training_rows, context, seed=seed)
        compared = _compare(model, run, table, split, settings)
        report, frame = compared.report, compared.frame()
        show: Callable[[dict[str, Any]], None] = show_comparison
    elif questions:
        from sig2lm.evaluation.questions import evaluate_questions

        report = evaluate_questions(
            model, table, split, count=rows or 200, batch_size=batch_size, seed=seed, progress=_progress
        )
        show = show_questions
    else:
        without = without_sensors(model, table, split, batch_size, _progress) if missing else None
        evaluated = score(model, table, split, batch_size, _progress, baselines)
        report, frame = evaluated.report, prediction_frame(table, split, evaluated.predictions)
        report |= {"missing": without} if without is not None else {}
        if reliance_gate is not None:
            report["gate"] = gate(model, table, evaluated, reliance_gate, batch_size, _progress)
        show = show_report
    if not write_output(json_file, report):
        show(report)
    if predictions is not None:
        write_predictions(frame, predictions)
    if html is not None:
        from sig2lm.evaluation.comparison.alone import as_comparison
        from sig2lm.pages.base import write_page
        from sig2lm.pages.comparison import to_html

        task = model.task(table.info.signals)
        write_page(to_html(report if evaluated is None else as_comparison(evaluated, table, task, seed)), html)
    if not report.get("gate", {}).get("passed", True):
        raise typer.Exit(1)


def _progress(line: str) -> None:
    typer.echo(f"{line} ...", err=True)


def parse_methods(text: str) -> tuple[int, ...]:
    """Read the numbers of methods.

    Raises
    ------
    Sig2LMError
        If one of them is no method.
    """
    from sig2lm.errors import Sig2LMError

    parts = [part.strip() for part in text.split(",")]
    if not all(part in {"1", "2", "3", "4", "5"} for part in parts):
        raise Sig2LMError(f"expected --methods as numbers from 1 to 5, found '{text}'; write it as 1,2,4")
    return tuple(map(int, parts))


def _compare(model: "SignalLM", run: str, table: "Table", split: str, settings: "ComparisonSettings") -> "Comparison":
    from sig2lm.evaluation.comparison import compare
    from sig2lm.files import read_json
    from sig2lm.model.checkpoint import fetch_run

    training = read_json(fetch_run(run) / "train.json", f"the record of the run '{run}'")
    return compare(model, table, split, settings, training, progress=_progress)


def _ordinal(found: dict[str, Any]) -> str:
    return (
        f"on the scale: mean absolute error {_number(found['mae'])}, of the expected value "
        f"{_number(found['mae_expected'])}, quadratic kappa {_number(found['quadratic_kappa'])}"
    )


def show_comparison(report: dict[str, Any]) -> None:
    """Print the comparison as a table."""
    from rich.console import Console
    from rich.table import Table as Grid

    title = f"{report['data']}, {report['split']}: {report['examples']} questions, {report['subjects']} subjects"
    grid = Grid(title=title, title_justify="left")
    for column in ("", "accuracy", "macro-F1", "AUROC", "ECE", "tokens", "ms", "trained", "s"):
        grid.add_column(column, justify="right" if column else "left")
    for entry in (*report["methods"], *report["baselines"]):
        name = f"{entry['method']} {entry['name']}" if entry["method"] else f"  {entry['name']}"
        seconds = entry["seconds_per_answer"]
        grid.add_row(
            name,
            *map(_number, (*_scores(entry), entry["ece"])),
            _count(entry["tokens_per_question"]),
            "-" if seconds is None else f"{1000 * seconds:.1f}",
            _count(entry["trained_parameters"]),
            _count(entry["training_seconds"]),
        )
    console = Console()
    console.print(grid)
    for entry in (*report["methods"], *report["baselines"]) if report["ordinal"] else ():
        console.print(f"{entry['name']}: {_ordinal(entry)}", highlight=False)
    for entry in report["methods"]:
        for note in entry["notes"]:
            console.print(f"method {entry['method']}: {note}", highlight=False)
    console.print(f"numbers written as {report['serializer']}; LM: {report['lm']['name']}", highlight=False)


def show_questions(report: dict[str, Any]) -> None:
    """Print the scores of questions that training never asked: with own signals, shuffled ones, and without any."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    title = f"{report['task']}, {report['split']}: questions never trained on, about {report['rows']} rows"
    grid = Table(title=title, title_justify="left")
    for column in ("kind", "new is its", "questions", "accuracy", "shuffled", "text only", "chance"):
        grid.add_column(column, justify="left" if column in ("kind", "new is its") else "right")
    for one in report["kinds"]:
        scores = [one[source]["accuracy"] for source in ("own", "shuffled", "text_only")]
        grid.add_row(one["kind"], one["held_out"], str(one["questions"]), *map(_number, [*scores, one["chance"]]))
    console.print(grid)
    grid = Table(title="free answers: share whose numbers all hold, and that refuse", title_justify="left")
    for column in ("kind", "numbers", "all hold", "shuffled", "text only", "refused"):
        grid.add_column(column, justify="right" if column != "kind" else "left")
    for one in report["kinds"]:
        if one["answers"] == "free":
            holds = [one[source]["holds"] for source in ("own", "shuffled", "text_only")]
            own = one["own"]
            grid.add_row(one["kind"], *map(_number, [own["numbers"], *holds, own["refused"]]))
    console.print(grid)
    grid = Table(title="stated numbers: share within tolerance, and mean absolute error", title_justify="left")
    for column in ("quantity", "questions", "within", "shuffled", "text only", "training mean", "error", "of the mean"):
        grid.add_column(column, justify="right" if column != "quantity" else "left")
    for one in report["quantities"]:
        within = [one[source]["within"] for source in ("own", "shuffled", "text_only", "training_mean")]
        errors = [one[source]["mae"] for source in ("own", "training_mean")]
        grid.add_row(f"{one['quantity']}, {one['unit']}", str(one["questions"]), *map(_number, [*within, *errors]))
    console.print(grid)


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def show_classifier(report: dict[str, Any]) -> None:
    """Print the report of a classifier as a table."""
    from rich.console import Console
    from rich.table import Table

    title = f"{report['task']}, {report['split']}: {report['examples']} windows, {report['subjects']} subjects"
    table = Table(title=title, title_justify="left")
    table.add_column()
    for column in ("accuracy", "macro-F1", "AUROC"):
        table.add_column(column, justify="right")
    table.add_row("the encoder with its classifier", *map(_number, _scores(report)))
    table.add_row("  95 % over subjects", *map(_interval, _scores(report["ci"])))
    for rival in report["baselines"]:
        table.add_row(rival["name"], *map(_number, _scores(rival)))
    console = Console()
    console.print(table)
    console.print(f"calibration error {report['ece']:.3f}; no LM was asked", highlight=False)


def show_report(report: dict[str, Any]) -> None:
    """Print a report as a table."""
    from rich.console import Console
    from rich.table import Table

    title = f"{report['task']}, {report['split']}: {report['examples']} questions, {report['subjects']} subjects"
    table = Table(title=title, title_justify="left")
    table.add_column()
    for column in ("accuracy", "macro-F1", "AUROC"):
        table.add_column(column, justify="right")
    table.add_row("the LM reads the signal", *map(_number, _scores(report)))
    table.add_row("  95 % over subjects", *map(_interval, _scores(report["ci"])))
    for paraphrase, title in (("of_training", "in paraphrases of training"), ("uncalibrated", "not calibrated")):
        if paraphrase in report["paraphrases"]:
            table.add_row(title, *map(_number, _scores(report["paraphrases"][paraphrase])))
    for control, found in report["controls"].items():
        table.add_row(control.replace("_", " "), *map(_number, _scores(found)))
    for sensor in report.get("missing", ()):
        channels = shorten(f"without {sensor['signal']} {', '.join(sensor['channels'])}", 48, placeholder=" ...")
        table.add_row(channels, *map(_number, _scores(sensor)))
    if gate := report.get("gate"):
        for key, unit in (("noise", "standard deviations of noise"), ("dropped", "of the channels dropped")):
            for point in gate[key][1:]:
                table.add_row(f"{point['amount']:g} {unit}", "", _number(point["macro_f1"]), "")
    table.add_row("linear probe, no LM", *map(_number, _scores(report["probe"])))
    for rival in report["baselines"]:
        table.add_row(rival["name"], *map(_number, _scores(rival)))
    console = Console()
    console.print(table)
    for note in (*report["notes"], *report.get("gate", {}).get("failed", ())):
        console.print(note, highlight=False)
    if sets := report.get("label_sets"):
        console.print(
            f"sets of labels at a coverage of {sets['coverage']:g} (promised over {sets['promised_over']}): hold the "
            f"right one {sets['observed']:.3f} of the time over subjects, {sets['size']:.2f} labels each",
            highlight=False,
        )
    if "mae" in report:
        console.print(_ordinal(report), highlight=False)
    console.print(
        f"calibration error {report['ece']:.3f}; {report['seconds_per_answer'] * 1000:.1f} ms an answer; "
        f"LM: {report['lm']['name']}",
        highlight=False,
    )


def _scores(found: dict[str, Any]) -> list[Any]:
    return [found.get(name) for name in ("accuracy", "macro_f1", "auroc")]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
