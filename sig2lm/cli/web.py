"""``sig2lm web``: a page on which a run is asked about recordings."""

from typing import Annotated

import typer

from sig2lm.cli.groups import RunPlaces, takes_groups
from sig2lm.cli.options import RunArgument, say
from sig2lm.errors import Sig2LMError

_PANEL = "Server"


@takes_groups
def web(
    run: RunArgument,
    host: Annotated[
        str, typer.Option(help="Where to listen; any other than the default lets others in.", rich_help_panel=_PANEL)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes any that is free.", rich_help_panel=_PANEL)
    ] = 7860,
    max_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Of an uploaded file.", rich_help_panel=_PANEL)
    ] = 64.0,
    time_limit: Annotated[
        float, typer.Option(min=1.0, help="Seconds that an answer may take to be written.", rich_help_panel=_PANEL)
    ] = 120.0,
    idle_minutes: Annotated[
        float,
        typer.Option(min=0.1, help="After which an unused page's recordings are deleted.", rich_help_panel=_PANEL),
    ] = 60.0,
    tokenizer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME_OR_FOLDER", help="A further one for the tab with numbers as text; repeatable."),
    ] = None,
    *,
    places: RunPlaces,
) -> None:
    """Open a page on this machine: drop a recording, look at it, and ask. Ctrl-C ends it and deletes what was uploaded.

    Example: sig2lm web pocket-har
    """
    from importlib.util import find_spec

    if find_spec("gradio") is None:
        raise Sig2LMError("the page needs the package gradio, which is not installed; pip install 'sig2lm[web]'")
    from sig2lm.ports import address, is_loopback, listening

    with listening(host, port) as found:
        model = places.load_run(run)
        from sig2lm.web.numbers_as_text import tokenizers_of
        from sig2lm.web.server import Limits, build_app, serve
        from sig2lm.web.sessions import Sessions

        limits = Limits(max_megabytes, time_limit, idle_minutes)
        tokenizers = tokenizers_of(model, tokenizer or [])
        sessions = Sessions(model, limits.seconds, 60 * limits.idle_minutes, limits.sessions)
        try:
            app = build_app(model, run, sessions, tokenizers, limits, host)
            if not is_loopback(host):
                say(f"listening on {host}: whoever reaches this machine can use the page, without a password")
            typer.echo(f"open {address(found)} (Ctrl-C ends it)")
            serve(app, found)
        finally:
            sessions.close()
