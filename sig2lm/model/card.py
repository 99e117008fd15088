"""A run described for those who might use it, as a model card of the hub: what it answers, from what, how well.

Everything in it stands in the run's folder; subjects are counted and never named.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from sig2lm.encoder.external import LICENCES
from sig2lm.errors import CheckpointError
from sig2lm.files import read_json, real_path
from sig2lm.formatting import CONTROL_NAMES
from sig2lm.lm.loading import lm_licence
from sig2lm.model.checkpoint import CALIBRATION, REPORT, read_record
from sig2lm.signals import Contract
from sig2lm.tensors import fingerprint, read_tensors

_METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "auroc": "roc_auc"}  # ours, and the hub's


def run_card(folder: Path, name: str | None = None) -> ModelCard:
    """Return the model card of a run on disk.

    Parameters
    ----------
    folder
        With ``config.json``, ``train.json`` and, where it was evaluated, ``report.json`` (what ``sig2lm evaluate
        --json`` writes).
    name
        What users load it by; the folder's name by default.

    Raises
    ------
    CheckpointError
        If there is no run, or its files do not say what a card states.

    Examples
    --------
    >>> from sig2lm.pocket import pocket_run
    >>> card = run_card(pocket_run("pocket-har"), "pocket-har")
    >>> card.data.library_name, "signals of other rows" in card.text
    ('sig2lm', True)
    """
    read_record(folder)
    try:
        return _card(folder, name or real_path(folder).name)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"expected a run of sig2lm in '{folder}', but its config.json, train.json or {REPORT} does not say what a "
            f"card states ({type(error).__name__}: {error}); copy it again"
        ) from error


def _card(folder: Path, name: str) -> ModelCard:
    config = read_json(folder / "config.json", f"a run of sig2lm in '{folder}'")
    training = read_json(folder / "train.json", f"a run in '{folder}'") if (folder / "train.json").is_file() else {}
    trained = read_tensors(folder / "adapter.safetensors", f"a run of sig2lm in '{folder}'")
    report, no_scores = _report(folder, config, fingerprint({}, trained))
    branches: Mapping[str, Any] = config["branches"]
    text = _template().render(
        name=name,
        signals=[_signal(signal, branch["encoder"]["config"]) for signal, branch in branches.items()],
        tasks=[_task(task) for task in config["tasks"]],
        labels=any(task["labels"] for task in config["tasks"]),
        tables=[_table(table) for table in training.get("tables") or training.get("data", [])],
        scores=None if report is None else _scores(report),
        no_scores=no_scores,
        lm=_lm(config["lm"]),
        encoders=[_encoder(signal, branch["encoder"]) for signal, branch in branches.items()],
        adapter="; ".join(f"{signal}: {_adapter(branch['adapter'])}" for signal, branch in branches.items()),
        adapter_parameters=sum(tensor.numel() for key, tensor in trained.items() if ".adapter." in key),
        examples_kept=(folder / CALIBRATION).is_file(),
    )
    return ModelCard(f"---\n{_metadata(name, config, report).to_yaml()}\n---\n\n{text}")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, finalize=_plain, autoescape=False)
    return environment.from_string(files("sig2lm.model").joinpath("card.md.j2").read_text(encoding="utf-8"))


def _plain(value: Any) -> Any:
    """Names of others as they are, not as Markdown or HTML."""
    return " ".join(value.split()).replace("<", "&lt;") if isinstance(value, str) else value


def _metadata(name: str, config: Mapping[str, Any], report: Mapping[str, Any] | None) -> ModelCardData:
    lm = config["lm"]["name"]
    results = (
        [
            EvalResult(
                task_type="time-series-classification",
                dataset_type=report["task"],
                dataset_name=report.get("data", report["task"]),
                dataset_split=report["split"],
                metric_type=hub,
                metric_value=report[ours],
            )
            for ours, hub in _METRICS.items()
            if report.get(ours) is not None
        ]
        if report
        else []
    )
    return ModelCardData(
        library_name="sig2lm",
        tags=["biosignals", "time-series", "soft-prompt"],
        base_model=lm if "/" in lm and not Path(lm).is_absolute() else None,
        model_name=name if results else None,
        eval_results=results or None,
    )


def _report(folder: Path, config: Mapping[str, Any], adapter: str) -> tuple[dict[str, Any] | None, str]:
    """The evaluation beside a run, if it is this run's, else why there are no scores."""
    if not (folder / REPORT).is_file():
        advice = f"`sig2lm evaluate RUN --data TABLE --json RUN/{REPORT}` writes one that this card shows"
        return None, f"No evaluation stands beside this run; {advice}."
    report = read_json(folder / REPORT, f"the evaluation of the run in '{folder}'")
    encoders = {name: branch["encoder"]["fingerprint"] for name, branch in config["branches"].items()}
    ours = (
        report.get("lm", {}).get("fingerprint") == config["lm"]["fingerprint"]
        and report.get("adapter", adapter) == adapter
        and dict(report.get("encoder", {})).items() <= encoders.items()
        and all(report.get(part) is not None for part in ("controls", "accuracy", "ci"))
    )
    return (report, "") if ours else (None, f"The {REPORT} beside this run is not an evaluation of it and is left out.")


