"""Test prints: a small part of ours on a printer of this lab, for its owner's eyes and nobody's order.

They go the way of every print: the same check, the same bench, the same driver; the bed is not clear
afterwards until a person says so, and their filament is taken from the spool. They are no attempts:
nothing of them is kept but that. Leaves making the G-code to `printers.trial_part`.
"""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from designs.errors import DesignError
from fabnet import clock
from fabnet.node.bench import Bench
from fabnet.node.bench_talk import Ended, Start, Stop
from fabnet.node.journal import Journal
from fabnet.node.lab import Lab
from fabnet.node.tables import trial_begins
from firmware_profiles.profile import MachinePreset
from jobs.errors import NotFoundError, RefusedError
from jobs.owner import Halt, TrialView, Try
from printers.errors import PrinterError
from printers.model import PrinterState, PrintResult
from printers.slices import Slice, kept
from printers.slicing import check_slice, timed

_log = logging.getLogger(__name__)

#: The folder of their slices, in the node's `data_dir`.
TRIALS = "trials"
#: No job is called so: its name would have no hyphen.
_NAME = "fabnet-test-print-{}"
_KEY = re.compile("[0-9a-f]{64}")


class Trials:
    """Used by the thread that owns the journal.

    Args:
        folder: of the slices of test parts.
        say_printer: tells the network what a printer is, inside the transaction.
        may_heat: whether a printer may get hot now, as others do.
    """

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        lab: Lab,
        benches: Mapping[str, Bench],
        presets: Mapping[str, MachinePreset],
        say_printer: Callable[[sqlite3.Connection, str, datetime], None],
        may_heat: Callable[[str], bool],
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._lab = lab
        self._benches = benches
        self._presets = presets
        self._say_printer = say_printer
        self._may_heat = may_heat
        self._last: dict[str, TrialView] = {}

    def do(self, wish: Try | Halt) -> None:
        """Begin or stop one.

        Raises:
            NotFoundError, RefusedError: as `begin` and `halt`.
        """
        if isinstance(wish, Try):
            self.begin(wish.printer, wish.slice)
        else:
            self.halt(wish.printer)

    def begin(self, printer: str, key: str) -> None:
        """Print the test part of this slice, by the word of a person who stands at the printer.

        Raises:
            NotFoundError: there is no such printer, or no such slice.
            RefusedError: not now; the message says why.
        """
        if printer not in self._benches:
            raise NotFoundError("printer", printer, self._benches)
        self._refuse(printer)
        made = self._checked(printer, key)
        name = _NAME.format(secrets.token_hex(4))
        with self._journal.transaction() as db:
            # As before every print: on the disk before the printer hears of it.
            self._journal.set_clear(db, printer, clear=False)
            trial_begins(db, printer, clock.now(), made.seconds)
            self._say_printer(db, printer, clock.now())
        self._last[printer] = TrialView(
            printer=printer, name=name, seconds=made.seconds, grams=made.grams
        )
        _log.info("%s: %s begins, by its owner's word", printer, name)
        start = Start(name=name, gcode=made.gcode, sha256=made.sha256)
        self._benches[printer].command(start)

    def _refuse(self, printer: str) -> None:
        lies, status = self._journal.on_bed(printer), self._benches[printer].status
        if self._lab.is_manual(printer):
            raise RefusedError(f"{printer} is fed by a person: print the test part from its card.")
        if self.runs(printer):
            raise RefusedError(f"{printer} prints a test part already.")
        if lies is not None:
            raise RefusedError(f"{lies.ref} is on {printer}: its print ends and is counted first.")
        if status.state is not PrinterState.IDLE:
            why = f" ({status.fault})" if status.fault else ""
            raise RefusedError(f"{printer} is {status.state}{why}: it cannot print now.")
        if self._benches[printer].in_use:
            raise RefusedError(f"{printer} prints for somebody else now, or is heated there.")
        if not self._may_heat(printer):
            raise RefusedError(
                "Another printer heats up now, and node.toml lets no more at once"
                " (heaters_at_once): try again in a few minutes."
            )

    def _checked(self, printer: str, key: str) -> Slice:
        made = kept(self._folder, key) if _KEY.fullmatch(key) else None
        if made is None:
            raise NotFoundError("test part", key)
        spool = self._lab.loaded_on(printer)
        if spool is None:
            raise RefusedError(f"No spool is loaded on {printer}: say in node.toml what is on it.")
        try:
            facts = check_slice(made.gcode, self._presets[printer], spool.material)
        except (PrinterError, DesignError) as error:
            raise RefusedError(f"{printer}: {error}") from error
        return timed(made, facts)

    def halt(self, printer: str) -> None:
        """Stop the test part, heaters off.

        Raises:
            RefusedError: none is being printed there.
        """
        if not self.runs(printer):
            raise RefusedError(f"{printer} prints no test part.")
        self._benches[printer].command(Stop(name=self._last[printer].name))

    def runs(self, printer: str) -> bool:
        """Whether a test part is on its way or being printed there."""
        last = self._last.get(printer)
        return last is not None and last.result is None

    def ended(self, event: Ended, now: datetime) -> bool:
        """Take the end of a print, if it is a test print's; return whether it is."""
        last, outcome = self._last.get(event.printer), event.outcome
        if last is None or last.name != outcome.name or last.result is not None:
            return False
        done = outcome.result is PrintResult.DONE
        with self._journal.transaction() as db:
            used_g = last.grams * (1.0 if done else event.fraction_done)
            self._journal.use(db, self._lab.spool_id(event.printer), used_g)
            self._journal.set_clear(db, event.printer, clear=False)
            self._journal.say(db, self._lab.capabilities(), now)
            self._say_printer(db, event.printer, now)
        self._last[event.printer] = replace(last, result=outcome.result, reason=outcome.reason)
        _log.info("%s: %s %s %s", event.printer, last.name, outcome.result, outcome.reason)
        return True

    def views(self) -> tuple[TrialView, ...]:
        """Return the last test print of each printer since the start."""
        return tuple(self._last.values())
