"""``sig2lm probe``."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sig2lm.cli.options import BatchSize, BelieveOption, DataOption, EncoderDevice, LearningRate
from sig2lm.cli.output import PANEL, JsonOption, write_output


def probe(
    encoder: Annotated[
        list[str],
        typer.Argument(
            metavar="ENCODER...",
            help="What `sig2lm pretrain-encoder` wrote, sig2lm:NAME, or LIBRARY:NAME of another's; with --compare "
            "several, and an architecture, an objective or ARCHITECTURE:OBJECTIVE is pretrained first.",
        ),
    ],
    data: DataOption,
    compare: Annotated[bool, typer.Option("--compare", help="Judge several encoders alike, side by side.")] = False,
    signal: Annotated[str | None, typer.Option(help="Which named signal, where several suit the encoder.")] = None,
    fractions: Annotated[
        str, typer.Option(metavar="0.01,0.1,...", help="Of the training people whose labels are used.")
    ] = "0.01,0.1,1",
    seeds: Annotated[int, typer.Option(min=1, help="How often people are drawn and weights begin again.")] = 3,
    split: Annotated[Literal["validation", "test"], typer.Option(help="Where is judged.")] = "test",
    test_data: Annotated[
        Path | None, typer.Option(help="Judge on this data set instead, by the labels that both have.")
    ] = None,
    test_signal: Annotated[
        str | None, typer.Option(help="Its signal, where that has another name there than in --data.")
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Leave out each sensor, too.")] = False,
    self_training: Annotated[
        bool, typer.Option("--self-training", help="Learn from the other people's windows, without their labels, too.")
    ] = False,
    label_free: Annotated[bool, typer.Option("--label-free", help="Only what needs no label.")] = False,
    neighbours: Annotated[int, typer.Option(min=1, help="Of the kNN.")] = 20,
    epochs: Annotated[float, typer.Option(min=0.1, help="Of fine-tuning and of training from scratch.")] = 5.0,
    least_steps: Annotated[int, typer.Option(min=0, help="Of these two, however few labels there are.")] = 300,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 5e-4,
    pretrain_epochs: Annotated[
        int | None, typer.Option(min=1, help="With --compare: of what is pretrained here; 10 or more by default.")
    ] = None,
    device: EncoderDevice = "auto",
    believe: BelieveOption = False,
    json_file: JsonOption = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a page with the curve of F1 over labels there.", rich_help_panel=PANEL
        ),
    ] = None,
) -> None:
    """Judge an encoder: linear probe, kNN, fine-tuned and from scratch with few labels and many, and without any.

    Example: sig2lm probe encoders/har --data data/har --html probe.html

    Example: sig2lm probe --compare resnet1d conv_transformer:masked encoders/har --data data/har --html encoders.html
    """
    import torch

    from sig2lm.datasets import load_table
    from sig2lm.encoder import load_any_encoder
    from sig2lm.errors import Sig2LMError
    from sig2lm.evaluation.probing import ProbeSettings, compare_encoders, find_candidate, probe_encoder
    from sig2lm.files import check_outputs
    from sig2lm.pretraining import PretrainSettings
    from sig2lm.pretraining.fine_tuning import FineTuneSettings
    from sig2lm.pretraining.optimisation import find_device

    if not compare and (len(encoder) > 1 or pretrain_epochs is not None):
        raise Sig2LMError("several encoders, and pretraining here, are for --compare; pass it, or one encoder alone")
    check_outputs({"--json": json_file, "--html": html}, [data])
    settings = ProbeSettings(
        fractions=_fractions(fractions),
        seeds=seeds,
        split=split,
        neighbours=neighbours,
        tuning=FineTuneSettings(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, device=device),
        least_steps=least_steps,
        test_signal=test_signal,
        missing=missing,
        self_training=self_training,
        labels=not label_free,
    )
    tables = [load_table(folder, believe=believe) for folder in (data, test_data) if folder is not None]
    test, place = tables[1] if test_data else None, find_device(device)

    def placed(found: Any) -> Any:
        return found.to(place) if isinstance(found, torch.nn.Module) else found

    if compare:
        pretraining = PretrainSettings(epochs=pretrain_epochs, device=device)
        candidates = [find_candidate(text, tables[0], signal, pretraining, _progress) for text in encoder]
        for candidate in candidates:
            placed(candidate.encoder)
        report = compare_encoders(tables[0], candidates, settings, signal, test, _progress)
    else:
        contracts = tables[0].info.signals
        loaded = placed(load_any_encoder(encoder[0], contracts.get(signal or "", next(iter(contracts.values())))))
        report = probe_encoder(tables[0], loaded, settings, signal, test, _progress)
        report["encoder"]["name"] = Path(encoder[0]).name
    if not write_output(json_file, report):
        (show_comparison if compare else show_probe)(report)
    if html is not None:
        from sig2lm.pages import encoders, probing
        from sig2lm.pages.base import write_page

        write_page((encoders if compare else probing).to_html(report), html)


def _progress(line: str) -> None:
    typer.echo(f"{line} ...", err=True)


def _fractions(text: str) -> tuple[float, ...]:
    from sig2lm.errors import Sig2LMError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise Sig2LMError(f"expected --fractions as numbers, found '{text}'; write them as 0.01,0.1,1") from error


def show_probe(report: dict[str, Any]) -> None:
    """Print a report as tables."""
    from rich.console import Console

    console = Console()
    for grid in _grids(report):
        console.print(grid)
    free = report["label_free"]
    leakage = free["subject_leakage"]
    console.print(
        f"without labels ({free['windows']} windows): RankMe {free['rankme']:.1f}, effective rank "
        f"{free['effective_rank']:.1f}, uniformity {free['uniformity']:.2f}, alignment "
        + ", ".join(f"{name} {value:.3f}" for name, value in free["alignment"].items() if value is not None)
        + (f", predicts who it is {leakage['accuracy']:.2f} (chance {leakage['chance']:.2f})" if leakage else ""),
        highlight=False,
    )
    if not report["labels"]:
        console.print("no labels were used: there are none, or they were not asked for", highlight=False)


def show_comparison(report: dict[str, Any]) -> None:
    """Print a table for each way to learn from labels, and one of what needs none."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for method, told in report["methods"].items():
        grid = Table(title=f"{_where(report)}: macro-F1, {told}", title_justify="left")
        grid.add_column("with the labels of")
        for part in report["fractions"]:
            grid.add_column(f"{100 * part['fraction']:.3g} %\n{_counts(part)}", justify="right")
        for encoder in report["encoders"]:
            grid.add_row(encoder["name"], *(_score(part.get(method)) for part in encoder["scores"]))
        grid.add_row("extra trees on hand features", *map(_score, report["rival"]), style="dim")
        console.print(grid)
    grid = Table(title="without labels", title_justify="left")
    for column in ("encoder", "architecture", "weights", "RankMe", "uniformity", "predicts who it is"):
        grid.add_column(column)
    for encoder in report["encoders"]:
        free = encoder["label_free"]
        leakage = free["subject_leakage"]
        grid.add_row(
            encoder["name"],
            encoder["architecture"] or "-",
            f"{encoder['parameters']:,}",
            f"{free['rankme']:.1f}",
            f"{free['uniformity']:.2f}",
            f"{leakage['accuracy']:.2f} (chance {leakage['chance']:.2f})" if leakage else "-",
        )
    console.print(grid)


