"""The command that traces a lot; it only reads the ledger."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from fabnet.cli.common import COORDINATOR_FILE, coordinator, open_ledger


@click.group()
def lot() -> None:
    """Lots: the parts that came off one plate."""


@lot.command("trace")
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@COORDINATOR_FILE
def lot_trace(code: str, as_json: bool, config: Path) -> None:
    """Show where a lot comes from (revision, printer, spool), where it went, and what was bought with it.

    \b
    Example: fabnet lot trace 4K2M9X1VNT-1A
    """
    from designs.library import Library
    from fabnet.reports import local
    from fabnet.reports import lot_trace as trace

    with closing(open_ledger(config)) as ledger:
        library = Library(ledger.database, Path(coordinator(config).data_dir) / "files")
        found = trace(ledger, library, code)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        if name != "batches":
            told = local(value) if name.endswith("_at") and value else value
            click.echo(f"{name.replace('_', ' ')}: {'-' if told is None else told}")
    for batch in found["batches"]:
        received = batch["received_at"]
        words = "not received yet" if received is None else f"{batch['state']} {local(received)}"
        state = f"{batch['state']}, " if received is None else ""
        click.echo(f"batch {batch['batch']}: {state}{words}")
        for box in batch["bought"]:
            lot = f", lot {box['supplier_lot']}" if box["supplier_lot"] else ""
            click.echo(f"  with {box['pieces']} x {box['item']}{lot}")
