"""EDF, EDF+C and BDF files under any suffix."""

import re
from pathlib import Path

from sig2lm.signals.devices.device import Device
from sig2lm.signals.edf import BIOSEMI, read_edf

# version, 160 characters about patient and recording, date and time
_EDF = re.compile(rb"0 {7}[\x20-\xff]{160}\d\d\.\d\d\.\d\d\d\d\.\d\d\.\d\d")


def recognises(head: bytes, path: Path) -> bool:
    """By the header's first fields."""
    del path
    return head.startswith(BIOSEMI) or _EDF.match(head) is not None


DEVICE = Device("EDF and BDF", "EDF, EDF+C and BDF of any recorder; each channel at its own rate", recognises, read_edf)
