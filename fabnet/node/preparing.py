"""Gets taken attempts ready, one after another, in a thread of its own: fetch, slice, check.

G-code that the owner has brought goes before any slicer's, for every plate that is the same. Where
nobody but she slices, a plate is fetched and waits for it.

Leaves what is done with one plate to `fabnet.node.files`, and when to ask for a grant to the agent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import msgspec

from designs.errors import DesignError
from fabnet import clock
from fabnet.config import OWN_SLICES
from fabnet.errors import FileFetchError
from fabnet.node.files import FileStore, Wanted, fetch_pattern, prepare
from fabnet.node.journal import Journal
from fabnet.node.tables import Entry
from firmware_profiles.profile import MachinePreset
from jobs.errors import NotFoundError, RefusedError
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.messages import Report, ReportState
from jobs.model import AttemptRef
from printers.errors import NoRoomError, PrinterError
from printers.gcode_rules import EDITION
from printers.model import OWN_SLICE
from printers.slices import Slice, Slicer, kept, named_for, prune, was_checked_for
from printers.slicing import check_slice, timed

_log = logging.getLogger(__name__)

_KEY = re.compile("[0-9a-f]{64}")
_AGAIN_S = 5.0
_WAITING = frozenset({AttemptState.TAKEN, AttemptState.PREPARING})


class Preparer:
    """Used by the thread that owns the journal; only fetching and slicing run beside it.

    Args:
        slicer: None where the owner brings G-code for every plate.
        folder: the node's own; slices are kept in it.
    """

    def __init__(
        self,
        presets: Mapping[str, MachinePreset],
        journal: Journal,
        store: FileStore,
        slicer: Slicer | None,
        folder: Path,
    ) -> None:
        self._presets = presets
        self._journal = journal
        self._store = store
        self._slicer = slicer
        self._slices, self._own = folder / "slices", folder / OWN_SLICES
        for each in (self._slices, self._own):
            each.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare")
        self._preparing: tuple[AttemptRef, Future[Slice | None]] | None = None
        self._again_at_s: dict[AttemptRef, float] = {}
        self._for_owner: set[AttemptRef] = set()  # fetched; she slices them

    def stop(self) -> None:
        """Begin nothing more; what runs is left to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def check_machines(self) -> None:
        """Make anew, after a start, what was checked for another machine than stands there now.

        And what was checked by earlier rules.
        """
        for printer, preset in self._presets.items():
            checked = msgspec.json.encode((preset, EDITION))
            key, facts = f"checked_for:{printer}", sha256(checked).hexdigest()
            before = self._journal.setting(key)
            if before == facts:
                continue
            with self._journal.transaction() as db:
                self._journal.set_setting(db, key, facts)
                # Nothing is kept of a node that an earlier release has run: it is trusted once.
                ready = self._journal.entries(frozenset({AttemptState.READY})) if before else ()
                for entry in ready:
                    if entry.printer == printer:
                        _log.warning(
                            "%s is made anew: %s or the rules are others", entry.ref, printer
                        )
                        self._journal.prepared(
                            db, entry.ref, gcode="", gcode_sha256="", gcode_key=entry.gcode_key,
                            slicer=entry.slicer, seconds=entry.seconds, grams=entry.grams,
                        )  # fmt: skip
                        self._journal.move(db, entry.ref, AttemptState.PREPARING)

    def start_next(self) -> None:
        """Begin with the oldest attempt that needs it, where nothing is being prepared."""
        if self._preparing is not None:
            return
        now_s = clock.boottime_s()
        for entry in self._journal.entries(_WAITING):
            waits = entry.ref in self._for_owner or now_s < self._again_at_s.get(entry.ref, 0.0)
            if entry.gcode or waits:
                continue
            if entry.state is AttemptState.TAKEN:
                with self._journal.transaction() as db:
                    self._journal.move(db, entry.ref, AttemptState.PREPARING)
                    report = Report(attempt=entry.ref, state=ReportState.PREPARING)
                    self._journal.say(db, report, clock.now())
            # Nobody slices meanwhile: the pool is idle, and has one thread.
            prune(self._slices, self._needed())
            self._preparing = (entry.ref, self._begin(entry))
            return

    def _needed(self) -> set[str]:
        live = self._journal.entries(UNGRANTED | {AttemptState.GRANTED, AttemptState.PRINTING})
        return {each.gcode_key for each in live}

    def _begin(self, entry: Entry) -> Future[Slice | None]:
        preset = self._presets.get(entry.printer)
        if preset is None:
            # The offer's seconds are at the rate that this lab has stated.
            return self._pool.submit(fetch_pattern, entry.plate_sha256, entry.seconds, self._store)
        brought = self._brought_before(entry)
        return self._pool.submit(self._make, entry, preset, brought)

    def _make(self, entry: Entry, preset: MachinePreset, brought: Slice | None) -> Slice | None:
        """Runs in the pool; None where the plate is here and its owner is to slice it."""
        if brought is not None:
            try:
                facts = check_slice(brought.gcode, preset, entry.material)
            except (PrinterError, DesignError) as error:
                _log.warning("%s: what was brought for it before: %s", entry.ref, error)
            else:
                return timed(brought, facts)
        if self._slicer is None:
            self._store.fetch(entry.plate_sha256)
            return None
        wanted = Wanted(
            plate_sha256=entry.plate_sha256,
            mesh_sha256=entry.mesh_sha256,
            copies=entry.pieces,
            material=entry.material,
            preset=preset,
        )
        return prepare(wanted, self._store, self._slicer, self._slices)

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
            if made is None:
                _log.info("%s waits for its owner's G-code", ref)
                self._for_owner.add(ref)
                return
        except FileFetchError as error:
            if error.again:
                _log.warning("%s: %s; trying again", ref, error)
                self._rest(ref)
                return
            self._decline(ref, str(error))
        except NoRoomError as error:
            _log.warning("%s: %s; trying again", ref, error)
            self._rest(ref)
        except PrinterError as error:
            self._decline(ref, str(error))
        except Exception:  # noqa: BLE001
            # A full disk, or a bug: no word on the plate, and nothing that a second would mend.
            _log.exception("%s cannot be prepared; trying again", ref)
            self._rest(ref)
        else:
            self._keep(ref, made, ready=True)

    def _rest(self, ref: AttemptRef) -> None:
        self._again_at_s[ref] = clock.boottime_s() + _AGAIN_S

    def _keep(self, ref: AttemptRef, made: Slice, *, ready: bool) -> None:
        with self._journal.transaction() as db:
            self._journal.prepared(
                db, ref, gcode=str(made.gcode), gcode_sha256=made.sha256, gcode_key=made.key,
                slicer=made.slicer, seconds=made.seconds, grams=made.grams,
            )  # fmt: skip
            if ready:
                self._journal.move(db, ref, AttemptState.READY)

    # --- what the owner slices herself ----------------------------------------------------------

    def sliceable(self, entry: Entry) -> bool:
        """Whether G-code of its owner may still take the place of what is or will be sliced."""
        early = entry.state in _WAITING or entry.state is AttemptState.READY
        return early and not entry.intent and entry.printer in self._presets

    def waits_for_owner(self, entry: Entry) -> bool:
        """Whether nobody but its owner will slice it."""
        return entry.ref in self._for_owner and entry.state in _WAITING

    def bring(self, entry: Entry, key: str) -> None:
        """Make an attempt ready with G-code that `own_gcode.take` has checked for it and kept under this key.

        One that a person prints from a card stays as it is, and has another file from then on.

        Raises:
            NotFoundError: there is none.
            RefusedError: it was checked for another plate, printer or material, or by other rules.
        """
        made = kept(self._own, key) if _KEY.fullmatch(key) else None
        if made is None or not made.slicer.startswith(OWN_SLICE):
            raise NotFoundError("G-code", key)
        # Who knows a key may name it for any plate; to follow 100 MB here would hold up the loop.
        name = named_for(entry.plate_sha256, self._presets[entry.printer], entry.material)
        if not was_checked_for(self._own, key, name):
            raise RefusedError(
                f"This G-code was not checked for {entry.ref} on {entry.printer} in"
                f" {entry.material}: bring the file itself."
            )
        prune(self._own, self._needed() | {key})
        self._keep(entry.ref, made, ready=not entry.intent)
        self._for_owner.discard(entry.ref)
        _log.info("%s: G-code %s was brought for it (%s)", entry.ref, key[:12], made.slicer)

    def _brought_before(self, entry: Entry) -> Slice | None:
        """Return what the owner last brought for the same plate on the same printer."""
        row = self._journal.reading.execute(
            "select gcode_key from attempt where plate_sha256 = ? and printer = ? and material = ?"
            " and slicer like ? order by taken_at desc, job, number limit 1",
            (entry.plate_sha256, entry.printer, entry.material, f"{OWN_SLICE}%"),
        ).fetchone()
        return None if row is None else kept(self._own, row["gcode_key"])

    def _decline(self, ref: AttemptRef, reason: str) -> None:
        _log.warning("%s: handed back: %s", ref, reason)
        with self._journal.transaction() as db:
            self._journal.move(db, ref, AttemptState.DECLINED, reason)
            report = Report(attempt=ref, state=ReportState.DECLINED, reason=reason)
            self._journal.say(db, report, clock.now())
