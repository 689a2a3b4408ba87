"""Feeds: what counts as a change, what a reader gets who has seen an older version, and who shares what."""

import json
import re
from contextlib import contextmanager

import pytest

from web.feeds import ALL, WHOLE, Feed, Reader


class Page:
    """A page with two parts, and a record of what was shown."""

    def __init__(self):
        self.facts = {WHOLE: "frame", "a": 1, "b": 1}
        self.shown = []
        self.languages = []
        self.feed = Feed(lambda: dict(self.facts), self._show, self._speaking)

    def _show(self, part, facts, own):
        self.shown.append((self.languages[-1], part, facts, own))
        return f"<p>{part} {facts}\n</p>"

    @contextmanager
    def _speaking(self, language):
        self.languages.append(language)
        yield

    def told(self, seen, reader):
        """Return the events after a version: the parts by name, or the kind of the only event."""
        text = self.feed.since(seen, reader).decode()
        kinds = re.findall(r"^event: (\w+)$", text, re.MULTILINE)
        parts = dict(json.loads(data) for data in re.findall(r"^data: (\[.*)$", text, re.MULTILINE))
        return kinds, parts


@pytest.fixture
def page():
    return Page()


FR, EN = Reader(language="fr"), Reader(language="en")


def test_a_page_shows_the_facts_of_the_version_that_it_names(page):
    version, facts = page.feed.whole()
    assert (version, facts) == (page.feed.version, "frame")
    page.facts[WHOLE] = "another"
    newer, facts = page.feed.whole()
    assert (newer, facts) == (page.feed.version, "another")
    assert newer != version


def test_who_has_the_newest_gets_nothing(page):
    version, parts = page.feed.page(FR)
    assert parts == {"a": "<p>a 1\n</p>", "b": "<p>b 1\n</p>"}
    assert page.feed.refresh() == version
    assert page.feed.since(version, FR) == b""


def test_only_what_changed_after_the_version_is_told(page):
    first, _ = page.feed.page(FR)
    page.facts["a"] = 2
    second = page.feed.refresh()
    page.facts["b"] = 2
    page.feed.refresh()
    assert page.told(second, FR) == (["part", "shown"], {"b": "<p>b 2\n</p>"})
    assert page.told(first, FR)[1].keys() == {"a", "b"}
    assert page.feed.since(first, FR).endswith(f"data: {page.feed.version}\n\n".encode())


@pytest.mark.parametrize(
    "change", [{WHOLE: "other", "a": 1, "b": 1}, {WHOLE: "frame", "a": 1}, {WHOLE: "frame", "c": 1}]
)
def test_a_page_that_changes_as_a_whole_is_fetched(page, change):
    seen, _ = page.feed.page(FR)
    page.facts = change
    page.feed.refresh()
    assert page.told(seen, FR) == (["changed"], {})


@pytest.mark.parametrize(
    "seen", ["", "-", "nonsense", "00000000-1", "{name}-", "{name}-x", "{name}-²"]
)
def test_a_version_that_nobody_knows_is_an_old_one(page, seen):
    name = page.feed.refresh().partition("-")[0]
    assert page.told(seen.format(name=name), FR)[0] == ["changed"]


def test_equal_readers_share_what_is_shown(page):
    seen, _ = page.feed.page(FR)
    del page.shown[:]
    page.facts["a"] = 2
    page.feed.refresh()
    mine = Reader(language="fr", own="a")
    readers = [FR, FR, EN, mine, Reader(language="fr", own=ALL), Reader(language="fr", own="b")]
    for reader in readers:
        page.feed.since(seen, reader)
    assert page.shown == [("fr", "a", 2, False), ("en", "a", 2, False), ("fr", "a", 2, True)]


def test_a_part_is_one_line_of_a_stream(page):
    seen, _ = page.feed.page(FR)
    page.facts["a"] = "x\n\ny\r\ndata: z"
    page.feed.refresh()
    assert page.told(seen, FR)[1] == {"a": "<p>a x\n\ny\r\ndata: z\n</p>"}
