"""The vocabulary of filaments, read from `materials.toml`. A node needs it: no geometry library here.

Leaves which material a part may be made of to the design, and which a machine can print to its preset.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from designs.errors import UnknownMaterialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Facts on one kind of filament; temperatures in degrees Celsius."""

    code: str  # "PETG"
    title: str
    source: str
    density_g_cm3: float
    nozzle_c: tuple[int, int]  # lowest and highest that a slice may ask for
    nozzle_print_c: int
    nozzle_first_c: int  # on the first layer
    bed_c: tuple[int, int]
    bed_print_c: int
    bed_first_c: int
    fan_percent: tuple[int, int]  # least and most part cooling, 0..100

    @property
    def nozzle_max_c(self) -> int:
        """The hottest nozzle that this material may be printed with."""
        return self.nozzle_c[1]

    @property
    def bed_max_c(self) -> int:
        """The hottest bed that this material may be printed on."""
        return self.bed_c[1]


@functools.cache
def materials() -> dict[str, Material]:
    """Return all materials by code."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {
        code: msgspec.convert({"code": code, **row}, Material)
        for code, row in tomllib.loads(text).items()
    }


def material(code: str) -> Material:
    """Return the material of this code.

    Raises:
        UnknownMaterialError: there is none; names the nearest known code.
    """
    known = materials()
    found = known.get(code)
    if found is None:
        near = difflib.get_close_matches(code.upper(), known, 1, 0)
        raise UnknownMaterialError(code, near[0] if near else "")
    return found
