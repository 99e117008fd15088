"""Recordings: values with units and a clock, the files they come from, and what a consumer expects of them."""

from sig2lm.signals.contract import Contract
from sig2lm.signals.options import ReadOptions
from sig2lm.signals.readers import read_signal, read_signal_as, read_signal_for, save_signal
from sig2lm.signals.signal import Signal

__all__ = ["Contract", "ReadOptions", "Signal", "read_signal", "read_signal_as", "read_signal_for", "save_signal"]
