"""What the network learns of a lab, in its owner's words. Pure: a configuration in, lines out.

`WORDS` has every field and message that a node sends, so that nothing can be added to the wire and
stay unsaid. Leaves sending to `fabnet.node.uplink`.
"""

from __future__ import annotations

from collections.abc import Mapping

from designs.model import PRINTED
from fabnet.config import NodeConfig
from fabnet.printer_config import PrinterConfig
from firmware_profiles.loader import load_machine

#: By class and field of what is sent; several may share a sentence.
WORDS: Mapping[str, str] = {
    "Capabilities.lab": "its name",
    "Capabilities.place": "its place, rounded to some 5 km",
    "Capabilities.attended": "its hours",
    "Capabilities.utc_offset_min": "its hours",
    "Capabilities.paused": "its pauses",
    "Capabilities.paused_until": "its pauses",
    "Capabilities.pause_word": "its pauses",
    "Capabilities.weekly_h": "the hours it gives a week",
    "Capabilities.asks": "answers each offer",
    "Capabilities.printers": "its printers",
    "PrinterFacts.id": "its printers",
    "PrinterFacts.title": "its printers",
    "PrinterFacts.preset": "its printers",
    "PrinterFacts.bed_x_mm": "its printers",
    "PrinterFacts.bed_y_mm": "its printers",
    "PrinterFacts.height_mm": "its printers",
    "PrinterFacts.margin_mm": "its printers",
    "PrinterFacts.nozzle_mm": "its printers",
    "PrinterFacts.link": "its printers",
    "PrinterFacts.unattended": "its printers",
    "PrinterFacts.out_of_service": "out of order",
    "PrinterFacts.out_until": "out of order",
    "PrinterFacts.process": "its printers",
    "PrinterFacts.rate_per_h": "its printers",
    "PrinterFacts.rates": "its printers",
    "PrinterFacts.round_bed": "its printers",
    "PrinterFacts.keep_out_mm": "its printers",
    "PartRate.part": "its printers",
    "PartRate.source_sha256": "its printers",
    "PartRate.per_h": "its printers",
    "PrinterFacts.spool": "its spools",
    "Spool.id": "its spools",
    "Spool.material": "its spools",
    "Spool.grams": "its spools",
    "Spool.maker_lot": "its spools",
    "PrinterTele.printer": "what each printer does now",
    "PrinterTele.state": "what each printer does now",
    "PrinterTele.attempt": "what each printer does now",
    "PrinterTele.fraction_done": "what each printer does now",
    "PrinterTele.nozzle_c": "what each printer does now",
    "PrinterTele.bed_c": "what each printer does now",
    "PrinterChange": "what each printer does now",
    "Answer": "what becomes of each plate",
    "Ready": "what becomes of each plate",
    "Report": "what becomes of each plate",
    "Sync": "what becomes of each plate",
    "Restated": "what becomes of each plate",
    "Counted": "counts, with the name of who counted",
}


def lines(config: NodeConfig) -> list[str]:
    """Return what the network learns, and what it does not.

    What the owner has entered on her lab's page goes before the file's values.
    """
    place = "no place" if config.place is None else "its place, rounded to some 5 km"
    ceiling = f", at most {config.weekly_h:g} h a week" if config.weekly_h else ""
    asks = "a person answers each offer" if config.asks else "the node answers each offer by itself"
    return [
        f"{config.lab} tells the coordinator {config.coordinator}, through the broker {config.broker}:",
        f"- its name ({config.lab}) and {place}",
        f"- its hours ({config.attended}, by this machine's clock){ceiling}, its pauses; {asks}",
        *(f"- {_printer(each)}" for each in config.printers),
        "- what each printer does now: idle, printing or out of order, how far, how hot, its bed clear",
        "- what becomes of each plate: taken or not and why, slicer, seconds, grams, how it ended",
        "- counts, with the name of who counted (--by, or your login on this machine)",
        "It also sees, as every server does, the network address that this comes from, and when.",
        *_cameras(config),
        "It is not told: how the printers are connected beyond that, keys, passwords, other files of this",
        "machine. A test print shows as a printer that prints. Nobody else is told anything.",
        "Stewards read all of it; whoever has an account sees the lab and its printers in the list of",
        "workshops; the page of a lot, where its label leads to, names the lab, the printer and the spool.",
        "All that is kept of this lab is a file on its page there: take it, it is yours.",
    ]


def _cameras(config: NodeConfig) -> list[str]:
    shown = ", ".join(each.id for each in config.printers if each.camera)
    if not shown:
        return []
    return [
        f"Its cameras ({shown}) are shown on this node's own page, to whoever may open that, and to nobody"
        " else: no picture is sent, and none is kept."
    ]


def _printer(printer: PrinterConfig) -> str:
    if printer.process != PRINTED:
        return (
            f"its printers: {printer.id}, {printer.title or printer.id}, worked by hand:"
            f" {printer.process}, {printer.rate_per_h:g} pieces an hour"
        )
    machine = load_machine(printer.preset)
    alone = (
        "may print while nobody is there" if printer.unattended else "prints only in those hours"
    )
    spool = "no spool"
    if printer.spoolman_spool:
        number = printer.spoolman_spool
        spool = f"material, grams left and lot of spool {number}, as Spoolman has them"
    elif printer.material:
        lot = f", lot {printer.spool_lot}" if printer.spool_lot else ""
        spool = f"{printer.material}, grams left of {printer.grams:g}{lot}"
    return (
        f"its printers: {printer.id}, {printer.title or machine.title}, fed by {printer.link}, bed and"
        f" nozzle; {alone}; its spools: {spool}"
    )
