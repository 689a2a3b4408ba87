"""Reads the plate of one untrusted 3MF file into bodies of triangles. Runs in a child process only.

A 3MF is a plate: an item for each copy of an object, which may be put together from components of
this file or of others in the archive. Copies of one object that are only moved, or turned about the
vertical, are the same body; one that lies differently prints differently, and is another. What the
project of a slicer (PrusaSlicer, Bambu Studio, Cura) marks as a modifier or a support is left out,
and said; what it marks as cut away is refused, since a part without its holes is another part.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lxml.etree
import numpy as np
from numpy.typing import NDArray

from designs.bodies import MOST_TRIANGLES, Body, RefusedError, clean_name
from designs.threemf_archive import ENTITIES, inner, root_of, sniff

_MOST_ITEMS = 500
_DEEPEST = 20

#: 3MF core specification 1.3, section 3.4.1.
_UNIT_MM = {
    "micron": 0.001,
    "millimeter": 1.0,
    "centimeter": 10.0,
    "inch": 25.4,
    "foot": 304.8,
    "meter": 1000.0,
}
#: Extensions of which nothing changes a part's shape, beside that of files in several pieces.
_KNOWN_EXTENSIONS = ("production", "material", "trianglesets", "slice")
#: Types of objects that are not printed.
_NO_PART = frozenset({"support", "solidsupport", "other", "surface"})
#: What Cura calls a mesh of a project that is not the part.
_NO_PART_CURA = frozenset(
    f"cura:{what}_mesh" for what in ("support", "infill", "cutting", "anti_overhang")
)
#: What PrusaSlicer and Bambu Studio call a volume that is the part, and one that is cut out of it.
_PART = frozenset({"ModelPart", "normal_part"})
_CUT = frozenset({"NegativeVolume", "negative_part"})
#: What Python says of "30,5" for a number.
_COMMA = re.compile(r"'-?\d+,\d+'")
_LEFT_OUT = "modifiers and supports of a slicer's project are left out: {} of them"


@dataclass(slots=True, kw_only=True)
class _Object:
    """An object of a 3MF: a mesh, or components of other objects."""

    name: str
    vertices: list[tuple[float, float, float]] = field(default_factory=list)
    triangles: list[tuple[int, int, int]] = field(default_factory=list)
    components: list[tuple[_Key, NDArray[np.float64]]] = field(default_factory=list)
    part: bool = True  # False: a support or modifier as a whole
    left_out: int = 0  # volumes of the mesh that were no part


#: A part of the archive and an id in it.
_Key = tuple[str, str]


def read_3mf(source: Path) -> tuple[Body, ...]:
    """Return the distinct bodies of a plate, in the order of its items.

    Raises:
        RefusedError: it cannot be read, or holds what is not a part.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            sniff(archive, source.stat().st_size)
            plate = _Plate(archive)
        return plate.bodies()
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, lxml.etree.LxmlError,
        ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError,
        OSError,  # a place before the file's beginning
    ) as error:  # fmt: skip
        if isinstance(error, ValueError) and _COMMA.search(str(error)):
            raise RefusedError(
                "its numbers are written with commas: export it with a point as the decimal sign"
            ) from error
        raise RefusedError(f"it cannot be read as 3MF: {error}") from error


