"""The delivery note: what a hospital files and a driver has signed, on A4, in French and English.

Pure but for the fonts it reads: facts in, a PDF out. Leaves the facts to the pages that give it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from designs.regulation import Words
from web.documents.paper import WIDTH_MM, Sheet
from web.language import Speech


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteLine:
    """What of one lot is in the parcel; times are as people read them, in both languages."""

    lot: str
    part: Words
    made: str  # the day on which it was counted
    inspected: str  # day, and how many of how many were accepted
    pieces: int
    material: str = ""  # of what is printed
    hold: str = ""  # until when the bag had to rest; "" where nothing says so


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSum:
    """One part of the order, in pieces."""

    part: Words
    ordered: int
    before: int  # in parcels that left before this one
    here: int

    @property
    def left(self) -> int:
        """Still to come."""
        return max(0, self.ordered - self.before - self.here)

    @property
    def more(self) -> int:
        """In this parcel beyond what was ordered: a bag goes whole."""
        return min(self.here, max(0, self.before + self.here - self.ordered))


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """All that stands on a delivery note."""

    number: str  # the batch's id
    network: str
    hub_address: str  # "" where none is set
    call: str  # whom to call; "" where none is set
    order: str
    asked: str  # the day of the order
    place: str  # hospital and ward
    requester: str
    finess: str  # of the hospital; "" where nobody has said it, as below
    purchase_order: str  # the hospital's own number
    date: str  # when it left, or was packed
    at: datetime  # when this sheet was made, aware
    design: Words
    revision: str
    carried: str  # by whom: a name, a carrier and a number; "" while nobody has it
    inspected: str  # names of those who inspected the lots
    released: str  # names of the second persons who released them; "" where nobody had to
    lines: tuple[NoteLine, ...]
    sums: tuple[PartSum, ...]
    product: Words | None  # by the regulatory profile, as the three below
    statements: tuple[Words, ...]
    cleaning: Words | None
    skin: Words | None
    url: str  # where the reception is said
    address: str = ""  # of the hospital; "" where nobody has said it
    #: Pieces that go along, of what the hub counts, and their supplier's lot, "" where nobody said.
    bought: tuple[tuple[int, Words, str], ...] = ()


def _(words: str) -> str:
    """Return words in French, then in English, as one line of paper has them; once where both are the same."""
    return _both(Words(fr=_french().gettext(words), en=words))


@functools.cache
def _french() -> Speech:
    return Speech("fr")


def _both(words: Words) -> str:
    return words.fr if words.fr == words.en else f"{words.fr} / {words.en}"


def draw(note: Note) -> bytes:
    """Return the delivery note as a PDF: one page, more where there are many lots."""
    title = " ".join((_("Delivery note"), note.number))
    sheet = Sheet(title, note.network, _said(note), note.at)
    _head(sheet, note)
    _parcel(sheet, note)
    _end(sheet, note)
    return sheet.file()


def _said(note: Note) -> str:
    parts = (line.part.fr + line.part.en for line in note.lines)
    words = (note.network, note.hub_address, note.call, note.place, note.address, note.requester, note.carried,
             note.purchase_order, note.inspected, note.released, note.design.fr, note.design.en,
             *parts)  # fmt: skip
    return "".join((*words, *(title.fr + title.en + lot for _pieces, title, lot in note.bought)))


def _head(sheet: Sheet, note: Note) -> None:
    half = WIDTH_MM / 2
    top = sheet.y_mm
    sheet.text(note.network, 13, bold=True, width_mm=half - 4)
    left = sheet.y_mm
    sheet.y_mm = top
    sheet.text("Bon de livraison", 15, bold=True, x_mm=half, width_mm=half, align="R")
    sheet.text("Delivery note", 10, x_mm=half, width_mm=half, align="R")
    sheet.y_mm = max(left, sheet.y_mm) + 2
    sheet.line(thick=True)
    sheet.gap(2)
    facts = [
        (_("No."), note.number), (_("Date (day/month/year)"), note.date),
        (_("Order"), f"{note.order} ({note.asked})"),
    ]  # fmt: skip
    if note.purchase_order:
        facts.append((_("Your order"), note.purchase_order))
    call = ": ".join((_("Questions"), note.call)) if note.call else ""
    _pair(
        sheet,
        (_("From"), [note.network, note.hub_address, call]),
        (
            _("To"),
            [
                note.place,
                note.address,
                note.requester,
                f"FINESS {note.finess}" if note.finess else "",
            ],
        ),
    )
    sheet.gap(2)
    sheet.line()
    sheet.gap(1.5)
    third = WIDTH_MM / len(facts)
    for size_pt, bold, texts in (
        (7.5, False, [label for label, _value in facts]),
        (9.5, True, [value for _label, value in facts]),
    ):
        top = sheet.y_mm
        ends = []
        for number, text in enumerate(texts):
            sheet.y_mm = top
            sheet.text(text, size_pt, bold=bold, x_mm=number * third, width_mm=third - 3)
            ends.append(sheet.y_mm)
        sheet.y_mm = max(ends)
    sheet.gap(1.5)


def _pair(sheet: Sheet, left: tuple[str, list[str]], right: tuple[str, list[str]]) -> None:
    half = WIDTH_MM / 2
    top = sheet.y_mm
    ends = []
    for x_mm, (label, lines) in ((0.0, left), (half, right)):
        sheet.y_mm = top
        sheet.text(label, 7.5, x_mm=x_mm, width_mm=half - 4)
        for number, line in enumerate(filter(None, lines)):
            sheet.text(line, 9.5, bold=number == 0, x_mm=x_mm, width_mm=half - 4)
        ends.append(sheet.y_mm)
    sheet.y_mm = max(ends)


def _parcel(sheet: Sheet, note: Note) -> None:
    sheet.line()
    sheet.gap(2)
    if note.product is not None:
        sheet.text(_both(note.product), 11, bold=True)
    sheet.text(" ".join((_both(note.design), "·", _("revision"), note.revision)), 9)
    sheet.gap(1.5)
    rests = any(line.hold for line in note.lines)
    heads = [_("Lot"), _("Article"), _("Made on"), _("Inspected, accepted"), _("Pieces")]
    widths = [32.0, 70.0, 24.0, 34.0, 20.0]
    if rests:
        heads.insert(3, _("Rested until"))
        widths = [28.5, 57.0, 19.5, 28.5, 31.0, 15.5]
    rows = [
        [line.lot, _article(line), line.made, *([line.hold] * rests), line.inspected, str(line.pieces)]
        for line in note.lines
    ]  # fmt: skip
    sheet.table(
        [head.replace(" / ", "\n") for head in heads],
        rows,
        tuple(widths),
        frozenset({len(widths) - 1}),
    )
    total = sum(line.pieces for line in note.lines)
    counts = ((_("Bags"), len(note.lines)), (_("Pieces"), total))
    sheet.gap(1)
    sheet.text(" · ".join(f"{label}: {count}" for label, count in counts), 9, bold=True, align="R")
    sheet.gap(2)
    heads = [
        _("Article"),
        _("Ordered"),
        _("Delivered before"),
        _("In this delivery"),
        _("Still to come"),
    ]
    rows = [
        [_both(each.part), *map(str, (each.ordered, each.before, each.here, each.left))]
        for each in note.sums
    ]  # fmt: skip
    with sheet.together(8 + 6 * len(rows)):
        sheet.table(
            [head.replace(" / ", "\n") for head in heads], rows, (72.0, 24.0, 30.0, 28.0, 26.0),
            frozenset({1, 2, 3, 4}),
        )  # fmt: skip
    more = ", ".join(f"{each.more} × {_both(each.part)}" for each in note.sums if each.more)
    if more:
        sheet.gap(1)
        sheet.text(": ".join((_("More than was ordered, for a bag is never opened"), more)), 8.5)
    if note.bought:
        along = "; ".join(_along(note))
        sheet.gap(1)
        sheet.text(": ".join((_("Bought parts in it"), along)), 8.5)
    sheet.gap(2)


def _along(note: Note) -> Iterator[str]:
    """Name each bought part once, with its suppliers' lots: how many of which, where not all are of one."""
    for title in dict.fromkeys(title for _pieces, title, _lot in note.bought):
        mine = [(pieces, lot) for pieces, each, lot in note.bought if each == title]
        total = sum(pieces for pieces, _lot in mine)
        lots = ", ".join(
            lot if pieces == total else f"{lot}: {pieces}" for pieces, lot in mine if lot
        )
        yield f"{total} × {_both(title)}" + (f" ({_('Lot')} {lots})" if lots else "")


