"""What every command shares: files, signals, errors that become one sentence, a node to ask."""

from __future__ import annotations

import _thread
import errno
import getpass
import logging
import shlex
import shutil
import signal
import sqlite3
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from designs.errors import DesignError
from fabnet import clock
from fabnet.cli.language import gettext, language
from fabnet.config import (
    CoordinatorConfig,
    NodeConfig,
    is_node_file,
    load_coordinator,
    machine_id,
)
from fabnet.errors import ConfigError, FabnetError, NodeAwayError, NodeSilentError, SupersededError
from fabnet.printer_config import PrinterConfig
from firmware_profiles.errors import FirmwareProfileError
from jobs.errors import JobError
from jobs.owner import Look, NodeView, Wish
from printers.errors import PrinterError

if TYPE_CHECKING:
    from jobs.ledger.store import Ledger

#: What a command may raise on purpose: `main` prints the sentence, and the exit status is 1.
ERRORS = (FabnetError, JobError, DesignError, PrinterError, FirmwareProfileError)
#: Asks a node, and returns how it is afterwards.
Ask = Callable[[Wish], NodeView]
#: Whether it can be read is seen where it is opened, and said with what to do.
FILE = click.Path(dir_okay=False, readable=False, path_type=Path)
#: The folder that `fabnet node join` makes, unless it is told of another.
JOINED = "fabnet-node"
_LINE = 100
_WHOSE = "run the command as the user whose folder it is, as with sudo -u; nothing was changed"
_WORN = (
    "look at the machine's log, then restart the machine; if that does not help, replace the disk or memory"
    " card"
)
#: What SQLite says, by the begin of its name, where the machine is at fault.
_BOOKS = {
    "SQLITE_READONLY": f"This user may not write the database: {_WHOSE}",
    "SQLITE_CANTOPEN": f"This user cannot open the database: {_WHOSE}",
    "SQLITE_FULL": "The disk is full: make room, and run the command again",
    "SQLITE_IOERR": f"The disk fails, or can only be read: {_WORN}",
    "SQLITE_BUSY": "Another program holds the database for long: run the command again, or stop that program",
}


#: The option of commands for the coordinator's machine.
COORDINATOR_FILE = click.option(
    "--config",
    type=FILE,
    default="coordinator.toml",
    show_default=True,
    help="The coordinator's file.",
)


class Day(click.DateTime):
    """The type of an option that takes a day."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return midnight of the day that somebody wrote.

        Raises:
            BadParameter: it is no day.
        """
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(gettext("%(told)s is no day: write it as 2027-01-31", told=value), param, ctx)


def node_file() -> Path:
    """Return the node's file where nobody names one: here, or where `fabnet node join` put it."""
    nearby = [Path("node.toml")]
    nearby += [folder / JOINED / "node.toml" for folder in (Path(), Path.home())]
    return next((path for path in nearby if path.exists()), nearby[0])


def named(config: Path, option: str = "") -> str:
    """Return what a command needs behind it to mean this node's file; "" where it finds it alone.

    Args:
        config: the file.
        option: how the command is told of it: "--config", or "" for an argument.
    """
    if node_file().resolve() == config.resolve():
        return ""
    return " ".join(["", *([option] if option else []), shlex.quote(str(config))])


def _need_node_file(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """Refuse a node's file that is not there, with the name of the one that is meant.

    Raises:
        ConfigError: there is no such file.
    """
    if path.exists():
        return path
    near = node_file()
    why = f"there is no such file here; yours is {near}: name that one" if near.exists() else (
        "there is no such file here: name yours, or go into the folder in which you ran `fabnet node"
        " join`"
    )  # fmt: skip
    raise ConfigError(str(path), "", why)


#: The option of most commands for a node.
NODE_FILE = click.option(
    "--config", type=FILE, default=node_file, callback=_need_node_file,
    help=f"The node's file; node.toml here, else in {JOINED} here or at home.",
)  # fmt: skip
#: The same as an argument.
NODE_FILE_NAMED = click.argument(
    "config", metavar="[FILE]", type=FILE, default=node_file, callback=_need_node_file
)


def say(words: str) -> None:
    """Tell a person something on stderr; on a terminal no word is broken at its edge."""
    click.echo(fitted(words, sys.stderr), err=True)


def fitted(words: str, stream: TextIO) -> str:
    """Return words as they go to a stream: on a terminal no word is broken at its edge.

    A line that begins with spaces is a command to copy, and stays in one piece; what belongs to a hyphen
    stands to its right.
    """
    if not stream.isatty():
        return words
    fill = textwrap.TextWrapper(
        width=min(_LINE, shutil.get_terminal_size().columns),
        break_long_words=False,
        break_on_hyphens=False,
    )
    told = []
    for line in words.splitlines():
        fill.subsequent_indent = "  " if line.startswith("- ") else ""
        told.append(line if line.startswith(" ") else fill.fill(line))
    return "\n".join(told)


def file_words(error: OSError) -> str:
    """Return what the system says of a file or folder, with what to do about it."""
    if isinstance(error, PermissionError):
        return (
            f"this user ({getpass.getuser()}) may not use it: run the command as the user whose it is, as"
            " with sudo -u"
        )
    if isinstance(error, FileNotFoundError):
        return "it is not there, or its folder is not: is the name right?"
    if is_full(error):
        return "the disk is full: make room, and run the command again"
    if error.errno == errno.EROFS:
        return f"the disk is read-only: {_WORN}"
    return f"the system says: {error.strerror}"


def is_full(error: OSError) -> bool:
    """Whether the system had no room to write, or this user may use no more of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def book_words(error: sqlite3.OperationalError) -> str | None:
    """Return what keeps ledger or journal from being written, and what to do; None for a fault of ours."""
    name = getattr(error, "sqlite_errorname", "")
    return next((words for begin, words in _BOOKS.items() if name.startswith(begin)), None)


def stop_on_signals(*more: signal.Signals) -> threading.Event:
    """Return an event that SIGTERM and SIGINT set, and `more` signals.

    Not the handler sets it: that runs amid whatever the main thread does, which may hold the event's own
    lock as it begins or ends a wait, and would wait for itself.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, *more):
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
    return stop


