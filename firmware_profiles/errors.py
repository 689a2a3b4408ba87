"""What can go wrong with a profile file."""

from __future__ import annotations


class FirmwareProfileError(Exception):
    """A profile file is missing or wrong; names the file and the key."""

    def __init__(self, file: str, key: str, why: str) -> None:
        super().__init__(f"{file}: {key}: {why}" if key else f"{file}: {why}")
        self.file = file
        self.key = key
        self.why = why
