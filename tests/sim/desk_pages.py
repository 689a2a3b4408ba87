"""Everybody reads what waits for her, opens the page that it leads to, and does it there.

Whatever was done before: the page has the form, the form is taken, and the thing waits no longer.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from argon2 import PasswordHasher
from lxml import html

from designs.library import Library
from jobs.coordinator import people
from jobs.lifecycle import STOPPABLE, UNGRANTED, AttemptState
from jobs.live import Live
from jobs.model import Role
from printers.model import MANUAL
from tests.sim.desk import Desk
from web.app import WebSettings, create_app

PASSWORD = "correct horse"
#: More often than each thing waits for anybody after another, nothing goes round.
_MOST = 400


@functools.cache
def _hashed() -> str:
    """Return what is kept of the password: quick to check, since nothing here guesses it."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Where a thing that waits leads to, and what is pressed there; both with its key."""

    page: str
    actions: tuple[str, ...]  # of which the page has one; the first of them is pressed
    typed: tuple[tuple[str, str], ...] = ()
    first: str = "-"  # of the actions, what is pressed before the others


_WAYS = {
    "admit": _Way(page="/members", actions=("/members/{}/confirm",)),
    "unheard": _Way(page="/waiting", actions=("/members/{}/go-on-without",)),
    "confirm": _Way(
        page="/orders/{}",
        actions=("/orders/{}/confirm", "/orders/{}/refuse"),
        typed=(("reason", "so"),),
    ),
    "need": _Way(page="/orders/{}", actions=("/orders/{}/need",), typed=(("answer", "yes"),)),
    "offer": _Way(page="/waiting", actions=("/offers/{}",)),
    "clear": _Way(page="/waiting", actions=("/fleet/{}/ready",)),
    "harvest": _Way(page="/harvest/{}", actions=("",), typed=(("reason", "warped"),)),
    "print": _Way(page="/harvest/{}", actions=("",)),
    "complaint": _Way(page="/complaints", actions=("/complaints/{}",), typed=(("pass_on", "no"),)),
    "pickup": _Way(page="/pickups/{}", actions=("/pickups/{}/driver",), typed=(("driver", "Zoé"),)),
    "inspect": _Way(page="/l/{}", actions=("/l/{}/arrived", "/l/{}"), first="/l/{}/arrived"),
    "rework": _Way(page="/l/{}", actions=("/l/{}/reworked",)),
    "release": _Way(page="/l/{}", actions=("/l/{}/sign",)),
    "pack": _Way(page="/waiting", actions=("/orders/{}/pack",)),
    "dispatch": _Way(page="/waiting", actions=("/batches/{}/dispatch",)),
}


class Pages:
    """The pages over a desk, with somebody of each role in front of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._folder = TemporaryDirectory(prefix="fabnet-desk-pages-")
        library = Library(desk.ledger.database, self._folder.name)
        self.app = app = create_app(
            desk.ledger, lambda: library, Live(), lambda: desk.now,
            WebSettings(
                secret_key=b"k" * 32, network_name="Test", public_url="https://fabnet.example",
                secure_cookies=False, session_hours=24 * 365 * 10,
            ),
        )  # fmt: skip
        app.config["WTF_CSRF_ENABLED"] = False
        self.did: Counter[str] = Counter()
        self._clients = {}
        members = {
            row[0] for row in desk.db.execute("select id from node where standing = 'confirmed'")
        }
        of = [(f"of-{lab}", Role.MAKER, lab) for lab in desk.labs if lab in members]
        for login, role, lab in (
            ("steward", Role.STEWARD, ""), ("inspector", Role.INSPECTOR, ""), *of,
            ("second", Role.INSPECTOR, ""),
        ):  # fmt: skip
            people.add_person(desk.ledger, login, login.title(), role, _hashed(), lab, desk.now)
            self._clients[login] = client = app.test_client()
            signed_in = client.post("/sign-in", data={"login": login, "password": PASSWORD})
            assert signed_in.status_code == 303, signed_in.text

    def close(self) -> None:
        self._folder.cleanup()

    def waits(self, login: str) -> list[dict[str, str]]:
        return self._clients[login].get("/api/waiting").json

    def run(self) -> None:
        """Everybody does what waits for her, again and again."""
        for _ in self.rounds():
            self.do_all()

    def do_all(self) -> None:
        """Everybody does the first thing on her list, until nothing waits for anybody."""
        for _ in range(_MOST):
            todo = [(login, each[0]) for login in self._clients if (each := self.waits(login))]
            if not todo:
                return
            for login, thing in todo:
                if thing in self.waits(login):
                    self._do(login, thing)
        left = {login: self.waits(login) for login in self._clients}
        raise AssertionError(f"it never ends: {left}")

    def rounds(self) -> Iterator[None]:
        """Leave something of each kind undone, round after round."""
        desk = self._desk
        yield
        desk.place(2)
        desk.rule(None, second=True)
        for lab in desk.labs:
            desk.can(lab, 1)
            desk.is_there(lab)
        desk.plan(0, 9)
        desk.tick()
        self._go_on(AttemptState.PRINTED)
        for found in desk.attempts(AttemptState.PRINTED)[::2]:
            desk.harvest(found.ref, found.pieces)
        for code in desk.bags()[::2]:
            desk.arrives(code)
            desk.rework(code, done=False)
        for lab in desk.labs:
            desk.announce(lab)
        yield
        for lab in desk.labs:
            desk.can(lab, 1, link=MANUAL, asks=True)
        desk.ask(1)
        desk.plan(0, 9)
        desk.tick()
        yield
        self._go_on(AttemptState.PRINTING)
        yield

    def _go_on(self, until: AttemptState) -> None:
        for _ in range(5):
            for found in self._desk.attempts():
                if found.state in UNGRANTED | STOPPABLE - {until}:
                    self._desk.goes_on(found)

    def _do(self, login: str, thing: dict[str, str]) -> None:
        kind, key = thing["kind"], thing["key"]
        what = f"{login}: {kind} {key}"
        way, client = _WAYS[kind], self._clients[login]
        path = way.page.format(key)
        page = client.get(path)
        assert page.status_code == 200, f"{what}: {path} says {page.status_code}"
        listed = client.get("/waiting")
        assert listed.status_code == 200
        assert f'"{path}' in listed.text or path == "/waiting", f"{what} is not on the list's page"
        forms = {form.action or "": dict(form.form_values()) for form in _forms(page.text)}
        found = [each.format(key) for each in way.actions if each.format(key) in forms]
        assert found, f"{what}: its page has no form for it"
        _post(client, found[0] or path, forms[found[0]] | dict(way.typed), what)
        if found[0] != way.first.format(key):
            still = [(each["kind"], each["key"]) for each in self.waits(login)]
            assert (kind, key) not in still, f"{what} waits still"
        self.did[kind] += 1


def _forms(page: str) -> list:
    # The first of several that go to the same place counts: it is the yes.
    return html.fromstring(page).forms[::-1]


def _post(client, path: str, fields: dict[str, str], what: str) -> None:
    answer = client.post(path, data=fields)
    assert answer.status_code == 303, f"{what}: {answer.status_code} {_said(answer.text)}"


def _said(page: str) -> str:
    return " ".join(html.fromstring(page).find(".//main").text_content().split())[:400]
