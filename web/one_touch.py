"""What a maker says in one touch, in the reader's language: of scrap, of a plate, of a print."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from web.forms import REFUSALS, SCRAP_REASONS, STOP_REASONS
from web.language import Lazy, lazy_gettext

Words = Mapping[str, Lazy]

#: What happened to parts that are not good.
SCRAP: Words = MappingProxyType(
    dict(
        zip(
            SCRAP_REASONS,
            (
                lazy_gettext("Stringing"),
                lazy_gettext("Warped"),
                lazy_gettext("Did not stick"),
                lazy_gettext("Stopped halfway"),
                lazy_gettext("Never started"),
            ),
            strict=True,
        )
    )
)

#: Why a maker does not take a plate.
NO_WORDS: Words = MappingProxyType(
    dict(
        zip(
            REFUSALS,
            (
                lazy_gettext("No time"),
                lazy_gettext("Too little filament"),
                lazy_gettext("Takes too long"),
                lazy_gettext("Printer is needed"),
                lazy_gettext("Printer is not well"),
            ),
            strict=True,
        )
    )
)

#: Why a print is stopped.
STOP_WORDS: Words = MappingProxyType(
    dict(
        zip(
            STOP_REASONS,
            (
                lazy_gettext("It came loose"),
                lazy_gettext("A tangle of threads"),
                lazy_gettext("It smells, or smokes"),
                lazy_gettext("It makes a strange noise"),
                lazy_gettext("I need the printer"),
            ),
            strict=True,
        )
    )
)