def coordinator(path: Path, named_by: str = "--config FILE") -> CoordinatorConfig:
    """Read the coordinator's file; its `data_dir` becomes absolute, from where the file lies.

    From then on this process is in the network's time zone. `named_by` is how the command is told
    of another file.

    Raises:
        ConfigError: there is no such file, or it is wrong.
    """
    if not path.exists():
        why = (
            "cannot be read: there is no such file here. On the coordinator's machine, name it with"
            f' {named_by}; or, for a new network, make one: the line data_dir = "data" is enough'
        )
        raise ConfigError(str(path), "", why)
    if is_node_file(path):
        why = "is a node's file; this command takes the coordinator's, which is mostly coordinator.toml"
        raise ConfigError(str(path), "", why)
    config = load_coordinator(path)
    clock.use_zone(config.timezone or clock.zone())
    return replace(config, data_dir=str(path.resolve().parent / config.data_dir))


def open_ledger(path: Path) -> Ledger:
    """Open the ledger of a coordinator's file, for reports."""
    from fabnet import reports

    return reports.open_ledger(Path(coordinator(path).data_dir))


@contextmanager
def ledger_of(path: Path) -> Iterator[Ledger]:
    """Open the ledger of a coordinator's file; what it refuses is said in the language of the terminal.

    Raises:
        FabnetError: it was refused, in words of the pages.
    """
    from web.language import speaking
    from web.sentences import said_here

    with closing(open_ledger(path)) as ledger, speaking(language()):
        try:
            yield ledger
        except JobError as error:
            raise FabnetError(said_here(str(error))) from error


def chosen_printer(config: NodeConfig, path: Path, name: str | None) -> PrinterConfig:
    """Return the printer of this name; without a name, the only one that there is.

    Raises:
        ConfigError: the file names no printer.
        UsageError: there are several, or none of this name.
    """
    known = ", ".join(each.id for each in config.printers)
    if not known:
        why = f"no printer is in it yet: fabnet node setup{named(path)}"
        raise ConfigError(str(path), "", why)
    if name is None and len(config.printers) > 1:
        raise click.UsageError(gettext("which printer? One of %(known)s", known=known))
    found = next((each for each in config.printers if name in (None, each.id)), None)
    if found is None:
        raise click.UsageError(
            gettext("there is no printer %(name)s; one of %(known)s", name=name, known=known)
        )
    return found


def answers_here(config: NodeConfig) -> bool:
    """Whether this node runs on this machine, however it was started."""
    from fabnet.node.door import ask

    try:
        ask(config, Look())
    except NodeAwayError:
        return False
    except NodeSilentError:
        return True
    return True


@contextmanager
def talk(config: NodeConfig, *, linked: bool) -> Iterator[Ask]:
    """Give the node to ask: the one that runs; where none does, one that runs here for so long.

    Args:
        config: of the node, checked.
        linked: whether one that runs here connects to the network.

    Raises:
        FabnetError, PrinterError, FirmwareProfileError: none runs, and none can be started.
    """
    from fabnet.node.door import ask

    running: Ask = partial(ask, config)
    try:
        running(Look())
    except NodeAwayError:
        with _alone(config, linked=linked) as own:
            yield own
    else:
        yield running


@contextmanager
def _alone(config: NodeConfig, *, linked: bool) -> Iterator[Ask]:
    from fabnet.node.opening import open_node

    logging.getLogger("fabnet").setLevel(logging.WARNING)  # a person reads what the command says
    agent = open_node(config, machine_id())
    stop = threading.Event()

    def work() -> None:
        try:
            agent.run(stop, linked=linked)
        except SupersededError as error:
            click.echo(f"fabnet: {error}", err=True)

    thread = threading.Thread(target=work, name="node")
    thread.start()
    try:
        yield agent.desk.ask
    finally:
        stop.set()
        thread.join()