def _article(line: NoteLine) -> str:
    return f"{_both(line.part)} · {line.material}" if line.material else _both(line.part)


_HALF_MM = WIDTH_MM / 2 - 3


def _end(sheet: Sheet, note: Note) -> None:
    """Write what is said with the parcel and where it is signed for, on one page."""
    pairs = [(words.fr, words.en) for words in note.statements]
    for label, words in (("Cleaning", note.cleaning), ("On the skin", note.skin)):
        if words is not None:
            french = _french().gettext(label)
            pairs.append((f"{french}\u00a0: {words.fr}", f"{label}: {words.en}"))
    highs = [max(sheet.height_mm(each, 8, _HALF_MM) for each in pair) for pair in pairs]
    with sheet.together(sum(highs) + len(highs) + 8 + _QR_MM + 6):
        for pair, high in zip(pairs, highs, strict=True):
            top = sheet.y_mm
            for number, each in enumerate(pair):
                sheet.y_mm = top
                sheet.text(each, 8, x_mm=number * (_HALF_MM + 6), width_mm=_HALF_MM)
            sheet.y_mm = top + high + 1
        for label, who in (
            (_("Inspected by"), note.inspected),
            (_("Released by"), note.released),
            (_("Carried by"), note.carried),
        ):
            if who:
                sheet.text(": ".join((label, who)), 8)
        _signing(sheet, note)


_QR_MM = 36.0


def _signing(sheet: Sheet, note: Note) -> None:
    sheet.gap(2)
    sheet.line()
    sheet.gap(1.5)
    top = sheet.y_mm
    sheet.qr(note.url, 0, _QR_MM)
    sheet.link(note.url, 0, _QR_MM, _QR_MM)
    across = _QR_MM + 4
    wide = WIDTH_MM - across
    for words in _("Count, then scan to say what has arrived").split(" / "):
        sheet.text(words, 8.5, bold=True, x_mm=across, width_mm=wide)
    sheet.text(note.url, 7, x_mm=across, width_mm=wide)
    sheet.gap(1)
    half = (wide - 4) / 2
    boxes = sheet.y_mm
    for number, label in enumerate(
        (
            _("Handed over by: name, date, signature"),
            _("Received by: name, date, signature, stamp"),
        )
    ):
        sheet.y_mm = boxes
        x_mm = across + number * (half + 4)
        sheet.box(x_mm, half, top + _QR_MM - boxes)
        sheet.gap(0.8)
        sheet.text(label.replace(" / ", "\n"), 6.5, x_mm=x_mm, width_mm=half)
    sheet.y_mm = top + _QR_MM
