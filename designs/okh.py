"""Reads and writes Open Know-How manifests: version 1 (YAML), and LOSH 1.0, 2.3 and 2.4 (TOML).

A document keeps every key that it came with, also those that nobody here knows, and its comments.
What Open Know-How lacks (how many of a part make a kit, materials, process) stands in a `fabnet`
table. Leaves the way from one version to another to `designs.okh_versions`, what a design is made of to
`designs.manifest`, and files to `designs.library`.
"""

from __future__ import annotations

import enum
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import ruamel.yaml
import tomlkit
import tomlkit.exceptions

from designs.errors import ManifestError
from designs.okh_mending import mend_toml, mend_yaml

MOST_BYTES = 1 << 20
_MOST_VALUES = 20_000
_DEEPEST = 40
_BRACKETS = re.compile(r"[\[\]{}]")
_FIRST_LINE = "%Open Know-How Manifest 1.0\n---\n"


class Format(enum.StrEnum):
    """A way to write a manifest."""

    OWN = "design.toml"
    TOML = "okh-2"
    YAML = "okh-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A manifest as it came.

    Attributes:
        name: its file's name.
        format: how it is written.
        data: plain dicts, lists, numbers, texts, dates; None is an empty YAML value.
        text: all of it, comments too.
        warnings: what it should have and has not, a sentence each.
    """

    name: str
    format: Format
    data: dict[str, Any]
    text: str
    warnings: tuple[str, ...] = ()


#: What a reader of these manifests relies on; a text or a list where the schema allows both.
_NEEDS = {
    Format.TOML: ("okhv", "name", "repo", "license", "licensor", "function"),
    Format.YAML: ("title", "description", "license"),
}
_SHOULD = {
    Format.TOML: ("version", "documentation-language"),
    Format.YAML: ("version", "intended-use", "documentation-language"),
}
#: What authors of version 1 write in place of its keys, as version 2 or a host calls it.
_ALSO = {
    "title": ("name",),
    "description": ("function",),
    "project-link": ("documentation-home", "repo", "repository"),
}
#: Keys whose values are paths or addresses.
PATHS = {
    Format.TOML: (
        "release",
        "contribution-guide",
        "attestation",
        "bom",
        "manufacturing-instructions",
        "user-manual",
        "readme",
        "source",
        "export",
        "auxiliary",
    ),
    Format.YAML: (
        "bom",
        "tool-list",
        "archive-download",
        "design-files",
        "schematics",
        "making-instructions",
        "manufacturing-files",
        "risk-assessment",
        "tool-settings",
        "quality-instructions",
        "operating-instructions",
        "maintenance-instructions",
        "disposal-instructions",
        "software",
        "image",
    ),
}
#: An address that is none on this disk, and what begins as one: "C:/x", but not "Materials: PLA".
_ADDRESS = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\s|$)")
#: Of a licence in parts, what governs the thing; of one that is a table, its name.
_LICENCES = ("hardware", "documentation", "software", "spdx", "id", "name", "title")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read(name: str, content: bytes) -> Document:
    """Return a manifest that holds what it must; its kind is known by its name.

    Raises:
        ManifestError: it cannot be read as what its name says, lacks a key, or leads out of its folder.
    """
    if len(content) > MOST_BYTES:
        raise ManifestError(name, "", f"has more than {MOST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(name, "", f"is no UTF-8 text: {error}") from error
    if name.lower().endswith((".yml", ".yaml")):
        text, data = _readable(name, text, _from_yaml, mend_yaml)
        found = Format.YAML
        if "okhv" in data and "title" not in data:
            # Version 2 is TOML; some write its keys as YAML. Of the comments those at its head are
            # kept (whose it is, under which licence); no key is lost.
            found, data = Format.TOML, without_none(data)
            text = _head(text) + tomlkit.dumps(data)
            name = f"{name.rpartition('.')[0]}.toml"
    else:
        text, data = _readable(name, text, _from_toml, mend_toml)
        found = Format.TOML if "okhv" in data else Format.OWN
    document = Document(name=name, format=found, data=data, text=text)
    if found is Format.OWN:
        return document
    return Document(name=name, format=found, data=data, text=text, warnings=tuple(_check(document)))


def _head(text: str) -> str:
    """Return the comments before the first key of YAML, as TOML has them too."""
    lines = itertools.takewhile(lambda line: line[:1] in ("", "#"), text.splitlines())
    return "".join(f"{line}\n" for line in lines)


def _readable(
    name: str,
    text: str,
    parse: Callable[[str, str], dict[str, Any]],
    mend: Callable[[str], str],
) -> tuple[str, dict[str, Any]]:
    """Return a text and what is in it; mended where it cannot be read as it is."""
    try:
        return text, parse(name, text)
    except ManifestError as as_it_came:
        mended = mend(text)
        if mended == text:
            raise
        try:
            return mended, parse(name, mended)
        except ManifestError:
            raise as_it_came from None


def _from_toml(name: str, text: str) -> dict[str, Any]:
    try:
        data = tomlkit.parse(text).unwrap()
    except (tomlkit.exceptions.TOMLKitError, ValueError, RecursionError) as error:
        raise ManifestError(name, "", f"is no TOML: {error}") from error
    return _plain(name, data)


def _from_yaml(name: str, text: str) -> dict[str, Any]:
    opened = 0
    for bracket in _BRACKETS.findall(text):
        opened = max(0, opened + (1 if bracket in "[{" else -1))
        if opened > 2 * _DEEPEST:  # to find that out takes ruamel half a minute
            raise ManifestError(name, "", f"holds more than {_MOST_VALUES} values, or too deep")
    try:
        data = yaml_of().load(text)
    except (ruamel.yaml.error.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise ManifestError(name, "", f"is no YAML: {where[:200]}") from error
    if data is None:
        raise ManifestError(name, "", "is empty, or holds nothing but comments")
    if not isinstance(data, dict):
        raise ManifestError(name, "", "is no list of keys and values")
    return _plain(name, data)


def _plain(name: str, data: Any) -> dict[str, Any]:
    """Copy into plain values; an alias that is used a million times is noticed, not followed."""
    left = _MOST_VALUES

    def copy(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > _DEEPEST:
            raise ManifestError(name, "", f"holds more than {_MOST_VALUES} values, or too deep")
        if isinstance(value, dict):
            return {str(key): copy(each, depth + 1) for key, each in value.items()}
        if isinstance(value, (list, tuple, set)):
            return [copy(each, depth + 1) for each in value]
        if isinstance(value, ruamel.yaml.scalarfloat.ScalarFloat):
            return float(value)
        if isinstance(value, bool) or value is None or isinstance(value, (datetime, date)):
            return value
        if isinstance(value, int):
            return int(value)
        return value if isinstance(value, float) else str(value)

    copied: dict[str, Any] = copy(data, 0)
    return copied


def _check(document: Document) -> Iterator[str]:
    name, data, kind = document.name, document.data, document.format
    for key in _NEEDS[kind]:
        if value_of(document, key) in (None, "", [], {}):
            raise ManifestError(name, key, "is missing")
        if data.get(key) in (None, "", [], {}):
            yield f"{name}: {key} should be there"
    key = "repo" if kind is Format.TOML else "project-link"
    if not str(value_of(document, key)).strip().startswith(("http://", "https://")):
        raise ManifestError(name, key, "must be an address that begins with https://")
    if not isinstance(data.get("fabnet", {}), dict):
        raise ManifestError(name, "fabnet", "must be a table")
    if not licence(document):
        raise ManifestError(name, "license", "names no licence")
    _check_paths(document)
    for key in _SHOULD[kind]:
        if data.get(key) in (None, "", []):
            yield f"{name}: {key} should be there"


def _check_paths(document: Document) -> None:
    for key in PATHS[document.format]:
        for path in paths(document.data.get(key)):
            check_path(document.name, key, path)


def value_of(document: Document, key: str) -> Any:
    """Return what a manifest says under a key, or under another that stands for it in version 1."""
    keys = (key, *(_ALSO.get(key, ()) if document.format is Format.YAML else ()))
    found = next((document.data[each] for each in keys if document.data.get(each)), None)
    return found.get("url") if isinstance(found, dict) and key == "project-link" else found


def licence(document: Document) -> str:
    """Return the SPDX name that governs the thing itself; empty where there is none."""
    return _licence(document.data.get("license"))


def _licence(told: Any) -> str:
    if isinstance(told, dict):
        found = (_licence(told.get(key)) for key in _LICENCES)
        return next((each for each in found if each), "")
    if isinstance(told, list):
        return " AND ".join(dict.fromkeys(each for each in map(_licence, told) if each))
    return str(told or "")


def paths(value: Any) -> Iterator[str]:
    """Return the paths in a value that may be one, a list of them, or tables with `path`."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            told = each.get("path") or each.get("location")
            if isinstance(told, str):
                yield told
        elif isinstance(each, str) and each:
            yield each


