"""The wards of the scenario: they ask, count their parcels in, complain, and put aside what is called back."""

from __future__ import annotations

import re
from collections import Counter

from fabnet.demo.browser import PageError
from tests.scenario.book import Asked, Book, Parcel, share
from tests.scenario.hands import Hands, Hire
from tests.scenario.town import Town

_REFUSED, _LOST, _DAMAGED = 0.15, 0.05, 0.1
_WRONG = "Une arête est coupante au toucher"
ADVICE = "Ébavurez les arêtes avant de compter."


class Wards:
    """What hospitals do, each with hands of its own; `done` counts it."""

    def __init__(self, town: Town, seed: int, book: Book, hire: Hire) -> None:
        self.done: Counter[str] = Counter()
        self._town = town
        self._seed = seed
        self._book = book
        self._nth: Counter[str] = Counter()
        self._hands: dict[int, Hands] = {
            n: hire("ward", n) for n in {order.hospital for order in book.orders}
        }

    def of(self, order: Asked) -> Hands:
        """Return the hands of an order's hospital."""
        return self._hands[order.hospital]

    def ask(self, order: Asked) -> None:
        """Fill in the form, and keep the link."""
        order.link = self.of(order).submit(
            "/ask",
            "/ask",
            {
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

    def receive(self, order: Asked, batch: str, parcel: Parcel) -> None:
        """Count a parcel in; some pieces are refused or damaged, some are missing."""
        sent = self._book.sent(batch)
        self._nth[order.id] += 1
        what = f"{order.number}/parcel/{self._nth[order.id]}"
        refused = share(self._seed, f"{what}/refused", sent, _REFUSED)
        lost = min(sent - refused, share(self._seed, f"{what}/lost", sent, _LOST))
        damaged = min(sent - refused - lost, share(self._seed, f"{what}/damaged", sent, _DAMAGED))
        words = {"damaged": str(damaged), "refused": str(refused), "lost": str(lost), "thanks": ""}
        words |= {"reason": "la sangle est déchirée"} if refused else {}
        self.of(order).submit(order.link, f"/received/{batch}", words)
        parcel.refused, parcel.lost, parcel.received = refused + damaged, lost, True
        self.done["damaged"] += damaged
        if refused:
            self._complain(order, batch)

    def _complain(self, order: Asked, batch: str) -> None:
        """Say on the parcel's own page, which the order's page links to, what is wrong."""
        ward = self.of(order)
        found = re.search(rf'href="(/d/{batch}/[^"]+)"', ward.read(order.link))
        if found is None:
            self._book.wrong(f"the page of order {order.id} has no way to parcel {batch}")
            return
        bag = next(bag.code for bag in self._book.bags.values() if bag.parcel == batch)
        words = {"text": f"{_WRONG} ({batch})", "lot": bag, "pieces": "1"}
        ward.submit(found[1], f"{found[1]}/complaint", words)
        self.done["complaints"] += 1

    def answer(self, inspector: Hands, complaint: str) -> None:
        """An inspector reads a complaint, and passes it on."""
        page = inspector.read("/complaints")
        self._book.wrong(f"complaint {complaint} has lost its words", int(_WRONG not in page))
        words = {"advice": ADVICE, "pass_on": "yes"}
        inspector.submit("/complaints", f"/complaints/{complaint}", words)

    def put_aside(self, recall: str, order: Asked) -> bool:
        """Do what the page of an order asks; return whether it says anything of the recall."""
        try:
            self.of(order).submit(order.link, f"/recalled/{recall}", {})
        except PageError:
            self._book.wrong(f"recall {recall}: the page of order {order.id} says nothing of it")
            return False
        return True
