"""Gets taken attempts ready, one after another, in a thread of its own: fetch, slice, check.

Leaves what is done with one plate to `fabnet.node.files`, and when to ask for a grant to the agent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from fabnet import clock
from fabnet.errors import FileFetchError
from fabnet.node.files import FileStore, Wanted, fetch_pattern, prepare
from fabnet.node.journal import Journal
from fabnet.node.tables import Entry
from firmware_profiles.profile import MachinePreset
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.messages import Report, ReportState
from jobs.model import AttemptRef
from printers.errors import PrinterError
from printers.slices import Slice, Slicer, prune

_log = logging.getLogger(__name__)

_FETCH_AGAIN_S = 5.0


class Preparer:
    """Used by the thread that owns the journal; only fetching and slicing run beside it.

    Args:
        slices: folder of the finished slices; made where it is missing.
    """

    def __init__(
        self,
        presets: Mapping[str, MachinePreset],
        journal: Journal,
        store: FileStore,
        slicer: Slicer,
        slices: Path,
    ) -> None:
        self._presets = presets
        self._journal = journal
        self._store = store
        self._slicer = slicer
        self._slices = slices
        slices.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare")
        self._preparing: tuple[AttemptRef, Future[Slice]] | None = None
        self._not_before: dict[AttemptRef, float] = {}

    def stop(self) -> None:
        """Begin nothing more; what runs is left to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def start_next(self) -> None:
        """Begin with the oldest attempt that needs it, where nothing is being prepared."""
        if self._preparing is not None:
            return
        waiting = frozenset({AttemptState.TAKEN, AttemptState.PREPARING})
        now_s = clock.boottime_s()
        for entry in self._journal.entries(waiting):
            if entry.gcode or now_s < self._not_before.get(entry.ref, 0.0):
                continue
            if entry.state is AttemptState.TAKEN:
                with self._journal.transaction() as db:
                    self._journal.move(db, entry.ref, AttemptState.PREPARING)
                    report = Report(attempt=entry.ref, state=ReportState.PREPARING)
                    self._journal.say(db, report, clock.now())
            # Nobody slices meanwhile: the pool is idle, and has one thread.
            live = self._journal.entries(UNGRANTED | {AttemptState.GRANTED, AttemptState.PRINTING})
            prune(self._slices, {each.gcode_key for each in live})
            self._preparing = (entry.ref, self._begin(entry))
            return

    def _begin(self, entry: Entry) -> Future[Slice]:
        preset = self._presets.get(entry.printer)
        if preset is None:
            # The offer's seconds are at the rate that this lab has stated.
            return self._pool.submit(fetch_pattern, entry.plate_sha256, entry.seconds, self._store)
        wanted = Wanted(
            plate_sha256=entry.plate_sha256,
            mesh_sha256=entry.mesh_sha256,
            copies=entry.pieces,
            material=entry.material,
            preset=preset,
        )
        return self._pool.submit(prepare, wanted, self._store, self._slicer, self._slices)

    def take_done(self) -> None:
        """Take what has been prepared: ready, to be tried again, or handed back with the reason."""
        if self._preparing is None or not self._preparing[1].done():
            return
        ref, future = self._preparing
        self._preparing = None
        entry = self._journal.entry(ref)
        if entry is None or entry.state is not AttemptState.PREPARING:
            return  # Withdrawn meanwhile.
        try:
            made = future.result()
        except FileFetchError as error:
            if error.again:
                _log.warning("%s: %s; trying again", ref, error)
                self._not_before[ref] = clock.boottime_s() + _FETCH_AGAIN_S
                return
            self._decline(ref, str(error))
        except PrinterError as error:
            self._decline(ref, str(error))
        else:
            with self._journal.transaction() as db:
                self._journal.prepared(
                    db, ref, gcode=str(made.gcode), gcode_sha256=made.sha256, gcode_key=made.key,
                    slicer=made.slicer, seconds=made.seconds, grams=made.grams,
                )  # fmt: skip
                self._journal.move(db, ref, AttemptState.READY)

    def _decline(self, ref: AttemptRef, reason: str) -> None:
        _log.warning("%s: handed back: %s", ref, reason)
        with self._journal.transaction() as db:
            self._journal.move(db, ref, AttemptState.DECLINED, reason)
            report = Report(attempt=ref, state=ReportState.DECLINED, reason=reason)
            self._journal.say(db, report, clock.now())
