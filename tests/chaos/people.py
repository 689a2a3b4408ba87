"""The people of the run: they use the pages, and know of a bed what they see when they look at it.

What they see is the simulated printer's own record. A maker counts what was printed to its end; a
steward gives up what the fire has taken, and nothing else.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from fabnet import clock
from fabnet.demo.browser import Form, PageError, Person
from jobs.lifecycle import AttemptState
from tests.chaos.judge import AttemptFact
from tests.chaos.network import Network, Node

_ROUND_S = 0.4
#: Far below what the pages take in an hour from one address.
_ORDERS_AN_ADDRESS = 8
_TROUBLE = (requests.RequestException, PageError, ValueError, KeyError)


class _From(HTTPAdapter):
    """Connects from an address of its own on the loopback net."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)


def person_from(url: str, number: int) -> Person:
    """Return somebody with a browser and an address of her own."""
    person = Person(url)
    address = f"127.{100 + number // 60000}.{number // 250 % 240}.{1 + number % 250}"
    person._session.mount("http://", _From(address))
    return person


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An order that its requester was told to be accepted."""

    link_hash: str
    kits: int
    asked_s: float  # of time.monotonic: when the form was sent for the first time
    at_s: float


class People:
    """Everybody, each on a thread of his own.

    Args:
        fact_of: returns what the ledger said last of an attempt, by its name.
        begun_at: returns the attempts of a lab that may have begun and are not over.
        open_plates: returns how many plates are still to be made, so that there is always work, and
            never more than can be done when the faults are over.
    """

    def __init__(
        self,
        network: Network,
        seed: int,
        fact_of: Callable[[str], AttemptFact | None],
        begun_at: Callable[[str], tuple[AttemptFact, ...]],
        open_plates: Callable[[], int],
        *,
        most_open: int,
    ) -> None:
        self.accepted: list[Accepted] = []
        self.burnt: str | None = None
        self.errors: list[str] = []
        self._network = network
        self._dice = random.Random(f"{seed}/people")
        self._fact_of = fact_of
        self._begun_at = begun_at
        self._open_plates = open_plates
        self._most_open = most_open
        self._stop = threading.Event()
        self._no_more_orders = threading.Event()
        jobs = [self._requester, self._steward]
        jobs += [lambda node=node: self._maker(node) for node in network.nodes]
        self._threads = [
            threading.Thread(target=self._guard, args=(job,), daemon=True) for job in jobs
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def ask_no_more(self) -> None:
        """No new orders; the others finish what there is."""
        self._no_more_orders.set()

    def stop(self) -> None:
        """All go home."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:  # a network that did not come up has no people yet
                thread.join(25)

    def _guard(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            # The run must say that somebody is missing.
            self.errors.append(repr(error))
            raise

    def _note(self, who: str, error: Exception) -> None:
        """Keep what went wrong for somebody who tries again."""
        with (self._network.folder / "people.log").open("a") as log:
            log.write(f"{time.time():.2f} {who}: {error!r}\n")

    # --- requesters -----------------------------------------------------------------------------

    def _requester(self) -> None:
        number = 0
        while not self._stop.wait(_ROUND_S) and not self._no_more_orders.is_set():
            if self._open_plates() < self._most_open:
                person = person_from(self._network.url, number // _ORDERS_AN_ADDRESS)
                self._order(person, self._dice.randint(1, 5))
                number += 1

    def _order(self, person: Person, kits: int) -> None:
        """Fill in a form, and send it until somebody has answered."""
        form: Form | None = None
        asked_s: float | None = None
        due = (clock.now() + timedelta(days=30)).date()
        while not self._stop.is_set():
            try:
                form = form or person.form("/ask", "/ask")
                asked_s = asked_s or time.monotonic()
                link = person.send(
                    form.action,
                    {
                        **form.fields,
                        "revision_id": self._network.revision.id,
                        "kits": str(kits),
                        "due": due.isoformat(),
                        "place": "CHU, urgences",
                        "requester": "Ada",
                        "contact": "02 40 00 00 00",
                        "note": "",
                    },
                )
            except _TROUBLE as error:
                self._note("requester", error)
                if isinstance(error, PageError):
                    form = None  # It can be too old, by a clock that was set: she opens a new one.
                self._stop.wait(_ROUND_S)
                continue
            if "/o/" in link:
                secret = link.rsplit("/", 1)[-1]
                self.accepted.append(
                    Accepted(
                        link_hash=hashlib.sha256(secret.encode()).hexdigest(),
                        kits=kits,
                        asked_s=asked_s,
                        at_s=time.monotonic(),
                    )
                )
                return
            form = None

    # --- steward --------------------------------------------------------------------------------

    def _signed_in(self, login: str) -> Person:
        person = Person(self._network.url)
        person.sign_in(login, login)
        return person

    def _steward(self) -> None:
        person: Person | None = None
        while not self._stop.wait(_ROUND_S):
            try:
                person = person or self._signed_in("steward")
                for thing in person.json("/api/waiting"):
                    if thing["kind"] == "confirm":
                        person.press(f"/orders/{thing['key']}", "/confirm", {})
                    elif thing["kind"] == "unheard" and thing["key"] == self.burnt:
                        person.press("/waiting", f"/members/{self.burnt}/go-on-without", {})
                if self.burnt is not None:
                    self._give_up(person, self.burnt)
            except _TROUBLE as error:
                self._note("steward", error)
                person = None

    def _give_up(self, person: Person, node: str) -> None:
        """The lab has burnt down: what was begun there will never come, and nobody will tell of it."""
        for fact in self._begun_at(node):
            ref = fact.name.removeprefix("fabnet-")
            # The page offers it only once the grant is surely dead.
            for form in person.forms(f"/orders/{fact.order}"):
                if form.action.partition("?")[0].endswith(f"/attempts/{ref}/write-off"):
                    person.send(form.action, {**form.fields, "reason": "the lab has burnt down"})

    # --- makers ---------------------------------------------------------------------------------

    def _maker(self, node: Node) -> None:
        person: Person | None = None
        while not self._stop.wait(_ROUND_S) and self.burnt != node.id:
            try:
                person = person or self._signed_in(node.id)
                for thing in person.json("/api/waiting"):
                    if thing["kind"] == "clear":
                        self._clear(person, node, thing)
                    elif thing["kind"] == "harvest" and self.burnt != node.id:
                        self._count(person, node, thing)
            except _TROUBLE as error:
                self._note(node.id, error)
                person = None

    def _clear(self, person: Person, node: Node, thing: Any) -> None:
        """Take off the bed what lies there: parts that nobody waits for are counted all the same."""
        printer = next(p for p in node.printers if p.id == thing["printer"])
        begun = [event.name for event in printer.events() if event.event == "begin"]
        fact = self._fact_of(begun[-1]) if begun else None
        if fact is not None and fact.state == AttemptState.WRITTEN_OFF:
            self._count(person, node, {**thing, "key": fact.name.removeprefix("fabnet-")})
        person.press("/fleet", f"/{thing['key']}/ready", {})

    def _count(self, person: Person, node: Node, thing: Any) -> None:
        """Look at the bed, that is, into the printer's own record, and count."""
        ref = thing["key"]
        printer = next(p for p in node.printers if p.id == thing["printer"])
        if not printer.rests():
            return
        fact = self._fact_of(f"fabnet-{ref}")
        if fact is None:
            return
        pieces = fact.pieces
        events = {event.event for event in printer.events() if event.name == f"fabnet-{ref}"}
        if "end" in events:
            values = {"good": str(pieces), "scrap": "0", "reason": ""}
        elif "begin" in events:
            values = {"good": "0", "scrap": str(pieces), "reason": "stopped-halfway"}
        else:
            values = {"good": "0", "scrap": "0", "reason": "never-started"}
        form = person.form(f"/harvest/{ref}", f"/harvest/{ref}")
        person.send(form.action, {**form.fields, **values})
