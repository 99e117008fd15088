"""What devices, apps and programs export: a file for each family, recognised by content and not by suffix.

A reader asks ``device_of`` before it takes a file for a plain table. A new family is one module with a ``DEVICE`` and
one line in ``DEVICES``.
"""

from pathlib import Path

from sig2lm.errors import SignalError
from sig2lm.signals.devices import (
    actigraph,
    apple_ecg,
    apple_health,
    axivity,
    edf,
    empatica,
    fit,
    fitbit,
    geneactiv,
    labchart,
    labview,
    matlab,
    movesense,
    muse,
    nilspod,
    opensignals,
    polar,
    shimmer,
    withings,
)
from sig2lm.signals.devices.device import HEAD, Device

DEVICES: tuple[Device, ...] = tuple(
    module.DEVICE
    for module in (
        actigraph,
        apple_ecg,
        apple_health,
        axivity,
        edf,
        empatica,
        fit,
        fitbit,
        geneactiv,
        labchart,
        labview,
        matlab,
        movesense,
        muse,
        nilspod,
        opensignals,
        polar,
        shimmer,
        withings,
    )
)

__all__ = ["DEVICES", "Device", "device_of"]


def device_of(path: Path) -> Device | None:
    """Return the family that a file or folder belongs to, or None.

    Raises
    ------
    SignalError
        If the file cannot be opened, or is none.
    """
    head = b""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SignalError("expected a file, found a pipe or a device; save what it gives first")
    if not path.is_dir():
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError as error:
            raise SignalError(f"cannot be opened: {error.strerror}; check the file and its permissions") from error
    return next((device for device in DEVICES if device.recognises(head, path)), None)
