"""The people of the scenario in a real Chromium: they get to a page by its links, click, and type.

What a person would stumble over is noted: an address that no link leads to, a button that changes
nothing, a page that is slow, too wide for its screen, in English for a reader of French, or with an error
in its console.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, Locator, Response, sync_playwright

from fabnet.demo.browser import PageError
from tests.e2e.conftest import CHROMIUM
from tests.scenario.diary import Diary, kind_of
from tests.scenario.glance import FORM, PUT_AWAY, WAY
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
#: A page that tells that it keeps itself up to date is believed so long, before it is loaded anew.
_LIVE_S = 4.0
_FRESH_S = 5.0
#: One that was out of sight gets what it has missed in that time.
_WOKEN_S = 1.0
_WAIT_MS = 15_000
#: Addresses that people scan, or have in a letter: nothing need link to them.
_SCANNED = re.compile(r"/(l/[^/]+|o/[^/]+|d/.+|r/.+|run/.+|sign-in|)$")
#: Those that no page has to show to others.
_IN_LETTERS = re.compile(r"/(o|d|r|run)/.+")
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


class InBrowser:
    """Somebody in front of a screen of her own.

    Args:
        number: gives her an address of her own; the server believes a proxy on the same machine.
        in_sight: whose screen is looked at; shared by all. People come one after the other, and what
            twenty screens show to nobody would take the machine's time from the one that is looked at.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        diary: Diary,
        role: str,
        number: int,
        in_sight: list[InBrowser | None],
    ) -> None:
        self._in_sight = in_sight
        self._context = browser.new_context(
            base_url=url, locale="fr-FR", timezone_id="Europe/Paris", **SCREENS[role]
        )
        self._context.set_default_timeout(_WAIT_MS)
        self._page = self._context.new_page()
        self._page.on("pageerror", lambda error: diary.stumble(f"{role}: a script failed: {error}"))
        self._diary = diary
        self.role = role
        self._url = url
        self._came_s = 0.0
        self.has_left = False
        self.come(number)

    def leave(self) -> None:
        """See `Hands`."""
        if self._in_sight[0] is self:
            self._in_sight[0] = None
        self._page.goto("about:blank")
        self._context.clear_cookies()
        self.has_left = True

    def come(self, number: int) -> None:
        """Be somebody else who has such a screen, and knows nothing of who had it before."""
        self.has_left = False
        address = f"10.0.{number // 250}.{1 + number % 250}"
        self._context.set_extra_http_headers({"X-Forwarded-For": address})
        self._page.goto("/")

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
            return dict(self._form(ending, {})["filled"])

    def submit(self, path: str, ending: str, values: Mapping[str, str]) -> str:
        """See `Hands`."""
        with _told(path):
            self._open(self._path(path))
            seen = self._form(ending, values)
            form = self._page.locator(_by_address("form", seen["action"])).nth(seen["nth"])
            typed = [self._fill(form, seen, name, value) for name, value in values.items()]
            if any(typed):
                seen = self._typed(ending, values, seen)
            self._send(form, seen)
            return self._page.url

    # --- getting there --------------------------------------------------------------------------

    def _path(self, address: str) -> str:
        return address.removeprefix(self._url)

    def _open(self, path: str) -> None:
        """Get to a page: it is there, or a link on the way to it is, or its address has to be typed."""
        self._take_up()
        seen = self._way(path)
        if self._at == path:
            if not seen["live"] and time.monotonic() - self._came_s > _FRESH_S:
                self._measured(self._page.reload, path)
            return
        if seen["woken"] and not _IN_LETTERS.match(path):
            until_s = time.monotonic() + _WOKEN_S
            while seen["href"] is None and time.monotonic() < until_s:
                self._page.wait_for_timeout(50)
                seen = self._way(path)
        if self._follow(path, seen):
            return
        if not _SCANNED.match(path):
            known = ((each.fullmatch(path), on) for each, on in _FOUND_ON)
            for parent in next([found.expand(each) for each in on] for found, on in known if found):
                if self._at != parent:
                    self._open(parent)
                if self._follow(path, self._way(path)):
                    return
            self._diary.typed[kind_of(path)] += 1
        self._measured(lambda: self._page.goto(path), path)

    def _take_up(self) -> None:
        """Look at this screen; whoever had hers in sight before puts it away."""
        before, self._in_sight[0] = self._in_sight[0], self
        if before is not None and before is not self:
            before._page.evaluate(PUT_AWAY)

    @property
    def _at(self) -> str:
        return urlsplit(self._page.url).path

    def _way(self, path: str) -> Any:
        return self._page.evaluate(WAY, [path, f"{self._url}{path}"])

    def _follow(self, path: str, seen: Any) -> bool:
        if seen["href"] is None:
            return False
        link = self._page.locator(_by_address("a", seen["href"])).first
        self._unfold(link, seen["folded"])
        self._measured(lambda: self._click(link), path)
        return True

    def _unfold(self, inside: Locator, folds: int) -> None:
        """Open what is folded around something."""
        folded = inside.locator("xpath=ancestor::details[not(@open)]")
        for _ in range(folds):
            if not folded.count():  # what is beside it has opened it
                return
            # The outermost first; each that is opened is one less.
            folded.first.locator("xpath=./summary").click()
            self._diary.clicks += 1

    def _click(self, what: Locator) -> Response | None:
        self._diary.clicks += 1
        with self._page.expect_navigation(wait_until="load") as led:
            what.click()
        return led.value

    def _measured(self, deed: Callable[[], Response | None], path: str) -> str:
        """Do what leads to another page; look at it, and at how long it took; return its text."""
        began_s = time.monotonic()
        answer = deed()
        self._came_s = time.monotonic()
        # Somebody else was quicker, or this was sent before the line broke: the page shows it.
        if answer is not None and answer.status >= 400 and answer.status != 409:
            said = self._page.locator("main").inner_text()[:300]
            raise PageError(f"{path} answered {answer.status}: {said}")
        return self._diary.opened(self.role, self._page, self._came_s - began_s)

    # --- forms ----------------------------------------------------------------------------------

    def _form(self, ending: str, values: Mapping[str, str]) -> Any:
        """Look at the form that can say all this; a live page gets it by itself."""
        until_s = time.monotonic() + _LIVE_S
        asked = [ending, dict(values)]
        seen = self._page.evaluate(FORM, asked)
        is_live = seen is None and self._way("")["live"]
        while seen is None and is_live and time.monotonic() < until_s:
            self._page.wait_for_timeout(100)
            seen = self._page.evaluate(FORM, asked)
        if seen is None and is_live:
            self._measured(self._page.reload, self._at)
            seen = self._page.evaluate(FORM, asked)
            if seen is not None:
                self._diary.stumble(f"{self.role} {kind_of(self._at)}: it did not renew itself")
        if seen is None:
            raise PageError(f"{self._page.url} has no form for {ending} that can say {values}")
        return seen

    def _fill(self, form: Locator, seen: Any, name: str, value: str) -> bool:
        """Type or choose one thing, unless it is there already; return whether anything was done."""
        field = seen["fields"].get(name)
        if field is None or field["said"] or (field["kind"] == "tick" and not value):
            return False
        self._diary.clicks += 1
        if field["kind"] == "tick":
            box = form.locator(f'[name="{name}"][value="{value}"]')
            self._unfold(box, field["folded"])
            # What is pressed is the words beside it.
            box.locator("xpath=ancestor::label").click()
            return True
        line = form.locator(f'[name="{name}"]:not([type=hidden]):not(button)').first
        self._unfold(line, field["folded"])
        if field["kind"] == "select":
            line.select_option(value)
        else:
            line.fill(value)
        return True

    def _typed(self, ending: str, values: Mapping[str, str], seen: Any) -> Any:
        """Look again at a form that was filled in: is everything there, and under no other thing?"""
        after = self._page.evaluate(FORM, [ending, dict(values)])
        if after is None:
            raise PageError(f"{self._page.url}: the form for {ending} went while it was filled in")
        for name, field in after["fields"].items():
            if values[name] and not field["said"]:
                raise PageError(
                    f"{self._page.url}: typing or pressing does not make {name} {values[name]}"
                )
            if field["covered"] and not seen["fields"][name]["said"]:
                self._diary.stumble(f"{self.role} {kind_of(self._at)}: {name} is covered")
        return after

    def _send(self, form: Locator, seen: Any) -> None:
        button = form.locator("button:not([type=button])").first
        if seen["button"] is not None:
            name, value = seen["button"]
            button = form.locator(f'button[name="{name}"][value="{value}"]').first
        self._unfold(button, seen["folded"])
        before = seen["text"], self._page.url
        after = self._measured(lambda: self._click(button), self._page.url)
        if before == (after, self._page.url):
            self._diary.stumble(f"{self.role} {kind_of(self._page.url)}: a button changed nothing")


def _by_address(tag: str, address: str | None) -> str:
    """Return the selector of a link or a form; a form without an address sends to its page."""
    if address is None:
        return f"{tag}:not([action])"
    return f'{tag}[{"href" if tag == "a" else "action"}="{address}"]'


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
    in_sight: list[InBrowser | None] = [None]
    hired: list[InBrowser] = []

    def hire(role: str, number: int) -> InBrowser:
        for each in hired:
            if each.has_left and each.role == role:
                each.come(number)
                return each
        hired.append(InBrowser(browser, url, diary, role, number, in_sight))
        return hired[-1]

    return hire


@contextmanager
def started() -> Iterator[Browser]:
    """Start a browser, until the block ends."""
    with sync_playwright() as playwright:
        # The same engine without a browser's own windows, where it is installed: a page takes two thirds.
        shell = shutil.which("chromium-headless-shell") or CHROMIUM["executable_path"]
        browser = playwright.chromium.launch(**CHROMIUM | {"executable_path": shell})
        try:
            yield browser
        finally:
            browser.close()
