"""Commands that copy a coordinator's data and put a copy back."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fabnet import clock
from fabnet.cli.common import COORDINATOR_FILE, FILE, coordinator
from fabnet.config import machine_id


@click.command()
@click.argument("out", type=FILE)
@COORDINATOR_FILE
@click.option("--json", "as_json", is_flag=True, help="Print what was kept as JSON.")
def backup(out: Path, config: Path, as_json: bool) -> None:
    """Copy everything a coordinator needs into one file, while it runs.

    The file holds secrets and addresses: keep it as you keep the server.

    \b
    Example: fabnet backup /var/backups/fabnet-monday.tar
    """
    from fabnet.backup import make

    made = make(Path(coordinator(config).data_dir), out, clock.now())
    told = {"file": str(out), "orders": made.orders, "files": len(made.files)}
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{out}: {made.orders} orders, {len(made.files)} files")


@click.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@COORDINATOR_FILE
@click.option("--replace", is_flag=True, help="Put the data that is there aside.")
def restore(archive: Path, config: Path, replace: bool) -> None:
    """Put a backup back; the coordinator must not be running.

    What was done after the backup is in the nodes' journals: the coordinator asks for it, and offers
    nothing until all nodes have answered, or a steward goes on without one. Orders that were placed
    after the backup have to be placed again.

    \b
    Example: fabnet restore /var/backups/fabnet-monday.tar --replace
    """
    from fabnet.backup import put_back

    data_dir = Path(coordinator(config).data_dir)
    found = put_back(archive, data_dir, machine_id(), clock.now(), replace=replace)
    click.echo(f"fabnet: {found.orders} orders of {found.made_at[:16]} UTC are back", err=True)
    click.echo(
        "fabnet: now start it: fabnet serve; the nodes say what they have done since", err=True
    )
