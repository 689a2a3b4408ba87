"""What an open page shows, in parts: which of them changed when, and each shown once for all readers.

Leaves sockets to `web.streams` and what a part looks like to the pages.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

import msgspec

#: The part that stands for the rest of a page: when it changes, readers fetch the page again.
WHOLE: Final = ""
#: A reader's `own` when she may act on every part.
ALL: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """All that the looks of a part depend on besides its facts. Equal readers share the bytes."""

    language: str
    own: str = ""  # the part that she may act on; `ALL`, or "" for none

    def owns(self, part: str) -> bool:
        """Whether she may act on a part."""
        return self.own in (ALL, part)


@dataclass(slots=True)
class _Part:
    facts: object
    n: int  # of the change that brought these facts
    shown: dict[tuple[str, bool], str] = field(default_factory=dict)  # by language and own


def _no_parts(_part: str, _facts: object, _own: bool) -> str:  # noqa: FBT001
    raise KeyError(_part)


class Feed:
    """One page, for all who read it. Safe to use from several threads.

    Args:
        look: returns the facts of each part, by its name, comparable by `==`.
        show: returns a part as HTML from its name, its facts and whether the reader may act on it; a page
            that has only `WHOLE` needs none.
        speaking: a context in which `show` finds the app and a language.
    """

    def __init__(
        self,
        look: Callable[[], Mapping[str, object]],
        show: Callable[[str, object, bool], str] | None,
        speaking: Callable[[str], AbstractContextManager[object]],
    ) -> None:
        self._look = look
        self._show = show or _no_parts
        self._speaking = speaking
        self._lock = threading.Lock()
        self._name = secrets.token_hex(4)
        self._n = 0
        self._whole_n = 0  # readers who have seen less need the page
        self._parts: dict[str, _Part] = {}

    @property
    def version(self) -> str:
        """Names what the page shows; grows with each change."""
        return f"{self._name}-{self._n}"

    def refresh(self) -> str:
        """Look at the facts again; return the version."""
        with self._lock:
            self._refresh()
            return self.version

    def whole(self) -> tuple[str, object]:
        """Look at the facts again; return the version, and the facts of `WHOLE`, for a page that shows them."""
        with self._lock:
            self._refresh()
            return self.version, self._parts[WHOLE].facts

    def page(self, reader: Reader) -> tuple[str, dict[str, str]]:
        """Return the version and each part as HTML for this reader, as things are now."""
        with self._lock:
            self._refresh()
            names = [name for name in self._parts if name != WHOLE]
            return self.version, self._shown(names, reader)

    def since(self, seen: str, reader: Reader) -> bytes:
        """Return the events that bring a reader from a version to the newest; empty if she has it."""
        with self._lock:
            name, _, number = seen.rpartition("-")
            version = self.version.encode()
            n = int(number) if number.isdecimal() and name == self._name else -1
            if n >= self._n:
                return b""
            if n < self._whole_n:
                return b"id: %b\nevent: changed\ndata: %b\n\n" % (version, version)
            changed = [name for name, part in self._parts.items() if part.n > n]
            told = [
                b"event: part\ndata: %b\n\n" % msgspec.json.encode(each)
                for each in self._shown(changed, reader).items()
            ]
            told.append(b"id: %b\nevent: shown\ndata: %b\n\n" % (version, version))
            return b"".join(told)

    def _refresh(self) -> None:
        found = self._look()
        changed = [
            name
            for name, facts in found.items()
            if name not in self._parts or self._parts[name].facts != facts
        ]
        new_ones = found.keys() != self._parts.keys()
        if not changed and not new_ones:
            return
        self._n += 1
        if new_ones or WHOLE in changed:
            self._whole_n = self._n
        for name in changed:
            self._parts[name] = _Part(found[name], self._n)
        self._parts = {name: self._parts[name] for name in found}

    def _shown(self, names: list[str], reader: Reader) -> dict[str, str]:
        kinds = {name: (reader.language, reader.owns(name)) for name in names}
        missing = [name for name in names if kinds[name] not in self._parts[name].shown]
        if missing:
            with self._speaking(reader.language):
                for name in missing:
                    part = self._parts[name]
                    part.shown[kinds[name]] = self._show(name, part.facts, kinds[name][1])
        return {name: self._parts[name].shown[kinds[name]] for name in names}
