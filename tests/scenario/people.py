"""Everybody in the scenario, one after the other: they open pages, fill in forms, and send them.

What is decided comes from the seed and from what it is about: the third plate of the fifth order has
the same scrap in every run. What a maker finds on a bed is what the printer's own record says.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from fabnet.demo.browser import PageError
from tests.scenario.book import Asked, Bag, Book, Parcel, Shown, share
from tests.scenario.hands import Hands, Hire
from tests.scenario.hub import Hub
from tests.scenario.reading import read_bags, read_orders
from tests.scenario.recalls import Recalls
from tests.scenario.town import Town
from tests.scenario.wards import Wards

_SCRAP = 0.15
_CODE = re.compile(r'/l/([0-9A-Z-]+)"')
_SAY_S = 5.0
#: Numbers of those who are no hospital.
_STAFF, _ANYBODY = 1000, 2000


def say(text: str) -> None:
    """Tell a person how it goes."""
    sys.stderr.write(f"scenario: {text}\n")
    sys.stderr.flush()


class Story:
    """The whole story of all orders.

    Args:
        asked: what the hospitals will ask for.
        hire: gives everybody her hands.
    """

    def __init__(self, town: Town, seed: int, asked: list[Asked], hire: Hire) -> None:
        self.book = Book(orders=asked)
        self.wards = Wards(town, seed, self.book, hire)
        self.hub = Hub(town, seed, self.book, hire)
        self.recalls = Recalls(town, seed, self.book, self.wards)
        self.trouble = 0
        self._town = town
        self._seed = seed
        self._hire = hire
        self._staff: dict[str, Hands] = {}
        self._by_id: dict[str, Asked] = {}
        self._open: set[str] = set()
        self._nth: Counter[str] = Counter()
        self._seen_ready: dict[str, str] = {}
        self._lab_of = {lab.login: lab for lab in town.labs}
        self._said_s = 0.0

    # --- the play -------------------------------------------------------------------------------

    def ask_all(self) -> None:
        """Every hospital sends its forms; the steward calls back, and confirms or refuses."""
        for order in self.book.orders:
            self.wards.ask(order)
        steward = self._person("steward")
        for thing in steward.json("/api/waiting"):
            if thing["kind"] == "confirm":
                self._decide(steward, thing["key"], thing["text"])
        self.hub.begin(steward)
        say(f"{len(self.book.orders)} orders asked, {len(self._open)} confirmed")

    def _decide(self, steward: Hands, order_id: str, place: str) -> None:
        order = self.book.orders[int(place.rsplit(" ", 1)[-1])]
        order.id = order_id
        self._by_id[order_id] = order
        if order.verified:
            steward.submit(f"/orders/{order_id}", "/confirm", {})
            self._open.add(order_id)
        else:
            words = {"reason": "Personne ne répond à ce numéro."}
            steward.submit(f"/orders/{order_id}", "/refuse", words)

    def play(self, until_s: float) -> None:
        """Do what waits, until every order is received, or the time is over."""
        while time.monotonic() < until_s and not self._over():
            try:
                self._round()
            except (requests.RequestException, PageError) as error:
                # Somebody was quicker, or a page was opened before its order had moved on.
                self.trouble += 1
                say(f"again: {error}")
                time.sleep(0.5)
            self._progress()
            time.sleep(0.05)

    def _over(self) -> bool:
        under_way = any(not parcel.received for parcel in self.book.parcels.values())
        return not (self._open or self.recalls.pending or under_way)

    def _round(self) -> None:
        for login in self._town.accounts:
            person = self._person(login)
            for thing in person.json("/api/waiting"):
                self._do(login, person, thing)
            if login in self._lab_of:
                self.hub.announce(login, person, self._lab_of[login].node)
        self._receive()
        changed = self.recalls.next_step(
            self._person("steward"), self._person("inspector"), orders=self._by_id,
            all_done=not self._open,
        )  # fmt: skip
        for order in changed:
            self._look(order)

    def _person(self, login: str) -> Hands:
        if login not in self._staff:
            role = "maker" if login in self._lab_of else login
            person = self._hire(role, _STAFF + len(self._staff))
            person.sign_in(*self._town.accounts[login])
            self._staff[login] = person
        return self._staff[login]

    def _progress(self) -> None:
        if time.monotonic() > self._said_s + _SAY_S:
            self._said_s = time.monotonic()
            got = sum(self.book.received(order) for order in self._by_id)
            say(
                f"{len(self.book.bags)} bags, {len(self.book.parcels)} parcels, {got} pieces received,"
                f" {len(self._open)} orders open, {len(self.book.called)} recalls"
            )

    def _do(self, login: str, person: Hands, thing: Any) -> None:
        kind, key = thing["kind"], thing["key"]
        deeds: dict[tuple[str, str], Callable[[], object]] = {
            ("inspector", "inspect"): lambda: self.hub.inspect(person, key),
            ("inspector", "complaint"): lambda: self.wards.answer(person, key),
            ("steward", "release"): lambda: self.hub.sign(person, key),
            ("steward", "pickup"): lambda: self.hub.fetch(person, self._person("inspector"), key),
            ("inspector", "pack"): lambda: self._pack(person, key, thing["text"]),
            ("inspector", "dispatch"): lambda: self.hub.dispatch(person, key),
        }
        if login in self._lab_of:
            deeds |= {
                (login, "clear"): lambda: person.submit("/waiting", f"/{key}/ready", {}),
                (login, "harvest"): lambda: self._count(login, person, thing),
                (login, "print"): lambda: self._count(login, person, thing),
            }
        deed = deeds.get((login, kind))
        if deed is not None:
            deed()

    # --- makers ---------------------------------------------------------------------------------

    def _count(self, login: str, maker: Hands, thing: Any) -> None:
        """Look at the bed, that is, into the printer's own record; count, and bag the lot."""
        ref, order, lab = thing["key"], thing["order_id"], self._lab_of[login]
        page = f"/harvest/{ref}"
        pieces = int(maker.filled(page, page)["good"])
        by_hand = thing["kind"] == "print"
        if by_hand:
            printer = lab.printers[0].id
        else:
            ended = [
                name
                for (node, name), witness in self._town.witnesses.items()
                if node == lab.node
                and any(e.name == f"fabnet-{ref}" and e.event == "end" for e in witness())
            ]
            if len(ended) != 1:
                self.book.wrong(f"plate {ref} was printed to its end on {ended or 'no printer'}")
            printer = ended[0] if ended else thing["printer"]
        self._nth[order] += 1
        what = f"{self._by_id[order].number}/plate/{self._nth[order]}"
        scrap = share(self._seed, what, pieces, _SCRAP)
        words = {"good": str(pieces - scrap), "scrap": str(scrap), "other": ""}
        maker.submit(page, page, words | ({"reason": "warped"} if scrap else {}))
        found = _CODE.search(maker.read(page))
        if found is None:
            if pieces > scrap:
                self.book.wrong(f"plate {ref} with {pieces - scrap} good pieces has no bag")
            return
        self.book.bags[found[1]] = Bag(
            code=found[1], ref=ref, order=order, node=lab.node, printer=printer,
            good=pieces - scrap,
        )  # fmt: skip

    # --- the hub --------------------------------------------------------------------------------

    def _pack(self, inspector: Hands, order: str, ready: str) -> None:
        if self._seen_ready.get(order) == ready:
            return
        self._seen_ready[order] = ready
        books = inspector.json(f"/api/orders/{order}")["books"].values()
        # What has not arrived must lie here: then it is the last parcel.
        whole = all(
            b["at_hub"] - b["recalled_here"]
            >= b["ordered"] - b["in_transit"] - (b["delivered"] - b["recalled_there"])
            for b in books
        )
        if not whole and not self._by_id[order].in_parts:
            return
        before = set(self.book.parcels)
        held = {
            code
            for called in self.book.called
            if not called.over
            for code in self.book.made_by(called)
        }
        own = [
            bag
            for bag in self.book.bags.values()
            if bag.order == order
            and bag.accepted
            and not bag.parcel
            and bag.code not in held
            and not self.hub.needs_signature(bag)
        ]
        del self._seen_ready[order]
        inspector.submit("/waiting", f"/orders/{order}/pack", {})
        batches = inspector.json(f"/api/orders/{order}")["batches"]
        for batch in (b for b in batches if b["id"] not in before):
            there = {lot["lot"]: lot["pieces"] for lot in batch["lots"]}
            mine = {bag.code: bag.accepted for bag in own}
            if there != mine:
                self.book.wrong(f"parcel {batch['id']} has {there} in it; we have put in {mine}")
            for bag in own:
                bag.parcel = batch["id"]
            self.book.parcels[batch["id"]] = Parcel(order=order)

    # --- the hospitals --------------------------------------------------------------------------

    def _receive(self) -> None:
        """Count in what has come."""
        for batch, parcel in self.book.parcels.items():
            if parcel.left and not parcel.received:
                self.wards.receive(self._by_id[parcel.order], batch, parcel)
                self._look(parcel.order)

    def _look(self, order: str) -> None:
        """Is everything there? The state of the order says so, and opens it again after a recall."""
        state = self._person("steward").json(f"/api/orders/{order}")["state"]
        (self._open.discard if state == "delivered" else self._open.add)(order)

    # --- at the end -----------------------------------------------------------------------------

    def shown(self) -> dict[str, Shown]:
        """Read what the pages say of every order that was made."""
        made = (order for order in self.book.orders if order.verified)
        return read_orders(made, self._person("steward"), self.wards)

    def traced(self) -> dict[str, str]:
        """Read on the public page of each delivered bag where it was made: "<node>/<printer>"."""
        return read_bags(self.book, self._town, self._hire("anybody", _ANYBODY))
