"""Mends a manifest's text where its author's slips keep it from being read at all. Pure: text in, text out.

Only what has one reading is mended: text that needs quotes in YAML, a tab for a space, an end mark with
nothing after it, a key that stands twice in TOML. Leaves reading, and what must be in it, to `designs.okh`.
"""

from __future__ import annotations

import re
from datetime import date

#: Before a value: its indent, the marks of a list, its key.
_BEFORE = r"(?P<before>[ ]*(?:-[ ]+)*(?:(?P<key>[\w$][\w .$/-]*?)[ ]*:[ ]+)?)"
_LINE = re.compile(_BEFORE + r"(?P<value>\S.*?)(?P<after>[ ]+#.*|[ ]*)")
#: What no text without quotes may begin with, though it is not meant as a mark of YAML.
_NO_BEGINNING = ("@", "`", "%")
#: What a value begins with that is quoted already, or is more than a text.
_NO_TEXT = ("'", '"', "{", "[", "|", ">", "&", "*", "!", "#")
_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)")
_BLOCK = re.compile(r".*:[ ]*[|>][-+0-9]*[ ]*(#.*)?")
_END = re.compile(r"\n---[ \t]*\n?\s*\Z")
_TOML_TABLE = re.compile(r"[ \t]*\[")
_TOML_KEY = re.compile(r"[ \t]*(?P<key>[A-Za-z0-9_.-]+|\"[^\"]*\")[ \t]*=(?P<value>.*)")


def mend_yaml(text: str) -> str:
    """Return a YAML text with what its lines lack for being read; as it is where nothing is known of."""
    text = _END.sub("\n", text)
    mended = []
    inside: int | None = None  # the indent of the key whose block of text this is
    for line in text.split("\n"):
        plain = line.rstrip()
        indent = len(plain) - len(plain.lstrip())
        if inside is not None and plain and indent <= inside:
            inside = None
        if inside is None:
            plain = _mend_line(plain.expandtabs(2))
            if _BLOCK.fullmatch(plain):
                inside = indent
        mended.append(plain)
    return "\n".join(mended)


def _mend_line(line: str) -> str:
    found = _LINE.fullmatch(line)
    if found is None or not needs_quotes(found["value"], of_key=found["key"] is not None):
        return line
    quoted = found["value"].replace("'", "''")
    return f"{found['before']}'{quoted}'{found['after']}"


def needs_quotes(value: str, *, of_key: bool) -> bool:
    """Return whether the rest of a line is a text that YAML takes for something else, or for an error."""
    if value.startswith(_NO_BEGINNING):
        return True
    if value.startswith(_NO_TEXT) or not of_key:
        return False
    told = _DATE.fullmatch(value)
    if told:
        try:
            date(int(told[1]), int(told[2]), int(told[3]))
        except ValueError:
            return True
        return False
    return ": " in value or value.endswith(":")


def mend_toml(text: str) -> str:
    """Return a TOML text in which a key that stands twice in one table stands in a comment from then on."""
    mended = []
    seen: set[str] = set()
    for line in text.split("\n"):
        kept = line
        if _TOML_TABLE.match(line):
            seen = set()
        elif found := _TOML_KEY.fullmatch(line):
            whole = found["value"].count('"""') in (0, 2) and not found["value"].rstrip().endswith(
                ("[", ",", "'''")
            )
            if found["key"] in seen and whole:
                kept = f"# {line}"
            seen.add(found["key"])
        mended.append(kept)
    return "\n".join(mended)
