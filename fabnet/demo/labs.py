"""The labs of the demo: who they are, what stands there, and what will happen to them.

Places are real towns, people are invented. Three makes of bed, two materials, stocks of several
sizes, so that every rule of the plan is met by somebody.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPrinter:
    """One simulated printer; `link` says how its lab drives it."""

    id: str
    title: str
    preset: str
    material: str
    grams: float
    spool_lot: str
    link: str = "serial"  # "serial", "octoprint", "manual"
    unattended: bool = False  # so that the demo prints at night too


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLab:
    """One lab with its maker, who signs in as `login` / `demo-<login>`."""

    node: str
    lab: str
    login: str
    place: tuple[float, float]
    printers: tuple[DemoPrinter, ...]
    attended: str = "00:00-24:00"
    hosted: bool = False  # its node runs beside the coordinator
    asks: bool = False  # its maker answers each offer
    says_no: bool = False  # to the first one
    loses_link: bool = False  # once, in mid-print
    finds_scrap: bool = False  # one piece of its first plate


HUB_PLACE = (47.22, -1.55)  # Nantes

ATELIER = DemoLab(
    node="atelier-nord",
    lab="Atelier Nord",
    login="nour",
    place=(47.24, -1.56),
    loses_link=True,
    printers=(
        DemoPrinter(
            id="mk3-left", title="Prusa-like, left", preset="generic-250x210",
            material="PETG", grams=950, spool_lot="DEMO-1",
        ),
        DemoPrinter(
            id="small", title="Small printer", preset="generic-180x180",
            material="PETG", grams=420, spool_lot="DEMO-2",
        ),
    ),
)  # fmt: skip
FABLAB = DemoLab(
    node="fablab-loire",
    lab="FabLab de la Loire",
    login="lou",
    place=(47.21, -1.42),
    attended="Tue-Sat 10:00-19:00",
    asks=True,
    says_no=True,
    printers=(
        DemoPrinter(
            id="square", title="Square bed", preset="generic-220x220",
            material="PLA", grams=700, spool_lot="DEMO-3", unattended=True,
        ),
    ),
)  # fmt: skip
LYCEE = DemoLab(
    node="lycee-est",
    lab="Lycée de l’Est",
    login="lea",
    place=(47.28, -1.35),
    attended="Mon-Fri 07:30-18:30",
    finds_scrap=True,
    printers=(
        DemoPrinter(
            id="mk3-class", title="Prusa-like, classroom", preset="generic-250x210",
            material="PETG", grams=260, spool_lot="DEMO-4", unattended=True,
        ),
    ),
)  # fmt: skip
AWA = DemoLab(
    node="chez-awa",
    lab="Chez Awa",
    login="awa",
    place=(47.14, -1.6),
    hosted=True,
    printers=(
        DemoPrinter(
            id="sd-card", title="Printer with an SD card", preset="creality-ender-3",
            material="PLA", grams=800, spool_lot="DEMO-5", link="manual",
        ),
    ),
)  # fmt: skip
OCTO = DemoLab(
    node="octo-lab",
    lab="Atelier des octets",
    login="olga",
    place=(47.2, -1.53),
    printers=(
        DemoPrinter(
            id="octo", title="Printer behind OctoPrint", preset="generic-250x210",
            material="PETG", grams=600, spool_lot="DEMO-6", link="octoprint",
        ),
    ),
)  # fmt: skip


def labs(*, octoprint: bool) -> tuple[DemoLab, ...]:
    """Return the labs of the demo; one more drives its printer through OctoPrint where asked."""
    return (ATELIER, FABLAB, LYCEE, AWA, *((OCTO,) if octoprint else ()))