class _Plate:
    """The objects and items of a 3MF archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._objects: dict[_Key, _Object] = {}
        self._items: list[tuple[_Key, NDArray[np.float64]]] = []
        self._scale_mm = 1.0
        self._units: set[str] = set()
        self._sliced = any(name.lower().endswith(".gcode") for name in archive.namelist())
        models = {
            inner(name): name for name in archive.namelist() if name.lower().endswith(".model")
        }
        self._root = root_of(archive, tuple(models))
        for path, name in models.items():
            with archive.open(name) as file:
                self._read_model(path, file)
        self._read_projects(archive)

    def _read_model(self, path: str, file: Any) -> None:
        current = _Object(name="")
        events = lxml.etree.iterparse(
            file, events=("start", "end"), resolve_entities=False, no_network=True
        )
        for event, element in events:
            tag = lxml.etree.QName(element).localname
            if event == "start":
                if tag == "model":
                    _refuse_entities(element)  # in UTF-16 they have other bytes
                if tag == "object":
                    current = self._begin(path, element.attrib)
                elif tag == "model":
                    self._take_unit(path, element.get("unit"))
                    if path == self._root:
                        _refuse_extensions(element)
                continue
            if tag == "beamlattice":
                raise RefusedError("it has a lattice of beams, which is not read: export it as STL")
            if tag == "metadata" and element.get("name") in _NO_PART_CURA:
                current.part &= (element.text or "").strip().lower() != "true"
            self._take(path, current, tag, element.attrib)
            element.clear()

    def _take_unit(self, path: str, told: str | None) -> None:
        """The unit of the plate holds; a file of it that tells another one is read in two ways."""
        unit = "millimeter" if told is None else told.lower()
        if unit not in _UNIT_MM:
            raise RefusedError(f"its unit {unit[:20]!r} is unknown: export it in mm")
        if path == self._root:
            self._scale_mm = _UNIT_MM[unit]
        if told is not None or path == self._root:
            self._units.add(unit)
        if len(self._units) > 1:
            raise RefusedError("its files are in several units: export it again, in mm")

    def _begin(self, path: str, attributes: Any) -> _Object:
        key = (path, attributes["id"])
        if key in self._objects:
            raise RefusedError(f"two of its objects are called {key[1][:20]!r}: export it again")
        fallback = f"object {key[1]}"
        self._objects[key] = _Object(
            name=clean_name(attributes.get("name", "")) or fallback,
            part=attributes.get("type", "model") not in _NO_PART,
        )
        if any(
            name.endswith("}meshresolution") and told == "lowres"
            for name, told in attributes.items()
        ):
            raise RefusedError("its mesh is a coarse stand-in for its slices: export it as STL")
        return self._objects[key]

    def _take(self, path: str, current: _Object, tag: str, attributes: Any) -> None:
        if tag == "vertex":
            current.vertices.append(
                (float(attributes["x"]), float(attributes["y"]), float(attributes["z"]))
            )
        elif tag == "triangle":
            current.triangles.append(
                (int(attributes["v1"]), int(attributes["v2"]), int(attributes["v3"]))
            )
        elif tag == "component":
            key = (_where(attributes, path), attributes["objectid"])
            current.components.append((key, _matrix(attributes.get("transform"))))
            if len(current.components) > _MOST_ITEMS:
                raise RefusedError(
                    "it is put together from too many components: export one part alone"
                )
        elif tag == "item" and path == self._root and attributes.get("printable", "1") != "0":
            key = (_where(attributes, path), attributes["objectid"])
            self._items.append((key, _matrix(attributes.get("transform"))))
            if len(self._items) > _MOST_ITEMS:
                raise RefusedError(
                    f"its plate holds more than {_MOST_ITEMS} items: export one part alone"
                )

    def _read_projects(self, archive: zipfile.ZipFile) -> None:
        """Take what PrusaSlicer and Bambu Studio keep beside the model: names, and what is no part."""
        for name in archive.namelist():
            if not name.lower().endswith(("pe_model.config", "model_settings.config")):
                continue
            root = lxml.etree.fromstring(
                archive.read(name), lxml.etree.XMLParser(resolve_entities=False, no_network=True)
            )
            _refuse_entities(root)
            for each in root.iterfind("object"):
                kept = self._objects.get((self._root, each.get("id", "")))
                if kept is None:
                    continue
                told = next((m.get("value") for m in each.iterfind("metadata[@key='name']")), "")
                kept.name = clean_name(told or "") or kept.name
                self._leave_out_volumes(kept, each)
                self._leave_out_components(kept, each)

    def _leave_out_volumes(self, kept: _Object, told: Any) -> None:
        """Drop the triangles of an object that PrusaSlicer marks as no part."""
        dropped: set[int] = set()
        for volume in told.iterfind("volume"):
            facts = {m.get("key"): m.get("value") for m in volume.iterfind("metadata")}
            kind = facts.get(
                "volume_type", "Modifier" if facts.get("modifier") == "1" else "ModelPart"
            )
            if self._is_part(kind):
                continue
            first, last = int(volume.get("firstid")), int(volume.get("lastid"))
            dropped.update(range(max(first, 0), min(last + 1, len(kept.triangles))))
            kept.left_out += 1
        if dropped:
            kept.triangles = [t for n, t in enumerate(kept.triangles) if n not in dropped]

    def _leave_out_components(self, kept: _Object, told: Any) -> None:
        """Drop the components of an object that Bambu Studio marks as no part."""
        no_part = {
            part.get("id")
            for part in told.iterfind("part")
            if not self._is_part(part.get("subtype", "normal_part"))
        }
        parts = [each for each in kept.components if each[0][1] not in no_part]
        kept.left_out += len(kept.components) - len(parts)
        kept.components = parts

    def _is_part(self, kind: str) -> bool:
        if kind in _CUT:
            raise RefusedError(
                "its slicer's project cuts one volume out of another: export the finished part as STL"
            )
        return kind in _PART

    def bodies(self) -> tuple[Body, ...]:
        """Return the distinct bodies on the plate."""
        groups: list[tuple[_Key, NDArray[np.float64], list[int]]] = []
        for number, (key, matrix) in enumerate(self._resolved()):
            for other, first, members in groups:
                if key == other and _lies_alike(matrix, first):
                    members.append(number)
                    break
            else:
                groups.append((key, matrix, [number]))
        if not groups and self._sliced:
            raise RefusedError(
                "it holds G-code for one printer and no model: bring the model that it was sliced from"
            )
        if not groups:
            raise RefusedError("nothing that is a part lies on its plate: export it again")
        counted: dict[_Key, int] = {}
        total = sum(self._count(key, counted, 0) for key, _, _ in groups)
        if total > MOST_TRIANGLES:
            raise RefusedError(
                f"its components make more than {MOST_TRIANGLES} triangles: simplify the model"
            )
        left_out = sum(each.left_out + (not each.part) for each in self._objects.values())
        return tuple(
            Body(
                name=self._objects[key].name,
                copies=len(members),
                soup=self._soup(key, matrix) * self._scale_mm,
                warnings=(_LEFT_OUT.format(left_out),) if left_out else (),
            )
            for key, matrix, members in groups
        )

    def _resolved(self) -> list[tuple[_Key, NDArray[np.float64]]]:
        """The items, each by the object that it shows in the end: a lone component stands for it."""
        found = []
        for item, matrix in self._items:
            key, moved = item, matrix
            for _ in range(_DEEPEST):
                shown = self._object(key)
                if not shown.part or shown.triangles or len(shown.components) != 1:
                    break
                key, inner = shown.components[0]
                moved = moved @ inner
            if self._object(key).part:
                found.append((key, moved))
        return found

    def _object(self, key: _Key) -> _Object:
        if key not in self._objects:
            raise RefusedError(
                f"its plate names an object {key[1][:20]!r} that is not in it: export it again"
            )
        return self._objects[key]

    def _count(self, key: _Key, counted: dict[_Key, int], depth: int) -> int:
        if depth > _DEEPEST:
            raise RefusedError(
                "its components hold one another, or lie too deep in one another: export the part again"
            )
        if key not in counted:
            shown = self._object(key)
            inner = sum(self._count(k, counted, depth + 1) for k, _ in shown.components)
            # One for the object itself: a tree of a million empty ones is as bad.
            counted[key] = 1 + len(shown.triangles) + inner
        return counted[key]

    def _soup(self, key: _Key, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        shown = self._objects[key]
        soups = [
            self._soup(inner, matrix @ move)
            for inner, move in shown.components
            if self._objects[inner].part
        ]
        if shown.triangles:
            vertices = np.asarray(shown.vertices, dtype=np.float64).reshape(-1, 3)
            faces = np.asarray(shown.triangles, dtype=np.int64)
            if faces.min() < 0 or faces.max() >= len(vertices):
                raise RefusedError("its triangles name corners that are not there: export it again")
            moved = vertices @ matrix[:3, :3].T + matrix[:3, 3]
            if np.linalg.det(matrix[:3, :3]) < 0:
                faces = faces[:, ::-1]  # a mirror turns the surface inside out
            soups.append(moved[faces])
        return np.concatenate(soups) if soups else np.zeros((0, 3, 3))


def _where(attributes: Any, path: str) -> str:
    """Return in which part of the archive an object is that a component or an item names."""
    return next((inner(told) for name, told in attributes.items() if name.endswith("}path")), path)


def _refuse_entities(element: Any) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise RefusedError(ENTITIES)


def _refuse_extensions(model: Any) -> None:
    """Refuse a file of which it is said that it is not understood without an extension."""
    for prefix in (model.get("requiredextensions") or "").split():
        needed = model.nsmap.get(prefix) or prefix
        if not any(f"/{known}/" in needed for known in _KNOWN_EXTENSIONS):
            raise RefusedError(
                f"it needs the 3MF extension {needed[:80]}, which is not read: export it as STL"
            )


def _matrix(text: str | None) -> NDArray[np.float64]:
    """Read a 3MF transform, which is written for row vectors, as a 4 x 4 matrix for columns."""
    matrix = np.eye(4)
    if text is not None:
        values = [float(word) for word in text.split()]
        if len(values) != 12 or not all(math.isfinite(value) for value in values):  # noqa: PLR2004
            raise ValueError("a transform is not of 12 numbers")
        matrix[:3, :] = np.asarray(values).reshape(4, 3).T
    return matrix


def _lies_alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two transforms differ by a move and a turn about the vertical only."""
    if abs(np.linalg.det(other[:3, :3])) < 1e-9:  # noqa: PLR2004
        return False
    turn = one[:3, :3] @ np.linalg.inv(other[:3, :3])
    upright = np.allclose(turn[2], (0, 0, 1), atol=1e-5)
    rigid = np.allclose(turn @ turn.T, np.eye(3), atol=1e-5) and np.linalg.det(turn) > 0
    return bool(upright and rigid)
