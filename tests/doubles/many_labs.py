"""A network of many labs as they are: small beds, other materials, hours, ceilings, some paused or away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from jobs.coordinator import nodes, orders
from jobs.messages import Capabilities, PrinterChange
from printers.model import PrinterFacts, PrinterState
from tests.doubles.world import CATALOGUE, World, a_request, some_facts

TOWNS = (
    "Ancenis",
    "Rezé",
    "Clisson",
    "Pornic",
    "Vertou",
    "Blain",
    "Orvault",
    "Carquefou",
    "Savenay",
    "Nort",
)
BEDS = (  # title, preset, width, depth and height in mm
    ("Prusa MK3S", "prusa-mk3s", 250.0, 210.0, 210.0),
    ("Prusa MINI+", "prusa-mini", 180.0, 180.0, 180.0),
    ("Ender 3", "creality-ender-3", 220.0, 220.0, 250.0),
    ("CR-10", "creality-cr-10", 300.0, 300.0, 400.0),
)  # fmt: skip


def _printer(number: int) -> PrinterFacts:
    title, preset, x, y, z = BEDS[number * 7 % 4]
    material = "PLA" if number % 5 == 0 else ("ABS" if number % 11 == 0 else "PETG")
    grams = 9.0 if number % 13 == 0 else 250.0 + number * 37 % 700
    about = replace(
        some_facts(f"p{number}", grams, material), title=title, preset=preset,
        bed_x_mm=x, bed_y_mm=y, height_mm=z,
    )  # fmt: skip
    return replace(about, spool=None) if number % 17 == 5 else about


def add_many_labs(world: World, count: int) -> None:
    """Let so many labs join with one to three printers each; the same ones every time."""
    number = 0
    for lab in range(count):
        node = f"lab-{lab:04}"
        name = f"Atelier de {TOWNS[lab % 10]} {lab}"
        nodes.enrol(world.ledger, node, name, "", world.now)
        printers = tuple(_printer(number + n) for n in range(1 + lab % 3))
        number += len(printers)
        said = Capabilities(
            lab=name, printers=printers, paused=lab % 19 == 7,
            place=(46.9 + lab * 7 % 60 / 100, -2.0 + lab * 11 % 90 / 100),
            attended=("Mon-Sun 00:00-24:00", "Mon-Fri 18:00-23:00", "08:00-20:00", "12:00-12:40")[
                (0, 1, 2, 0, 2, 1, 0, 3)[lab % 8]
            ],
            weekly_h=(0.0, 20.0, 40.0)[lab % 3], utc_offset_min=60,
        )  # fmt: skip
        with world.ledger.transaction() as db:
            nodes.presence(db, node, "boot", "conn", world.now, online=lab % 23 != 4)
            nodes.capabilities(db, node, said, world.now)
            for each in printers:
                change = PrinterChange(printer=each.id, state=PrinterState.IDLE, clear=True)
                nodes.printer_change(db, node, change, world.now)


def add_orders(world: World, count: int, kits: int = 60) -> list[str]:
    """Confirm so many orders of three designs, due one after another; return their ids."""
    designs = [
        world.library.add_design(CATALOGUE / d) for d in ("visor-kit", "ear-saver", "visor-frame")
    ]
    found = []
    for n in range(count):
        design = designs[n % len(designs)]
        due: date = (world.now + timedelta(days=2 + n)).date()
        places = (
            "CHU de Nantes, réanimation",
            "EHPAD Les Tilleuls",
            "Clinique de l’Erdre",
            "SAMU 44",
        )
        asked = a_request(
            design, kits * (1 + n % 4), world.now, due=due, place=places[n % 4], requester="Ada Infirmière",
        )  # fmt: skip
        placed = orders.place(world.ledger, asked, design, world.now)
        orders.confirm(world.ledger, placed.order_id, "camille", world.now)
        found.append(placed.order_id)
    return found