def check_path(name: str, key: str, path: str) -> None:
    """Refuse a path that is neither an address nor inside the folder.

    Raises:
        ManifestError: names the key.
    """
    if leads_out(path):
        raise ManifestError(name, key, f"{path[:80]!r} leads out of the folder")


def leads_out(path: str) -> bool:
    """Return whether a path is neither an address on the Web nor inside its folder.

    One that begins with a slash begins at the folder of the manifest, says Open Know-How.
    """
    if _ADDRESS.match(path):
        return False
    plain = path.replace("\\", "/")
    return ".." in plain.split("/") or plain.startswith("//") or _SCHEME.match(path) is not None


def in_folder(path: str) -> str:
    """Return a path of a manifest as one below its folder."""
    return path if "://" in path else path.replace("\\", "/").lstrip("/").removeprefix("./")


def version(document: Document) -> str:
    """Return the version as it is written: 1.10 is no number."""
    told = document.data.get("version")
    if document.format is Format.YAML and type(told) in (int, float):
        words = re.search(r"^version[ \t]*:[ \t]*([^\s#]+)", document.text, re.MULTILINE)
        return words[1] if words else str(told)
    return "" if told is None else str(told)


def with_fabnet(document: Document, facts: dict[str, Any]) -> str:
    """Return the document's text with some more in its `fabnet` table; all else stays as it came."""
    if document.format is Format.YAML:
        appended = _appended(document, facts)
        if appended:
            return appended
        yaml = yaml_of()
        loaded = yaml.load(document.text)
        loaded.setdefault("fabnet", {}).update(without_none(facts))
        return dump(yaml, loaded)
    parsed = tomlkit.parse(document.text)
    if "fabnet" not in parsed:
        parsed["fabnet"] = tomlkit.table()
    table: Any = parsed["fabnet"]
    for key, value in without_none(facts).items():
        table[key] = value
    return tomlkit.dumps(parsed)


