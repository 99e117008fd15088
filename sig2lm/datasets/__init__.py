"""Data sets in their own layouts, and the common table that each becomes."""

from sig2lm.datasets.folds import fold
from sig2lm.datasets.registry import DATASETS, prepare
from sig2lm.datasets.table import Table, TableInfo, TableRow, load_table

__all__ = ["DATASETS", "Table", "TableInfo", "TableRow", "fold", "load_table", "prepare"]
