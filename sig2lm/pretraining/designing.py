"""From the windows of a table to the encoder that suits them: architecture, size, patches, scaling."""

from dataclasses import KW_ONLY, dataclass, replace

from sig2lm.encoder.architectures import SIZES, default_architecture, default_patch_size, design
from sig2lm.encoder.config import EncoderConfig, Normalisation, default_normalisation
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.pretraining.windows import Statistics, WindowDataset, channel_statistics

HIDDEN = 0.05  # of the data set's deviation; a signal that changes less within a window is hidden by scaling to it


@dataclass(frozen=True)
class EncoderChoice:
    """What a user says of a new encoder; what is None is chosen by the kind of signal.

    Attributes
    ----------
    architecture
        A name in ``sig2lm.encoder.ARCHITECTURES``.
    size
        A name in ``sig2lm.encoder.SIZES``.
    width, depth, heads
        Instead of the size's own.
    patch_size
        Samples that a patch stands for.
    token_rate
        Patches a second instead, about, of a signal that has a sampling rate.
    normalisation
        See :class:`sig2lm.encoder.EncoderConfig`.
    statistics
        Likewise.
    """

    _: KW_ONLY
    architecture: str | None = None
    size: str = "small"
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    patch_size: int | None = None
    token_rate: float | None = None
    normalisation: Normalisation | None = None
    statistics: bool = True


def design_for(windows: WindowDataset, choice: EncoderChoice) -> tuple[EncoderConfig, list[str]]:
    """Return the config of an encoder for windows, and a line for each thing that was chosen or noticed.

    Raises
    ------
    DatasetError
        If a channel never changes, or the median window is shorter than a patch.
    Sig2LMError
        If a name is unknown, or both a patch size and a token rate are given.
    """
    if choice.size not in SIZES:
        raise Sig2LMError(f"size is '{choice.size}', but there are {', '.join(SIZES)}; choose one")
    if choice.patch_size is not None and choice.token_rate is not None:
        raise Sig2LMError("patch size and token rate say the same thing in two ways; pass one of them")
    contract, statistics = windows.contract, channel_statistics(windows)
    architecture = choice.architecture or default_architecture(contract)
    patch = choice.patch_size or default_patch_size(contract, statistics.typical, choice.token_rate)
    if statistics.typical < patch:
        raise DatasetError(
            f"expected windows of at least a patch ({patch} samples), but the median training window of "
            f"'{windows.name}' in '{windows.table.path}' has {statistics.typical}; pass a smaller --patch-size, or "
            "prepare longer windows"
        )
    given = {name: value for name in ("width", "depth", "heads") if (value := getattr(choice, name)) is not None}
    normalisation, notes = _normalisation(windows, statistics, choice.normalisation)
    _check_constant(windows, statistics, normalisation)
    spread = statistics.std if normalisation == "dataset" else statistics.within
    scaling = {
        "normalisation": normalisation,
        "mean": tuple(statistics.mean.tolist()),
        "std": tuple(spread.tolist()),
        "statistics": choice.statistics,
    }
    config = design(contract, architecture, replace(SIZES[choice.size], **given), patch, scaling)
    return config, [f"{architecture}, patches of {_duration(config)}, normalisation {normalisation}", *notes]


def _normalisation(
    windows: WindowDataset, statistics: Statistics, wanted: Normalisation | None
) -> tuple[Normalisation, list[str]]:
    """What was asked for, or what suits the signal, and why where that is not plain."""
    usual = wanted or default_normalisation(windows.contract)
    share = statistics.within / statistics.std
    hidden = [
        f"{channel} ({part:.3f})"
        for channel, part in zip(windows.contract.channels, share, strict=True)
        if part < HIDDEN and channel not in statistics.still_within
    ]
    if usual != "dataset" or not hidden:
        return usual, []
    told = (
        f"within a window {', '.join(hidden)} changes by a few hundredths of the data set's deviation, which scaling "
        "to the data set would hide"
    )
    if wanted is not None:
        return usual, [f"{told}; --normalisation recording would show it"]
    return "recording", [f"{told}: each window is centred and scaled, and its level handed on beside it (recording)"]


def _check_constant(windows: WindowDataset, statistics: Statistics, normalisation: str) -> None:
    whole = normalisation in ("dataset", "none", "recording")
    if still := statistics.constant if whole else statistics.still_within:
        within = "" if whole else " within a window"
        raise DatasetError(
            f"expected channels that change, but {', '.join(still)} never does{within} in the training windows of "
            f"'{windows.name}' in '{windows.table.path}'; prepare the data without it"
        )


def _duration(config: EncoderConfig) -> str:
    rate, size = config.contract.sampling_rate, config.patch_size
    samples = f"{size} sample{'s' if size > 1 else ''}"
    return samples if rate is None else f"{samples} ({1000 * size / rate:.0f} ms)"
