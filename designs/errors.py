"""What can go wrong with a design file, in a maker's words."""

from __future__ import annotations


class DesignError(Exception):
    """Base of every error of this folder; the message is a sentence for a maker."""


class UnknownMaterialError(DesignError):
    """A material code that is not in the vocabulary."""

    def __init__(self, code: str, nearest: str) -> None:
        hint = f"; did you mean {nearest}?" if nearest else ""
        super().__init__(f"there is no material {code!r}{hint}")
        self.code = code
        self.nearest = nearest


class MeshRefusedError(DesignError):
    """A model file cannot be printed as it is.

    Attributes:
        file: the file's name.
        reason: what was measured, and what to do about it.
    """

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class PatternRefusedError(DesignError):
    """A pattern cannot be shown to makers as it is.

    Attributes:
        file: the file's name.
        reason: what must not be in it.
    """

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file} {reason}")
        self.file = file
        self.reason = reason


class ManifestError(DesignError):
    """A design's `design.toml` is missing or wrong; names the key."""

    def __init__(self, file: str, key: str, why: str) -> None:
        super().__init__(f"{file}: {key}: {why}" if key else f"{file}: {why}")
        self.file = file
        self.key = key
        self.why = why


class ProfileError(DesignError):
    """A regulatory profile is missing or wrong; names the file and the key."""

    def __init__(self, file: str, key: str, why: str) -> None:
        super().__init__(f"{file}: {key}: {why}" if key else f"{file}: {why}")
        self.file = file
        self.key = key
        self.why = why


class ArchiveError(DesignError):
    """A ZIP archive is not unpacked; says why."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file} {why}")
        self.file = file
        self.why = why


class UnknownRevisionError(DesignError):
    """There is no such revision in this library."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"there is no revision {revision} here; add the design first")
        self.revision = revision


class UnreadableRevisionError(UnknownRevisionError):
    """What the library has of a revision cannot be read."""

    def __init__(self, revision: str) -> None:
        DesignError.__init__(
            self,
            f"what the library has of revision {revision} cannot be read; put it back from a backup",
        )
        self.revision = revision


class MissingFileError(DesignError):
    """A file that the library's tables name is not on disk."""

    def __init__(self, sha256: str) -> None:
        super().__init__(
            f"the file {sha256[:12]} is gone from the library's folder; add its design again"
        )
        self.sha256 = sha256


class TooManyCopiesError(DesignError):
    """More copies are asked for than lie on a bed."""

    def __init__(self, copies: int, most: int) -> None:
        super().__init__(f"{copies} copies were asked for, and {most} fit on this bed")
        self.copies = copies
        self.most = most