def _where(report: dict[str, Any]) -> str:
    data = report["data"] if report["data"] == report["test_data"] else f"{report['data']} -> {report['test_data']}"
    size = report["sizes"][report["split"]]
    return f"{data}, {report['split']}, {size['windows']} windows, {size['people']} people"


def _grids(report: dict[str, Any]) -> list[Any]:
    from rich.table import Table

    grids = []
    if report["fractions"]:
        title = f"{_where(report)}: macro-F1"
        grid = Table(title=title, title_justify="left")
        grid.add_column("with the labels of")
        for part in report["fractions"]:
            grid.add_column(f"{100 * part['fraction']:.3g} %\n{_counts(part)}", justify="right")
        for method, title in report["methods"].items():
            grid.add_row(title, *(_score(part["methods"].get(method)) for part in report["fractions"]))
        grids.append(grid)
    if report["missing"]:
        grids += [_missing(report, method) for method in ("linear", "fine_tuned")]
    return grids


def _missing(report: dict[str, Any], method: str) -> Any:
    from rich.table import Table

    complete = _score(report["missing"]["complete"][method])
    title = f"a sensor missing, {report['methods'][method]}: macro-F1 (complete: {complete})"
    grid = Table(title=title, title_justify="left")
    for column in ("missing", "at test time", "in training", "in both"):
        grid.add_column(column, justify="right" if column != "missing" else "left")
    for sensor in report["missing"]["sensors"]:
        grid.add_row(", ".join(sensor["channels"]), *(_score(scores) for scores in sensor[method].values()))
    return grid


def _counts(part: dict[str, Any]) -> str:
    people = _span(part["people"])
    return f"{people} {'person' if people == '1' else 'people'}\n{_span(part['windows'])} windows"


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def _score(scores: dict[str, Any] | None) -> str:
    if scores is None:
        return "-"
    mean, std = scores["macro_f1"]["mean"], scores["macro_f1"]["std"]
    return f"{mean:.3f}" if std is None else f"{mean:.3f} ± {std:.3f}"
