"""``sig2lm export-prompt``."""

from pathlib import Path
from typing import Annotated

import typer

from sig2lm.cli.options import (
    DeviceOption,
    DtypeOption,
    EncoderPlaces,
    FactOption,
    LMOption,
    QuantizationOption,
    RunArgument,
    SignalOption,
    facts,
    paths_of,
    say,
)
from sig2lm.cli.recordings import BelieveOption, Texts, takes_recordings


@takes_recordings
def export_prompt(
    run: RunArgument,
    signal: SignalOption,
    out: Annotated[Path, typer.Option(help="A new file: .safetensors, or .pt for a bare torch tensor.")],
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="By default the template's first.", show_default=False)
    ] = None,
    fact: FactOption = None,
    lm: LMOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    quantization: QuantizationOption = "none",
    encoder: EncoderPlaces = None,
    believe: BelieveOption = False,
    *,
    reading: Texts,
) -> None:
    """Write a question about a recording as vectors (tokens, width), which vLLM and others take in place of tokens.

    Example: sig2lm export-prompt pocket-har --signal run.npz --out prompt.safetensors "How fast is it?"
    """
    from sig2lm.cli.loading import load_run, load_signals
    from sig2lm.files import check_new, check_outputs
    from sig2lm.model import export

    check_outputs({"--out": out}, paths_of(signal))
    check_new(export.check_suffix(out))
    model = load_run(run, lm, encoder, device=device, dtype=dtype, quantization=quantization)
    prompt = export.export_prompt(model, load_signals(model, signal, reading, believe=believe), question, facts(fact))
    prompt.save(out)
    length, width = prompt.embeddings.shape
    say(f"wrote {length} vectors of width {width} ({str(prompt.embeddings.dtype).removeprefix('torch.')}) to {out}")
    say(f"for the LM {prompt.lm}; the answer ends with token {' or '.join(map(str, prompt.stop_ids))}")
