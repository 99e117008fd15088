"""Does an LM know the value of its number tokens? A linear probe of the input embeddings. Needs torch.

Only this module of the package imports torch, through transformers, and only when it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.errors import CheckpointError
from sig2lm.tokenization.pieces import split_numbers
from sig2lm.tokenization.tokenizer import TextTokenizer

FEWEST = 5  # integers below which a probe says nothing
FOLDS = 5


@dataclass(frozen=True)
class EmbeddingProbe:
    """How well a linear map reads integers off the input embeddings of their tokens.

    Attributes
    ----------
    integers
        How many integers below 1000 are one token; few make every figure here a guess.
    r2
        Share of the value's variance that the probe explains for tokens it was not fitted to; 0 or less is nothing.
    r2_shuffled
        The same with the values shuffled among the tokens: what chance gives.
    order
        Spearman's rank correlation of value and prediction.
    neighbours
        Part of the integers n whose nearest token by cosine similarity is n - 1 or n + 1.
    """

    integers: int
    r2: float
    r2_shuffled: float
    order: float
    neighbours: float


def probe_embeddings(folder: str | Path, tokenizer: TextTokenizer, stop: int = 1_000) -> EmbeddingProbe | None:
    """Fit a ridge regression from embedding to value, and score it on held-out tokens.

    Five folds (leave-one-out below 20 integers), embeddings standardised, penalty chosen inside the training folds.

    Parameters
    ----------
    folder
        A causal LM in Hugging Face form; its own tokenizer is in the same folder.
    tokenizer
        That tokenizer.
    stop
        Integers 0 ... stop - 1 are tried; those that a single token holds after a comma take part.

    Returns
    -------
    EmbeddingProbe or None
        None where fewer than five integers are one token.

    Raises
    ------
    CheckpointError
        The folder holds no causal LM, or its tokens are more than its embeddings.

    Notes
    -----
    Source of the probe: Wallace et al. 2019, "Do NLP models know numbers?", arXiv 1909.07940.
    """
    table = _input_embeddings(folder)
    splits = split_numbers(tokenizer, [str(n) for n in range(stop)], ",")
    single = [(n, split.ids[0]) for n, split in enumerate(splits) if len(split.ids) == 1]
    if len(single) < FEWEST:
        return None
    if max(token for _, token in single) >= len(table):
        raise CheckpointError(
            f"expected an LM with an embedding for each token of {tokenizer.name}; {folder} has too few"
        )
    numbers = np.array([n for n, _ in single], dtype=np.float64)
    vectors = table[[token for _, token in single]]
    return score_probe(vectors, numbers)


def score_probe(vectors: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]) -> EmbeddingProbe:
    """Score a linear probe from vectors (N, D) to numbers (N,), as `probe_embeddings` does."""
    from scipy.stats import spearmanr

    predicted = _held_out(vectors, numbers)
    shuffled = np.random.default_rng(0).permutation(numbers)
    order = float(spearmanr(numbers, predicted).statistic) if np.ptp(predicted) > 0 else 0.0
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = numbers[similarity.argmax(axis=1)]
    return EmbeddingProbe(
        integers=len(numbers),
        r2=_r2(numbers, predicted),
        r2_shuffled=_r2(shuffled, _held_out(vectors, shuffled)),
        order=order,
        neighbours=float(np.mean(np.abs(nearest - numbers) == 1)),
    )


def _held_out(vectors: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, LeaveOneOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = KFold(FOLDS, shuffle=True, random_state=0) if len(numbers) >= 4 * FOLDS else LeaveOneOut()
    probe = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 5, 15)))
    return np.asarray(cross_val_predict(probe, vectors, numbers, cv=folds))


def _r2(numbers: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> float:
    return float(1 - np.sum((numbers - predicted) ** 2) / np.sum((numbers - numbers.mean()) ** 2))


def _input_embeddings(folder: str | Path) -> npt.NDArray[np.float64]:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    if not (Path(folder) / "config.json").is_file():
        raise CheckpointError(f"expected a causal LM in {folder}, found no config.json; pass the folder of an LM")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckpointError(f"cannot load a causal LM from {folder} ({reason}); pass the folder of an LM") from error
    finally:
        if shown:
            logging.enable_progress_bar()
    return np.asarray(model.get_input_embeddings().weight.detach().float().numpy(), dtype=np.float64)
