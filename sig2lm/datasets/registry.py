"""`sig2lm prepare`: a data set's own layout in, the common table out, whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sig2lm.arguments import unknown
from sig2lm.datasets.manifest import draft_manifest
from sig2lm.datasets.public.afdb import draft_afdb
from sig2lm.datasets.public.cinc2017 import draft_cinc2017
from sig2lm.datasets.public.ecgqa import draft_ecgqa, draft_ecgqa_pairs
from sig2lm.datasets.public.lifesnaps import draft_lifesnaps
from sig2lm.datasets.public.motionsense import draft_motionsense
from sig2lm.datasets.public.pamap2 import draft_pamap2
from sig2lm.datasets.public.pmdata import draft_pmdata
from sig2lm.datasets.public.ptbxl import draft_ptbxl, draft_ptbxl_rhythm
from sig2lm.datasets.public.sleep_edf import draft_sleep_edf
from sig2lm.datasets.public.sp_sw_har import draft_sp_sw_har
from sig2lm.datasets.public.stress_predict import draft_stress_predict
from sig2lm.datasets.public.synthetic import draft_synthetic
from sig2lm.datasets.public.ucihar import draft_ucihar
from sig2lm.datasets.public.wesad import draft_wesad, draft_wesad_affect
from sig2lm.datasets.public.wisdm_watch import draft_wisdm_watch
from sig2lm.datasets.table import TableInfo
from sig2lm.datasets.writer import Draft, write_table
from sig2lm.errors import DatasetError
from sig2lm.files import check_new, expanded, new_folder

_READERS: dict[str, Callable[..., Draft]] = {
    "motionsense": draft_motionsense,
    "sp_sw_har": draft_sp_sw_har,
    "wisdm_watch": draft_wisdm_watch,
    "ucihar": draft_ucihar,
    "pamap2": draft_pamap2,
    "afdb": draft_afdb,
    "cinc2017": draft_cinc2017,
    "ptbxl": draft_ptbxl,
    "ptbxl_rhythm": draft_ptbxl_rhythm,
    "ecgqa": draft_ecgqa,
    "ecgqa_pairs": draft_ecgqa_pairs,
    "sleep_edf": draft_sleep_edf,
    "pmdata": draft_pmdata,
    "lifesnaps": draft_lifesnaps,
    "stress_predict": draft_stress_predict,
    "wesad": draft_wesad,
    "wesad_affect": draft_wesad_affect,
    "manifest": draft_manifest,
}
_NOTES = 20  # the commonest that are said
DATASETS = (*_READERS, "synthetic")
_OPTIONS = {
    "manifest": ("skip_bad", "believe"),
    "wesad": ("chest_offsets",),
    "wesad_affect": ("chest_offsets",),
    "ecgqa": ("recordings",),
    "ecgqa_pairs": ("recordings",),
}


def prepare(
    name: str,
    source: str | Path | None,
    out: str | Path,
    seed: int | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
    **options: bool | Path,
) -> TableInfo | list[TableInfo]:
    """Turn a data set into the common table.

    Parameters
    ----------
    name
        One of `DATASETS`; the module of the same name states what is read, kept and left out.
    source
        The data set's folder; synthetic has none and ignores it.
    out
        The new folder. It appears when all is written, and not at all on an error or an interrupt.
    seed
        Of the split by subject (and of the simulation). None: the fixed split of motionsense, the
        published one of ucihar, ptbxl, ptbxl_rhythm, ecgqa and ecgqa_pairs, 0 for the others.
    say
        Called with a line for each thing that was guessed when files were read, or noticed of their windows.
    options
        ``skip_bad`` and ``believe`` of a manifest (`draft_manifest`), ``chest_offsets`` of wesad and wesad_affect
        (`draft_wesad`), ``recordings`` of ecgqa and ecgqa_pairs (`draft_ecgqa`).

    Returns
    -------
    TableInfo or list of TableInfo
        What was written; synthetic writes a table for each task, into `out`/har, `out`/af_rr and `out`/stress.

    Raises
    ------
    DatasetError
        If the name is unknown, or the source is missing or not as the data set's layout says.
    SignalError
        If a recording cannot be read.
    Sig2LMError
        If `out` exists or cannot be written.
    """
    if name not in DATASETS:
        raise DatasetError(unknown("data set", name, DATASETS))
    for option in options:
        if option not in _OPTIONS.get(name, ()):
            owners = [owner for owner, known in _OPTIONS.items() if option in known]
            raise DatasetError(f"{option} can only be asked of {' and '.join(owners) or 'nothing'}, found '{name}'")
    out = check_new(out)
    drafts = draft_synthetic(seed) if name == "synthetic" else [_draft(name, source, seed, options)]
    try:
        with new_folder(out) as folder:
            infos = []
            for draft in drafts:
                (folder / draft.folder).mkdir(exist_ok=True)
                infos.append(write_table(draft, folder / draft.folder))
                for note, count in draft.notes.most_common(_NOTES):
                    say(f"{count} file{'s' * (count > 1)}: {note}")
                for sentence in draft.said:
                    say(sentence)
    except OSError as error:
        raise DatasetError(f"'{out}' could not be prepared: {error}; see to the disk and try again") from error
    return infos if name == "synthetic" else infos[0]


def _draft(name: str, source: str | Path | None, seed: int | None, options: dict[str, Any]) -> Draft:
    return _READERS[name](_check_source(name, source), seed, **options)


def _check_source(name: str, source: str | Path | None) -> Path:
    if source is None:
        raise DatasetError(f"'{name}' is read from a folder, and none was given; give SOURCE")
    path = expanded(source)
    if not path.is_dir():
        raise DatasetError(f"expected the folder of '{name}', but there is no folder '{path}'; check the path")
    return path
