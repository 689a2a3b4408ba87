"""Titles of our own designs, and what they are made of, in the reader's language; others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from web.language import Lazy, lazy_gettext

#: By the titles, and the materials in words, in `designs/catalogue/*/design.toml`.
OWN: Mapping[str, Lazy] = MappingProxyType(
    {
        "Visor frame": lazy_gettext("Visor frame"),
        "Foil of a visor": lazy_gettext("Foil of a visor"),
        "Visor with a foil that is cut": lazy_gettext("Visor with a foil that is cut"),
        "Cloth mask": lazy_gettext("Cloth mask"),
        "Clear A4 foil": lazy_gettext("Clear A4 foil"),
        "Frame": lazy_gettext("Frame"),
        "Visor with strap clips": lazy_gettext("Visor with strap clips"),
        "Strap clip": lazy_gettext("Strap clip"),
        "Ear saver": lazy_gettext("Ear saver"),
        "Strap": lazy_gettext("Strap"),
        "Door hook": lazy_gettext("Door hook"),
        "Door hook with a pouch": lazy_gettext("Door hook with a pouch"),
        "Cloth pouch": lazy_gettext("Cloth pouch"),
        "Hook": lazy_gettext("Hook"),
        "Elastic, 20 mm wide, 40 cm": lazy_gettext("Elastic, 20 mm wide, 40 cm"),
        "Clear A4 sheet, 0.2 mm, punched with four holes": lazy_gettext(
            "Clear A4 sheet, 0.2 mm, punched with four holes"
        ),
        "closely woven cotton and two elastics of 20 cm": lazy_gettext(
            "closely woven cotton and two elastics of 20 cm"
        ),
    }
)


def part_words(part_id: str) -> str:
    """Return a part's id as a title, for who knows the id alone: a node out of reach of the library."""
    return own_title(part_id.replace("-", " ").capitalize())


def own_title(title: str) -> str:
    """Return a design's or part's title; one of our own in the reader's language."""
    return str(OWN.get(title, title))
