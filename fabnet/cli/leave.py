"""`fabnet node leave`: hands work back, tells the coordinator, and deletes the node from this machine.

Each step may be broken off: the same command goes on. What nobody could be told stays the coordination
team's to end, and is said aloud.
"""

from __future__ import annotations

import getpass
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fabnet import clock
from fabnet.cli.common import ERRORS, FILE, node_file, talk
from fabnet.cli.install import printing
from fabnet.cli.language import gettext, sure
from fabnet.config import NodeConfig, load_node
from fabnet.errors import ConfigError, JoinError, LeavingError
from jobs.joining import Standing
from jobs.owner import Count, GiveBack, Look, Pause

if TYPE_CHECKING:
    from fabnet.cli.common import Ask
    from jobs.owner import NodeView, PlateView

_REASON = "the lab leaves the network"
_SENT_S = 30.0
_ENDS_S = 45.0
_LOOK_S = 0.5


@click.command("leave")
@click.argument("config", metavar="[FILE]", type=FILE, default="node.toml")
@click.option("--yes", is_flag=True, help="Ask nothing; refuse where something would stay undone.")
@click.option("--force", is_flag=True,
              help="Also with parts that nobody has counted, or where the network cannot be told.")  # fmt: skip
def leave(config: Path, yes: bool, force: bool) -> None:
    """Leave the network for good, and delete this node from this machine.

    Plates that were not begun go to others, and what lies on a bed is counted first. Then the coordinator
    is told, and service, key, password, journal and files are deleted. Broken off anywhere, the same
    command goes on. A lab that comes back gets a new code.

    \b
    Example: fabnet node leave lab-nord/node.toml
    """
    from fabnet.node import leaving

    if not leaving.marker(config).exists():
        _need(config)
        found = load_node(config)
        _may(found)
        words = gettext(
            "%(lab)s leaves the network for good, and %(folder)s is deleted: key, password, journal."
            " Go on?",
            lab=found.lab,
            folder=config.resolve().parent,
        )
        if not yes:
            sure(words, abort=True)
        _go(found, asks=not yes, force=force)
        _stop_service(found)
        leaving.begin(found, config)
    if config.exists():
        _stop(load_node(config))
    for folder in leaving.finish(config):
        _say(
            gettext(
                "fabnet: %(folder)s stays: something lies in it that is not fabnet's", folder=folder
            )
        )
    _say(gettext("fabnet: this node is gone. Thank you for all that was made here"))


def _need(config: Path) -> None:
    """Refuse a file that is not there. Which node leaves is typed, never found: it is for good.

    Raises:
        ConfigError: there is none of this name.
    """
    near = node_file()
    if not config.exists() and near.exists():
        raise ConfigError(
            str(config), "", f"is not here. To leave with yours:\n  fabnet node leave {near}"
        )


def _say(words: str) -> None:
    click.echo(words, err=True)


def _may(config: NodeConfig) -> None:
    """Refuse what could not be ended, before anybody is told.

    Raises:
        LeavingError: a printer prints, or the service is root's.
    """
    from fabnet.node import unit

    if busy := printing(config):
        raise LeavingError(f"{', '.join(busy)} prints: wait for its end, then run this again")
    theirs = unit.unit_of(config.id, system=True)
    if theirs.path.exists() and os.geteuid() != 0:
        raise LeavingError(f"{theirs.name} is a service of the machine: run this with sudo")


# --- handing back ---------------------------------------------------------------------------------


def _go(config: NodeConfig, *, asks: bool, force: bool) -> None:
    """Hand back what there is and tell the coordinator, or have it said that this stays undone.

    Raises:
        LeavingError: something would stay undone, and nobody wants that.
    """
    from fabnet.joining import leave as tell
    from fabnet.joining import standing

    undone = []
    with suppress(JoinError):  # Out of reach, or shut out: telling it tells which.
        if standing(config, clock.now()).standing is Standing.CONFIRMED:
            undone += _hand_back(config, asks=asks)
    if undone:
        _accept(undone, asks=asks, force=force)
    try:
        if not tell(config, _REASON, clock.now()):
            _say(
                gettext(
                    "fabnet: the coordinator does not count this node as one of its own (any more)"
                )
            )
    except JoinError as error:
        words = [
            str(error),
            gettext(
                "that %(lab)s leaves was told to nobody: telephone the coordination team; they run"
                " `%(command)s`",
                lab=config.lab,
                command=f"fabnet node revoke {config.id}",
            ),
            *_kept(config),
        ]
        _accept(words, asks=asks, force=force)


