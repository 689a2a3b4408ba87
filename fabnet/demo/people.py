"""The people of the demo. They use the pages: they open them, fill in forms, and send them.

What they know of a bed they know from looking: at the simulated printer's own record.
"""

from __future__ import annotations

import logging
import threading
from datetime import date
from typing import Any

import requests

from fabnet import clock
from fabnet.demo.browser import Form, PageError, Person
from fabnet.demo.card import CardPrinter
from fabnet.demo.labs import DemoLab
from fabnet.demo.network import Network

_log = logging.getLogger(__name__)
_REASON = "no-time"
#: Figures of the books that say that something is still being made, or is still under way.
_MAKING = ("coming", "jobs", "waiting", "at_lab")
_MOVING = (*_MAKING, "at_hub", "in_transit")
_STUCK_S = 15.0


class Cast:
    """All people of the demo, who do what waits for them until all orders are delivered.

    Args:
        dark_s: how long the lab that loses its link is cut off, once its first plate prints.
    """

    def __init__(self, network: Network, *, dark_s: float) -> None:
        self._network = network
        self._dark_s = dark_s
        self._requester = Person(network.url)
        self._staff: dict[str, Person] = {}
        self._cards: dict[str, CardPrinter] = {}
        self._links: list[str] = []
        self._orders: dict[str, Any] = {}  # by id, as the steward last saw them
        self._declined: set[str] = set()
        self._scrapped: set[str] = set()
        self._cut_at_s: float | None = None
        self._resting_from_s: dict[str, float] = {}
        self._stuck_from_s = clock.boottime_s()

    def form(self) -> Form:
        """The nurse opens the form; whatever it is sent with, and how often, is one order."""
        return self._requester.form("/ask", "/ask")

    def ask(self, form: Form, kits: int, due: date) -> str:
        """She fills it in and sends it; return her link."""
        link = self._requester.send(
            form.action,
            {
                **form.fields,
                "revision_id": self._network.revision.id,
                "kits": str(kits),
                "due": due.isoformat(),
                "place": "CHU de Nantes, urgences",
                "requester": "Ada Le Goff",
                "contact": "02 40 00 00 00",
                "note": "",
            },
        )
        if "/o/" not in link:
            raise PageError("the request form was not accepted")
        self._links.append(link)
        return link

    @property
    def delivered(self) -> bool:
        """Whether all orders are received in full."""
        orders = self._orders.values()
        return len(self._orders) == len(self._links) > 0 and all(
            order["state"] == "delivered" for order in orders
        )

    def play(self, stop: threading.Event, rest_s: float) -> None:
        """Do what waits until all is delivered, the rest cannot be made, or `stop` is set."""
        while not stop.is_set() and not self.delivered and not self._is_stuck():
            try:
                self._round()
            except (requests.RequestException, PageError) as error:
                # The coordinator is being started again, or a page has changed under our hands.
                _log.warning("trying again: %s", error)
                self._staff.clear()
            stop.wait(rest_s)

    def _person(self, login: str) -> Person:
        if login not in self._staff:
            person = Person(self._network.url)
            person.sign_in(*self._network.accounts[login])
            self._staff[login] = person
        return self._staff[login]

    def _is_stuck(self) -> bool:
        """Whether nothing has moved for long and pieces have no place."""
        books = [book for order in self._orders.values() for book in order["books"].values()]
        moving = any(book[name] for book in books for name in _MOVING)
        moving = moving or any(order["planned_at"] is None for order in self._orders.values())
        now_s = clock.boottime_s()
        if moving or len(self._orders) < len(self._links):
            self._stuck_from_s = now_s
        return now_s - self._stuck_from_s > _STUCK_S

    def what_is_missing(self) -> list[str]:
        """Return a line for each part of which pieces have no place."""
        return [
            f"{book['deficit']} of {book['ordered']} pieces of {part} have no place:"
            f" {'; '.join(order['why'][part]) or 'nobody has said why'}"
            for order in self._orders.values()
            for part, book in order["books"].items()
            if book["deficit"]
        ]

    def _round(self) -> None:
        for login in self._network.accounts:
            lab = next((lab for lab in self._network.labs if lab.login == login), None)
            person = self._person(login)
            for thing in person.json("/api/waiting"):
                kind, key, order_id = thing["kind"], thing["key"], thing["order_id"]
                if lab is None:
                    self._do(login, person, kind, key, order_id)
                else:
                    self._make(lab, person, kind, key, order_id)
        for order_id in self._orders:
            self._look(order_id)
        self._pull_the_cable()
        self._receive()

    # --- steward and inspector --------------------------------------------------------------------

    def _do(self, login: str, person: Person, kind: str, key: str, order_id: str) -> None:
        match login, kind:
            case "steward", "confirm":
                person.press(f"/orders/{key}", "/confirm", {})
                self._look(key)
            case "inspector", "inspect":
                person.press(f"/l/{key}", f"/l/{key}", {"reason": ""})
            case "inspector", "pack" if self._may_pack(order_id):
                person.press(f"/orders/{key}", "/pack", {})
            case "inspector", "dispatch":
                person.press(f"/orders/{order_id}", f"/batches/{key}/dispatch", {})
            case _:
                pass

    def _order(self, order_id: str) -> Any:
        return self._person("steward").json(f"/api/orders/{order_id}")

    def _look(self, order_id: str) -> None:
        """The steward looks at an order, and remembers since when no piece of it is made."""
        order = self._orders[order_id] = self._order(order_id)
        making = any(book[name] for book in order["books"].values() for name in _MAKING)
        making = making or order["planned_at"] is None
        if making or order_id not in self._resting_from_s:
            self._resting_from_s[order_id] = clock.boottime_s()

    def _may_pack(self, order_id: str) -> bool:
        """One parcel for the whole order; for a part of it when the rest has no place for long."""
        books = self._order(order_id)["books"].values()
        whole = all(b["accepted"] - b["refused"] - b["lost"] >= b["ordered"] for b in books)
        rests_s = clock.boottime_s() - self._resting_from_s.get(order_id, clock.boottime_s())
        return whole or rests_s > _STUCK_S

    # --- makers -----------------------------------------------------------------------------------

    def _make(self, lab: DemoLab, person: Person, kind: str, key: str, order_id: str) -> None:
        match kind:
            case "clear":
                person.press("/waiting", f"/{key}/ready", {})
            case "offer":
                self._answer(lab, person, key)
            case "print":
                self._print_by_hand(lab, person, key, order_id)
            case "harvest":
                self._harvest(lab, person, key, order_id)
            case _:
                pass

    def _answer(self, lab: DemoLab, maker: Person, ref: str) -> None:
        if lab.says_no and not self._declined:
            self._declined.add(ref)
            words = {"taken": "no", "reason": _REASON}
        else:
            words = {"taken": "yes", "reason": ""}
        maker.press("/waiting", f"/offers/{ref}", words)

    def _print_by_hand(self, lab: DemoLab, maker: Person, ref: str, order_id: str) -> None:
        """Copy the file to the card, put it into the printer, come back when it is done."""
        if ref not in self._cards:
            answer = maker.get(f"/attempts/{ref}/gcode")
            tty = self._network.ttys[lab.node, lab.printers[0].id]
            self._cards[ref] = CardPrinter(tty, f"fabnet-{ref}", answer.content)
        elif self._cards[ref].done:
            self._harvest(lab, maker, ref, order_id)

    def _harvest(self, lab: DemoLab, maker: Person, ref: str, order_id: str) -> None:
        """Look at the bed, that is, into the printer's own record, and count."""
        attempts = self._order(order_id)["attempts"]
        attempt = next(attempt for attempt in attempts if attempt["ref"] == ref)
        name, pieces = f"fabnet-{ref}", attempt["pieces"]
        witness = self._network.witnesses[attempt["node"], attempt["printer"]]
        events = [event.event for event in witness() if event.name == name]
        if "end" in events:
            spoilt = int(lab.finds_scrap and not self._scrapped)
            self._scrapped |= {ref} if spoilt else set()
            reason = "warped" if spoilt else ""
            values = {"good": str(pieces - spoilt), "scrap": str(spoilt), "reason": reason}
        elif "begin" in events:
            values = {"good": "0", "scrap": str(pieces), "reason": "stopped-halfway"}
        else:
            values = {"good": "0", "scrap": "0", "reason": "never-started"}
        maker.press(f"/harvest/{ref}", f"/harvest/{ref}", values)

    def _pull_the_cable(self) -> None:
        """A lab loses its link in mid-print, prints on, and comes back with good parts."""
        for lab in self._network.labs:
            cable = self._network.cables.get(lab.node)
            if cable is None:
                continue
            now_s = clock.boottime_s()
            if self._cut_at_s is None:
                attempts = [a for order in self._orders.values() for a in order["attempts"]]
                if any(a["node"] == lab.node and a["state"] == "printing" for a in attempts):
                    _log.warning("%s loses its link to the network", lab.lab)
                    self._cut_at_s = now_s
                    cable.pull()
            elif now_s > self._cut_at_s + self._dark_s:
                cable.plug()

    # --- the hospital -----------------------------------------------------------------------------

    def _receive(self) -> None:
        for link in self._links:
            for form in self._requester.forms(link):
                if "/received/" in form.action:
                    self._requester.send(form.action, {**form.fields, "refused": "0", "lost": "0"})
