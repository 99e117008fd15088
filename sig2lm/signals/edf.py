"""EDF and EDF+ recordings."""

import warnings
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.recording import Recording, Wanted, distinct, shorten


def read_edf(path: Path, wanted: Wanted) -> Recording:
    """Read EDF or EDF+C; channels of different rates must be selected so that one rate remains."""
    import edfio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # edfio warns of every departure from the standard that it can mend
            edf = edfio.read_edf(path, lazy_load_data=False)
            labels = distinct([signal.label for signal in edf.signals])
            signals = dict(zip(labels, edf.signals, strict=True))
            if wanted and set(wanted) <= set(labels):
                signals = {name: signals[name] for name in wanted}
            rates = {name: float(signal.sampling_frequency) for name, signal in signals.items()}
            if len(set(rates.values())) > 1:
                told = ", ".join(f"{name} {rate:g} Hz" for name, rate in rates.items())
                raise SignalError(f"channels have different rates ({told}); select channels of one rate")
            if not edf.is_continuous:
                raise SignalError("the recording is interrupted (EDF+D); export it as EDF+C or cut it into pieces")
            rows = [np.asarray(signal.data) for signal in signals.values()]
    except (ValueError, OSError, IndexError, KeyError, TypeError, ArithmeticError, AttributeError) as error:
        raise SignalError(f"not a whole EDF file: {shorten(error)}") from error
    if not rows:
        raise SignalError("the EDF file holds no signals")
    units = tuple(signal.physical_dimension for signal in signals.values())
    return Recording(np.stack(rows), tuple(signals), units, next(iter(rates.values())), states_clock=True)
