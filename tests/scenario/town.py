"""A network for the scenario: small flat parts, labs with fast simulated printers, one that works by hand.

Coordinator, broker, nodes and printers are processes of their own, as in the demo.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from designs.library import Library
from designs.model import Revision
from fabnet import clock
from fabnet.demo.labs import DemoLab, DemoPrinter
from fabnet.demo.network import Network
from jobs.coordinator.people import add_person
from jobs.ledger.store import Ledger
from jobs.model import Role
from tests.chaos.plates import write_model
from web.auth import hash_password

#: How many pieces of each part are in one kit, by design: what the hospitals know of them.
DESIGNS = {"frame": {"frame": 1}, "set": {"frame": 1, "clip": 2}}
_SIZES_MM = {"frame": (100.0, 60.0), "clip": (60.0, 40.0)}
#: Work that a printer is granted ahead: some plates of these.
_LOOK_AHEAD_S = 900.0

#: Every lab got one spool of each lot: a faulty lot is in all of them.
LOTS = {"a": "LOT-A", "b": "LOT-B"}
_PLACES = ((47.24, -1.56), (47.21, -1.42), (47.28, -1.35), (47.14, -1.6), (47.2, -1.53))


def labs(count: int) -> tuple[DemoLab, ...]:
    """Return so many labs with two printers each, and one more that works by hand."""
    found = [
        DemoLab(
            node=f"lab-{n}",
            lab=f"Atelier {n}",
            login=f"maker-{n}",
            place=_PLACES[n % len(_PLACES)],
            printers=tuple(
                DemoPrinter(
                    id=f"p{n}{side}", title=f"Imprimante {n}{side}", preset="generic-250x210",
                    material="PETG", grams=9000, spool_lot=LOTS[side], unattended=True,
                )
                for side in ("a", "b")
            ),
        )
        for n in range(1, count + 1)
    ]  # fmt: skip
    by_hand = DemoPrinter(
        id="card", title="Imprimante à carte SD", preset="generic-220x220", material="PETG",
        grams=9000, spool_lot="LOT-card", link="manual",
    )  # fmt: skip
    return (
        *found,
        DemoLab(
            node="by-hand", lab="Chez Awa", login="awa", place=_PLACES[0], printers=(by_hand,),
            hosted=True,
        ),
    )  # fmt: skip


class Town(Network):
    """The network of the scenario."""

    def __init__(self, folder: Path, found: tuple[DemoLab, ...]) -> None:
        self.revisions: dict[str, Revision] = {}
        super().__init__(
            folder, found, port=0, lines_per_s=0, silent_after_s=60.0, look_ahead_s=_LOOK_AHEAD_S
        )

    def same_filament(self, machine: tuple[str, str]) -> set[tuple[str, str]]:
        """Return the printers that have filament of the same lot of its maker's in them, by its labels."""
        lots = {(lab.node, p.id): p.spool_lot for lab in self.labs for p in lab.printers}
        return {each for each, lot in lots.items() if lot == lots[machine]}

    def today(self) -> date:
        """Return the day at the hub."""
        return clock.now().date()

    def _fill_ledger(self, folder: Path) -> Revision:
        ledger = Ledger(folder / "ledger.db")
        library = Library(ledger.database, folder / "files")
        library.migrate()
        for name, parts in DESIGNS.items():
            source = self.folder / f"design-{name}"
            _write_design(source, name, parts)
            self.revisions[name] = library.add_design(source)
        people = {"steward": (Role.STEWARD, ""), "inspector": (Role.INSPECTOR, "")}
        people |= {lab.login: (Role.MAKER, lab.node) for lab in self.labs}
        for login, (role, node) in people.items():
            word = hash_password(self.accounts[login][1])
            add_person(ledger, login, login.capitalize(), role, word, node, clock.now())
        ledger.close()
        return self.revisions["frame"]

    def _add_simulated(self, lab: DemoLab, printer: DemoPrinter) -> str:
        """A printer that is fed by hand needs no machine behind it: its maker says what came out."""
        if printer.link == "manual":
            return "manual = true"
        return super()._add_simulated(lab, printer)


def _write_design(folder: Path, name: str, parts: dict[str, int]) -> None:
    folder.mkdir()
    text = (
        f'title = "Visière {name}"\ndescription = "A flat frame."\nfunction = "Is counted."\n'
        'version = "1.0.0"\nlicense = "CERN-OHL-S-2.0"\nlicensor = "The fabnet makers"\n'
        f'documentation-language = "en"\n\n[fabnet]\ndesign = "scenario-{name}"\nreview = "draft"\n'
    )
    for part, per_kit in parts.items():
        write_model(folder / f"{part}.stl", *_SIZES_MM[part])
        text += (
            f'\n[[part]]\nid = "{part}"\ntitle = "{part.title()}"\nfile = "{part}.stl"\n'
            f'tsdc = "3DP"\nper_kit = {per_kit}\nmaterials = ["PETG"]\n'
        )
    (folder / "design.toml").write_text(text, encoding="utf-8")
