"""``sig2lm formats``: what can be read."""

import typer


def formats() -> None:
    """List the files that can be read: formats, and what devices, apps and programs export.

    Example: sig2lm formats
    """
    from rich.console import Console
    from rich.table import Table

    from sig2lm.signals.devices import DEVICES
    from sig2lm.signals.formats import GENERAL

    table = Table("read", "which files", box=None, pad_edge=False)
    for name, files in GENERAL:
        table.add_row(name, files)
    table.add_section()
    for device in DEVICES:
        table.add_row(device.name, device.files)
    Console().print(table)
    typer.echo("Any of these may be in a .gz or .zip. A family is recognised by what is in the file, not by its name.")
