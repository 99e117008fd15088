"""Columns that are computed once and kept beside a table."""

from collections.abc import Callable
from typing import Any

import datasets as hf

from sig2lm.errors import Sig2LMError


def cached_map(rows: hf.Dataset, function: Callable[..., dict[str, Any]], **options: Any) -> hf.Dataset:
    """Map rows as ``datasets`` does, from what it kept of an earlier time where it can.

    What was kept and is damaged is made again: a cache holds nothing that cannot be.
    """
    try:
        return rows.map(function, **options)
    except Sig2LMError:
        raise
    except Exception:  # what the library makes of damaged files has no common kind; a fault of the function comes again
        return rows.map(function, load_from_cache_file=False, **options)
