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
from fabnet.cli.language import gettext, sure
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
        why = gettext(
            "This machine has no systemd. Let it run this at its start, with cron for instance"
            " (crontab -e):"
        )
        raise UnitError(f"{why}\n  @reboot {words}")
    fresh = unit.write(mine, text)
    told = (
        gettext("fabnet: %(file)s is written")
        if fresh
        else gettext("fabnet: %(file)s is as it was")
    )
    say(told % {"file": mine.path})
    if not unit.reachable(mine):
        raise UnitError(_by_hand(mine))
    active = unit.is_active(mine)
    held = not active and answers_here(found)
    unit.enable(mine, start=not held)
    if held:
        say(gettext("A node runs by hand already. Stop it with Ctrl-C between two prints, then:"))
        say("  " + " ".join(mine.systemctl("start", mine.name)))
    elif active and fresh:
        say(gettext("It ran already, and takes the new unit up between two prints by:"))
        say("  " + " ".join(mine.systemctl("restart", mine.name)))
    if not held:
        _see(found, mine)
    if not system and not unit.lingers(getpass.getuser()):
        say(gettext("Without this it ends when you sign out, and a reboot does not bring it back:"))
        say(f"  sudo loginctl enable-linger {getpass.getuser()}")
    elif not held:
        say(gettext("fabnet: it runs now, and from every start of the machine on"))
    say(gettext("How it is:"))
    say(f"  fabnet node status{named(config, '--config')}")
    say(gettext("Its log:"))
    say(f"  {_log(mine)} -f")


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
            why = gettext(
                "%(service)s is switched on, but does not run: %(why)s.\nIts own words:",
                service=mine.name,
                why=unit.why_not(start),
            )
            raise UnitError(f"{why}\n  {_log(mine)} -n 20")
        waited.wait(_LOOK_S)
    say(
        gettext(
            "It was started, and does not answer after %(seconds)s s: look at its log",
            seconds=f"{_ANSWERS_S:.0f}",
        )
    )


def _log(mine: Unit) -> str:
    return f"journalctl {'' if mine.system else '--user '}-u {mine.name}"


def _by_hand(mine: Unit) -> str:
    enable = " ".join(mine.systemctl("enable", "--now", mine.name))
    if mine.system:
        words = gettext("systemd does not run on this machine now. Where it does:")
        return f"{words}\n  {enable}"
    words = gettext(
        "systemd does not answer this user here, as after `su`. Sign in as this user (ssh, or at the"
        " machine), then:"
    )
    words += f"\n  {' '.join(mine.systemctl('daemon-reload'))}; {enable}"
    better = gettext("As root, --system is the better way")
    return f"{words}\n{better}" if os.geteuid() == 0 else words


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
        say(gettext("fabnet: there is no %(file)s: nothing to undo", file=mine.path))
        return
    busy = [] if yes else printing(found)
    if busy:
        words = gettext(
            "%(printers)s prints; over a serial cable the print ends. Stop the node now?",
            printers=", ".join(busy),
        )
        sure(words, abort=True)
    if unit.remove(mine):
        say(gettext("fabnet: %(service)s is stopped, and its unit is deleted", service=mine.name))
    else:
        say(
            gettext(
                "fabnet: %(file)s is deleted. systemd does not answer here: a node that runs goes on",
                file=mine.path,
            )
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
        words = gettext("Ctrl-C where it runs, then")
        return f" {words}\n  fabnet node run{named(path)}"
    sudo = "sudo " if mine.system else ""
    return f"\n  {sudo}{' '.join(mine.systemctl('restart', mine.name))}"