def _accept(undone: list[str], *, asks: bool, force: bool) -> None:
    _say(gettext("This would stay undone:"))
    for words in undone:
        _say(f"  - {words}")
    if force:
        return
    if not asks or not sure(gettext("Leave all the same?")):
        raise LeavingError(gettext("Nothing was deleted. Run it again later, or with --force"))


def _hand_back(config: NodeConfig, *, asks: bool) -> list[str]:
    """Give back, count, and wait until the network has heard all; return what stays undone."""
    if not (Path(config.data_dir) / "journal.db").exists():
        return []  # It has never run: there is nothing.
    try:
        return _hand_over(config, asks=asks)
    except ERRORS as error:
        return [gettext("its plates were not all handed back: %(why)s", why=error)]


def _hand_over(config: NodeConfig, *, asks: bool) -> list[str]:
    with talk(config, linked=True) as ask:
        view = ask(Pause(paused=True))
        _say(gettext("%(lab)s takes a pause from now on", lab=view.lab))
        for plate in view.plates:
            if plate.returnable:
                ask(GiveBack(attempt=plate.attempt, reason=_REASON))
                _say(gettext("%(plate)s: given back", plate=plate.attempt))
        for plate in view.plates:
            if plate.countable and asks:
                _count(ask, plate)
        undone = [_words(plate) for plate in ask(Look()).plates]
        unsent = _sent(ask)
    if unsent:
        undone.append(
            gettext(
                "messages that did not reach the coordinator: %(many)s. Is the network there?",
                many=unsent,
            )
        )
    return undone


def _count(ask: Ask, plate: PlateView) -> None:
    """Ask what came off a bed."""
    _say(f"{plate.attempt} on {plate.printer}: {plate.pieces} x {plate.part}, {plate.state}")
    pieces = click.IntRange(min=0)
    good = click.prompt("  " + gettext("Good pieces"), plate.pieces, type=pieces, err=True)
    scrap = click.prompt("  " + gettext("Bad pieces"), 0, type=pieces, err=True)
    why = ""
    if scrap or good < plate.pieces:
        why = click.prompt("  " + gettext("What happened to those that are not good"), err=True)
    by = getpass.getuser()
    ask(Count(attempt=plate.attempt, good=good, scrap=scrap, reason=why, by=by))


def _words(plate: PlateView) -> str:
    what = f"{plate.attempt}, {plate.pieces} x {plate.part} on {plate.printer}"
    if plate.countable:
        return f"{what}: nobody has counted it; fabnet node harvest {plate.attempt} --good N"
    return f"{what} is {plate.state}: wait for its end and count it, or a steward writes it off"


def _sent(ask: Ask) -> int:
    """Wait until the coordinator has heard all; return how many messages it has not."""
    waited = threading.Event()
    view = ask(Look())
    for _ in range(round(_SENT_S / _LOOK_S)):
        if view.linked and not view.unsent:
            return 0
        waited.wait(_LOOK_S)
        view = ask(Look())
    return view.unsent if view.linked else max(1, view.unsent)


def _kept(config: NodeConfig) -> list[str]:
    """Return what the journal holds that the network will not hear of."""
    if not (Path(config.data_dir) / "journal.db").exists():
        return []
    try:
        with talk(config, linked=False) as ask:
            view: NodeView = ask(Look())
    except ERRORS as error:
        return [f"what its journal holds: {error}"]
    held = [f"{each.attempt}, {each.pieces} x {each.part}, {each.state}" for each in view.plates]
    return [f"plates that a steward has to write off: {'; '.join(held)}"] if held else []


# --- stopping -------------------------------------------------------------------------------------


def _stop_service(config: NodeConfig) -> None:
    from fabnet.node import unit

    for system in (False, True):
        mine = unit.unit_of(config.id, system=system)
        if mine.path.exists():
            unit.remove(mine)
            _say(gettext("fabnet: %(file)s is deleted", file=mine.path))


def _stop(config: NodeConfig) -> None:
    """End a node that runs by hand, as Ctrl-C would.

    Raises:
        LeavingError: it does not end.
    """
    from fabnet.node.door import running

    waited = threading.Event()
    for turn in range(round(_ENDS_S / _LOOK_S)):
        process = running(config)
        if process is None:
            return
        if turn == 0:
            _say(
                gettext(
                    "fabnet: the node that runs (process %(number)s) is stopped", number=process
                )
            )
            os.kill(process, signal.SIGTERM)
        waited.wait(_LOOK_S)
    raise LeavingError("The node that runs does not end: stop it, then run this again")
