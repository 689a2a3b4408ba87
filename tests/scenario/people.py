"""Everybody in the scenario, one after the other: they open pages, fill in forms, and send them.

What is decided comes from the seed and from what it is about: the third plate of the fifth order has
the same scrap in every run. What a maker finds on a bed is what the printer's own record says.
"""

from __future__ import annotations

import html
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from fabnet.demo.browser import PageError, Person
from tests.chaos.people import person_from
from tests.scenario.book import Asked, Bag, Book, Called, Parcel, Shown, share
from tests.scenario.hub import Hub
from tests.scenario.town import Town

_SCRAP, _REFUSED, _LOST, _DAMAGED = 0.15, 0.15, 0.05, 0.1
_CODE = re.compile(r'/l/([0-9A-Z-]+)"')
#: A recall begins once so many orders have bags of its cause.
_RECIPIENTS = 2
_SAY_S = 5.0


def say(text: str) -> None:
    """Tell a person how it goes."""
    sys.stderr.write(f"scenario: {text}\n")
    sys.stderr.flush()


class Story:
    """The whole story of all orders.

    Args:
        asked: what the hospitals will ask for.
    """

    def __init__(self, town: Town, seed: int, asked: list[Asked]) -> None:
        self.book = Book(orders=asked)
        self.hub = Hub(town, seed, self.book)
        self.recall_missed = 0
        self.trouble = 0
        self._town = town
        self._seed = seed
        hospitals = {order.hospital for order in asked}
        self._wards = {n: person_from(town.url, n) for n in hospitals}
        self._staff: dict[str, Person] = {}
        self._by_id: dict[str, Asked] = {}
        self._open: set[str] = set()
        self._nth: Counter[str] = Counter()
        self._seen_ready: dict[str, str] = {}
        self._to_call: list[str] = ["printer", "material"]
        self._lab_of = {lab.login: lab for lab in town.labs}
        self._said_s = 0.0

    # --- the play -------------------------------------------------------------------------------

    def ask_all(self) -> None:
        """Every hospital sends its forms; the steward calls back, and confirms or refuses."""
        for order in self.book.orders:
            form = self._wards[order.hospital].form("/ask", "/ask")
            order.link = self._wards[order.hospital].send(
                form.action,
                {
                    **form.fields,
                    "revision_id": self._town.revisions[order.design].id,
                    "kits": str(order.kits),
                    "due": order.due.isoformat(),
                    "place": f"CH {order.hospital + 1}, service {order.number}",
                    "requester": f"Infirmière {order.number}",
                    "contact": f"02 40 00 {order.hospital:02} {order.number:02}",
                    "note": "",
                },
            )
            if "/o/" not in order.link:
                raise PageError(f"the form of order {order.number} was not accepted")
        steward = self._person("steward")
        for thing in steward.json("/api/waiting"):
            if thing["kind"] == "confirm":
                self._decide(steward, thing["key"], thing["text"])
        self.hub.begin(steward)
        say(f"{len(self.book.orders)} orders asked, {len(self._open)} confirmed")

    def _decide(self, steward: Person, order_id: str, place: str) -> None:
        order = self.book.orders[int(place.rsplit(" ", 1)[-1])]
        order.id = order_id
        self._by_id[order_id] = order
        if order.verified:
            steward.submit(f"/orders/{order_id}", "/confirm", {})
            self._open.add(order_id)
        else:
            words = {"reason": "Nobody answers at this number."}
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
        called = any(not each.over for each in self.book.called) or self._to_call
        under_way = any(not parcel.received for parcel in self.book.parcels.values())
        return not (self._open or called or under_way)

    def _round(self) -> None:
        for login in self._town.accounts:
            person = self._person(login)
            for thing in person.json("/api/waiting"):
                self._do(login, person, thing)
            if login in self._lab_of:
                self.hub.announce(login, person, self._lab_of[login].node)
        self._receive()
        self._call_back()

    def _person(self, login: str) -> Person:
        if login not in self._staff:
            person = Person(self._town.url)
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

    def _do(self, login: str, person: Person, thing: Any) -> None:
        kind, key = thing["kind"], thing["key"]
        deeds: dict[tuple[str, str], Callable[[], object]] = {
            ("inspector", "inspect"): lambda: self.hub.inspect(person, key),
            ("steward", "release"): lambda: self.hub.sign(person, key),
            ("steward", "pickup"): lambda: self.hub.fetch(person, self._person("inspector"), key),
            ("inspector", "pack"): lambda: self._pack(person, key, thing["text"]),
            ("inspector", "dispatch"): lambda: self.hub.dispatch(person, key, thing["order_id"]),
        }
        if login in self._lab_of:
            deeds |= {
                (login, "clear"): lambda: person.submit("/fleet", f"/{key}/ready", {}),
                (login, "harvest"): lambda: self._count(login, person, thing),
                (login, "print"): lambda: self._count(login, person, thing),
            }
        deed = deeds.get((login, kind))
        if deed is not None:
            deed()

    # --- makers ---------------------------------------------------------------------------------

    def _count(self, login: str, maker: Person, thing: Any) -> None:
        """Look at the bed, that is, into the printer's own record; count, and bag the lot."""
        ref, order, lab = thing["key"], thing["order_id"], self._lab_of[login]
        form = maker.form(f"/harvest/{ref}", f"/harvest/{ref}")
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
        pieces = int(form.fields["good"])
        self._nth[order] += 1
        what = f"{self._by_id[order].number}/plate/{self._nth[order]}"
        scrap = share(self._seed, what, pieces, _SCRAP)
        words = {"reason": "warped"} if scrap else {"reason": ""}
        maker.send(
            form.action,
            {**form.fields, "good": str(pieces - scrap), "scrap": str(scrap), **words, "other": ""},
        )
        found = _CODE.search(maker.get(f"/harvest/{ref}").text)
        if found is None:
            if pieces > scrap:
                self.book.wrong(f"plate {ref} with {pieces - scrap} good pieces has no bag")
            return
        self.book.bags[found[1]] = Bag(
            code=found[1], ref=ref, order=order, node=lab.node, printer=printer,
            good=pieces - scrap,
        )  # fmt: skip

    # --- the hub --------------------------------------------------------------------------------

    def _pack(self, inspector: Person, order: str, ready: str) -> None:
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
        inspector.submit(f"/orders/{order}", "/pack", {})
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
        """Count each parcel in; some pieces are refused, some are missing."""
        for batch, parcel in self.book.parcels.items():
            if not parcel.left or parcel.received:
                continue
            order = self._by_id[parcel.order]
            sent = self.book.sent(batch)
            self._nth[f"{order.id} parcels"] += 1
            what = f"{order.number}/parcel/{self._nth[f'{order.id} parcels']}"
            refused = share(self._seed, f"{what}/refused", sent, _REFUSED)
            lost = min(sent - refused, share(self._seed, f"{what}/lost", sent, _LOST))
            damaged = min(
                sent - refused - lost, share(self._seed, f"{what}/damaged", sent, _DAMAGED)
            )
            words = {
                "damaged": str(damaged),
                "refused": str(refused),
                "lost": str(lost),
                "thanks": "",
            }
            words |= {"reason": "the strap is torn"} if refused else {}
            self._wards[order.hospital].submit(order.link, f"/received/{batch}", words)
            parcel.refused, parcel.lost, parcel.received = refused + damaged, lost, True
            self.hub.done["damaged"] += damaged
            self._look(order.id)

    def _look(self, order: str) -> None:
        """Is everything there? The state of the order says so, and opens it again after a recall."""
        state = self._person("steward").json(f"/api/orders/{order}")["state"]
        (self._open.discard if state == "delivered" else self._open.add)(order)

    # --- recalls --------------------------------------------------------------------------------

    def _call_back(self) -> None:
        """A machine, then a reel of material turns out to be faulty, once several wards have pieces."""
        for called in self.book.called:
            if not called.over:
                self._finish(called)
                return
        if not self._to_call:
            return
        machines = sorted(self._town.witnesses)
        random.Random(f"{self._seed}/recalls").shuffle(machines)
        done = {each for called in self.book.called for each in called.machines}
        for machine in machines:
            bags = [b for b in self.book.bags.values() if (b.node, b.printer) == machine]
            have = sorted(bag.code for bag in bags if self.book.has_left(bag))
            recipients = {self.book.bags[code].order for code in have}
            if machine not in done and (
                len(recipients) >= _RECIPIENTS or (have and not self._open)
            ):
                self._begin(self._to_call.pop(0), machine, have[0])
                return
        if not self._open:
            self._to_call.clear()

    def _begin(self, kind: str, machine: tuple[str, str], code: str) -> None:
        inspector = self._person("inspector")
        page = f"/l/{code}/recall"
        cause = re.search(rf'value="({kind}:[^"]+)"', inspector.get(page).text)
        if cause is None:
            self.recall_missed += self.book.wrong(f"bag {code} cannot be called back by its {kind}")
            return
        words = {"cause": cause[1], "reason": "It is brittle."}
        url = inspector.submit(page, "/recall", words)
        machines = {machine} if kind == "printer" else self._town.same_filament(machine)
        called = Called(id=url.rsplit("/", 1)[-1], machines=frozenset(machines))
        self.book.called.append(called)
        bags = self.book.made_by(called)
        for bag in (self.book.bags[code] for code in bags):
            if bag.parcel and not self.book.has_left(bag):
                self._unpack(bag.parcel)
        say(f"called back by {kind}: {machine[0]}/{machine[1]}, {len(bags)} bags")

    def _unpack(self, parcel: str) -> None:
        """With one bag called back the whole parcel is packed anew."""
        del self.book.parcels[parcel]
        for bag in self.book.bags.values():
            bag.parcel = "" if bag.parcel == parcel else bag.parcel

    def _finish(self, called: Called) -> None:
        """Everybody who has some puts them aside; then it is over, and others are made."""
        made = self.book.made_by(called)
        have = {self.book.bags[c].order for c in made if self.book.has_left(self.book.bags[c])}
        steward = self._person("steward")
        page = steward.get(f"/recalls/{called.id}").text
        told = set(re.findall(r"/orders/([0-9a-z]+)", page))
        named = set(_CODE.findall(page))
        self.recall_missed += self.book.wrong(
            f"recall {called.id}: not told {sorted(have - told)}; not named {sorted(made - named)}",
            len(have - told) + len(made - named),
        )
        for order in sorted(have):
            self._put_aside(called, order)
        words = {"verdict": "bad", "reason": "Brittle, all of them."}
        steward.submit(f"/recalls/{called.id}", "/end", words)
        called.over = True
        for code in made:
            bag = self.book.bags[code]
            if not self.book.has_left(bag):
                bag.accepted, bag.rejected = 0, bag.good
        for order in sorted({self.book.bags[code].order for code in made}):
            self._look(order)

    def _put_aside(self, called: Called, order: str) -> None:
        asked = self._by_id[order]
        ward = self._wards[asked.hospital]
        try:
            ward.submit(asked.link, f"/recalled/{called.id}", {})
        except PageError:
            self.recall_missed += self.book.wrong(
                f"recall {called.id}: the page of order {order} says nothing of it"
            )

    # --- at the end -----------------------------------------------------------------------------

    def shown(self) -> dict[str, Shown]:
        """Read what the pages say of every order that was made."""
        steward = self._person("steward")
        found = {}
        for order in (each for each in self.book.orders if each.verified):
            told = steward.json(f"/api/orders/{order.id}")
            books = told["books"].values()
            page = self._wards[order.hospital].get(order.link).text
            found[order.id] = Shown(
                state=told["state"],
                figures={
                    name: sum(b[name] for b in books)
                    for name in next(iter(books))
                    if "_id" not in name
                },
                lots=frozenset(_CODE.findall(page)),
            )
        return found

    def traced(self) -> dict[str, str]:
        """Read on the public page of each delivered bag where it was made: "<node>/<printer>"."""
        names = {
            (lab.lab, printer.title): f"{lab.node}/{printer.id}"
            for lab in self._town.labs
            for printer in lab.printers
        }
        anybody = Person(self._town.url)
        found = {}
        for bag in self.book.bags.values():
            if self.book.has_left(bag):
                text = html.unescape(anybody.get(f"/l/{bag.code}").text)
                facts = set(re.findall(r"<dd>([^<]*)</dd>", text))
                places = [told for (lab, printer), told in names.items() if {lab, printer} <= facts]
                found[bag.code] = " or ".join(places)
        return found
