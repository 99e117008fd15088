"""Training adapters in front of a frozen LM: the run that ``sig2lm train-adapter`` writes.

One table is one task; several are learned together, into one run. The optimisation is in
:mod:`sig2lm.training.trainer`.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch.utils.data import ConcatDataset, Subset
from transformers import set_seed
from transformers.integrations import get_available_reporting_integrations

from sig2lm._version import __version__
from sig2lm.datasets import Table
from sig2lm.datasets.subset import spread_rows, take_rows
from sig2lm.encoder import PatchEncoder, encoder_fingerprint, load_any_encoder
from sig2lm.encoder.compatibility import check_every_signal, check_values
from sig2lm.encoder.loading import source_of
from sig2lm.encoder.tables import check_readable
from sig2lm.errors import CheckpointError, DatasetError, PromptError, Sig2LMError
from sig2lm.files import alone, check_new, expanded, read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import build_adapter
from sig2lm.model.calibration import Calibration, calibrate
from sig2lm.model.checkpoint import run_fingerprint, write_run
from sig2lm.model.examples import Example
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import TableExamples, check_known_labels
from sig2lm.pretraining.optimisation import run
from sig2lm.templates.task import Task, check_tasks
from sig2lm.templates.template import Template
from sig2lm.training.alignment import AlignmentSettings, align
from sig2lm.training.callbacks import StopWithCheckpoint
from sig2lm.training.checkpoints import newest
from sig2lm.training.reliance import Losses, measure_loss
from sig2lm.training.start import start_from
from sig2lm.training.trainer import TrainSettings, adapted, augmentations, build_trainer

_MEASURED = 512  # rows of each validation split


@dataclass(frozen=True)
class TrainOutcome:
    """A trained model, and how its training ended; ``seconds`` are those of this sitting.

    ``losses`` stand beside each other what training reached and what needs no signal; None after an interruption.
    """

    model: SignalLM
    interrupted: bool
    steps: int
    seconds: float
    trained_parameters: int
    losses: Losses | None = None


def build_model(
    tables: Sequence[Table],
    encoders: Mapping[str, str | Path | PatchEncoder],
    lm: FrozenLM,
    templates: Sequence[Template],
    settings: TrainSettings,
) -> SignalLM:
    """Put an untrained adapter between each encoder and the LM.

    Raises
    ------
    DatasetError
        When a signal of a table has no encoder, or breaks the contract of its encoder, or a label is never trained on.
    PromptError
        When neither a template nor its table names labels, and rows have no answers of their own.
    """
    names = list(dict.fromkeys(name for table in tables for name in table.info.signals))
    check_every_signal(names, encoders, " and ".join(repr(str(table.path)) for table in tables))
    config = adapted(settings, lm).adapter
    assert config is not None
    set_seed(settings.seed)
    if settings.lora_rank and not settings.start_from:
        lm.add_lora(settings.lora_rank)
    branches = {}
    for name, source in encoders.items():
        reading = [table for table in tables if name in table.info.signals]
        encoder = load_any_encoder(source, reading[0].info.signals[name])
        for table in reading:
            check_readable(table, name, {name: encoder.contract})
            check_values(table, "train", {name: encoder})
        adapter = build_adapter(config, encoder.width, lm.width, lm.embedding_norm)
        branches[name] = SignalBranch(encoder, adapter, settings.train_encoder, source_of(source))
    tasks = [Task.from_template(template, table.info.labels) for table, template in zip(tables, templates, strict=True)]
    for table, task in zip(tables, tasks, strict=True):
        check_tasks([task], list(table.info.signals))
        check_labels(table, task)
    model = SignalLM(lm, branches, tasks)
    if settings.start_from:
        start_from(model, settings.start_from, settings.lora_rank)
    return model


def check_labels(table: Table, task: Task) -> None:
    """Refuse a table whose training rows show other labels than the task's, or not all of them.

    Raises
    ------
    PromptError
        When there are no labels at all, and rows have no answers of their own.
    DatasetError
        When a row has another label, or a label has no row; the row or the counts are named.
    """
    if "train" not in table.data:
        raise DatasetError(f"expected a train split in '{table.path}', found {', '.join(table.data)}; prepare it again")
    rows = table.data["train"]
    if all(answer is not None for answer in rows["answer"]):
        return
    if not task.labels:
        raise PromptError(
            f"expected labels in the template '{task.template.task}' or in '{table.path}', found none; "
            "add labels to the template, or an answer to every row"
        )
    check_known_labels(table, "train", task)
    counts = Counter(rows["label"])
    if absent := [label for label in task.labels if not counts[label]]:
        told = ", ".join(f"{count} {label}" for label, count in counts.most_common())
        raise DatasetError(
            f"the train split of '{table.path}' has no row with the label '{absent[0]}', found {told}; "
            "divide the subjects in another way (--seed), or use a template without this label"
        )


def rows_of(tables: Sequence[Table], most: int | None = None) -> int:
    """Rows that a training learns from, of which each table gives ``most`` at most."""
    counts = [len(table.data["train"]) if "train" in table.data else 0 for table in tables]
    return sum(counts if most is None else (min(count, most) for count in counts))


def train_adapter(
    table: Table | Sequence[Table],
    encoders: Mapping[str, str | Path | PatchEncoder],
    out: str | Path,
    *,
    lm: FrozenLM | str | Path,
    template: Template | Sequence[Template],
    settings: TrainSettings | None = None,
    resume: bool = False,
) -> TrainOutcome:
    """Train an adapter and write the run into ``out``.

    Parameters
    ----------
    table
        Its train split is learned from; its validation split, if any, is measured, and calibrates the probabilities of
        labels (:mod:`sig2lm.model.calibration`). Several tables are several tasks, learned together.
    encoders
        For each named signal its encoder, as :func:`sig2lm.encoder.load_any_encoder` takes it: a folder,
        ``LIBRARY:NAME`` for one of another library, or a module of your own. One of another library takes the table's
        contract.
    out
        A new folder; with ``resume``, that of an interrupted run, which ends with the weights that it would have had.
    lm, template
        Who answers (an LM, or the name of one), and how it is asked: a template for each table.

    Returns
    -------
    TrainOutcome
        The trained model and how it ended.

    Raises
    ------
    Sig2LMError
        When ``out`` exists, the data does not fit the encoders or the template, or there is nothing to resume.
    """
    lm = lm if isinstance(lm, FrozenLM) else FrozenLM.from_pretrained(lm)
    settings = settings or TrainSettings()
    out = expanded(out)
    check_logger(settings.report_to)
    processes = PartialState(cpu=not torch.accelerator.is_available())  # one, or those of `accelerate launch`
    first = processes.is_main_process
    if not resume and first:
        check_new(out)
    processes.wait_for_everyone()
    tables = [take_rows(one, "train", settings.rows) for one in ([table] if isinstance(table, Table) else table)]
    settings = adapted(settings, lm, rows_of(tables))
    if settings.patience is not None and not any("validation" in one.data for one in tables):
        raise Sig2LMError(f"--patience needs a validation split, found none in '{tables[0].path}'; leave it out")
    templates = [template] if isinstance(template, Template) else list(template)
    model = build_model(tables, encoders, lm, templates, settings)
    identity = _identity(model, tables, settings)
    last = _last_checkpoint(out, identity) if resume else None
    checkpoints = out / "checkpoints"
    processes.wait_for_everyone()
    with alone(out) if first else nullcontext(), _nothing_left_of_a_failure(checkpoints):
        if first and last is None:
            if not resume:
                check_new(out)  # another may have ended since
            write_json(checkpoints / "identity.json", identity)
        with processes.main_process_first():  # the others find the patches in the cache
            train_sets, eval_sets = (_examples(model, tables, split, settings) for split in ("train", "validation"))
        started = time.perf_counter()
        judged = eval_sets or train_sets
        if last is not None:
            start = read_json(checkpoints / "start.json", f"the record of the run in '{out}'")
        else:
            start = {
                "alignment": align_adapters(model, train_sets, eval_sets, settings),
                "loss_without_signal": measure_loss(model, judged, "none"),
            }
        stop = StopWithCheckpoint()
        trainer = build_trainer(
            model,
            ConcatDataset(train_sets),
            ConcatDataset([_measured(examples) for examples in eval_sets]) if eval_sets else None,
            checkpoints,
            settings,
            (stop,),
        )
        if first and last is None:
            write_json(checkpoints / "start.json", start)
        nothing = start["loss_without_signal"]
        run(
            trainer,
            "training",
            {} if nothing is None else {"without a signal": nothing},
            None if last is None else str(last),
        )
        processes.wait_for_everyone()  # each writes its random state into the checkpoints, which go below
        state = trainer.state
        outcome = TrainOutcome(
            model.eval(),
            interrupted=stop.asked and state.global_step < state.max_steps,
            steps=state.global_step,
            seconds=round(time.perf_counter() - started, 1),
            trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        )
        if first:
            if not outcome.interrupted:  # who stops a training does not want to wait
                shuffled, own = (measure_loss(model, judged, source) for source in ("shuffled", "own"))
                outcome = replace(outcome, losses=Losses(start["loss_without_signal"], shuffled, own))
                model.calibrations = calibrate_all(model, train_sets, eval_sets, settings.calibration_examples)
            losses = asdict(outcome.losses) if outcome.losses else None
            ending = {**{key: value for key, value in vars(outcome).items() if key != "model"}, "losses": losses}
            learned = {"tables": [_described(one) for one in tables], "history": state.log_history}
            write_run(model, out, {**identity, **start, **ending, **learned})
            if not outcome.interrupted:
                shutil.rmtree(checkpoints)
        return outcome


@contextmanager
def _nothing_left_of_a_failure(checkpoints: Path) -> Iterator[None]:
    """Remove the records of a training that failed before it had a checkpoint to resume from."""
    try:
        yield
    except Exception:
        if not any(checkpoints.glob("checkpoint-*")):
            shutil.rmtree(checkpoints, ignore_errors=True)
            with suppress(OSError):  # it holds something else
                checkpoints.parent.rmdir()
        raise


def align_adapters(
    model: SignalLM, train_sets: Sequence[TableExamples], eval_sets: Sequence[TableExamples], settings: TrainSettings
) -> dict[str, Any] | None:
    """Align the adapters with the LM's words, as the settings of a training have it."""
    alignment = AlignmentSettings(steps=0 if settings.start_from else settings.align_steps)
    return align(model, train_sets, eval_sets, alignment, augmentations(model, settings), settings.seed)


