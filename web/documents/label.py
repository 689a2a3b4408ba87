"""How long a label on a roll of 62 mm has to be cut, so that everything stands on one.

Pure. Leaves what it looks like to its style sheets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from designs.regulation import Profile

#: Style sheets by what their name ends in, how high a label is without names, addresses and rules, and
#: how much goes on it: the roll is cut to 120, 160 and 240 mm. What is long is in smaller letters.
_CUTS: Final = (("", 90.0, 118.0), ("-long", 84.0, 158.0), ("-longest", 84.0, 240.0))
#: Capitals, and letters of scripts that are as wide, against small ones.
_WIDE: Final = 1.4
#: Where the scripts of East Asia begin.
_FIRST_WIDE: Final = 0x2E7F
#: The words before the address of the hub, in letters.
_TO_THE_HUB: Final = 22


def cut_of(*, network: str, title: str, hub: str, said: Sequence[str]) -> str:
    """Return what the name of the style sheet ends in.

    Args:
        network: its name.
        title: of the design and the part.
        hub: its address; "" where none is set.
        said: what a rule wants on it, a paragraph each.
    """
    high_mm = 5.2 * _lines(network, 24) + 4.8 * _lines(title, 24)
    high_mm += 3.7 * _lines(hub, 36, _TO_THE_HUB) if hub else 0.0
    high_mm += sum(3.6 * _lines(each, 42) for each in said)
    for name, base_mm, most_mm in _CUTS:
        # What a rule wants is in small letters: there are none on the shortest.
        if base_mm + high_mm <= most_mm and (name or not said):
            return name
    return _CUTS[-1][0]


def _lines(text: str, letters: int, before: int = 0) -> int:
    """Return in how many lines a text stands, at so many small letters a line."""
    wide = sum(_WIDE if each.isupper() or ord(each) > _FIRST_WIDE else 1.0 for each in text)
    return math.ceil((wide + before) / letters)


def said_by(rule: Profile, language: str) -> tuple[str, ...]:
    """Return the paragraphs that stand on a label because of a rule."""
    by_field = {
        "product": (rule.product,), "statements": rule.statements, "cleaning": (rule.cleaning,),
        "skin": (rule.skin,), "maker": (rule.product,),
    }  # fmt: skip
    return tuple(
        words.in_language(language)
        for field, several in by_field.items()
        if field in rule.label
        for words in several
    )
