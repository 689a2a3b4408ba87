"""What every command shares: files, signals, and errors that become one sentence."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from designs.errors import DesignError
from fabnet import clock
from fabnet.config import CoordinatorConfig, load_coordinator
from fabnet.errors import ConfigError, FabnetError
from firmware_profiles.errors import FirmwareProfileError
from jobs.errors import JobError
from printers.errors import PrinterError

if TYPE_CHECKING:
    from jobs.ledger.store import Ledger

#: What a command may raise on purpose: `main` prints the sentence, and the exit status is 1.
ERRORS = (FabnetError, JobError, DesignError, PrinterError, FirmwareProfileError)
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
