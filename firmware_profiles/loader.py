"""Reads profiles from TOML: those that ship with fabnet, and an owner's own beside or over them."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import msgspec

from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.profile import FirmwareProfile, MachinePreset

_HERE = Path(__file__).parent
_T = TypeVar("_T", FirmwareProfile, MachinePreset)


def load_firmware(name: str, extra_dir: Path | None = None) -> FirmwareProfile:
    """Return the firmware profile of this name; `extra_dir/firmware` goes before ours.

    Raises:
        FirmwareProfileError: no such file, or the file is wrong.
    """
    found = _load("firmware", name, FirmwareProfile, extra_dir)
    for pattern in found.match:
        try:
            re.compile(pattern)
        except re.error as error:
            raise FirmwareProfileError(
                name, "match", f"{pattern!r} is no pattern: {error}"
            ) from error
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
    return found


def all_firmwares() -> tuple[FirmwareProfile, ...]:
    """Return all firmware profiles that ship with fabnet, by name."""
    return tuple(load_firmware(name) for name in _names("firmware"))


def all_machines() -> tuple[MachinePreset, ...]:
    """Return all machine presets that ship with fabnet, by name."""
    return tuple(load_machine(name) for name in _names("machines"))


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
    known = {field.name for field in fields(kind)} - {"name"}
    for key in sorted(data.keys() - known):
        near = difflib.get_close_matches(key, sorted(known), 1, 0)
        raise FirmwareProfileError(path.name, key, f"is no known key; did you mean {near[0]!r}?")
    try:
        return msgspec.convert({"name": name, **data}, kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise FirmwareProfileError(path.name, where.strip("`$."), text) from error
