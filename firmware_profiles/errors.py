"""What can go wrong with a profile file."""

from __future__ import annotations

import re

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": 'words in quotes ("...")',
    "bool": "true or false",
    "array": "a list in square brackets",
    "object": "a table",
    "null": "nothing",
}


class FirmwareProfileError(Exception):
    """A profile file is missing or wrong; names the file and the key."""

    def __init__(self, file: str, key: str, why: str) -> None:
        super().__init__(f"{file}: {key}: {why}" if key else f"{file}: {why}")
        self.file = file
        self.key = key
        self.why = why


def plain_words(told: str) -> str:
    """Return what msgspec says of a wrong value, in the words of who writes the file."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`", told)
    if missing:
        return f"{missing[1]} is missing: it has no default"
    wrong = re.fullmatch(r"Expected `([\w |]+)`, got `(\w+)`", told)
    if wrong:
        wanted = [_KINDS.get(kind, kind) for kind in wrong[1].split(" | ") if kind != "null"]
        return f"has to be {' or '.join(wanted)}, and is {_KINDS.get(wrong[2], wrong[2])}"
    length = re.fullmatch(r"Expected `array` of length (\d+)(?:, got (\d+))?", told)
    return f"has to be a list of {length[1]} values" if length else told
