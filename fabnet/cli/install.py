"""`fabnet node install` and `uninstall`: the node as a service, from the machine's start on."""

from __future__ import annotations

import getpass
import os
import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fabnet.cli.common import NODE_FILE_NAMED, answers_here, named, say
from fabnet.config import NodeConfig, load_node
from fabnet.errors import NodeAwayError, UnitError
from jobs.owner import Look
from printers.model import PrinterState

if TYPE_CHECKING:
    from fabnet.node.unit import Unit

_ANSWERS_S = 60.0
_LOOK_S = 0.5
_SYSTEM = click.option(
    "--system",
    is_flag=True,
    help="A service of the machine; as root. It runs as the folder's owner.",
)


@click.command("install")
@NODE_FILE_NAMED
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
            f" (crontab -e):\n  @reboot {words}"
        )
    fresh = unit.write(mine, text)
    say(f"fabnet: {mine.path} {'is written' if fresh else 'is as it was'}")
    if not unit.reachable(mine):
        raise UnitError(_by_hand(mine))
    active = unit.is_active(mine)
    held = not active and answers_here(found)
    unit.enable(mine, start=not held)
    if held:
        say("A node runs by hand already. Stop it with Ctrl-C between two prints, then:")
        say("  " + " ".join(mine.systemctl("start", mine.name)))
    elif active and fresh:
        say("It ran already, and takes the new unit up between two prints by:")
        say("  " + " ".join(mine.systemctl("restart", mine.name)))
    if not held:
        _see(found, mine)
    if not system and not unit.lingers(getpass.getuser()):
        say("Without this it ends when you sign out, and a reboot does not bring it back:")
        say(f"  sudo loginctl enable-linger {getpass.getuser()}")
    elif not held:
        say("fabnet: it runs now, and from every start of the machine on")
    say(f"How it is:\n  fabnet node status{named(config, '--config')}")
    say(f"Its log:\n  {_log(mine)} -f")


def _see(config: NodeConfig, mine: Unit) -> None:
    """Look on until the node answers.

    Raises:
        UnitError: it does not run.
    """
    from fabnet.node import unit

    waited = threading.Event()
    for _ in range(round(_ANSWERS_S / _LOOK_S)):
        start = unit.start_of(mine)
        if start is None or answers_here(config):
            return
        if start.restarts:
            raise UnitError(
                f"{mine.name} is switched on, but does not run: {unit.why_not(start)}.\n"
                f"Its own words:\n  {_log(mine)} -n 20"
            )
        waited.wait(_LOOK_S)
    say(f"It was started, and does not answer after {_ANSWERS_S:.0f} s: look at its log")


def _log(mine: Unit) -> str:
    return f"journalctl {'' if mine.system else '--user '}-u {mine.name}"


def _by_hand(mine: Unit) -> str:
    enable = " ".join(mine.systemctl("enable", "--now", mine.name))
    if mine.system:
        return f"systemd does not run on this machine now. Where it does:\n  {enable}"
    words = (
        "systemd does not answer this user here, as after `su`. Sign in as this user (ssh, or at the"
        f" machine), then:\n  {' '.join(mine.systemctl('daemon-reload'))}; {enable}"
    )
    return words + ("\nAs root, --system is the better way" if os.geteuid() == 0 else "")


@click.command("uninstall")
@NODE_FILE_NAMED
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
        say(f"fabnet: there is no {mine.path}: nothing to undo")
        return
    busy = [] if yes else printing(found)
    if busy:
        words = f"{', '.join(busy)} prints; over a serial cable the print ends. Stop the node now?"
        click.confirm(words, default=False, abort=True, err=True)
    if unit.remove(mine):
        say(f"fabnet: {mine.name} is stopped, and its unit is deleted")
    else:
        say(
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


def restart_words(config: NodeConfig, path: Path) -> str:
    """Return what a person does so that her node, which runs, is started again.

    Args:
        config: of the node.
        path: of its file.
    """
    from fabnet.node import unit

    both = (unit.unit_of(config.id, system=system) for system in (True, False))
    mine = next((each for each in both if each.path.exists()), None)
    if mine is None:
        return f" Ctrl-C where it runs, then\n  fabnet node run{named(path)}"
    sudo = "sudo " if mine.system else ""
    return f"\n  {sudo}{' '.join(mine.systemctl('restart', mine.name))}"
