"""The hub of the scenario: its rules, pick-ups, inspections, a second person, and who brings parcels.

One design is held until the steward lets it go, the other is released by a second person. Bags of the
first lab are fetched by a driver; every other parcel goes with a volunteer.
"""

from __future__ import annotations

import re
from collections import Counter

from fabnet.demo.browser import PageError, Person
from tests.scenario.book import Bag, Book, Parcel, share
from tests.scenario.town import Town

HELD, SIGNED, FETCHED = "set", "frame", "lab-1"
_RUN = re.compile(r"/run/[\w-]+")
_DRIVER = re.compile(r"/r/[\w-]+/[\w-]+")
_REJECTED = 0.1


class Hub:
    """What is done with bags and parcels; `done` counts it."""

    def __init__(self, town: Town, seed: int, book: Book) -> None:
        self.done: Counter[str] = Counter()
        self._town = town
        self._seed = seed
        self._book = book
        self._nth: Counter[str] = Counter()
        self._steward = Person(town.url)
        self._held = True
        self._designs: dict[str, str] = {}  # by order

    def begin(self, steward: Person) -> None:
        """Hold one design for an hour; ask for a second person for the other."""
        self._designs = {order.id: order.design for order in self._book.orders if order.id}
        self._steward = steward
        self._rule(HELD, "1", "")
        self._rule(SIGNED, "", "yes")

    def _rule(self, design: str, hold_h: str, second: str) -> None:
        scope = f"revision:{self._town.revisions[design].id}"
        words = {"for": scope, "hold_h": hold_h, "second": second}
        self._steward.submit("/hub/rules", "/hub/rules", words)

    def needs_signature(self, bag: Bag) -> bool:
        """Whether nobody may pack it yet."""
        return self._designs[bag.order] == SIGNED and not bag.signed

    # --- the first mile -------------------------------------------------------------------------

    def announce(self, login: str, maker: Person, node: str) -> None:
        """A maker whose bags are fetched announces those that lie there."""
        lie = [b for b in self._book.bags.values() if b.node == node and not b.announced]
        if node != FETCHED or not lie:
            return
        maker.submit(
            f"/labs/{node}/pickups", f"/labs/{node}/pickups", {"spot": f"Chez {login}, 2e étage"}
        )
        for bag in lie:
            bag.announced = True

    def fetch(self, steward: Person, inspector: Person, pickup: str) -> None:
        """Somebody is found, takes the bags by her link, and the hub says that they are there."""
        page = f"/pickups/{pickup}"
        steward.submit(page, "/driver", {"driver": "Sam"})
        link = _RUN.search(steward.get(page).text)
        if link is None:
            raise PageError(f"{page} has no link for its driver")
        Person(self._town.url).submit(link[0], "/taken", {})
        inspector.submit(page, "/arrived", {})
        self.done["fetched"] += 1

    # --- inspection -----------------------------------------------------------------------------

    def inspect(self, inspector: Person, code: str) -> None:
        """Look at every piece, unless the bag has not come yet or is held."""
        bag = self._book.bags[code]
        page = inspector.get(f"/l/{code}").text
        if bag.node == FETCHED and "/arrived" in page:
            return
        if self._held and self._designs[bag.order] == HELD:
            if "/arrived" in page:
                inspector.submit(f"/l/{code}", "/arrived", {})
            held = 'id="held"' in inspector.get(f"/l/{code}").text
            self._book.wrong(f"bag {code} is not held, in spite of the rule", int(not held))
            self.done["held"] += 1
            self._rule(HELD, "0", "")
            self._held = False
        self._nth[f"{bag.order} bags"] += 1
        number = next(o.number for o in self._book.orders if o.id == bag.order)
        what = f"{number}/bag/{self._nth[f'{bag.order} bags']}"
        rejected = share(self._seed, what, bag.good, _REJECTED)
        form = inspector.form(f"/l/{code}", f"/l/{code}")
        values = {
            "accepted": str(bag.good - rejected),
            "rejected": str(rejected),
            "reason": "sharp edge" if rejected else "",
        }
        inspector.send(form.action, {**form.fields, **values})
        bag.accepted, bag.rejected = bag.good - rejected, rejected

    def sign(self, steward: Person, code: str) -> None:
        """A second person releases a bag."""
        steward.submit(f"/l/{code}", f"/l/{code}/sign", {})
        self._book.bags[code].signed = True
        self.done["signed"] += 1

    # --- the last mile --------------------------------------------------------------------------

    def dispatch(self, inspector: Person, batch: str, order: str) -> None:
        """One parcel is fetched, the next goes with a volunteer, who hands it over."""
        parcel: Parcel = self._book.parcels[batch]
        self.done["parcels"] += 1
        if self.done["parcels"] % 2:
            inspector.submit(f"/orders/{order}", f"/batches/{batch}/dispatch", {})
        else:
            today = self._town.today().isoformat()
            words = {"driver": f"Dominique {batch}", "day": today, "from": "08:00", "to": "23:00"}
            form = inspector.form("/deliveries", "/deliveries/runs")
            stops = {name: "" for name in form.fields if name.startswith("stop_")}
            stops[f"stop_{batch}"] = "1"
            inspector.send(form.action, {**form.fields, **words, **stops})
            card = inspector.get("/deliveries").text.partition(f"Dominique {batch}")[2]
            link = _DRIVER.search(card)
            if link is None:
                raise PageError(f"parcel {batch} has no page for its driver")
            path = link[0]
            Person(self._town.url).submit(path, f"{path}/1", {"outcome": "delivered", "reason": ""})
            self.done["driven"] += 1
        parcel.left = True
