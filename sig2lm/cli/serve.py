"""``sig2lm serve``."""

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from sig2lm.cli.groups import RunPlaces, takes_groups
from sig2lm.cli.options import RunArgument

_LIMITS = "Limits"


@dataclass(frozen=True)
class Limits:
    """How much a server takes at once."""

    max_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Of one request; more is refused (413).", rich_help_panel=_LIMITS)
    ] = 16.0
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Questions at once; more are refused (429).", rich_help_panel=_LIMITS)
    ] = 256
    max_batch: Annotated[
        int, typer.Option(min=1, help="Questions that are read together.", rich_help_panel=_LIMITS)
    ] = 16
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Of one answer.", rich_help_panel=_LIMITS)] = 512
    kept_megabytes: Annotated[
        float,
        typer.Option(min=0.001, help="Of uploaded signals; the least recently used leave.", rich_help_panel=_LIMITS),
    ] = 1024.0


@takes_groups
def serve(
    run: RunArgument,
    host: Annotated[
        str, typer.Option(help="Where to listen; other addresses than this machine's need SIG2LM_API_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    *,
    limits: Limits,
    places: RunPlaces,
) -> None:
    """Serve a run as an OpenAI-compatible API: /v1/chat/completions, /v1/signals, /health, /metrics.

    Example: sig2lm serve pocket-har --port 8000
    """
    import os
    from pathlib import Path

    from sig2lm.errors import Sig2LMError
    from sig2lm.ports import address, listening

    try:
        from sig2lm.serve import server
    except ModuleNotFoundError as error:
        raise Sig2LMError(
            f"serving needs the package {error.name}, which is not installed; pip install 'sig2lm[serve]'"
        ) from error
    keys = server.read_keys(os.environ, host)
    with listening(host, port) as found:  # before anything heavy is loaded
        model = places.load_run(run)
        from sig2lm.serve.app import create_app
        from sig2lm.serve.settings import ServeSettings

        name = Path(run).name if Path(run).exists() else run
        ready = f"serving {name} at {address(found)}/v1; Ctrl+C ends it"
        app = create_app(model, ServeSettings(name, keys, **asdict(limits)))
        server.run(app, found, lambda: typer.echo(ready))