def _appended(document: Document, facts: dict[str, Any]) -> str:
    """Return the text as it came with a `fabnet` table at its end; "" where that would be another."""
    if "fabnet" in document.data:
        return ""
    out = io.StringIO()
    yaml_of().dump({"fabnet": without_none(facts)}, out)
    text = document.text + ("" if document.text.endswith("\n") else "\n") + out.getvalue()
    try:
        same = _from_yaml(document.name, text) == document.data | {"fabnet": without_none(facts)}
    except ManifestError:
        return ""
    return text if same else ""


def yaml_of() -> ruamel.yaml.YAML:
    """Return a reader and writer of YAML that keeps comments and quotes."""
    yaml = ruamel.yaml.YAML(typ="rt")
    yaml.width = 4096
    yaml.preserve_quotes = True
    # Found in the wild: `project-link` twice. The text is kept as it came, the first one holds.
    yaml.allow_duplicate_keys = True
    return yaml


def dump(yaml: ruamel.yaml.YAML, data: Any) -> str:
    """Return the text of a manifest of version 1."""
    out = io.StringIO()
    yaml.dump(data, out)
    text = out.getvalue()
    # The directive is no YAML that a writer keeps; a reader of version 1 looks for it.
    return _FIRST_LINE + text.removeprefix("---\n")


def without_none(data: dict[str, Any]) -> dict[str, Any]:
    """TOML has no empty value: an empty text stands for it, so that no key is lost."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        return "" if value is None else value

    made: dict[str, Any] = filled(data)
    return made
