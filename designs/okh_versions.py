"""Open Know-How 1 to 2.x and back, and our own manifests to both. Pure; no key is lost on the way.

What the other version has no key for is kept as it was, in `okh-1` or `okh-2`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tomlkit

from designs.okh import (
    PATHS,
    Document,
    Format,
    dump,
    leads_out,
    licence,
    paths,
    read,
    value_of,
    version,
    without_none,
    yaml_of,
)


def to_toml(document: Document, okhv: str = "2.4") -> Document:
    """Return a document of Open Know-How 2.x; what it has no key for is kept in `okh-1`.

    Raises:
        ManifestError: it lacks what 2.x needs.
    """
    if document.format is Format.TOML:
        return document
    data = without_none(document.data)
    if document.format is Format.OWN:
        made = {
            "okhv": okhv,
            "name": data["title"],
            **{k: v for k, v in data.items() if k != "title"},
        }
        made.setdefault("function", data.get("description", data["title"]))
        made.setdefault("licensor", "unknown")
        made["part"] = [_okh_part(row) for row in data.get("part", [])]
        # A path out of the folder is nothing that others could follow, and no key to lose.
        for key in [key for key in PATHS[Format.TOML] if any(map(leads_out, paths(data.get(key))))]:
            made["fabnet"] = made["fabnet"] | {key: made.pop(key)}
    elif "okh-2" in data:
        made = data["okh-2"] | ({"fabnet": data["fabnet"]} if "fabnet" in data else {})
    else:
        made = _mapped(document, data, okhv)
    return read("okh.toml", tomlkit.dumps(made).encode())


def _okh_part(row: dict[str, Any]) -> dict[str, Any]:
    """Return a part of our own dialect as Open Know-How writes it."""
    own = {k: row[k] for k in ("id", "object", "per_kit", "materials") if row.get(k)}
    rest = {k: v for k, v in row.items() if k not in (*own, "title", "file", "object", "fabnet")}
    files = {"export": [row["file"]]} if row.get("file") else {}
    return {"name": row.get("title") or row["id"], **files, **rest, "fabnet": own}


def _mapped(document: Document, data: dict[str, Any], okhv: str) -> dict[str, Any]:
    """Map version 1 onto 2.x, as the Internet of Production Alliance maps it."""
    texts = [
        value_of(document, key) for key in ("description", "intended-use", "health-safety-notice")
    ]
    made: dict[str, Any] = {
        "okhv": okhv,
        "name": value_of(document, "title"),
        "repo": data.get("documentation-home") or value_of(document, "project-link"),
        "version": version(document),
        "license": licence(document),
        "licensor": _name(data.get("licensor") or data.get("contact")) or "unknown",
        "function": "\n\n".join(str(text).strip() for text in texts if text),
    }
    for old, new in (
        ("image", "image"),
        ("documentation-language", "documentation-language"),
        ("bom", "bom"),
        ("archive-download", "release"),
        ("fabnet", "fabnet"),
    ):
        if data.get(old):
            made[new] = data[old]
    for old, new in (
        ("making-instructions", "manufacturing-instructions"),
        ("operating-instructions", "user-manual"),
        ("manufacturing-files", "export"),
        ("design-files", "source"),
    ):
        if found := list(paths(data.get(old))):
            made[new] = found
    standards = data.get("standards-used")
    standards = standards if isinstance(standards, list) else [standards]
    named = [
        s.get("reference") or s.get("standard-title") for s in standards if isinstance(s, dict)
    ]
    if any(named):
        made["standard-compliance"] = [str(each) for each in named if each]
    if data.get("made-independently") is True:
        made |= {"technology-readiness-level": "OTRL-3", "documentation-readiness-level": "ODRL-3"}
    elif data.get("made") is True or data.get("development-stage") == "prototype":
        made["technology-readiness-level"] = "OTRL-3"
    made["okh-1"] = {key: each for key, each in data.items() if key != "fabnet"}
    return made


def _exports(data: dict[str, Any]) -> Iterator[str]:
    """Return the model files of a 2.x manifest and its parts."""
    told = data.get("part")
    rows = told if isinstance(told, list) else [told]
    for row in (data, *(row for row in rows if isinstance(row, dict))):
        yield from paths(row.get("export"))


def _name(licensor: Any) -> str:
    """Return who licenses: a text, a table, or the first of a list of those."""
    if isinstance(licensor, list):
        return _name(licensor[0]) if licensor else ""
    if isinstance(licensor, dict):
        return str(licensor.get("name") or "")
    return str(licensor or "")


def to_yaml(document: Document) -> Document:
    """Return a document of version 1; what it has no key for is kept in `okh-2`.

    Raises:
        ManifestError: it lacks what version 1 needs.
    """
    if document.format is Format.YAML:
        return document
    data = to_toml(document).data
    if "okh-1" in data:
        made = dict(data["okh-1"])
        if "version" in made:
            made["version"] = data.get("version", made["version"])
    else:
        made = {
            "title": data["name"],
            "description": data["function"],
            "okh-manifest-version": "1.0.0",
            "project-link": data["repo"],
            "version": data.get("version", ""),
            "license": {"hardware": data["license"]},
            "licensor": {"name": _name(data["licensor"])},
            "manufacturing-files": [{"path": each} for each in _exports(data)],
            "okh-2": {key: each for key, each in data.items() if key != "fabnet"},
        }
    if "fabnet" in data:
        made["fabnet"] = data["fabnet"]
    return read("okh.yml", dump(yaml_of(), made).encode())
