"""A training that goes on from a finished run: another curriculum, or another template, on what was learned before."""

from sig2lm.encoder import encoder_fingerprint
from sig2lm.errors import CheckpointError
from sig2lm.model.checkpoint import fetch_run, load_trained, read_record
from sig2lm.model.signal_lm import SignalLM
from sig2lm.tensors import read_tensors


def start_from(model: SignalLM, name: str, lora_rank: int) -> None:
    """Fill the adapters and LoRA layers of an untrained model with those of a run.

    Parameters
    ----------
    model
        On the run's LM and encoders; its templates and labels may be others.
    name
        The run.
    lora_rank
        Of the layers that the model is to have; those of the run have the same, or it has none.

    Raises
    ------
    CheckpointError
        When the run is on another LM or encoder, or its adapters or LoRA layers are of another size.
    """
    folder = fetch_run(name)
    record, what = read_record(folder), f"a run of sig2lm in '{folder}'"
    if record.lm.fingerprint != model.lm.fingerprint:
        raise CheckpointError(f"the run '{folder}' is on the LM '{record.lm.name}'; go on with the same")
    for signal in model.branches:
        encoder = encoder_fingerprint(model.branch(signal).encoder)
        if signal not in record.branches or record.branches[signal].encoder.fingerprint != encoder:
            raise CheckpointError(
                f"the run '{folder}' reads '{signal}' with another encoder, or not; go on with the same"
            )
    if record.lora:
        model.lm.load_lora(folder / "lora")
        if (found := model.lm.lora_rank) != lora_rank:
            raise CheckpointError(f"the run '{folder}' has LoRA layers of rank {found}, found --lora-rank {lora_rank}")
    elif lora_rank:
        model.lm.add_lora(lora_rank)
    load_trained(model, read_tensors(folder / "adapter.safetensors", what), what)
