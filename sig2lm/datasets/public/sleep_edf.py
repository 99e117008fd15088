"""Sleep-EDF Expanded: nights of 100 people (20 hours at home, or one night in hospital), scored in epochs of 30 s.

Reads the official layout: `SC4001E0-PSG.edf` beside `SC4001EC-Hypnogram.edf` and so on, in `sleep-cassette` or
`sleep-telemetry`; one of the two at a time, since their chin EMG differs: in the cassette study it is an envelope at 1
Hz, in the telemetry study the waveform at 100 Hz. Three named signals come of a recording: `eeg` (Fpz-Cz and Pz-Oz, uV,
100 Hz), `eog` (horizontal, uV, 100 Hz) and `emg` (submental, uV). Respiration, temperature and the event marker are not
read.

An example is an epoch. Stages of Rechtschaffen and Kales become those of the AASM: 1 and 2 are N1 and N2, 3 and 4
together N3. Epochs of movement and those that were not scored (`?`) are left out and counted; so are epochs beyond the
end of the recording, where hypnograms often run on, and wake more than 30 minutes before the first or after the last
epoch of sleep, which is most of the 20 hours.

A person is digits 4 and 5 of the name (SC4ssN, ST7ssN) and may have one night or two; the split is by person. This
reader has been tested on small files made in the layout, not on the recordings themselves.

Source: https://physionet.org/content/sleep-edfx/1.0.0/. Licence: ODC-By 1.0. Cite Kemp et al., Analysis of a
sleep-dependent neuronal feedback loop: the slow-wave microcontinuity of the EEG, IEEE Transactions on Biomedical
Engineering 47(9), 2000, doi 10.1109/10.867928.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError, SignalError
from sig2lm.signals import Contract, Signal, read_signal

EPOCH = 30.0  # s
WAKE_KEPT = 30 * 60.0  # s of wake that are kept on either side of sleep
LABELS = ("wake", "N1", "N2", "N3", "REM")
STAGES = {
    "Sleep stage W": "wake",
    "Sleep stage 1": "N1",
    "Sleep stage 2": "N2",
    "Sleep stage 3": "N3",
    "Sleep stage 4": "N3",
    "Sleep stage R": "REM",
}
UNSCORED = {"Sleep stage ?": "epochs that were not scored", "Movement time": "epochs of movement"}
MIXED = "epochs with two stages, or partly scored"
OUTSIDE = "epochs beyond the end of the recording"
WAKE = f"epochs of wake more than {WAKE_KEPT / 60:g} minutes from sleep"
_CHANNELS = {"eeg": ("EEG Fpz-Cz", "EEG Pz-Oz"), "eog": ("EOG horizontal",), "emg": ("EMG submental",)}
_PSG = re.compile(r"(?P<person>S[CT][47]\d\d)(?P<night>\d)\w\w-PSG\.edf")
_TELEMETRY = "ST"


@dataclass(frozen=True)
class _Night:
    person: str
    psg: Path
    hypnogram: Path


def draft_sleep_edf(source: Path, seed: int | None) -> Draft:
    """Plan the table: EEG, EOG and EMG of epochs of 30 s, and their stage.

    Parameters
    ----------
    source
        `sleep-cassette` or `sleep-telemetry`, or a folder that holds one of them.
    seed
        Of the split by person; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another, a hypnogram lacks, both studies are there, or a recording holds other channels.
    """
    nights = _find_nights(source)
    people = {night.person: frozenset(LABELS) for night in nights}
    splits, rule = split_subjects(people, 0 if seed is None else seed)
    rate = 100.0 if nights[0].person.startswith(_TELEMETRY) else 1.0
    signals = {
        "eeg": Contract(("eeg_fpz_cz", "eeg_pz_oz"), ("uV", "uV"), 100.0, window=EPOCH),
        "eog": Contract(("eog_horizontal",), ("uV",), 100.0, window=EPOCH),
        "emg": Contract(("emg_submental",), ("uV",), rate, window=EPOCH),
    }
    dropped: Counter[str] = Counter()
    info = TableInfo(
        name="sleep_edf",
        task="sleep",
        labels=LABELS,
        signals=signals,
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"Sleep-EDF Expanded ({nights[0].psg.parent.name}), https://physionet.org/content/sleep-edfx/1.0.0/",
        licence="ODC-By 1.0",
        citation=(
            "Kemp et al.: Analysis of a sleep-dependent neuronal feedback loop: the slow-wave microcontinuity of the "
            "EEG. IEEE Transactions on Biomedical Engineering 47(9), 2000, doi 10.1109/10.867928"
        ),
    )
    return Draft(info, _read_rows(nights, splits, signals, dropped), dropped)


def _find_nights(source: Path) -> list[_Night]:
    files = {file.name: file for file in sorted(source.rglob("*.edf"))}
    nights = []
    for name, psg in files.items():
        match = _PSG.fullmatch(name)
        if match is None:
            continue
        stem = f"{match['person']}{match['night']}"
        scored = [file for other, file in files.items() if other.startswith(stem) and other.endswith("-Hypnogram.edf")]
        if len(scored) != 1:
            raise DatasetError(f"expected one hypnogram beside '{psg}', found {len(scored)}; get what is missing")
        nights.append(_Night(match["person"], psg, scored[0]))
    if not nights:
        raise DatasetError(
            f"expected Sleep-EDF in '{source}' (SC4001E0-PSG.edf, SC4001EC-Hypnogram.edf and so on), found no such "
            "file; give the folder sleep-cassette or sleep-telemetry"
        )
    studies = {night.person[:2] for night in nights}
    if len(studies) > 1:
        raise DatasetError(
            f"'{source}' holds both studies, whose EMG differs; give its folder sleep-cassette or sleep-telemetry"
        )
    return nights


def _read_rows(
    nights: list[_Night], splits: dict[str, str], contracts: dict[str, Contract], dropped: Counter[str]
) -> Iterator[TableRow]:
    for night in nights:
        signals = {name: _read_signal(night.psg, _CHANNELS[name], contracts[name]) for name in contracts}
        count = int(min(signal.duration or 0.0 for signal in signals.values()) / EPOCH)
        stages = _crop(_read_stages(night.hypnogram, count, dropped), dropped)
        for number, stage in stages.items():
            start = number * EPOCH
            epoch = {name: signal.slice(start, start + EPOCH) for name, signal in signals.items()}
            yield TableRow(night.person, stage, epoch, night.psg.name, start, splits[night.person])


def _read_signal(path: Path, channels: tuple[str, ...], contract: Contract) -> Signal:
    try:
        signal = read_signal(path, channels=channels, allow_missing=True)
        named = Signal(signal.values, signal.sampling_rate, contract.channels, signal.units).convert(contract.units)
    except SignalError as error:
        raise DatasetError(f"{error}; give the official files") from error
    if named.sampling_rate != contract.sampling_rate:
        raise DatasetError(
            f"'{path}': expected {', '.join(channels)} at {contract.sampling_rate:g} Hz, found "
            f"{named.sampling_rate or 0:g} Hz; give the official files"
        )
    return named


def _read_stages(path: Path, count: int, dropped: Counter[str]) -> dict[int, str]:
    """Return the stage of each epoch of the recording that has one, by its number."""
    texts: dict[int, str] = {}
    covered: npt.NDArray[np.float64] = np.zeros(count)
    beyond = 0.0
    for onset, duration, text in _read_annotations(path):
        if text not in STAGES and text not in UNSCORED:
            continue
        first, last = onset / EPOCH, (onset + duration) / EPOCH
        beyond = max(beyond, last)
        for number in range(max(0, int(first)), min(count, int(np.ceil(last)))):
            covered[number] += 1.0 if first <= number and number + 1 <= last else -10.0
            texts[number] = text
    if beyond > count:
        dropped[OUTSIDE] += int(np.ceil(beyond)) - count
    found = {}
    for number in range(count):
        text = texts.get(number, "Sleep stage ?")
        if text in UNSCORED:
            dropped[UNSCORED[text]] += 1
        elif covered[number] != 1:
            dropped[MIXED] += 1
        else:
            found[number] = STAGES[text]
    return found


def _read_annotations(path: Path) -> list[tuple[float, float, str]]:
    import edfio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hypnograms depart from the standard in harmless ways
            notes = edfio.read_edf(path, header_encoding="latin-1").annotations
    except (ValueError, OSError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise DatasetError(
            f"'{path}': expected annotations of EDF+, but it is unreadable: {error}; get it again"
        ) from error
    return [(float(note.onset), float(note.duration or 0.0), note.text) for note in notes]


def _crop(stages: dict[int, str], dropped: Counter[str]) -> dict[int, str]:
    asleep = [number for number, stage in stages.items() if stage != "wake"]
    if not asleep:
        return stages
    margin = int(WAKE_KEPT / EPOCH)
    kept = {n: stage for n, stage in stages.items() if asleep[0] - margin <= n <= asleep[-1] + margin}
    if len(kept) < len(stages):
        dropped[WAKE] += len(stages) - len(kept)
    return kept
