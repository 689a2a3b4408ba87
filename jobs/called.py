"""By which words a list means a design of the network. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jobs.habits import heading, plain

_SMALL: Final = frozenset(
    "a au aux avec d de des du en et for l la le les of pour the un une with".split()  # noqa: SIM905
)


def meant(text: str, designs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the revisions that a text may mean: by a whole name, else by its words; all where it is empty.

    Args:
        text: of a cell, or of the name of a column.
        designs: the names by which each revision is known, by revision id.
    """
    wanted = plain(text)
    found = [
        revision
        for revision, names in designs.items()
        if not wanted or wanted in {plain(name) for name in names}
    ]
    if found:
        return found
    # "Visières" is the only design with a visor in its name.
    words = _words_of(text)
    return [
        revision
        for revision, names in designs.items()
        if words and any(words <= of or of <= words for of in map(_words_of, names) if of)
    ]


def _words_of(name: str) -> frozenset[str]:
    """Return the words of a name without what makes them many, and without the small ones."""
    words = heading(name).split()
    return frozenset(word.rstrip("sx") for word in words if word not in _SMALL)
