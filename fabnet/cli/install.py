"""`fabnet node install` and `uninstall`: the node as a service, from the machine's start on."""

from __future__ import annotations

import getpass
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fabnet.cli.common import FILE, answers_here
from fabnet.config import NodeConfig, load_node
from fabnet.errors import NodeAwayError, UnitError
from jobs.owner import Look
from printers.model import PrinterState

if TYPE_CHECKING:
    from fabnet.node.unit import Unit

_SYSTEM = click.option(
    "--system",
    is_flag=True,
    help="A service of the machine; as root. It runs as the folder's owner.",
)


def _say(words: str) -> None:
    click.echo(words, err=True)


@click.command("install")
@click.argument("config", type=FILE, default="node.toml")
@_SYSTEM
@click.option("--print", "only_print", is_flag=True, help="Show the unit only; change nothing.")
def install(config: Path, system: bool, only_print: bool) -> None:
    """Run this node from now on, and from every start of the machine.

    Writes a unit for systemd, switches it on and starts it. Doing it again changes nothing.

    \b
    Example: fabnet node install
             sudo fabnet node install /var/lib/fabnet/lab-nord/node.toml --system
             fabnet node install --print
    """
    from fabnet.node import unit

    found = load_node(config)
    mine = unit.unit_of(found.id, system=system)
    text = unit.text_here(found, config, mine)
    if only_print:
        click.echo(text, nl=False)
        return
    if not unit.has_systemd():
        words = shlex.join((*unit.program(), "node", "run", str(config.resolve())))
        raise UnitError(
            "This machine has no systemd. Let it run this at its start, with cron for instance"
            f" (crontab -e): @reboot {words}"
        )
    fresh = unit.write(mine, text)
    _say(f"fabnet: {mine.path} {'is written' if fresh else 'is as it was'}")
    if not unit.reachable(mine):
        raise UnitError(_by_hand(mine))
    active = unit.is_active(mine)
    held = not active and answers_here(found)
    unit.enable(mine, start=not held)
    if held:
        _say("A node runs by hand already. Stop it with Ctrl-C between two prints, then:")
        _say(" ".join(mine.systemctl("start", mine.name)))
    elif active and fresh:
        _say("It ran already, and takes the new unit up between two prints by:")
        _say(" ".join(mine.systemctl("restart", mine.name)))
    if not system and not unit.lingers(getpass.getuser()):
        _say("Without this it ends when you sign out, and a reboot does not bring it back:")
        _say(f"sudo loginctl enable-linger {getpass.getuser()}")
    elif not held:
        _say("fabnet: it runs now, and from every start of the machine on")
    log = f"journalctl {'' if system else '--user '}-u {mine.name} -f"
    _say(f"Its log: {log}. How it is: fabnet node status --config {shlex.quote(str(config))}")


def _by_hand(mine: Unit) -> str:
    enable = " ".join(mine.systemctl("enable", "--now", mine.name))
    if mine.system:
        return f"systemd does not run on this machine now. Where it does: {enable}"
    words = (
        "systemd does not answer this user here, as after `su`. Sign in as this user (ssh, or at the"
        f" machine), then: {' '.join(mine.systemctl('daemon-reload'))}; {enable}"
    )
    return words + (". As root, --system is the better way" if os.geteuid() == 0 else "")


@click.command("uninstall")
@click.argument("config", type=FILE, default="node.toml")
@_SYSTEM
@click.option("--yes", is_flag=True, help="Also while something is being printed.")
def uninstall(config: Path, system: bool, yes: bool) -> None:
    """Stop the service of this node, and do not start it any more; its folder stays as it is.

    \b
    Example: fabnet node uninstall
             sudo fabnet node uninstall /var/lib/fabnet/lab-nord/node.toml --system
    """
    from fabnet.node import unit

    found = load_node(config)
    mine = unit.unit_of(found.id, system=system)
    if not mine.path.exists():
        _say(f"fabnet: there is no {mine.path}: nothing to undo")
        return
    busy = [] if yes else printing(found)
    if busy:
        words = f"{', '.join(busy)} prints; over a serial cable the print ends. Stop the node now?"
        click.confirm(words, default=False, abort=True, err=True)
    if unit.remove(mine):
        _say(f"fabnet: {mine.name} is stopped, and its unit is deleted")
    else:
        _say(
            f"fabnet: {mine.path} is deleted. systemd does not answer here: a node that runs goes on"
        )


def printing(config: NodeConfig) -> list[str]:
    """Return the printers of a running node that print now."""
    from fabnet.node.door import ask

    try:
        view = ask(config, Look())
    except NodeAwayError:
        return []
    busy = (PrinterState.PRINTING, PrinterState.PAUSED)
    return [bed.printer for bed in view.beds if bed.state in busy]
