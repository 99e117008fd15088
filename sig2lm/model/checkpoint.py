"""A run on disk: what was trained, and the names and fingerprints of what was not.

``config.json`` holds the format, the LM, the branches and the tasks; ``adapter.safetensors`` the trained tensors;
``lora/`` the LoRA layers, if any (peft's format); ``calibration.safetensors`` what makes probabilities of scores, if
anything (:mod:`sig2lm.model.calibration`); ``train.json`` how it came about; ``report.json``, where somebody put it
there, what ``sig2lm evaluate --json`` found. The LM is never in it. A frozen encoder is named by folder, or carried in
``encoders/`` where it ships with the package or the run is to be shared; those of other libraries are only named, since
their licence is not ours to give.
"""

import datetime
import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sig2lm.encoder import PatchEncoder, SignalEncoder, encoder_fingerprint, save_encoder
from sig2lm.encoder.checkpoint import filled_encoder
from sig2lm.encoder.loading import IN_MEMORY, find_encoder, is_ready, relative_source
from sig2lm.encoder.protocol import check_encoder, encoder_config
from sig2lm.errors import CheckpointError
from sig2lm.files import expanded, read_json, write_json
from sig2lm.hub import local_folder
from sig2lm.lm import FrozenLM, PlacementRequest
from sig2lm.model.adapter import build_adapter
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.calibration import Calibration
from sig2lm.model.run_record import FORMAT, BranchRecord, EncoderRecord, LMRecord, RunRecord
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.pocket import pocket_run
from sig2lm.schema import read_as
from sig2lm.templates.task import Task
from sig2lm.templates.template import parse_template
from sig2lm.tensors import check_shapes, part_of, read_tensors, write_tensors

CALIBRATION = "calibration.safetensors"
REPORT = "report.json"
_PLACES = ("source", "relative")  # of an encoder: where it lies, not what it is
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunParts:
    """What a run on disk holds.

    Attributes
    ----------
    lm
        The LM that it was trained on.
    branches
        Encoder and adapter of each named signal; the weights of adapters are still to be filled.
    tasks, calibrations
        What it is asked, and what makes probabilities of scores.
    provenance, report
        ``train.json``, and ``report.json`` where there is one.
    trained
        The tensors that training changed.
    what
        The run in words, for errors.
    """

    lm: FrozenLM
    branches: Mapping[str, SignalBranch]
    tasks: Sequence[Task]
    calibrations: Mapping[int, Calibration]
    provenance: Mapping[str, Any]
    report: Mapping[str, Any] | None
    trained: Mapping[str, Tensor]
    what: str