def _scores(report: Mapping[str, Any]) -> dict[str, Any]:
    rows = [["**the run**", *(_score(report, metric, report["ci"]) for metric in _METRICS)]]
    for control, words in CONTROL_NAMES.items():
        if control in report["controls"]:
            rows.append([words, *(_score(report["controls"][control], metric) for metric in _METRICS)])
    if "probe" in report:
        rows.append(["linear probe of the encoder, no LM", *(_score(report["probe"], metric) for metric in _METRICS)])
    what = (
        f"{report['examples']:,} questions about {report['subjects']:,} subjects of the {report['split']} split, "
        f"task {report['task']}."
    )
    return {"what": what, "rows": rows, "notes": report.get("notes", [])}


def _score(found: Mapping[str, Any], metric: str, intervals: Mapping[str, Any] | None = None) -> str:
    if found.get(metric) is None:
        return "–"
    low, high = (intervals or {}).get(metric) or (None, None)
    return f"{found[metric]:.3f}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def _signal(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    contract = Contract.from_dict(dict(config["contract"]))
    channels = ", ".join(f"{one} ({unit})" for one, unit in zip(contract.channels, contract.units, strict=True))
    if contract.sampling_rate is not None:
        clock, unit = f"{contract.sampling_rate:g} Hz", "s"
    else:
        clock = "events" if contract.period is None else f"a row every {contract.period:g} s"
        unit = "rows"
    window = None if contract.window is None else f"{contract.window:g} {unit}"
    return {"name": name, "channels": channels, "clock": clock, "window": window}


def _task(task: Mapping[str, Any]) -> dict[str, Any]:
    questions = task["template"]["question"]
    question = questions if isinstance(questions, str) else questions[0]
    return {"name": task["template"]["task"], "question": question, "labels": task["labels"]}


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    counts = table["splits"]
    if all(isinstance(split, Mapping) for split in counts.values()):
        said = [
            f"{split['examples']:,} examples of {split['subjects']:,} subjects ({name})"
            for name, split in counts.items()
        ]
        return {**table, "splits": ", ".join(said)}
    return {"name": table["name"], "splits": "subjects were not counted when this run was made"}


def _lm(lm: Mapping[str, Any]) -> dict[str, Any]:
    name = Path(lm["name"]).name if Path(lm["name"]).is_absolute() else lm["name"]
    return {**lm, "name": name, "licence": lm_licence(lm["name"]) or "not known here, see its own card"}


def _encoder(signal: str, described: Mapping[str, Any]) -> dict[str, Any]:
    config = described["config"]
    library = config.get("library")
    if library is None:
        what = f"{config.get('architecture', 'patch_transformer')}, width {config['width']}"
        return {"signal": signal, "what": what, "licence": "that of this run", "fingerprint": described["fingerprint"]}
    source, mark = str(described["source"]), described["fingerprint"]
    name = source if source.startswith(f"{library}:") and not Path(source.partition(":")[2]).is_absolute() else library
    licence = LICENCES.get(library, "not known here, see where it comes from")
    return {"signal": signal, "what": f"{name}, not part of this run", "licence": licence, "fingerprint": mark}


def _adapter(config: Mapping[str, Any]) -> str:
    if config["kind"] == "resampler":
        return f"resampler, {config['num_virtual_tokens']} virtual tokens"
    return f"{config['kind']}, a virtual token for each patch"
