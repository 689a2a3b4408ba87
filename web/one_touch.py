"""What a maker says in one touch, in the reader's language: of scrap, of a plate, of a print.

And what the hub says of pieces that did not come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from jobs.hub import FAULTS
from web.forms import HAND_REASONS, LOSSES, REFUSALS, SCRAP_REASONS, STOP_REASONS
from web.language import Lazy, lazy_gettext

Words = Mapping[str, Lazy]


def _of(codes: Sequence[str], *words: Lazy) -> Words:
    """Return the words of codes, in their order."""
    return MappingProxyType(dict(zip(codes, words, strict=True)))


#: What happened to parts that are not good.
SCRAP: Words = _of(
    (*SCRAP_REASONS, *HAND_REASONS[:2]),
    lazy_gettext("Stringing"),
    lazy_gettext("Warped"),
    lazy_gettext("Did not stick"),
    lazy_gettext("Stopped halfway"),
    lazy_gettext("Never started"),
    lazy_gettext("Torn or badly cut"),
    lazy_gettext("Wrong size"),
)

#: Why a maker does not take a plate.
NO_WORDS: Words = _of(
    REFUSALS,
    lazy_gettext("No time"),
    lazy_gettext("Too little filament"),
    lazy_gettext("Takes too long"),
    lazy_gettext("Printer is needed"),
    lazy_gettext("Printer is not well"),
)

#: Why a print is stopped.
STOP_WORDS: Words = _of(
    STOP_REASONS,
    lazy_gettext("It came loose"),
    lazy_gettext("A tangle of threads"),
    lazy_gettext("It smells, or smokes"),
    lazy_gettext("It makes a strange noise"),
    lazy_gettext("I need the printer"),
)

#: What happened to pieces that did not come to the hub.
LOSS_WORDS: Words = _of(
    LOSSES,
    lazy_gettext("The whole bag is missing"),
    lazy_gettext("The bag is torn"),
    lazy_gettext("Fewer than the label says"),
    lazy_gettext("Broken on the way"),
)

#: What an inspector finds.
FAULT_WORDS: Words = _of(
    FAULTS,
    lazy_gettext("Sharp edge"),
    lazy_gettext("Dirty"),
    lazy_gettext("Wrong shape"),
    lazy_gettext("Strings are left on it"),
    lazy_gettext("Broken"),
)
