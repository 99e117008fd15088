"""Every answer of an evaluation as a row: whose recording it is, what was true, and how sure the model was."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sig2lm._version import __version__
from sig2lm.datasets import Table
from sig2lm.errors import Sig2LMError
from sig2lm.files import replaced_file
from sig2lm.metrics import Predictions

_COLUMNS = ("subject", "source", "start")
_PROBABILITY = "probability "
SUFFIXES = (".csv", ".parquet")


def prediction_frame(table: Table, split: str, predictions: Predictions) -> pd.DataFrame:
    """Put the rows of a split beside their answers.

    Returns
    -------
    DataFrame
        ``subject``, ``source``, ``start`` (s, or rows of an event series), ``truth``, ``answer``, and for each label
        ``probability LABEL``; a line for each labelled row of the split, in its order.
    """
    rows, labels = table.data[split], predictions.labels
    if None in (given := list(rows["label"])):
        rows = rows.select([row for row, label in enumerate(given) if label is not None])
    return pd.DataFrame(
        {
            **{name: list(rows[name]) for name in _COLUMNS},
            "truth": [labels[number] for number in predictions.truth],
            "answer": [labels[number] for number in predictions.answers],
            **{f"{_PROBABILITY}{label}": predictions.probabilities[:, place] for place, label in enumerate(labels)},
        }
    )


def predictions_of(frame: pd.DataFrame) -> Predictions:
    """Take the answers of a frame of :func:`prediction_frame` again, to score them in another way."""
    labels = tuple(name.removeprefix(_PROBABILITY) for name in frame.columns if name.startswith(_PROBABILITY))
    probabilities = frame[[f"{_PROBABILITY}{label}" for label in labels]].to_numpy(dtype=float)
    return Predictions.from_names(labels, frame["truth"].tolist(), probabilities, frame["subject"].tolist())


def check_suffix(path: Path) -> Path:
    """Return a path that predictions can be written to.

    Raises
    ------
    Sig2LMError
        If its suffix is of another format.
    """
    if path.suffix not in SUFFIXES:
        raise Sig2LMError(f"expected a file for predictions that ends in {' or '.join(SUFFIXES)}, found '{path}'")
    return path


def write_predictions(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame of :func:`prediction_frame` as csv or parquet, whole or not at all."""
    check_suffix(path)
    with replaced_file(path) as temporary:
        if path.suffix == ".parquet":
            rows = pa.Table.from_pandas(frame, preserve_index=False)
            named = {**(rows.schema.metadata or {}), b"sig2lm": __version__.encode()}  # by this it may be replaced
            pq.write_table(rows.replace_schema_metadata(named), temporary)
        else:
            frame.to_csv(temporary, index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read what :func:`write_predictions` wrote; texts stay texts.

    Raises
    ------
    Sig2LMError
        If the file is missing or is not such a table.
    """
    check_suffix(path)
    texts = {"subject": str, "source": str, "truth": str, "answer": str}
    try:
        frame = (
            pd.read_parquet(path)
            if path.suffix == ".parquet"
            else pd.read_csv(path, dtype=texts, keep_default_na=False)
        )
    except (OSError, ValueError) as error:
        raise Sig2LMError(
            f"expected predictions in '{path}', but they cannot be read ({error}); write them again"
        ) from error
    if missing := [name for name in (*_COLUMNS, "truth", "answer") if name not in frame]:
        raise Sig2LMError(f"expected predictions in '{path}', found no column {missing[0]}; write them again")
    return frame
