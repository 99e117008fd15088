"""Judging an encoder: with labels, with few of them, and without any.

`probe` asks the questions; `features` runs the encoder, `label_free` needs no label, `fractions` draws people,
`classifiers` and `missing` need labels, `side_by_side` compares several encoders. Reports are plain dictionaries.
"""

from sig2lm.evaluation.probing.probe import probe_encoder
from sig2lm.evaluation.probing.side_by_side import compare_encoders, find_candidate
from sig2lm.evaluation.probing.study import ProbeSettings

__all__ = ["ProbeSettings", "compare_encoders", "find_candidate", "probe_encoder"]
