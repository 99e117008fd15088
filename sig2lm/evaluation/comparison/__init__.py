"""The comparison: the same questions about the same data, put to the same LM in five ways.

1 numbers as text, zero-shot; 2 the same with examples in the prompt; 3 the same with a tuned prompt; 4 encoder and
adapter; 5 the same with LoRA layers. Beside them what needs no LM at all.
"""

from sig2lm.evaluation.comparison.compare import Comparison, ComparisonSettings, compare

__all__ = ["Comparison", "ComparisonSettings", "compare"]
