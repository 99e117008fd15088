"""``sig2lm probe``."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sig2lm.cli.options import BatchSize, DataOption, EncoderDevice, LearningRate
from sig2lm.cli.output import PANEL, JsonOption, write_output


def probe(
    encoder: Annotated[
        str,
        typer.Argument(metavar="ENCODER", help="What `sig2lm pretrain-encoder` wrote, or LIBRARY:NAME of another's."),
    ],
    data: DataOption,
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
    device: EncoderDevice = "auto",
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
    """
    import torch

    from sig2lm.datasets import load_table
    from sig2lm.encoder import load_any_encoder
    from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
    from sig2lm.files import check_outputs
    from sig2lm.pretraining.fine_tuning import FineTuneSettings
    from sig2lm.pretraining.optimisation import find_device

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
    tables = [load_table(folder) for folder in (data, test_data) if folder is not None]
    contracts = tables[0].info.signals
    loaded = load_any_encoder(encoder, contracts.get(signal or "", next(iter(contracts.values()))))
    if isinstance(loaded, torch.nn.Module):
        loaded.to(find_device(device))
    report = probe_encoder(tables[0], loaded, settings, signal, tables[1] if test_data else None, _progress)
    report["encoder"]["name"] = Path(encoder).name
    if not write_output(json_file, report):
        show_probe(report)
    if html is not None:
        from sig2lm.pages.probing import write_html

        write_html(report, html)


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


def _grids(report: dict[str, Any]) -> list[Any]:
    from rich.table import Table

    data = report["data"] if report["data"] == report["test_data"] else f"{report['data']} -> {report['test_data']}"
    size = report["sizes"][report["split"]]
    grids = []
    if report["fractions"]:
        title = f"{data}, {report['split']}: macro-F1, {size['windows']} windows, {size['people']} people"
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
