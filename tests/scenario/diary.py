"""What the people of the scenario met in their browsers: how long pages took, and what one stumbles over."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.scenario.glance import SHOWN

SLOW_S = 1.0
_SECRET = re.compile(
    r"/(o|d|r|run|l|orders|recalls|pickups|harvest|batches|labs)/[^/]+(/[A-Za-z0-9_-]{16,})?"
)
_ENGLISH = re.compile(
    r"\b(the|of|and|is|was|with|from|this|that|been|you|your|has)\b", re.IGNORECASE
)


class Diary:
    """What all people did and met."""

    def __init__(self, pictures: Path | None) -> None:
        self.pictures = pictures
        self.clicks = 0
        self.typed: Counter[str] = Counter()  # kinds of pages that no link was found to
        self.took_s: dict[str, list[float]] = defaultdict(list)  # by kind of page
        self.words: list[str] = []  # a sentence for each thing that a person would stumble over
        self._taken: Counter[str] = Counter()

    def stumble(self, words: str) -> None:
        """Note it once."""
        if words not in self.words:
            self.words.append(words)

    def opened(self, role: str, page: Page, took_s: float) -> str:
        """Look at a page as it has come; return its text."""
        kind = kind_of(page.url)
        self.took_s[kind].append(took_s)
        shown = page.evaluate(SHOWN)
        if shown["wide"] > 0:
            self.stumble(f"{role} {kind}: {shown['wide']} px wider than its {shown['width']}")
        for line in shown["text"].splitlines():
            if _ENGLISH.search(line):
                self.stumble(f"{role} {kind}: in English: {line.strip()[:120]}")
        name = f"{role}{kind.replace('/', '-')}"
        self._taken[name] += 1
        if self.pictures is not None and self._taken[name] in (1, 2, 5, 12):
            path = self.pictures / f"{name}-{self._taken[name]}.png"
            page.screenshot(path=path, full_page=True)
        return str(shown["text"])

    def summary(self) -> dict[str, int | float]:
        """Return the figures for the last line."""
        times = [each for found in self.took_s.values() for each in found]
        return {
            "pages": len(times),
            "clicks": self.clicks,
            "typed_addresses": sum(self.typed.values()),
            "slow_pages": sum(each > SLOW_S for each in times),
            "slowest_s": round(max(times, default=0.0), 2),
            "stumbles": len(self.words),
        }

    def report(self) -> Iterator[str]:
        """Say what a person should look at."""
        yield from self.words
        for kind, count in self.typed.most_common():
            yield f"no link led to {kind}, {count} times"
        for kind, times in sorted(self.took_s.items(), key=lambda each: -max(each[1])):
            middle = sorted(times)[len(times) // 2]
            if max(times) > SLOW_S:
                slowest = f"{max(times):.1f} s at most, {middle:.2f} s in the middle"
                yield f"slow: {kind} took {slowest}, of {len(times)}"


def kind_of(url: str) -> str:
    """Return a page's address without what names one thing."""
    return _SECRET.sub(r"/\1/x", urlsplit(url).path)
