"""Slices plates for nodes that have no slicer, on one thread of the coordinator.

Nothing is written down about who asked: a node asks again until it has an answer, so a request that
a crash forgot comes back by itself, and a slice that was made before is found by its key. Leaves who
may ask for what to `web.api` and `jobs.coordinator.files`.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from designs.errors import DesignError
from firmware_profiles.errors import FirmwareProfileError
from printers.errors import PrinterError, SlicingError
from printers.slices import Figures, Slice, Slicer, SliceRequest, discard, kept, prune
from printers.slicing import check_slice, find_slicer

_log = logging.getLogger(__name__)

_HASH = re.compile("[0-9a-f]{64}")
_GRACE_S = 1.0
_MOST_ANSWERS = 1000

#: What tells requests apart: the plate file holds the mesh and the number of copies.
_Wish = tuple[str, str, str]


class SlicingService:
    """A queue, a thread that slices, and the folder of slices.

    Args:
        folder: of slices; nobody else writes to it.
        needed: keys of slices that nodes have and are still to print; asked on the slicing thread.
        find: finds the slicer at the first request.
    """

    def __init__(
        self,
        folder: Path,
        needed: Callable[[], Collection[str]],
        find: Callable[[], Slicer] = find_slicer,
    ) -> None:
        self._folder = folder
        self._needed = needed
        self._find = find
        self._slicer: Slicer | None = None
        self._queue: queue.SimpleQueue[SliceRequest | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: set[_Wish] = set()
        self._answers: dict[_Wish, Slice | SlicingError] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="slicing", daemon=True)
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Begin to slice."""
        self._thread.start()

    def stop(self) -> None:
        """Slice nothing more; a slice that is being made is not waited for."""
        self._stop.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(_GRACE_S)

    def ask(self, request: SliceRequest) -> Slice | None:
        """Return the slice, or None while it is being made; asking again is the way to learn.

        Raises:
            SlicingError: it cannot be made; told once, then tried anew when asked again.
        """
        wish = (request.plate_sha256, request.preset.name, request.material)
        with self._lock:
            answer = self._answers.get(wish)
            if isinstance(answer, SlicingError):
                del self._answers[wish]
                raise answer
            if answer is not None and answer.gcode.exists():
                return answer
            if wish not in self._waiting:
                self._waiting.add(wish)
                self._queue.put(request)
            return None

    def gcode_of(self, name: str) -> Path | None:
        """Return the G-code with this key or this SHA-256, None when it is not here (any more).

        By its key it is read whole and compared with what was sliced and checked: a person carries
        it to a printer, where nobody checks it again.
        """
        if not _HASH.fullmatch(name):
            return None
        by_key = kept(self._folder, name)
        if by_key is not None:
            return by_key.gcode
        for path in self._folder.glob("*.json"):
            try:
                figures = msgspec.json.decode(path.read_bytes(), type=Figures)
            except (OSError, msgspec.DecodeError):
                continue  # Being deleted, or damaged: no slice either way.
            gcode = path.with_suffix(".gcode")
            if figures.sha256 == name and gcode.exists():
                return gcode
        return None

    def _work(self) -> None:
        while (request := self._queue.get()) is not None and not self._stop.is_set():
            answer = self._answer(request)
            wish = (request.plate_sha256, request.preset.name, request.material)
            with self._lock:
                self._answers[wish] = answer
                self._waiting.discard(wish)
                if len(self._answers) > _MOST_ANSWERS:
                    # The oldest: whoever asks again gets it by its key.
                    del self._answers[next(iter(self._answers))]

    def _answer(self, request: SliceRequest) -> Slice | SlicingError:
        try:
            return self._slice(request)
        except SlicingError as error:
            return error
        except (PrinterError, FirmwareProfileError, DesignError) as error:
            return SlicingError(str(error))
        except Exception as error:  # noqa: BLE001
            # One plate that nobody thought of must not end slicing for all others.
            _log.exception("slicing %s failed", request.plate_sha256)
            return SlicingError(f"slicing failed on the coordinator: {error}")

    def _slice(self, request: SliceRequest) -> Slice:
        if self._slicer is None:
            self._slicer = self._find()
        prune(self._folder, self._needed())
        made = self._slicer.slice(request, self._folder)
        try:
            check_slice(made.gcode, request.preset, request.material)
        except PrinterError:
            # Whoever downloads it has no node that would check it once more.
            discard(made)
            raise
        _log.info("sliced %s for %s: %s", request.plate_sha256[:12], request.preset.name, made.key)
        return made
