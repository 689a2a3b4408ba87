"""A maker's own G-code for a plate that her node has taken, and the plate's file to slice it from.

Runs in whichever thread or process asks (the page's, a command's): the node's loop is told of G-code
that was checked and kept already. Leaves the checks to `printers.own_gcode`, and what becomes of the
attempt to `fabnet.node.owner`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from designs.errors import DesignError
from designs.plate_size import plate_height_mm
from fabnet.config import OWN_PROFILES, OWN_SLICES, NodeConfig
from fabnet.errors import FabnetError
from fabnet.node.files import FileStore
from fabnet.node_folder import read_key
from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.loader import load_machine
from jobs.errors import NotFoundError, RefusedError
from jobs.model import AttemptRef
from jobs.owner import Bring, Look, NodeView, PlateView, Wish
from printers.errors import PrinterError
from printers.own_gcode import OwnPlate
from printers.own_gcode_child import take_apart


class OwnSlices:
    """Used from any thread.

    Args:
        config: checked; its paths are absolute.
        ask: puts a wish to the node that runs with it.
    """

    def __init__(self, config: NodeConfig, ask: Callable[[Wish], NodeView]) -> None:
        self._config = config
        self._ask = ask

    def plate_file(self, ref: AttemptRef) -> Path:
        """Return a plate as 3MF, fetched where it is not here yet.

        Raises:
            NotFoundError: there is no such plate, or it is not for a slicer.
            RefusedError: it cannot be fetched now.
        """
        return self._fetch(self._plate(ref))

    def bring(
        self, ref: AttemptRef, gcode: Path, *, sure: bool, file: Path | None = None
    ) -> NodeView:
        """Let a plate be printed from this G-code; return how things stand then.

        Args:
            ref: of a plate that this node has taken and no printer was told of, or that a person prints
                from a card.
            gcode: of any slicer, as text.
            sure: its maker says that it is the whole plate, whatever it weighs.
            file: the plate as 3MF, where it is at hand; else it is fetched.

        Raises:
            NotFoundError: there is no such plate, or it is not for a slicer.
            RefusedError: the G-code is refused, with its line; or it is too late.
        """
        plate = self._plate(ref)
        folder = Path(self._config.data_dir)
        printer = next(each for each in self._config.printers if each.id == plate.printer)
        try:
            wanted = OwnPlate(
                sha256=plate.plate_sha256,
                pieces=plate.pieces,
                height_mm=plate_height_mm(self._fetch(plate) if file is None else file),
                material=plate.material,
                grams=plate.grams,
                seconds=plate.seconds,
                preset=load_machine(printer.preset, folder / OWN_PROFILES),
            )
            key = take_apart(gcode, wanted, folder / OWN_SLICES, sure=sure)
        except (PrinterError, DesignError, FirmwareProfileError) as error:
            raise RefusedError(str(error)) from error
        return self._ask(Bring(attempt=ref, slice=key))

    def _plate(self, ref: AttemptRef) -> PlateView:
        plates = self._ask(Look()).plates
        found = next((each for each in plates if each.attempt == ref), None)
        if found is None or not found.sliceable:
            raise NotFoundError("plate", str(ref))
        return found

    def _fetch(self, plate: PlateView) -> Path:
        config = self._config
        try:
            store = FileStore(
                Path(config.data_dir) / "files", config.coordinator, config.id,
                read_key(Path(config.key_file)), config.coordinator_ca_file,
            )  # fmt: skip
            return store.fetch(plate.plate_sha256)
        except FabnetError as error:
            raise RefusedError(str(error)) from error
