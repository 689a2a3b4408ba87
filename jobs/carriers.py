"""Carriers that a network often gives parcels to, and where each lets a number be followed. Pure.

Leaves writing down who took a parcel to `jobs.coordinator.couriers`; nobody is called here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

#: Where the number goes in an address.
_NUMBER: Final = "{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCarrier:
    """A carrier as whoever runs the network has set it.

    Raises:
        ValueError: its address is none, or has no place for a number.
    """

    name: str
    track: str  # an address of its own pages, with {number} in it

    def __post_init__(self) -> None:
        """Refuse what would lead nowhere, or elsewhere."""
        if not self.name.strip():
            raise ValueError("name is needed, as it is typed when a parcel leaves")
        at = urlsplit(self.track)
        whole = self.track.isprintable() and " " not in self.track
        if not whole or at.scheme != "https" or not at.hostname or "{" in at.netloc:
            raise ValueError('write track as "https://carrier.example/track?number={number}"')
        if self.track.count(_NUMBER) != 1 or self.track.count("{") != 1:
            raise ValueError("{number} stands once in track, where the parcel's number goes")


def track_link(carriers: Sequence[KnownCarrier], name: str, number: str) -> str:
    """Return where a parcel can be followed, "" where nobody has set that for its carrier.

    Args:
        carriers: all that are set.
        name: as somebody typed it; capitals and spaces do not matter.
        number: as it stands on the slip; spaces only group it.
    """
    wanted = _bare(name)
    found = next((each for each in carriers if _bare(each.name) == wanted), None)
    bare = "".join(number.split())
    return found.track.replace(_NUMBER, quote(bare, safe="")) if found and bare else ""


def _bare(name: str) -> str:
    return "".join(name.casefold().split())
