"""``sig2lm export-prompt``."""

from pathlib import Path
from typing import Annotated

import typer

from sig2lm.cli.groups import RunPlaces, takes_groups
from sig2lm.cli.options import FactOption, RunArgument, SignalOption, facts, paths_of, say
from sig2lm.cli.recordings import RunRecordings


@takes_groups
def export_prompt(
    run: RunArgument,
    signal: SignalOption,
    out: Annotated[Path, typer.Option(help="A new file: .safetensors, or .pt for a bare torch tensor.")],
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="By default the template's first.", show_default=False)
    ] = None,
    fact: FactOption = None,
    *,
    places: RunPlaces,
    reading: RunRecordings,
) -> None:
    """Write a question about a recording as vectors (tokens, width), which vLLM and others take in place of tokens.

    Example: sig2lm export-prompt pocket-har --signal run.npz --out prompt.safetensors "How fast is it?"
    """
    from sig2lm.cli.loading import load_signals
    from sig2lm.files import check_new, check_outputs
    from sig2lm.model import export

    check_outputs({"--out": out}, paths_of(signal))
    check_new(export.check_suffix(out))
    model = places.load_run(run)
    prompt = export.export_prompt(model, load_signals(model, signal, reading), question, facts(fact), believe=True)
    prompt.save(out)
    length, width = prompt.embeddings.shape
    say(f"wrote {length} vectors of width {width} ({str(prompt.embeddings.dtype).removeprefix('torch.')}) to {out}")
    say(f"for the LM {prompt.lm}; the answer ends with token {' or '.join(map(str, prompt.stop_ids))}")
