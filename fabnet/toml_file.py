"""A TOML file as a value: an unknown key is an error that names the nearest known one.

Leaves what the keys are, and which values make sense, to `fabnet.config`.
"""

from __future__ import annotations

import difflib
import getpass
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fabnet.errors import ConfigError
from firmware_profiles.errors import plain_words

_T = TypeVar("_T")


def read(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        ConfigError: naming the file; it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        why = (
            f"cannot be read: this user ({getpass.getuser()}) may not; run the command as the user whose"
            " it is, as with sudo -u"
        )
        raise ConfigError(str(path), "", why) from error
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "", "is no text (UTF-8): is it the right file?") from error
    except tomllib.TOMLDecodeError as error:
        text, _, where = str(error).rpartition(" (at ")
        why = f'is no TOML at {where.removesuffix(")")}: {text}. A line is: key = "words", or key = 12'
        raise ConfigError(str(path), "", why) from error


def load(
    path: Path,
    kind: type[_T],
    *,
    tables: Mapping[str, type] | None = None,
    lists: Mapping[str, type] | None = None,
) -> _T:
    """Read a file.

    Args:
        path: of the file.
        kind: the dataclass that it fills.
        tables: the dataclasses of fields that are a table, by their names.
        lists: those of fields that are a list of tables.

    Raises:
        ConfigError: naming the file and the field.
    """
    data = read(path)
    _refuse_unknown(path, data, kind, "")
    for name, table in (tables or {}).items():
        _refuse_unknown(path, data.get(name), table, f"{name}.")
    for name, table in (lists or {}).items():
        each_of = data.get(name)
        for each in each_of if isinstance(each_of, list) else ():
            _refuse_unknown(path, each, table, f"{name}.")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise ConfigError(str(path), where.strip("`$."), plain_words(text)) from error


def _refuse_unknown(path: Path, data: object, kind: type, prefix: str) -> None:
    """Refuse keys that are no fields; what is no table at all is refused by its type later."""
    known = [field.name for field in fields(kind)]
    for key in data if isinstance(data, dict) else ():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0)
            raise ConfigError(
                str(path), prefix + key, f"is no known key; did you mean {near[0]!r}?"
            )
