"""``sig2lm serve``."""

from typing import Annotated

import typer

from sig2lm.cli.options import (
    DeviceOption,
    DtypeOption,
    EncoderPlaces,
    LMOption,
    QuantizationOption,
    RunArgument,
)

_LIMITS = "Limits"


def serve(
    run: RunArgument,
    host: Annotated[
        str, typer.Option(help="Where to listen; other addresses than this machine's need SIG2LM_API_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    max_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Of one request; more is refused (413).", rich_help_panel=_LIMITS)
    ] = 16.0,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Questions at once; more are refused (429).", rich_help_panel=_LIMITS)
    ] = 256,
    max_batch: Annotated[
        int, typer.Option(min=1, help="Questions that are read together.", rich_help_panel=_LIMITS)
    ] = 16,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Of one answer.", rich_help_panel=_LIMITS)] = 512,
    kept_megabytes: Annotated[
        float,
        typer.Option(min=0.001, help="Of uploaded signals; the least recently used leave.", rich_help_panel=_LIMITS),
    ] = 1024.0,
    lm: LMOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    quantization: QuantizationOption = "none",
    encoder: EncoderPlaces = None,
) -> None:
    """Serve a run as an OpenAI-compatible API: /v1/chat/completions, /v1/signals, /health, /metrics.

    Example: sig2lm serve pocket-har --port 8000
    """
    import os
    from pathlib import Path

    from sig2lm.cli.loading import load_run
    from sig2lm.errors import Sig2LMError

    try:
        from sig2lm.serve.server import address, bind, read_keys
        from sig2lm.serve.server import run as run_server
    except ModuleNotFoundError as error:
        raise Sig2LMError(
            f"serving needs the package {error.name}, which is not installed; pip install 'sig2lm[serve]'"
        ) from error
    keys = read_keys(os.environ, host)
    with bind(host, port) as listening:
        model = load_run(run, lm, encoder, device=device, dtype=dtype, quantization=quantization)
        from sig2lm.serve.app import create_app
        from sig2lm.serve.settings import ServeSettings

        name = Path(run).name if Path(run).exists() else run
        limits = {
            "max_megabytes": max_megabytes,
            "max_waiting": max_waiting,
            "max_batch": max_batch,
            "max_new_tokens": max_new_tokens,
            "kept_megabytes": kept_megabytes,
        }
        app = create_app(model, ServeSettings(name, keys, **limits))  # type: ignore[arg-type]
        run_server(app, listening, lambda: typer.echo(f"serving {name} at {address(listening)}/v1; Ctrl+C ends it"))
