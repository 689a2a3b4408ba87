"""The hub of the scenario: its rules, pick-ups, inspections, a second person, and who brings parcels.

One design is held until the steward lets it go, the other is released by a second person. Bags of the
first lab are fetched by a driver; every other parcel goes with a volunteer.
"""

from __future__ import annotations

import re
from collections import Counter

from fabnet.demo.browser import PageError
from tests.scenario.book import Bag, Book, Parcel, share
from tests.scenario.hands import Hands, Hire
from tests.scenario.town import Town

HELD, SIGNED, FETCHED = "set", "frame", "lab-1"
_RUN = re.compile(r"/run/[\w-]+")
_DRIVER = re.compile(r"/r/[\w-]+/[\w-]+")
_REJECTED = 0.1
_DRIVERS = 3000  # their numbers begin here


class Hub:
    """What is done with bags and parcels; `done` counts it."""

    def __init__(self, town: Town, seed: int, book: Book, hire: Hire) -> None:
        self.done: Counter[str] = Counter()
        self._town = town
        self._seed = seed
        self._book = book
        self._nth: Counter[str] = Counter()
        self._hire = hire
        self._steward: Hands | None = None
        self._held = True
        self._designs: dict[str, str] = {}  # by order

    def begin(self, steward: Hands) -> None:
        """Hold one design for an hour; ask for a second person for the other."""
        self._designs = {order.id: order.design for order in self._book.orders if order.id}
        self._steward = steward
        self._rule(HELD, "1", "")
        self._rule(SIGNED, "", "yes")

    def _rule(self, design: str, hold_h: str, second: str) -> None:
        scope = f"revision:{self._town.revisions[design].id}"
        words = {"for": scope, "hold_h": hold_h, "second": second}
        if self._steward is not None:
            self._steward.submit("/hub/rules", "/hub/rules", words)

    def needs_signature(self, bag: Bag) -> bool:
        """Whether nobody may pack it yet."""
        return self._designs[bag.order] == SIGNED and not bag.signed

    # --- the first mile -------------------------------------------------------------------------

    def announce(self, login: str, maker: Hands, node: str) -> None:
        """A maker whose bags are fetched announces those that lie there."""
        lie = [b for b in self._book.bags.values() if b.node == node and not b.announced]
        if node != FETCHED or not lie:
            return
        page = f"/labs/{node}/pickups"
        maker.submit(page, page, {"spot": f"Chez {login}, 2e étage"})
        for bag in lie:
            bag.announced = True

    def fetch(self, steward: Hands, inspector: Hands, pickup: str) -> None:
        """Somebody is found, takes the bags by her link, and the hub says that they are there."""
        page = f"/pickups/{pickup}"
        steward.submit(page, "/driver", {"driver": "Sam"})
        link = _RUN.search(steward.read(page))
        if link is None:
            raise PageError(f"{page} has no link for its driver")
        driver = self._driver()
        driver.submit(link[0], "/taken", {})
        driver.leave()
        inspector.submit(page, "/arrived", {})
        self.done["fetched"] += 1
        for bag in self._book.bags.values():
            if bag.node == FETCHED and bag.accepted is None:
                self._see_held(inspector, bag)

    # --- inspection -----------------------------------------------------------------------------

    def inspect(self, inspector: Hands, code: str) -> None:
        """Look at every piece, unless the bag has not come yet or is held."""
        bag = self._book.bags[code]
        page = inspector.read(f"/l/{code}")
        if bag.node == FETCHED and "/arrived" in page:
            return
        self._see_held(inspector, bag)
        self._nth[f"{bag.order} bags"] += 1
        number = next(o.number for o in self._book.orders if o.id == bag.order)
        what = f"{number}/bag/{self._nth[f'{bag.order} bags']}"
        rejected = share(self._seed, what, bag.good, _REJECTED)
        values = {
            "accepted": str(bag.good - rejected),
            "rejected": str(rejected),
            "reason": "arête vive" if rejected else "",
        }
        inspector.submit(f"/l/{code}", f"/l/{code}", values)
        bag.accepted, bag.rejected = bag.good - rejected, rejected

    def _see_held(self, inspector: Hands, bag: Bag) -> None:
        """See that the first bag of the held design cannot be inspected, and let the steward end that."""
        if not self._held or self._designs[bag.order] != HELD:
            return
        page = inspector.read(f"/l/{bag.code}")
        if "/arrived" in page:
            if bag.node == FETCHED:  # it is still at its workshop
                return
            inspector.submit(f"/l/{bag.code}", "/arrived", {})
            page = inspector.read(f"/l/{bag.code}")
        held = 'id="held"' in page
        self._book.wrong(f"bag {bag.code} is not held, in spite of the rule", int(not held))
        self.done["held"] += 1
        self._rule(HELD, "0", "")
        self._held = False

    def sign(self, steward: Hands, code: str) -> None:
        """A second person releases a bag."""
        steward.submit(f"/l/{code}", f"/l/{code}/sign", {})
        self._book.bags[code].signed = True
        self.done["signed"] += 1

    # --- the last mile --------------------------------------------------------------------------

    def dispatch(self, inspector: Hands, batch: str) -> None:
        """One parcel is fetched, the next goes with a volunteer, who hands it over."""
        parcel: Parcel = self._book.parcels[batch]
        self.done["parcels"] += 1
        if self.done["parcels"] % 2:
            inspector.submit("/waiting", f"/batches/{batch}/dispatch", {})
        else:
            today = self._town.today().isoformat()
            words = {"driver": f"Dominique {batch}", "day": today, "from": "08:00", "to": "23:00"}
            words |= {f"stop_{batch}": "1"}
            inspector.submit("/deliveries", "/deliveries/runs", words)
            card = inspector.read("/deliveries").partition(f"Dominique {batch}")[2]
            link = _DRIVER.search(card)
            if link is None:
                raise PageError(f"parcel {batch} has no page for its driver")
            driver = self._driver()
            driver.submit(link[0], f"{link[0]}/1", {"outcome": "delivered"})
            driver.leave()
            self.done["driven"] += 1
        parcel.left = True

    def _driver(self) -> Hands:
        """Somebody who has only the link that she was given."""
        self.done["drivers"] += 1
        return self._hire("driver", _DRIVERS + self.done["drivers"])
