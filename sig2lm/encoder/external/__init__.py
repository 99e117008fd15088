"""Encoders of other libraries, behind the protocol of :mod:`sig2lm.encoder.protocol`.

========================== ======================================= ===================================================
``SPEC``                   what it loads                           licence (of code and published weights)
========================== ======================================= ===================================================
``transformers:NAME``      PatchTST, PatchTSMixer, TimesFM         that of the checkpoint; the code is Apache-2.0
``moment:NAME``            MOMENT (``momentfm``)                   MIT
``chronos:NAME``           Chronos, Chronos-Bolt, Chronos-2        Apache-2.0
                           (``chronos-forecasting``)
``mantis:NAME``            Mantis, MantisV2 (``mantis-tsfm``)      Apache-2.0; its library declares weights MIT
========================== ======================================= ===================================================

NAME is a folder or a hub id. Nothing of these is bundled, and a run names a external encoder instead of carrying it, so
its licence stays between its user and its owner. Some bind: OxWearables' harnet (``ssl-wearables``) is licensed for
academic use only; who may use it wraps it as a module of their own (``examples/own_encoder.py``).

Weights are read from safetensors only, and code from a repository is never run.

These encoders were trained on one series at a time, without units. Each channel is encoded on its own (Chronos-2 and a
PatchTST that mixes channels read the channels of a signal together), and normalised by the library itself as the model
was trained. Most subtract the channel's own mean and divide by its deviation, so that the level is gone; the first
Chronos divides by the mean size, and Mantis keeps the mean and deviation of each token's span. Patches are ordered by
time and within a time by channel. The contract is the table's: such an encoder takes any channels, at any rate.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sig2lm.errors import CheckpointError

if TYPE_CHECKING:
    from sig2lm.encoder.external.series import ExternalEncoder
    from sig2lm.signals import Contract

LIBRARIES = ("transformers", "moment", "chronos", "mantis")
"""What may stand before the colon of a ``SPEC``."""
LICENCES = {
    "transformers": "that of its checkpoint",
    "moment": "MIT",
    "chronos": "Apache-2.0",
    "mantis": "Apache-2.0, its weights MIT",
}
"""Of code and published weights."""


def load_external(library: str, name: str, contract: "Contract") -> "ExternalEncoder":
    """Load an encoder of another library, in evaluation mode.

    Parameters
    ----------
    library
        One of ``LIBRARIES``.
    name
        A folder or a hub id.
    contract
        The signals that it will read.

    Raises
    ------
    CheckpointError
        When the model cannot be reached, is damaged, or is of another kind.
    Sig2LMError
        When the library is not installed.
    """
    if library not in LIBRARIES:
        raise CheckpointError(f"the library is '{library}', but there are {', '.join(LIBRARIES)}; choose one")
    encoder: ExternalEncoder = import_module(f"sig2lm.encoder.external.{library}_encoder").load(name, contract)
    return encoder.eval()
