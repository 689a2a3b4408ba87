"""What `fabnet node setup` writes: printers into node.toml, the maker's own comments kept.

The old file is kept beside the new one, and the new one is read as `fabnet node run` would before it
takes the old one's place. Leaves finding printers to `printers.discover`, asking to `fabnet.cli.setup`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from fabnet.config import NodeConfig, load_node
from fabnet.durable import write_whole
from fabnet.errors import ConfigError
from fabnet.printer_config import PrinterConfig

_MOST_ID = 32
_WAYS = ("port", "baudrate", "octoprint", "api_key_file", "manual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """What the owner has confirmed of one printer."""

    protection_tested: bool = False
    smoke_alarm: bool = False
    surroundings_clear: bool = False

    @property
    def unattended(self) -> bool:
        """Whether it may print while nobody is there: only with all three."""
        return self.protection_tested and self.smoke_alarm and self.surroundings_clear


#: What is asked, in this order.
QUESTIONS = tuple(each.name for each in fields(Safety))


def propose_id(preset: str, taken: Collection[str]) -> str:
    """Return a free name for a printer of this preset: "ender-3", "ender-3-2"."""
    name = re.sub(r"^(generic|creality|anycubic|prusa)-", "", preset)[: _MOST_ID - 4].strip("-")
    if name not in taken:
        return name
    return next(free for n in range(2, 1000) if (free := f"{name}-{n}") not in taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of writing."""

    config: NodeConfig
    kept: Path | None  # the file as it was before; None where nothing has changed


def write_setup(
    path: Path,
    printers: Sequence[PrinterConfig],
    keys: Mapping[str, str],
    attended: str,
    now: datetime,
) -> Written:
    """Put printers into node.toml; those of the same id get the new values, all others stay.

    Args:
        path: of node.toml.
        printers: with `api_key_file` empty where `keys` has a key.
        keys: of OctoPrints by printer id; each is written into a file of its own beside node.toml.
        attended: hours with somebody there, "" leaves them.
        now: names the copy of the old file.

    Raises:
        ConfigError: the file, or what would become of it, cannot be used; nothing was changed.
    """
    path = path.resolve()
    before = _text(path)
    whole = [
        printer if printer.id not in keys else _with_key(path, printer, keys[printer.id])
        for printer in printers
    ]
    after = changed(before, whole, attended, str(path))
    if after == before:
        return Written(config=load_node(path), kept=None)
    fresh = path.with_name(path.name + ".new")
    try:
        _write_as(path, fresh, after)
        load_node(fresh)
    except ConfigError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigError(str(path), error.field, error.why) from error
    kept = _free_name(path, f"{path.name}.{now:%Y%m%dT%H%M%SZ}.old")
    _write_as(path, kept, before)
    if _text(path) != before:
        fresh.unlink()
        raise ConfigError(str(path), "", "somebody else changed it meanwhile; run this again")
    fresh.replace(path)
    return Written(config=load_node(path), kept=kept)


def changed(text: str, printers: Sequence[PrinterConfig], attended: str, name: str) -> str:
    """Return node.toml's text with these printers in it; everything else stays as it is. Pure.

    Raises:
        ConfigError: the text is no TOML; names the file by `name`.
    """
    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise ConfigError(name, "", f"is no TOML: {error}") from error
    if attended:
        _set(document, "attended", attended)
    if not printers:
        return tomlkit.dumps(document)
    there: Any = document.get("printers")
    if there is None or len(there) == 0:
        document.pop("printers", None)
        there = tomlkit.aot()
        document.append("printers", there)
    inline = not isinstance(there, tomlkit.items.AoT)
    for printer in printers:
        table = next((each for each in there if each.get("id") == printer.id), None)
        values = _values(printer)
        if table is None:
            fresh: Any = tomlkit.inline_table() if inline else tomlkit.table()
            fresh.update(values)
            there.append(fresh)
            continue
        for key in (*_WAYS, "material", "grams", "unattended", *QUESTIONS):
            if key not in values and key in table:
                del table[key]
        for key, value in values.items():
            _set(table, key, value)
    return tomlkit.dumps(document)


def _values(printer: PrinterConfig) -> dict[str, object]:
    """Return a printer's keys as a maker would write them: without those that say nothing new."""
    found = {}
    for field in fields(PrinterConfig):
        value = getattr(printer, field.name)
        if value != field.default:
            found[field.name] = value
    return found


def _set(table: Any, key: str, value: object) -> None:
    """Set a value; a comment behind it stays, and so does a value that is right already."""
    if table.get(key) != value:
        table[key] = value


def _with_key(path: Path, printer: PrinterConfig, key: str) -> PrinterConfig:
    """Write the key of an OctoPrint into a file of its own; no file that is there is written over."""
    file = _free_name(path, f"{printer.id}.key", key)
    if not file.exists():
        _write_as(path, file, key + "\n")
    told = {field.name: getattr(printer, field.name) for field in fields(PrinterConfig)}
    return PrinterConfig(**{**told, "api_key_file": file.name})


def _free_name(path: Path, name: str, text: str | None = None) -> Path:
    """Return a path beside node.toml where nothing lies, or this very text."""
    stem, dot, suffix = name.rpartition(".")
    for number in range(1, 1000):
        found = path.with_name(name if number == 1 else f"{stem}-{number}{dot}{suffix}")
        if not found.exists() or (text is not None and _text(found).strip() == text):
            return found
    raise ConfigError(str(path.with_name(name)), "", "there are too many of these; tidy up")


def _write_as(model: Path, path: Path, text: str) -> None:
    """Write a whole file that belongs to whom `model` belongs: setup may be run by root."""
    try:
        write_whole(path, text)
        owner = model.stat()
        if (owner.st_uid, owner.st_gid) != (path.stat().st_uid, path.stat().st_gid):
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ConfigError(str(path), "", f"cannot be written: {error.strerror}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        why = "there is no such file: go into the folder that `fabnet node join` made, or name it"
        raise ConfigError(str(path), "", why) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read: {error}") from error
