"""The people of the demo. They use the pages: they open them, fill in forms, and send them.

What they know of a bed they know from looking: at the simulated printer's record.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from fabnet.errors import FabnetError
from printers.sim.record import read_record

_log = logging.getLogger(__name__)
_TIMEOUT_S = 20


class PageError(FabnetError):
    """A page did not do what its form promised."""


@dataclass(slots=True, kw_only=True)
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Finds the forms of a page with what is filled in already."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(action=told.get("action", "")))
        elif tag in ("input", "textarea") and self.forms and "name" in told:
            loose = told.get("type") in ("radio", "checkbox") and "checked" not in told
            if loose:
                self.forms[-1].fields.setdefault(told["name"], "")
                self.forms[-1].fields[told["name"]] = self.forms[-1].fields[
                    told["name"]
                ] or told.get("value", "")
            else:
                self.forms[-1].fields[told["name"]] = told.get("value", "")


class Person:
    """Somebody with a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Accept-Language"] = "fr"

    def get(self, path: str) -> requests.Response:
        """Open a page."""
        answer = self._session.get(urljoin(self._url, path), timeout=_TIMEOUT_S)
        if answer.status_code >= requests.codes.bad_request:
            raise PageError(f"{path} answered {answer.status_code}")
        return answer

    def submit(self, path: str, ending: str, values: Mapping[str, str]) -> str:
        """Fill in the form of a page whose action ends so, and send it; return where it leads."""
        form = self.form(path, ending)
        return self.send(form.action, {**form.fields, **values})

    def form(self, path: str, ending: str) -> _Form:
        """Return a form of a page."""
        answer = self.get(path)
        parser = _Forms()
        parser.feed(answer.text)
        for form in parser.forms:
            action = urljoin(answer.url, form.action)
            if action.partition("?")[0].endswith(ending) and "csrf_token" in form.fields:
                return _Form(action=action, fields=form.fields)
        raise PageError(f"{path} has no form for {ending}")

    def send(self, action: str, fields: Mapping[str, str]) -> str:
        """Send a form; return the address of the page that follows."""
        answer = self._session.post(action, data=fields, timeout=_TIMEOUT_S)
        # Somebody else was quicker, or this was sent before the line broke: the page shows it.
        if (
            answer.status_code >= requests.codes.bad_request
            and answer.status_code != requests.codes.conflict
        ):
            raise PageError(f"{action} answered {answer.status_code}")
        return answer.url

    def sign_in(self, login: str, password: str) -> None:
        """Sign in."""
        self.submit("/sign-in", "/sign-in", {"login": login, "password": password})

    def json(self, path: str) -> Any:
        """Read what a page's JSON twin says."""
        return self.get(path).json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Login and password of the demo's people."""

    steward: tuple[str, str]
    maker: tuple[str, str]
    inspector: tuple[str, str]


class Cast:
    """All people of one order, who do what waits for them until it is delivered."""

    def __init__(self, url: str, accounts: Accounts, record: Path) -> None:
        self._url = url
        self._accounts = accounts
        self._record = record
        self._form: _Form | None = None
        self._requester = Person(url)
        self._staff: dict[str, Person] = {}
        self._order_id = ""
        self.link = ""

    def ask(self, kits: int, due: date) -> None:
        """The nurse fills in the form. Sent again with the same form, it is the same order."""
        if self._form is None:
            self._form = self._requester.form("/ask", "/ask")
        self.link = self._requester.send(
            self._form.action,
            {
                **self._form.fields,
                "kits": str(kits),
                "due": due.isoformat(),
                "place": "CHU de Nantes, urgences",
                "requester": "Ada Le Goff",
                "contact": "02 40 00 00 00",
                "note": "",
            },
        )
        if "/o/" not in self.link:
            raise PageError("the request form was not accepted")

    def play(self, order_done: threading.Event, stop: threading.Event, rest_s: float) -> None:
        """Do what waits until the order is delivered or `stop` is set."""
        while not stop.is_set() and not order_done.is_set():
            try:
                self._round(order_done)
            except (requests.RequestException, PageError) as error:
                # The coordinator is being started again, or a page has changed under our hands.
                _log.warning("trying again: %s", error)
                self._staff.clear()
            stop.wait(rest_s)

    def _person(self, role: str) -> Person:
        if role not in self._staff:
            person = Person(self._url)
            person.sign_in(*getattr(self._accounts, role))
            self._staff[role] = person
        return self._staff[role]

    def _round(self, order_done: threading.Event) -> None:
        for role in ("steward", "maker", "inspector"):
            person = self._person(role)
            for thing in person.json("/api/waiting"):
                self._do(role, person, thing["kind"], thing["key"], thing["order_id"])
        if self.link:
            self._receive(order_done)

    def _do(self, role: str, person: Person, kind: str, key: str, order_id: str) -> None:
        match role, kind:
            case "steward", "confirm":
                self._order_id = self._order_id or key
                person.submit(f"/orders/{key}", "/confirm", {})
            case "maker", "clear":
                person.submit("/fleet", f"/{key}/ready", {})
            case "maker", "harvest":
                self._harvest(person, key, order_id)
            case "inspector", "inspect":
                self._inspect(person, key)
            case "inspector", "pack" if self._complete(order_id):
                person.submit(f"/orders/{key}", "/pack", {})
            case "inspector", "dispatch":
                person.submit(f"/orders/{order_id}", f"/batches/{key}/dispatch", {})
            case _:
                pass

    def _order(self, order_id: str) -> Any:
        return self._person("steward").json(f"/api/orders/{order_id}")

    def _complete(self, order_id: str) -> bool:
        books = self._order(order_id)["books"].values()
        return all(b["accepted"] - b["refused"] - b["lost"] >= b["ordered"] for b in books)

    def _harvest(self, maker: Person, ref: str, order_id: str) -> None:
        """Look at the bed, that is, into the printer's own record, and count."""
        name = f"fabnet-{ref}"
        events = [e.event for e in read_record(self._record) if e.name == name]
        form = maker.form(f"/harvest/{ref}", f"/harvest/{ref}")
        attempts = self._order(order_id)["attempts"]
        pieces = next(attempt["pieces"] for attempt in attempts if attempt["ref"] == ref)
        if "end" in events:
            values = {"good": str(pieces), "scrap": "0", "reason": ""}
        elif "begin" in events:
            values = {"good": "0", "scrap": str(pieces), "reason": "stopped-halfway"}
        else:
            values = {"good": "0", "scrap": "0", "reason": "never-started"}
        maker.send(form.action, {**form.fields, **values})

    def _inspect(self, inspector: Person, code: str) -> None:
        form = inspector.form(f"/l/{code}", f"/l/{code}")
        inspector.send(form.action, {**form.fields, "reason": ""})

    def _receive(self, order_done: threading.Event) -> None:
        answer = self._requester.get(self.link)
        parser = _Forms()
        parser.feed(answer.text)
        for form in parser.forms:
            if "/received/" in form.action:
                fields = {**form.fields, "refused": "0", "lost": "0"}
                self._requester.send(urljoin(answer.url, form.action), fields)
        if self._order_id and self._order(self._order_id)["state"] == "delivered":
            order_done.set()
