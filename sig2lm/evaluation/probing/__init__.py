"""Judging an encoder: with labels, with few of them, and without any.

`probe` asks the questions; `tables` brings data into the form the encoder reads, `features` runs it, `label_free` needs
no label, `fractions` draws people, `classifiers` and `missing` need labels. Reports are plain dictionaries.
"""

from sig2lm.evaluation.probing.probe import probe_encoder
from sig2lm.evaluation.probing.study import ProbeSettings

__all__ = ["ProbeSettings", "probe_encoder"]
