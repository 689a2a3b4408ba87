"""The address on a parcel that a carrier or a driver takes, on A6: where it goes, and from whom.

Pure but for the fonts it reads. The code by which the ward says what has arrived is on the note inside, and
not here: whoever carries a parcel cannot say it for her. Leaves the facts to `web.documents.parcel_facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from web.documents.paper import SMALL_WIDTH_MM, Sheet
from web.language import Speech

#: The address is what a driver reads from the seat: as large as it fits.
_SIZES_PT: Final = (17.0, 14.0, 11.5, 9.0)
_ADDRESS_MM: Final = 62.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """All that stands on it."""

    number: str  # the batch's id
    network: str
    hub_address: str  # "" where none is set, as below
    call: str  # whom to call at the hub
    place: str  # hospital and ward
    street: str
    town: str  # with its postcode
    requester: str
    contact: str  # by which the ward is reached
    order: str
    purchase_order: str
    carrier: str
    tracking: str
    bags: int
    pieces: int
    at: datetime  # when it is made, aware


def draw(label: Address, speech: Speech) -> bytes:
    """Return the label as a PDF of one A6 page, in the language of the pages."""
    _ = speech.gettext
    said = "".join(str(getattr(label, name)) for name in Address.__slots__)
    sheet = Sheet(f"{_('Parcel')} {label.number}", label.network, said, label.at, small=True)
    sender = [label.hub_address, f"{_('Questions')} : {label.call}" if label.call else ""]
    sheet.text(f"{_('From')} : {label.network}", 8, bold=True)
    for each in filter(None, sender):
        sheet.text(each, 8)
    sheet.gap(1.5)
    sheet.line(thick=True)
    sheet.gap(2)
    sheet.text(_("To"), 8)
    size_pt = _size_of(sheet, label)
    sheet.text(label.place, size_pt, bold=True)
    for each in filter(None, (label.street, label.town)):
        sheet.text(each, size_pt, bold=each == label.town)
    sheet.gap(1)
    for each in filter(None, (label.requester, label.contact)):
        sheet.text(each, max(9.0, size_pt - 4))
    sheet.y_mm = max(sheet.y_mm, 92.0)
    sheet.line(thick=True)
    sheet.gap(2)
    _foot(sheet, label, speech)
    return sheet.file()


def _size_of(sheet: Sheet, label: Address) -> float:
    """Return the largest letters in which the address fits."""
    big, small = (label.place, label.street, label.town), (label.requester, label.contact)
    for size_pt in _SIZES_PT:
        high = sum(sheet.height_mm(each, size_pt, SMALL_WIDTH_MM * 0.92) for each in big if each)
        beside_pt = max(9.0, size_pt - 4)
        high += sum(sheet.height_mm(each, beside_pt, SMALL_WIDTH_MM) for each in small if each)
        if high <= _ADDRESS_MM:
            return size_pt
    return _SIZES_PT[-1]


def _foot(sheet: Sheet, label: Address, speech: Speech) -> None:
    _ = speech.gettext
    facts = [
        f"{_('Parcel')} {label.number}",
        f"{_('Bags')} : {label.bags} · {_('Pieces')} : {label.pieces}",
        f"{_('Order')} : {label.order}",
        f"{_('Your order')} : {label.purchase_order}" if label.purchase_order else "",
        f"{label.carrier} {label.tracking}".strip(),
        _("The delivery note is inside: count, then scan its code."),
    ]
    for number, each in enumerate(filter(None, facts)):
        sheet.text(each, 12 if number == 0 else 10, bold=number == 0)