def calibrate_all(
    model: SignalLM, train_sets: Sequence[TableExamples], eval_sets: Sequence[TableExamples], calibration_examples: int
) -> dict[int, Calibration]:
    """Calibrate each task that has labels, by its number (:mod:`sig2lm.model.calibration`)."""
    of_table = {examples.table.path: examples for examples in eval_sets}
    found = {
        number: calibrate(model, examples, of_table.get(examples.table.path), calibration_examples)
        for number, examples in enumerate(train_sets)
    }
    return {number: calibration for number, calibration in found.items() if calibration is not None}


def check_logger(name: str) -> None:
    """Refuse a logger that transformers does not know or that is not installed.

    Raises
    ------
    Sig2LMError
        Naming those that can be used.
    """
    usable = ["none", *sorted(get_available_reporting_integrations())]
    if name not in usable:
        raise Sig2LMError(
            f"report_to is '{name}', but here there are {', '.join(usable)}; install it or choose another"
        )


def _examples(model: SignalLM, tables: Sequence[Table], split: str, settings: TrainSettings) -> list[TableExamples]:
    encoders = {name: model.branch(name).encoder for name in model.branches}
    changing = settings.train_encoder or (settings.augment and split == "train")  # then patches are no lasting ones
    raw = frozenset(encoders) if changing else frozenset()
    return [
        TableExamples(table, split, model.prompter(task), encoders, raw, seed=settings.seed)
        for table, task in zip(tables, model.tasks, strict=True)
        if split in table.data
    ]


