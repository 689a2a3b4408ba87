"""Reads profiles from TOML: those that ship with fabnet, and an owner's own beside or over them."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from firmware_profiles.errors import FirmwareProfileError, plain_words
from firmware_profiles.profile import (
    CENTRE,
    CORNER,
    RECTANGULAR,
    ROUND,
    FirmwareProfile,
    MachinePreset,
    VendorProfiles,
)

_HERE = Path(__file__).parent
#: With number and checksum; our own longest line, an attempt's name for the display, has room in it.
_SHORTEST_LINE = 60
#: Each is looked at with every move that prints.
MOST_ZONES = 16
_USB_ID = re.compile("[0-9a-f]{4}:[0-9a-f]{4}")
_T = TypeVar("_T", FirmwareProfile, MachinePreset)


def load_firmware(name: str, extra_dir: Path | None = None) -> FirmwareProfile:
    """Return the firmware profile of this name; `extra_dir/firmware` goes before ours.

    Raises:
        FirmwareProfileError: no such file, or the file is wrong.
    """
    found = _load("firmware", name, FirmwareProfile, extra_dir)
    for key in ("window_bytes", "window_lines", "ok_timeout_s", "drain_s"):
        if getattr(found, key) <= 0:
            raise FirmwareProfileError(name, key, "must be above 0")
    if found.max_line_bytes < _SHORTEST_LINE:
        raise FirmwareProfileError(name, "max_line_bytes", f"must be {_SHORTEST_LINE} or more")
    if found.reads_ahead < 0:
        raise FirmwareProfileError(name, "reads_ahead", "must be 0 or more")
    if not found.fatal or not all(found.fatal):
        why = "must name what this firmware says when it has stopped"
        raise FirmwareProfileError(name, "fatal", why)
    _check_patterns(name, found.match)
    return found


def load_machine(name: str, extra_dir: Path | None = None) -> MachinePreset:
    """Return the machine preset of this name; `extra_dir/machines` goes before ours.

    Raises:
        FirmwareProfileError: no such file, or the file is wrong.
    """
    found = _load("machines", name, MachinePreset, extra_dir)
    for key in ("bed_x_mm", "bed_y_mm", "height_mm", "nozzle_mm"):
        if getattr(found, key) <= 0:
            raise FirmwareProfileError(name, key, "must be above 0")
    if found.prime_front_mm < 0:
        raise FirmwareProfileError(name, "prime_front_mm", "must be 0 or more")
    _check_patterns(name, found.match)
    _check_bed(name, found)
    for each in found.usb:
        if not _USB_ID.fullmatch(each):
            raise FirmwareProfileError(name, "usb", f'{each!r} is no id such as "2c99:0002"')
    return found


def _check_bed(name: str, found: MachinePreset) -> None:
    if found.origin == CENTRE:
        why = "a printer with X0 Y0 in the middle of its bed cannot be used yet: only a corner"
        raise FirmwareProfileError(name, "origin", why)
    if found.origin != CORNER:
        raise FirmwareProfileError(name, "origin", f'must be "{CORNER}"')
    if found.bed not in {RECTANGULAR, ROUND}:
        raise FirmwareProfileError(name, "bed", f'must be "{RECTANGULAR}" or "{ROUND}"')
    if found.bed == ROUND and found.bed_x_mm != found.bed_y_mm:
        raise FirmwareProfileError(name, "bed_y_mm", "must be as bed_x_mm where the bed is round")
    if found.bed == ROUND and found.prime_front_mm > 0:
        raise FirmwareProfileError(name, "prime_front_mm", "must be 0 where the bed is round")
    if len(found.keep_out_mm) > MOST_ZONES:
        raise FirmwareProfileError(name, "keep_out_mm", f"has more than {MOST_ZONES} rectangles")
    for x0, y0, x1, y1 in found.keep_out_mm:
        # Not a number is below and above nothing.
        if not (0 <= x0 < x1 <= found.bed_x_mm and 0 <= y0 < y1 <= found.bed_y_mm):
            why = f"[{x0:g}, {y0:g}, {x1:g}, {y1:g}] is no [x0, y0, x1, y1] on the bed"
            raise FirmwareProfileError(name, "keep_out_mm", why)


def _check_patterns(name: str, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise FirmwareProfileError(
                name, "match", f"{pattern!r} is no pattern: {error}"
            ) from error


def all_firmwares(extra_dir: Path | None = None) -> tuple[FirmwareProfile, ...]:
    """Return all firmware profiles by name, an owner's own before those that ship with fabnet.

    Raises:
        FirmwareProfileError: one of the owner's files is wrong.
    """
    own = sorted(path.stem for path in (extra_dir / "firmware").glob("*.toml")) if extra_dir else []
    ours = [name for name in _names("firmware") if name not in own]
    return tuple(load_firmware(name, extra_dir) for name in [*own, *ours])


def all_machines() -> tuple[MachinePreset, ...]:
    """Return all machine presets that ship with fabnet, by name."""
    return tuple(load_machine(name) for name in machine_names())


def machine_names(extra_dir: Path | None = None) -> tuple[str, ...]:
    """Return the names of all machine presets that ship with fabnet, and of an owner's own."""
    own = (extra_dir / "machines").glob("*.toml") if extra_dir else ()
    return tuple(sorted({*_names("machines"), *(path.stem for path in own)}))


def slicer_profile_path(name: str) -> Path:
    """Return the path of one of our own PrusaSlicer profiles.

    Raises:
        FirmwareProfileError: there is none of this name.
    """
    path = _HERE / "slicer" / f"{name}.ini"
    if not path.exists():
        raise FirmwareProfileError(f"{name}.ini", "", "there is no such slicer profile")
    return path


def _names(folder: str) -> list[str]:
    return sorted(path.stem for path in (_HERE / folder).glob("*.toml"))


def _load(folder: str, name: str, kind: type[_T], extra_dir: Path | None) -> _T:
    roots = [_HERE] if extra_dir is None else [extra_dir, _HERE]
    path = next((p for root in roots if (p := root / folder / f"{name}.toml").exists()), None)
    if path is None:
        near = difflib.get_close_matches(name, _names(folder), 1, 0)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise FirmwareProfileError(
            f"{name}.toml", "", f"there is no such profile in {folder}{hint}"
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FirmwareProfileError(path.name, "", f"is no TOML: {error}") from error
    _refuse_unknown(path.name, data, kind, "")
    if isinstance(data.get("vendor"), dict):
        _refuse_unknown(path.name, data["vendor"], VendorProfiles, "vendor.")
    try:
        return msgspec.convert({"name": name, **data}, kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise FirmwareProfileError(path.name, where.strip("`$."), plain_words(text)) from error


def _refuse_unknown(file: str, data: dict[str, Any], kind: type, prefix: str) -> None:
    known = sorted({field.name for field in fields(kind)} - {"name"})
    for key in sorted(data.keys() - set(known)):
        near = difflib.get_close_matches(key, known, 1, 0)
        raise FirmwareProfileError(
            file, prefix + key, f"is no known key; did you mean {near[0]!r}?"
        )
