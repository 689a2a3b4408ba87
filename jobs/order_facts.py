"""What an office or a steward adds to a request: lines of its note, each with its name before it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

#: Names of the lines, as lists call their columns.
FACTS: Final = ("reference_externe", "finess", "adresse", "code_postal", "ville", "contact_secours",
                "stock_jours", "quantite_minimale")  # fmt: skip
#: Of a note with all of them, so many letters.
MOST_NOTE: Final = 2000
_LINE = re.compile(rf"({'|'.join(FACTS)}): (.+)")
#: Two digits of a département, which in Corsica are 2A and 2B, and seven more.
_FINESS = re.compile(r"(?:\d{2}|2[AB])\d{7}")


def facts_in(note: str) -> tuple[dict[str, str], str]:
    """Return what the lines of a note say by name, and the words that stand beside them."""
    facts: dict[str, str] = {}
    words: list[str] = []
    for line in note.splitlines():
        found = _LINE.fullmatch(line.strip())
        if found and found[1] not in facts:
            facts[found[1]] = found[2].strip()
        else:
            words.append(line)
    return facts, "\n".join(words).strip()


def note_with(facts: Mapping[str, str], words: str) -> str:
    """Return a note that says facts, each in a line, and words below them; what is empty is not said."""
    said = (" ".join(facts.get(name, "").split()) for name in FACTS)
    lines = [f"{name}: {text}" for name, text in zip(FACTS, said, strict=True) if text]
    return "\n".join([*lines, words]).strip()


def is_finess(text: str) -> bool:
    """Return whether a text can be the number by which France knows a place of care."""
    return _FINESS.fullmatch(text) is not None
