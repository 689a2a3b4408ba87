"""The demo's command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from fabnet.cli.common import stop_on_signals


@click.command()
@click.option("--once", is_flag=True, help="One order, then stop and print a JSON summary.")
@click.option("--kits", type=click.IntRange(1, 1000), help="How many  [default: 6 once, else 24]")
@click.option(
    "--design",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An STL, OBJ or 3MF file to make instead of our own visor frame.",
)
@click.option("--octoprint", is_flag=True, help="One lab drives its printer through OctoPrint.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Of the pages."
)
def demo(once: bool, kits: int | None, design: Path | None, octoprint: bool, port: int) -> None:
    """Show a whole network on this machine: labs, printers, an order from form to delivery.

    \b
    Example: fabnet demo --once --design visor.stl --kits 6
    """
    from fabnet.demo.run import run_demo

    summary = run_demo(
        once=once, kits=kits, port=port, design=design, octoprint=octoprint,
        stop=stop_on_signals(),
    )  # fmt: skip
    if summary is not None:
        click.echo(json.dumps(summary))
        sys.exit(0 if summary["delivered"] == summary["ordered"] else 1)
