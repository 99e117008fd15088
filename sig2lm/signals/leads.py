"""Leads of an electrocardiogram by the names that devices give them; those that a recording lacks are missing."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.signal import Signal

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve standard leads, in their usual order."""

_BY_NAME = {lead.casefold(): lead for lead in LEADS}
_PREFIX = re.compile(r"(mdc[ _]ecg[ _]lead|[ek][ck]g|lead|derivation)[ _:-]*|ml(?=i{1,3}$)", re.IGNORECASE)


def lead_of(name: str) -> str | None:
    """Return which of the twelve leads a channel is called after, None for any other name.

    A modified limb lead (MLII) is taken for the limb lead.

    Examples
    --------
    >>> [lead_of(name) for name in ("AVR", "MLII", "Lead II", "MDC_ECG_LEAD_V1", "ECG V6", "ecg", "V7")]
    ['aVR', 'II', 'II', 'V1', 'V6', None, None]
    """
    text = name.strip()
    while match := _PREFIX.match(text):
        if match.end() == len(text):
            return None
        text = text[match.end() :]
    return _BY_NAME.get(text.casefold())


def are_leads(channels: Sequence[str]) -> bool:
    """Whether several channels are all called as the standard leads are."""
    return len(channels) > 1 and set(channels) <= set(LEADS)


def as_leads(signal: Signal, wanted: Sequence[str]) -> Signal:
    """Return a recording with its leads called as wanted, and those that it lacks missing throughout.

    Other channels stay behind them. The signal is returned as it is where it has no wanted lead or lacks none;
    what was renamed or is missing stands in its notes.

    Parameters
    ----------
    wanted
        Of :data:`LEADS`.

    Raises
    ------
    SignalError
        If two channels are one lead, and neither is called exactly so.
    """
    found: dict[str, str] = {name: name for name in wanted if name in signal.channels}
    for name in signal.channels:
        lead = lead_of(name)
        if lead not in wanted or lead is None or found.get(lead) == lead:
            continue
        if lead in found:
            raise SignalError(
                f"'{found[lead]}' and '{name}' are both the lead {lead}; choose one (--channels {lead}=...)"
            )
        found[lead] = name
    renamed = {name: lead for lead, name in found.items() if name != lead}
    missing = [lead for lead in wanted if lead not in found]
    if not found or not (renamed or missing):
        return signal
    said = [f"the channels {', '.join(renamed)} are read as {', '.join(renamed.values())}"] if renamed else []
    said += [f"the leads {', '.join(missing)} are not in the recording and count as missing"] if missing else []
    unit = signal.units[signal.channels.index(next(iter(found.values())))]
    return replace(
        signal,
        values=np.concatenate([signal.values, np.full((len(missing), signal.num_samples), np.nan, dtype=np.float32)]),
        channels=(*(renamed.get(name, name) for name in signal.channels), *missing),
        units=(*signal.units, *(unit for _ in missing)),
        notes=(*signal.notes, *said),
    )