def write_run(
    model: QuestionAnswerer, folder: Path, provenance: dict[str, Any] | None = None, bundle_encoders: bool = False
) -> None:
    """Write a run into a folder; ``config.json`` comes last, so a run with one is complete.

    Encoders go with it where they are to be bundled, and where they ship with the package: its next version may hold
    another under that name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").unlink(missing_ok=True)  # an older run there, interrupted, is whole no longer
    carried = set()
    for name in model.branches:
        branch = model.branch(name)
        if isinstance(branch.encoder, SignalEncoder) and (bundle_encoders or is_ready(branch.source)):
            _carry(branch.encoder, folder / "encoders" / name)
            carried.add(name)
    write_tensors(folder / "adapter.safetensors", model.trained_tensors())
    if model.lm.has_lora:
        model.lm.save_lora(folder / "lora")
    if model.calibrations:
        write_tensors(folder / CALIBRATION, _numbered(model))
    write_json(folder / "train.json", provenance or {})
    write_json(
        folder / "config.json",
        {
            "kind": "run",
            "format": FORMAT,
            "lm": _describe_lm(model.lm),
            "lora": model.lm.has_lora,
            "tasks": [
                {"template": task.template.model_dump(mode="json"), "labels": list(task.labels)} for task in model.tasks
            ],
            "branches": {
                name: _describe(model.branch(name), folder, f"encoders/{name}" if name in carried else None)
                for name in model.branches
            },
        },
    )


def fetch_run(name: str | Path, revision: str | None = None, **download: Any) -> Path:
    """Return the local folder of a run: a folder here, one that ships with the package, or one that the hub fills.

    Raises
    ------
    CheckpointError
        When it is none of these.
    """
    if not expanded(name).is_dir() and (shipped := pocket_run(str(name))):
        return shipped
    return local_folder(name, "a run", revision=revision, **download)


def run_signals(name: str | Path) -> list[str]:
    """Return the names of the signals that a run reads, without loading it."""
    return list(read_record(fetch_run(name)).branches)


def read_record(folder: Path) -> RunRecord:
    """Read what the config.json of a run says of it.

    Raises
    ------
    CheckpointError
        When the folder holds none, or one that is not finished.
    """
    what = f"a run of sig2lm in '{folder}'"
    if not (folder / "config.json").is_file() and (folder / "checkpoints").is_dir():
        raise CheckpointError(f"expected {what}, found one that is not finished; continue it with --resume")
    config = read_json(folder / "config.json", what)
    if config.get("kind") != "run" or config.get("format") != FORMAT:
        raise CheckpointError(
            f"expected {what} (format {FORMAT}), found a config.json of something else; check the path"
        )
    return read_as(RunRecord, config, what)


def run_fingerprint(name: str | Path) -> str:
    """SHA-256 (16 hex digits) of what a run answers with, wherever it lies: trained tensors, tasks, LM and encoders."""
    folder = fetch_run(name)
    read_record(folder)
    config = read_json(folder / "config.json", f"a run of sig2lm in '{folder}'")
    for branch in config["branches"].values():
        branch["encoder"] = {key: value for key, value in branch["encoder"].items() if key not in _PLACES}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for path in sorted([*folder.glob("*.safetensors"), *(folder / "lora").glob("*.safetensors")]):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def read_run(
    folder: Path,
    lm: FrozenLM | str | Path | None,
    encoders: Mapping[str, str | Path | PatchEncoder],
    placement: PlacementRequest | None = None,
) -> RunParts:
    """Read a run, for :meth:`SignalLM.from_pretrained` to build a model of it."""
    what, record = f"a run of sig2lm in '{folder}'", read_record(folder)
    trained = read_tensors(folder / "adapter.safetensors", what)
    frozen = _load_lm(record.lm, lm, folder, placement or PlacementRequest())
    if record.lora:
        frozen.load_lora(folder / "lora")
    branches = {
        name: _load_branch(name, described, folder, frozen, encoders.get(name), trained)
        for name, described in record.branches.items()
    }
    tasks = [Task(parse_template(task.template, f"{folder}/config.json"), tuple(task.labels)) for task in record.tasks]
    return RunParts(
        frozen,
        branches,
        tasks,
        _read_calibrations(folder, tasks, what),
        _read_beside(folder / "train.json", what) or {},
        _read_beside(folder / REPORT, what),
        trained,
        what,
    )


def _read_beside(path: Path, what: str) -> dict[str, Any] | None:
    return read_json(path, what) if path.is_file() else None


def load_trained(model: QuestionAnswerer, tensors: Mapping[str, Tensor], what: str) -> None:
    """Fill the trained parts of a model.

    Raises
    ------
    CheckpointError
        When a tensor is missing, too many, or of another shape.
    """
    check_shapes(model.trained_tensors(), tensors, what)
    for name in model.branches:
        for part, module in model.branch(name).trained_parts.items():
            module.load_state_dict(part_of(tensors, f"{name}.{part}."))


def _numbered(model: QuestionAnswerer) -> dict[str, Tensor]:
    return {
        f"{number}.{key}": tensor
        for number, calibration in model.calibrations.items()
        for key, tensor in calibration.tensors(model.tasks[number].template.question).items()
    }


def _read_calibrations(folder: Path, tasks: Sequence[Task], what: str) -> dict[int, Calibration]:
    """Read what :func:`_numbered` wrote; nothing where a run has none."""
    if not (folder / CALIBRATION).is_file():
        return {}
    of_task: dict[int, dict[str, Tensor]] = {}
    for key, tensor in read_tensors(folder / CALIBRATION, what).items():
        number, _, rest = key.partition(".")
        of_task.setdefault(int(number), {})[rest] = tensor
    try:
        return {
            number: Calibration.from_tensors(tensors, tasks[number].template.question)
            for number, tensors in of_task.items()
        }
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise CheckpointError(
            f"expected in '{folder / CALIBRATION}' the calibration of each task, found another's or a part ({error}); "
            "copy it again, or remove it to ask without calibration"
        ) from error


def _carry(encoder: SignalEncoder, place: Path) -> None:
    """Write an encoder into a run; one that was left by an older run there, interrupted, gives way."""
    if (place / "encoder.safetensors").is_file():
        shutil.rmtree(place)
    save_encoder(encoder, place)


def _describe(branch: SignalBranch, folder: Path, carried: str | None) -> dict[str, Any]:
    """What config.json says of a branch; a frozen encoder by its place, also relative to the run.

    Of an encoder that the run carries this is all, but for the name of one that ships with the package: where it lay on
    this machine is nobody's business.
    """
    encoder = branch.encoder
    source = branch.source if is_ready(branch.source) else carried or branch.source
    return {
        "adapter": branch.adapter.config.to_dict(),
        "encoder": {
            "config": encoder_config(encoder),
            "trained_here": branch.train_encoder,
            "source": source,
            "relative": carried or relative_source(branch.source, folder),
            "fingerprint": encoder_fingerprint(encoder),
        },
    }


def _describe_lm(lm: FrozenLM) -> dict[str, Any]:
    """What config.json says of the LM; the date where its chat template writes one into every prompt."""
    described = {"name": lm.name, "revision": lm.revision, "fingerprint": lm.fingerprint, "dtype": lm.precision}
    return described | ({"date": lm.dialogue.date.isoformat()} if lm.dialogue.writes_date else {})


def _load_lm(record: LMRecord, lm: FrozenLM | str | Path | None, folder: Path, placement: PlacementRequest) -> FrozenLM:
    """Load the LM of a run, or take the one at hand, and compare fingerprints."""
    if not isinstance(lm, FrozenLM):
        try:
            lm = FrozenLM.from_pretrained(lm or record.name, revision=record.revision, **vars(placement))
        except CheckpointError as error:
            raise CheckpointError(f"the LM of the run '{folder}' does not load: {error} (with --lm)") from error
    if lm.fingerprint != record.fingerprint:
        raise CheckpointError(
            f"the run '{folder}' was trained on the LM '{record.name}' with fingerprint {record.fingerprint}, found "
            f"'{lm.name}' with {lm.fingerprint}; pass the LM it was trained on"
        )
    if (record.dtype or lm.precision) != lm.precision:
        _logger.warning(
            "the run '%s' was trained on its LM in %s, here it is in %s: answers may differ by rounding",
            *(folder, record.dtype, lm.precision),
        )
    if record.date is not None:
        lm.dialogue.date = _date(record.date, folder)
    return lm


def _date(text: Any, folder: Path) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"expected the date of the run '{folder}' as YYYY-MM-DD in its config.json, found '{text}'; copy it again"
        ) from error


def _load_branch(
    name: str,
    record: BranchRecord,
    folder: Path,
    lm: FrozenLM,
    moved: str | Path | PatchEncoder | None,
    trained: Mapping[str, Tensor],
) -> SignalBranch:
    recorded, what = record.encoder, f"a run of sig2lm in '{folder}'"
    encoder: PatchEncoder
    if recorded.trained_here and "library" not in recorded.config:
        encoder, source = filled_encoder(recorded.config, part_of(trained, f"{name}.encoder."), what), recorded.source
    else:
        encoder, source = _find_encoder(name, recorded, folder, moved)
    with torch.device("meta"):  # no memory is taken for what the run's tensors do not fill
        expected = build_adapter(record.adapter, encoder.width, lm.width, embedding_norm=1.0)
    check_shapes(expected.state_dict(), part_of(trained, f"{name}.adapter."), what)
    adapter = build_adapter(record.adapter, encoder.width, lm.width, embedding_norm=1.0)
    return SignalBranch(encoder, adapter, recorded.trained_here, source)


def _find_encoder(
    name: str, recorded: EncoderRecord, folder: Path, moved: str | Path | PatchEncoder | None
) -> tuple[PatchEncoder, str]:
    """Look for an encoder where the user says, in the run, beside the run, and where it was in training."""
    config = recorded.config
    if moved is None or isinstance(moved, str | Path):
        beside = [(folder / recorded.relative).absolute()] if recorded.relative else []
        places: list[str | Path] = (
            [moved] if moved else [(folder / "encoders" / name).absolute(), *beside, recorded.source]
        )
        found = find_encoder(places, config)
    else:
        places, found = [IN_MEMORY], (check_encoder(moved).eval(), IN_MEMORY)
    if found is None and config.get("library") == "own":
        raise CheckpointError(
            f"expected the encoder of '{name}', a module of your own ({config['class']}), found none; "
            f"pass it: encoders={{'{name}': MODULE}}"
        )
    if found is None:
        raise CheckpointError(
            f"expected the encoder of '{name}' in '{places[-1]}', found none there; "
            f"pass where it is now: encoders={{'{name}': FOLDER}} or --encoder {name}=FOLDER"
        )
    _check_same(found[0], recorded, folder, found[1])
    return found


def _check_same(encoder: PatchEncoder, recorded: EncoderRecord, folder: Path, place: str) -> None:
    """Refuse another encoder than that of the run; weights that were trained here come from the run itself."""
    if recorded.trained_here:
        if encoder_config(encoder) != recorded.config:
            raise CheckpointError(
                f"the run '{folder}' trained an encoder with another config than the one in '{place}'; "
                "pass the encoder it began with"
            )
    elif (found := encoder_fingerprint(encoder)) != recorded.fingerprint:
        raise CheckpointError(
            f"the run '{folder}' was trained on an encoder with fingerprint {recorded.fingerprint}, found {found} "
            f"in '{place}'; pass the encoder it was trained on"
        )
