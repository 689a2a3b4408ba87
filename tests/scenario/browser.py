"""The people of the scenario in a real Chromium: they get to a page by its links, click, and type.

What a person would stumble over is noted: an address that no link leads to, a button that changes
nothing, a page that is slow, too wide for its screen, in English for a reader of French, or with an error
in its console.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

from fabnet.demo.browser import PageError
from tests.e2e.conftest import CHROMIUM
from tests.scenario.hands import Hire

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
SCREENS = {
    "ward": PHONE, "maker": PHONE, "driver": PHONE, "inspector": PHONE, "anybody": PHONE,
    "steward": DESK,
}  # fmt: skip
SLOW_S = 1.0
#: A page that tells that it keeps itself up to date is believed so long, before it is loaded anew.
_LIVE_S = 4.0
_FRESH_S = 1.5
_WAIT_MS = 15_000
#: Addresses that people scan, or have in a letter: nothing need link to them.
_SCANNED = re.compile(r"/(l/[^/]+|o/[^/]+|d/.+|r/.+|run/.+|sign-in|)$")
#: Where a page is found that is not linked from where a person is: the pages that may link to it.
_FOUND_ON = (
    (re.compile(r"/l/([^/]+)/.+"), (r"/l/\1",)),
    (re.compile(r"/orders/.+"), ("/waiting", "/orders")),
    (re.compile(r"/recalls/.+"), ("/recalls",)),
    (re.compile(r"/hub/.+"), ("/hub",)),
    (re.compile(r"/pickups/.+"), ("/waiting", "/hub")),
    (re.compile(r"/(harvest|labs)/.+"), ("/waiting",)),
    (re.compile(r"/complaints"), ("/waiting", "/deliveries")),
    (re.compile(r".*"), ("/",)),
)
_SECRET = re.compile(
    r"/(o|d|r|run|l|orders|recalls|pickups|harvest|batches|labs)/[^/]+(/[A-Za-z0-9_-]{16,})?"
)
_ENGLISH = re.compile(
    r"\b(the|of|and|is|was|with|from|this|that|been|you|your|has)\b", re.IGNORECASE
)
_SHOWN = """() => ({text: document.querySelector('main')?.innerText ?? '',
  wide: document.documentElement.scrollWidth - innerWidth,
  width: innerWidth})"""


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

    def opened(self, role: str, page: Page, took_s: float) -> None:
        """Look at a page as it has come."""
        kind = kind_of(page.url)
        self.took_s[kind].append(took_s)
        shown = page.evaluate(_SHOWN)
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


class InBrowser:
    """Somebody in front of a screen of her own.

    Args:
        number: gives her an address of her own; the server believes a proxy on the same machine.
    """

    def __init__(self, browser: Browser, url: str, diary: Diary, role: str, number: int) -> None:
        self._context = browser.new_context(
            base_url=url, locale="fr-FR", timezone_id="Europe/Paris",
            extra_http_headers={"X-Forwarded-For": f"10.0.{number // 250}.{1 + number % 250}"},
            **SCREENS[role],
        )  # fmt: skip
        self._context.set_default_timeout(_WAIT_MS)
        self._page = self._context.new_page()
        self._page.on("pageerror", lambda error: diary.stumble(f"{role}: a script failed: {error}"))
        self._diary = diary
        self._role = role
        self._url = url
        self._came_s = 0.0
        self._page.goto("/")

    def leave(self) -> None:
        """See `Hands`."""
        self._context.close()

    def sign_in(self, login: str, password: str) -> None:
        """See `Hands`."""
        self.submit("/sign-in", "/sign-in", {"login": login, "password": password})

    def json(self, path: str) -> Any:
        """See `Hands`: not a page, so nothing is shown."""
        answer = self._context.request.get(path)
        if not answer.ok:
            raise PageError(f"{path} answered {answer.status}")
        return answer.json()

    def read(self, path: str) -> str:
        """See `Hands`."""
        with _told(path):
            self._open(self._path(path))
            return self._page.content()

    def filled(self, path: str, ending: str) -> Mapping[str, str]:
        """See `Hands`."""
        with _told(path):
            self._open(path)
            form = self._form(ending, {})
            return dict(form.evaluate("form => Object.fromEntries(new FormData(form))"))

    def submit(self, path: str, ending: str, values: Mapping[str, str]) -> str:
        """See `Hands`."""
        with _told(path):
            self._open(self._path(path))
            form = self._form(ending, values)
            for name, value in values.items():
                self._fill(form, name, value)
            self._send(form, values)
            return self._page.url

    # --- getting there --------------------------------------------------------------------------

    def _path(self, address: str) -> str:
        return address.removeprefix(self._url)

    def _open(self, path: str) -> None:
        """Get to a page: it is there, or a link on the way to it is, or its address has to be typed."""
        if self._at == path:
            if not self._is_live and time.monotonic() - self._came_s > _FRESH_S:
                self._measured(self._page.reload, path)
            return
        if self._follow(path):
            return
        if not _SCANNED.match(path):
            known = ((each.fullmatch(path), on) for each, on in _FOUND_ON)
            for parent in next([found.expand(each) for each in on] for found, on in known if found):
                if self._at != parent:
                    self._open(parent)
                if self._follow(path):
                    return
            self._diary.typed[kind_of(path)] += 1
        self._measured(lambda: self._page.goto(path), path)

    @property
    def _at(self) -> str:
        return urlsplit(self._page.url).path

    @property
    def _is_live(self) -> bool:
        return self._page.locator("main[data-live]").count() > 0

    def _follow(self, path: str) -> bool:
        links = self._page.locator(
            f'a[href="{path}"], a[href^="{path}#"], a[href="{self._url}{path}"]'
        )
        if not links.count():
            return False
        link = links.first
        self._unfold(link)
        self._measured(lambda: self._click(link), path)
        return True

    def _unfold(self, inside: Locator) -> None:
        """Open what is folded around something."""
        folded = inside.locator("xpath=ancestor::details[not(@open)]")
        for _ in range(folded.count()):
            # The outermost first; each that is opened is one less.
            folded.first.locator("xpath=./summary").click()
            self._diary.clicks += 1

    def _click(self, what: Locator) -> None:
        self._diary.clicks += 1
        with self._page.expect_navigation(wait_until="load"):
            what.click()

    def _measured(self, deed: Any, path: str) -> None:
        """Do what leads to another page; look at it, and at how long it took."""
        statuses: list[int] = []

        def note(answer: Any) -> None:
            request = answer.request
            if request.is_navigation_request() and request.frame == self._page.main_frame:
                statuses.append(answer.status)

        self._page.on("response", note)
        began_s = time.monotonic()
        try:
            deed()
        finally:
            self._page.remove_listener("response", note)
        self._came_s = time.monotonic()
        took_s = self._came_s - began_s
        # Somebody else was quicker, or this was sent before the line broke: the page shows it.
        if statuses and statuses[-1] >= 400 and statuses[-1] != 409:
            said = self._page.locator("main").inner_text()[:300]
            raise PageError(f"{path} answered {statuses[-1]}: {said}")
        self._diary.opened(self._role, self._page, took_s)

    # --- forms ----------------------------------------------------------------------------------

    def _form(self, ending: str, values: Mapping[str, str]) -> Locator:
        """Return the form that can say all this; a live page gets it by itself."""
        until_s = time.monotonic() + _LIVE_S
        nth = self._nth(ending, values)
        while nth < 0 and self._is_live and time.monotonic() < until_s:
            self._page.wait_for_timeout(100)
            nth = self._nth(ending, values)
        if nth < 0 and self._is_live:
            self._measured(self._page.reload, self._at)
            nth = self._nth(ending, values)
            if nth >= 0:
                self._diary.stumble(f"{self._role} {kind_of(self._at)}: it did not renew itself")
        if nth < 0:
            raise PageError(f"{self._page.url} has no form for {ending} that can say {values}")
        # By its address, for a live page may put another before it.
        action = self._page.evaluate("nth => document.forms[nth].getAttribute('action')", nth)
        if action is None:
            return self._page.locator("form").nth(nth)
        same = self._page.evaluate(
            """nth => [...document.forms].filter(form => form.getAttribute('action') ===
              document.forms[nth].getAttribute('action')).indexOf(document.forms[nth])""",
            nth,
        )
        return self._page.locator(f'form[action="{action}"]').nth(same)

    def _nth(self, ending: str, values: Mapping[str, str]) -> int:
        return int(
            self._page.evaluate(
                """([ending, values]) => [...document.forms].findIndex(form =>
              form.method === 'post' && new URL(form.action).pathname.endsWith(ending) &&
              Object.entries(values).every(([name, value]) => {
                const found = [...form.querySelectorAll(`[name="${name}"]`)];
                if (!found.length) return value === '';
                const kinds = found.map(each => each.type);
                if (kinds.some(kind => ['hidden', 'submit', 'radio'].includes(kind)))
                  return value === '' || found.some(each => each.value === value);
                return true;
              }))""",
                [ending, dict(values)],
            )
        )

    def _fill(self, form: Locator, name: str, value: str) -> None:
        """Type or choose one thing, unless it is there already."""
        field = form.locator(f'[name="{name}"]:not([type=hidden]):not(button)')
        if not field.count():
            return
        kind = field.first.get_attribute("type") or field.first.evaluate("e => e.localName")
        if kind in ("radio", "checkbox"):
            if not value:
                return
            field = form.locator(f'[name="{name}"][value="{value}"]')
            if not field.is_checked():
                self._unfold(field)
                self._diary.clicks += 1
                # What is pressed is the words beside it.
                field.locator("xpath=ancestor::label").click()
                if not field.is_checked():
                    raise PageError(f"{self._page.url}: pressing {name} does not choose {value}")
            return
        if field.input_value() == value:
            return
        self._unfold(field)
        self._diary.clicks += 1
        if kind == "select":
            field.select_option(value)
        else:
            field.click()
            field.fill(value)

    def _send(self, form: Locator, values: Mapping[str, str]) -> None:
        buttons = form.locator("button:not([type=button])")
        for name, value in values.items():
            named = form.locator(f'button[name="{name}"][value="{value}"]')
            if named.count():
                buttons = named
        button = buttons.first
        self._unfold(button)
        before = self._page.evaluate(_SHOWN)["text"], self._page.url
        self._measured(lambda: self._click(button), self._page.url)
        if before == (self._page.evaluate(_SHOWN)["text"], self._page.url):
            self._diary.stumble(f"{self._role} {kind_of(self._page.url)}: a button changed nothing")


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What a browser cannot do is a page that did not do what it promised."""
    try:
        yield
    except Error as error:
        raise PageError(f"{path}: {error.message[:400]}") from error


def in_browser(browser: Browser, url: str, diary: Diary) -> Hire:
    """Return what gives everybody a screen of her own."""
    if diary.pictures is not None:
        diary.pictures.mkdir(parents=True, exist_ok=True)
    return lambda role, number: InBrowser(browser, url, diary, role, number)


@contextmanager
def started() -> Iterator[Browser]:
    """Start a browser, until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()
