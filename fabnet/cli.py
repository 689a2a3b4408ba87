"""The `fabnet` command. Reads options and configuration, calls one thing, prints one answer.

Exit status: 0 done, 1 refused with one sentence that says what to do, 2 wrong usage.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import click

from designs.errors import DesignError
from fabnet import clock, logs
from fabnet.config import CoordinatorConfig, NodeConfig, load_coordinator, load_node
from fabnet.errors import FabnetError
from firmware_profiles.errors import FirmwareProfileError
from jobs.errors import JobError
from printers.errors import PrinterError

_ERRORS = (FabnetError, JobError, DesignError, PrinterError, FirmwareProfileError)
_CONFIG = click.Path(dir_okay=False, path_type=Path)


def main() -> None:
    """Run the command line; expected errors become one sentence and exit status 1."""
    try:
        fabnet(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except _ERRORS as error:
        click.echo(f"fabnet: {error}", err=True)
        sys.exit(1)


@click.group()
@click.version_option(package_name="fabnet")
@click.option("-v", "--verbose", is_flag=True, help="Write debug lines to the log.")
def fabnet(verbose: bool) -> None:
    """Lets a network of makers do the work of a factory."""
    logs.set_up(verbose=verbose)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _coordinator(path: Path) -> CoordinatorConfig:
    config = load_coordinator(path)
    return replace(config, data_dir=str(path.resolve().parent / config.data_dir))


def _node(path: Path) -> NodeConfig:
    config = load_node(path)
    here = path.resolve().parent
    return replace(
        config,
        data_dir=str(here / config.data_dir),
        password_file=str(here / config.password_file),
        key_file=str(here / config.key_file),
    )


@fabnet.command()
@click.argument("config", type=_CONFIG, default="coordinator.toml")
def serve(config: Path) -> None:
    """Run the coordinator: broker, planner, web pages.

    \b
    Example: fabnet serve coordinator.toml
    """
    from fabnet.service import Service

    stop = _stop_on_signals()
    service = Service(_coordinator(config))
    service.run(stop, lambda: click.echo(f"fabnet: the pages are at {service.url}", err=True))


@fabnet.group()
def node() -> None:
    """Run a lab's node, or let one into the network."""


@node.command("run")
@click.argument("config", type=_CONFIG, default="node.toml")
def node_run(config: Path) -> None:
    """Run the node of a lab: take work, print it, report.

    \b
    Example: fabnet node run node.toml
    """
    from fabnet.node.agent import Agent

    stop = _stop_on_signals()
    Agent.open(_node(config), machine_id()).run(stop)


@node.command("adopt")
@click.argument("config", type=_CONFIG, default="node.toml")
def node_adopt(config: Path) -> None:
    """Let the journal that was moved here run on this machine.

    The other machine must never run it again: two nodes with the same journal would print the
    same thing twice.

    \b
    Example: fabnet node adopt node.toml
    """
    from fabnet.node.journal import adopt

    adopt(Path(_node(config).data_dir) / "journal.db", machine_id())
    click.echo("fabnet: this machine holds the journal now", err=True)


@node.command("create")
@click.argument("name")
@click.option("--lab", required=True, help="What the lab is called.")
@click.option("--config", type=_CONFIG, default="coordinator.toml", help="The coordinator's file.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder to make.")
def node_create(name: str, lab: str, config: Path, out: Path) -> None:
    """Let a node into the network: writes a folder with its configuration and secrets.

    Run it on the coordinator's machine, fill in the printers, and carry the folder to the lab.

    \b
    Example: fabnet node create lab-nord --lab "Atelier Nord" --out lab-nord
    """
    from fabnet.enrolment import create_node

    create_node(name, lab, _coordinator(config), out, clock.now())
    click.echo(f"fabnet: {out}/node.toml is ready; write the lab's printers into it", err=True)


@fabnet.group()
def person() -> None:
    """Accounts of people."""


@person.command("add")
@click.argument("login")
@click.option("--name", default="", help="As pages show it.")
@click.option("--role", type=click.Choice(["maker", "inspector", "steward"]), required=True)
@click.option("--node", "node_id", default="", help="A maker's own node.")
@click.option("--config", type=_CONFIG, default="coordinator.toml")
@click.password_option(help="Asked for when it is not given.")
def person_add(login: str, name: str, role: str, node_id: str, config: Path, password: str) -> None:
    """Make an account, or give it a new password.

    \b
    Example: fabnet person add ada --role steward
    """
    from jobs.coordinator.people import add_person
    from jobs.ledger.store import Ledger
    from jobs.model import Role
    from web.auth import hash_password

    folder = Path(_coordinator(config).data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / "ledger.db")
    hashed = hash_password(password)
    add_person(ledger, login, name or login, Role(role), hashed, node_id, clock.now())
    click.echo(f"fabnet: {login} can sign in as {role}", err=True)


@fabnet.group()
def design() -> None:
    """Open-hardware designs."""


@design.command("add")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--config", type=_CONFIG, default="coordinator.toml")
@click.option("--json", "as_json", is_flag=True, help="Print the revision as JSON.")
def design_add(folder: Path, config: Path, as_json: bool) -> None:
    """Check a design's meshes and put its revision into the library.

    \b
    Example: fabnet design add my-visor/
    """
    from designs.library import Library
    from jobs.ledger.store import Ledger

    data = Path(_coordinator(config).data_dir)
    data.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(data / "ledger.db")
    library = Library(ledger.database, data / "files")
    library.migrate()
    revision = library.add_design(folder)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(revision).decode())
    else:
        click.echo(f"{revision.title} {revision.version} ({revision.licence}): {revision.id[:12]}")


@fabnet.command()
@click.option("--once", is_flag=True, help="One order, then stop and print a JSON summary.")
@click.option("--kits", type=click.IntRange(1, 1000), default=6, show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
def demo(once: bool, kits: int, port: int) -> None:
    """Show a whole network on this machine: a lab, a printer, an order from form to delivery.

    \b
    Example: fabnet demo --once --kits 6
    """
    from fabnet.demo.run import run_demo

    summary = run_demo(once=once, kits=kits, port=port, stop=_stop_on_signals())
    if summary is not None:
        click.echo(json.dumps(summary))
        sys.exit(0 if summary["delivered"] == summary["ordered"] else 1)


def machine_id() -> str:
    """Return what names this machine, so that a journal that was copied away is noticed."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if path.exists() and (text := path.read_text(encoding="ascii").strip()):
            return text
    return "unnamed"
