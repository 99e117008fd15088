"""``sig2lm cross-validate``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sig2lm.cli.groups import Placement, takes_groups
from sig2lm.cli.options import BelieveOption, SeedOption, named
from sig2lm.cli.pretrain_encoder import Architecture, Objective, Size

_LEARNING = "What learns"
_ASKING = "What is asked"


@takes_groups
def cross_validate(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A data set that `sig2lm prepare` wrote.")],
    out: Annotated[Path, typer.Option(help="A new folder for the folds, the report and the page.")],
    folds: Annotated[int, typer.Option(min=2, help="Number of folds, by subject.")] = 5,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is not finished in --out.")] = False,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FOLDER",
            help="An encoder pretrained on other data; by default each fold pretrains its own.",
            rich_help_panel=_LEARNING,
        ),
    ] = None,
    objective: Annotated[Objective, typer.Option(help="Of pretraining.", rich_help_panel=_LEARNING)] = "masked",
    architecture: Annotated[
        Architecture | None,
        typer.Option(help="Of the encoders; by default what suits the signal.", rich_help_panel=_LEARNING),
    ] = None,
    size: Annotated[Size, typer.Option(help="Of the encoders.", rich_help_panel=_LEARNING)] = "small",
    pretrain_epochs: Annotated[
        int | None, typer.Option(min=1, help="Of pretraining.", rich_help_panel=_LEARNING)
    ] = None,
    fine_tune: Annotated[
        bool,
        typer.Option(
            "--fine-tune/--no-fine-tune",
            help="Whether encoders learn the labels before the adapter does.",
            rich_help_panel=_LEARNING,
        ),
    ] = True,
    fine_tune_epochs: Annotated[
        float | None, typer.Option(min=0.0, help="Of fine-tuning.", rich_help_panel=_LEARNING)
    ] = None,
    train_encoder: Annotated[
        bool,
        typer.Option("--train-encoder", help="Train encoders with the adapter, too.", rich_help_panel=_LEARNING),
    ] = False,
    epochs: Annotated[float | None, typer.Option(min=0.0, help="Of the adapter.", rich_help_panel=_LEARNING)] = None,
    augment: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Probability of each augmentation for the adapter.", rich_help_panel=_LEARNING
        ),
    ] = 0.0,
    every: Annotated[
        int, typer.Option(min=1, help="Learn from every n-th training window.", rich_help_panel=_LEARNING)
    ] = 1,
    lm: Annotated[
        str,
        typer.Option("--lm", help="Folder, GGUF file, hub id, 'smollm2', or 'pocket'.", rich_help_panel=_ASKING),
    ] = "pocket",
    template: Annotated[
        str | None,
        typer.Option(
            help="Template name or YAML file; by default the task's own, else 'generic'.", rich_help_panel=_ASKING
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(metavar="1,2,...", help="Ways to ask, as in evaluate --compare.", rich_help_panel=_ASKING),
    ] = "4",
    questions: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of each fold that are asked; all by default.", rich_help_panel=_ASKING),
    ] = None,
    believe: BelieveOption = False,
    seed: SeedOption = 0,
    *,
    placement: Placement,
) -> None:
    """Pretrain, fine-tune, train and evaluate in folds by subject, so that everybody is tested once.

    Writes OUT/report.json, OUT/report.html and, for each fold, its encoders, its run, its report and every answer.
    Ctrl-C loses nothing that is finished: the same command with --resume goes on.

    Example: sig2lm cross-validate data/har --folds 5 --out runs/har
    """
    from sig2lm.cli.evaluate import parse_methods
    from sig2lm.cli.loading import template_for
    from sig2lm.datasets import load_table
    from sig2lm.evaluation.comparison import ComparisonSettings
    from sig2lm.evaluation.cross_validation import CrossValidationSettings
    from sig2lm.evaluation.cross_validation import cross_validate as validate
    from sig2lm.pages.base import write_page
    from sig2lm.pages.cross_validation import to_html
    from sig2lm.pretraining import PretrainSettings
    from sig2lm.pretraining.fine_tuning import FineTuneSettings
    from sig2lm.training.trainer import TrainSettings

    table = load_table(data, believe=believe)
    settings = CrossValidationSettings(
        folds=folds,
        seed=seed,
        every=every,
        pretraining=PretrainSettings(
            objective=objective, architecture=architecture, size=size, epochs=pretrain_epochs, seed=seed
        ),
        fine_tuning=FineTuneSettings(epochs=fine_tune_epochs, seed=seed) if fine_tune else None,
        training=TrainSettings(epochs=epochs, train_encoder=train_encoder, augment=augment, seed=seed),
        comparison=ComparisonSettings(parse_methods(methods), questions, seed=seed),
    )
    try:
        report = validate(
            table,
            out,
            lm=placement.load(lm),
            template=template_for(table, template),
            encoders=named(encoder or [], list(table.info.signals), "--encoder"),
            settings=settings,
            resume=resume,
            progress=lambda line: typer.echo(f"{line} ...", err=True),
        )
    except KeyboardInterrupt:
        typer.echo("interrupted; continue with the same command and --resume", err=True)
        raise typer.Exit(130) from None
    write_page(to_html(report), out / "report.html")
    show(report)
    typer.echo(f"-> {out / 'report.json'}, {out / 'report.html'}")


def show(report: dict[str, Any]) -> None:
    """Print mean and spread over the folds as a table."""
    from rich.console import Console
    from rich.table import Table as Grid

    from sig2lm.pages.cross_validation import mean_and_spread, measures

    title = (
        f"{report['data']}: {len(report['folds'])} folds, {report['examples']} questions, {report['subjects']} subjects"
    )
    grid = Grid(title=title, title_justify="left")
    shown = measures(report)
    for column in ("", *shown.values()):
        grid.add_column(column, justify="right" if column else "left")
    for line in (*report["methods"], *report["baselines"]):
        grid.add_row(line["name"], *(mean_and_spread(line["scores"].get(key)) for key in shown))
    for name, control in report["controls"].items():
        grid.add_row(f"  {name.replace('_', ' ')}", *(mean_and_spread(control.get(key)) for key in shown))
    console = Console()
    console.print(grid)
    for line in report["methods"]:
        for note in line.get("notes", ()):
            console.print(f"{line['name']}: {note}", highlight=False)
