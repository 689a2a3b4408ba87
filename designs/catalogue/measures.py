"""What the measures of a part may be: each between two bounds, so that whatever is made is one that holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def check(measures: Any, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Look at the measures of a part.

    Args:
        measures: has an attribute for each name in `bounds`.
        bounds: the least and the most of each.

    Raises:
        ValueError: one lies outside, or is no number; names it and its bounds.
    """
    for name, (least, most) in bounds.items():
        value = getattr(measures, name)
        if not least <= value <= most:
            raise ValueError(f"{name}: {value} is not between {least} and {most}")


def check_room(name: str, value: float, least: float, why: str) -> None:
    """Look at a measure that depends on others.

    Raises:
        ValueError: it is less than `least`; names it and says why.
    """
    if value < least:
        raise ValueError(f"{name}: {value} {why}; at least {least}")