def _measured(examples: TableExamples) -> Subset[Example]:
    """The rows that are measured while training: all of a small split, some of a large one."""
    return Subset(examples, spread_rows(examples.row_labels, examples.subjects, _MEASURED))


def _described(table: Table) -> dict[str, Any]:
    """What a run says of its data; subjects are counted, and never named."""
    counts = {name: {"examples": len(rows), "subjects": len(set(rows["subject"]))} for name, rows in table.data.items()}
    return {
        "name": table.info.name,
        "licence": table.info.licence,
        "citation": table.info.citation,
        "splits": counts,
    }


def _identity(model: SignalLM, tables: Sequence[Table], settings: TrainSettings) -> dict[str, Any]:
    """What a run is, as far as it decides its weights: a resumed run must be the same."""
    return {
        "sig2lm": __version__,
        "torch": torch.__version__,
        "data": [
            {"name": table.info.name, "splits": {name: rows._fingerprint for name, rows in table.data.items()}}
            for table in tables
        ],
        "encoders": {name: encoder_fingerprint(model.branch(name).encoder) for name in model.branches},
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "templates": [task.template.model_dump(mode="json") for task in model.tasks],
        "settings": asdict(replace(settings, report_to="none", start_from=None)),
        "start_from": run_fingerprint(settings.start_from) if settings.start_from else None,
    }


def _last_checkpoint(out: Path, identity: dict[str, Any]) -> Path | None:
    """The newest checkpoint that is whole; None where the run was stopped before its first: it begins again."""
    checkpoints = out / "checkpoints"
    if (out / "config.json").exists() and not read_json(out / "train.json", f"a run in '{out}'").get("interrupted"):
        shutil.rmtree(checkpoints, ignore_errors=True)  # it was stopped while these went
        raise CheckpointError(f"expected an interrupted run in '{out}', found a finished one; leave out --resume")
    if out.is_dir() and not any(out.iterdir()):
        return None
    if not checkpoints.is_dir():
        remove = f"remove '{out}' and " if out.exists() else ""
        raise CheckpointError(
            f"expected an interrupted run in '{out}', found no checkpoint there; {remove}begin without --resume"
        )
    if not (checkpoints / "identity.json").exists():
        return None
    recorded = read_json(checkpoints / "identity.json", f"the record of the run in '{out}'")
    for key, value in identity.items():
        if recorded.get(key) != value:
            raise CheckpointError(
                f"the run in '{out}' began with {key} {recorded.get(key)}, found {value}; "
                "resume with the same, or begin again elsewhere"
            )
    return newest(checkpoints)
