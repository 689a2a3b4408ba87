"""What every command shares: files, signals, errors that become one sentence, a node to ask."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from designs.errors import DesignError
from fabnet import clock
from fabnet.config import CoordinatorConfig, NodeConfig, load_coordinator, machine_id
from fabnet.errors import ConfigError, FabnetError, NodeAwayError, NodeSilentError, SupersededError
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
FILE = click.Path(dir_okay=False, path_type=Path)


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
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
            f"cannot be read: there is no such file here. Name yours with {named_by}, or make one:"
            ' the line data_dir = "data" is enough'
        )
        raise ConfigError(str(path), "", why)
    config = load_coordinator(path)
    clock.use_zone(config.timezone or clock.zone())
    return replace(config, data_dir=str(path.resolve().parent / config.data_dir))


def open_ledger(path: Path) -> Ledger:
    """Open the ledger of a coordinator's file, for reports."""
    from fabnet import reports

    return reports.open_ledger(Path(coordinator(path).data_dir))


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
