"""What the readers of model files give: bodies of triangles, or a refusal. No reading itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_TRIANGLES = 1_500_000
_LONGEST_NAME = 80


class RefusedError(Exception):
    """The file cannot be printed; the message is for the maker."""


def refuse_many(triangles: int) -> None:
    """Refuse more triangles than are read.

    Raises:
        RefusedError: there are too many.
    """
    if triangles > MOST_TRIANGLES:
        raise RefusedError(
            f"{triangles} triangles are more than {MOST_TRIANGLES}: simplify the model"
        )


def clean_name(name: str) -> str:
    """Return a name that can be shown and sent, "" where nothing of it can."""
    return "".join(letter for letter in name if letter.isprintable()).strip()[:_LONGEST_NAME]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One distinct thing in a file."""

    name: str
    copies: int
    soup: NDArray[np.float64]  # triangles, shape (n, 3, 3), in mm
    warnings: tuple[str, ...] = ()  # what reading it left out
