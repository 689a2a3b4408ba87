"""Heaters off where the node itself cannot begin: its disk is full, or can only be read.

A print that was running when the node ended has nobody who feeds it, and its printer is hot. Only a
serial line is cut so: OctoPrint goes on without the node, and a person too. Writes nothing.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fabnet import clock
from fabnet.config import OWN_PROFILES, NodeConfig
from fabnet.errors import FabnetError
from fabnet.node.heating import is_heated
from fabnet.node.opening import connection_of
from jobs.ledger.store import is_machines
from printers.connect import connect
from printers.driver import Driver
from printers.errors import PrinterError
from printers.model import PrinterState, PrinterStatus

_log = logging.getLogger(__name__)

_TELLS_S = 5.0
_POLL_S = 0.2
_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


@contextmanager
def cooled_if_disk_fails(config: NodeConfig) -> Iterator[None]:
    """Leave no printer hot where what is done within fails for the disk's sake; it fails all the same."""
    try:
        yield
    except (FabnetError, OSError, sqlite3.Error) as error:
        if is_the_disks(error):
            _log.error(
                "node %s cannot begin: its disk is full, or can only be read. Make room, or restart the"
                " machine; if that does not help, replace the disk or memory card. Then start the node again",
                config.id,
            )
            cool_all(config)
        raise


def is_the_disks(error: BaseException | None) -> bool:
    """Whether an error, or what is behind it, tells of a disk that cannot be written."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_FAULTS:
            return True
        if isinstance(error, sqlite3.Error) and is_machines(error):
            return True
        error = error.__cause__
    return False


def cool_all(config: NodeConfig) -> None:
    """Switch off the heaters of all printers on serial ports, each in a thread; return when all is tried."""
    own = Path(config.data_dir) / OWN_PROFILES
    threads = [
        threading.Thread(
            target=_cool, args=(p.id, lambda p=p: connect(connection_of(p, own))), name=f"cool-{p.id}"
        )
        for p in config.printers
        if p.port
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _cool(printer: str, make_driver: Callable[[], Driver]) -> None:
    try:
        driver = make_driver()
        try:
            driver.open()
            status = _told(driver)
            # Who tells no target may have one.
            if status.nozzle_target_c is not None and not is_heated(status):
                return
            driver.make_safe()
        finally:
            driver.close()
    except PrinterError as error:
        _log.warning("%s: it may still be hot, switch it off: %s", printer, error)
    else:
        _log.warning("%s: found hot, and this node cannot begin; the heaters are off", printer)


def _told(driver: Driver) -> PrinterStatus:
    """Return what a printer shows once it has told its targets, or some seconds have passed."""
    until_s = clock.boottime_s() + _TELLS_S
    status = driver.poll(_POLL_S)
    while status.nozzle_target_c is None and clock.boottime_s() < until_s:
        if status.state is PrinterState.FAULT:
            break
        status = driver.poll(_POLL_S)
    return status
