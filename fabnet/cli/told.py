"""What the network learns of a lab, in its owner's words and language: a configuration in, lines out.

`WORDS` has every field and message that a node sends, by the English in which it is said, so that nothing
can be added to the wire and stay unsaid. Leaves sending to `fabnet.node.uplink`.
"""

from __future__ import annotations

from collections.abc import Mapping

from designs.model import PRINTED
from fabnet.cli.language import days, gettext
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
    """Return what the network learns, and what it does not; each line may be longer than a screen.

    What the owner has entered on her lab's page goes before the file's values.
    """
    place = gettext("its place, rounded to some 5 km") if config.place else gettext("no place")
    ceiling = (
        gettext(", at most %(hours)s h a week", hours=f"{config.weekly_h:g}")
        if config.weekly_h
        else ""
    )
    asks = (
        gettext("a person answers each offer")
        if config.asks
        else gettext("the node answers each offer by itself")
    )
    return [
        gettext(
            "%(lab)s tells the coordinator %(coordinator)s, through the broker %(broker)s:",
            lab=config.lab, coordinator=config.coordinator, broker=config.broker,
        ),
        gettext("- its name (%(lab)s) and %(place)s", lab=config.lab, place=place),
        gettext(
            "- its hours (%(hours)s, by this machine's clock)%(ceiling)s, its pauses; %(asks)s",
            hours=days(config.attended), ceiling=ceiling, asks=asks,
        ),
        *map(_printer, config.printers),
        gettext(
            "- what each printer does now: idle, printing or out of order, how far, how hot, its bed clear"
        ),
        gettext(
            "- what becomes of each plate: taken or not and why, slicer, seconds, grams, how it ended"
        ),
        gettext("- counts, with the name of who counted (--by, or your login on this machine)"),
        gettext(
            "It also sees, as every server does, the network address that this comes from, and when."
        ),
        *_cameras(config),
        gettext(
            "It is not told: how the printers are connected beyond that, keys, passwords, other files of"
            " this machine. A test print shows as a printer that prints. Nobody else is told anything."
        ),
        gettext(
            "Stewards read all of it; whoever has an account sees the lab and its printers in the list of"
            " workshops; the page of a lot, where its label leads to, names the lab, the printer and the"
            " spool."
        ),
        gettext("All that is kept of this lab is a file on its page there: take it, it is yours."),
    ]  # fmt: skip


def _cameras(config: NodeConfig) -> list[str]:
    shown = ", ".join(each.id for each in config.printers if each.camera)
    if not shown:
        return []
    return [
        gettext(
            "Its cameras (%(printers)s) are shown on this node's own page, to whoever may open that, and to"
            " nobody else: no picture is sent, and none is kept.",
            printers=shown,
        )
    ]


def _printer(printer: PrinterConfig) -> str:
    if printer.process != PRINTED:
        return gettext(
            "- its printers: %(id)s, %(title)s, worked by hand: %(process)s, %(rate)s pieces an hour",
            id=printer.id, title=printer.title or printer.id, process=printer.process,
            rate=f"{printer.rate_per_h:g}",
        )  # fmt: skip
    alone = (
        gettext("may print while nobody is there")
        if printer.unattended
        else gettext("prints only in those hours")
    )
    return gettext(
        "- its printers: %(id)s, %(title)s, fed by %(link)s, bed and nozzle; %(alone)s; its spools: %(spool)s",
        id=printer.id, title=printer.title or load_machine(printer.preset).title, link=printer.link,
        alone=alone, spool=_spool(printer),
    )  # fmt: skip


def _spool(printer: PrinterConfig) -> str:
    if printer.spoolman_spool:
        return gettext(
            "material, grams left and lot of spool %(number)s, as Spoolman has them",
            number=printer.spoolman_spool,
        )
    if not printer.material:
        return gettext("no spool")
    lot = gettext(", lot %(lot)s", lot=printer.spool_lot) if printer.spool_lot else ""
    return gettext(
        "%(material)s, how much is left of %(grams)s g%(lot)s",
        material=printer.material, grams=f"{printer.grams:g}", lot=lot,
    )  # fmt: skip
