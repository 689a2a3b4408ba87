"""The recalls of the scenario: a machine, then a reel of filament turns out to be faulty."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

from tests.scenario.book import Asked, Book, Called
from tests.scenario.hands import Hands
from tests.scenario.town import Town
from tests.scenario.wards import Wards

#: A recall begins once so many orders have bags of its cause.
_RECIPIENTS = 2
_CODE = re.compile(r'/l/([0-9A-Z-]+)"')


class Recalls:
    """What is called back; `missed` counts what a recall does not name."""

    def __init__(self, town: Town, seed: int, book: Book, wards: Wards) -> None:
        self.missed = 0
        self._town = town
        self._seed = seed
        self._book = book
        self._wards = wards
        self._to_call: list[str] = ["printer", "material"]

    @property
    def pending(self) -> bool:
        """Whether one is open, or still to come."""
        return bool(self._to_call) or any(not each.over for each in self._book.called)

    def next_step(
        self, steward: Hands, inspector: Hands, *, orders: dict[str, Asked], all_done: bool
    ) -> Iterable[str]:
        """Begin one once several wards have pieces, or end it; return orders that may have changed.

        Args:
            all_done: no order waits for anything, so no more bags will come.
        """
        for called in self._book.called:
            if not called.over:
                return self._finish(steward, called, orders)
        if not self._to_call:
            return ()
        machines = sorted(self._town.witnesses)
        random.Random(f"{self._seed}/recalls").shuffle(machines)
        done = {each for called in self._book.called for each in called.machines}
        for machine in machines:
            bags = [b for b in self._book.bags.values() if (b.node, b.printer) == machine]
            have = sorted(bag.code for bag in bags if self._book.has_left(bag))
            recipients = {self._book.bags[code].order for code in have}
            if machine not in done and (len(recipients) >= _RECIPIENTS or (have and all_done)):
                self._begin(inspector, self._to_call.pop(0), machine, have[0])
                return ()
        if all_done:
            self._to_call.clear()
        return ()

    def _begin(self, inspector: Hands, kind: str, machine: tuple[str, str], code: str) -> None:
        page = f"/l/{code}/recall"
        cause = re.search(rf'value="({kind}:[^"]+)"', inspector.read(page))
        if cause is None:
            self.missed += self._book.wrong(f"bag {code} cannot be called back by its {kind}")
            return
        words = {"cause": cause[1], "reason": "Elle casse quand on la plie."}
        url = inspector.submit(page, "/recall", words)
        machines = {machine} if kind == "printer" else self._town.same_filament(machine)
        called = Called(id=url.rsplit("/", 1)[-1], machines=frozenset(machines))
        self._book.called.append(called)
        for bag in [self._book.bags[code] for code in self._book.made_by(called)]:
            if bag.parcel and not self._book.has_left(bag):
                self._unpack(bag.parcel)

    def _unpack(self, parcel: str) -> None:
        """With one bag called back the whole parcel is packed anew."""
        del self._book.parcels[parcel]
        for bag in self._book.bags.values():
            bag.parcel = "" if bag.parcel == parcel else bag.parcel

    def _finish(self, steward: Hands, called: Called, orders: dict[str, Asked]) -> list[str]:
        """Everybody who has some puts them aside; then it is over, and others are made."""
        made = self._book.made_by(called)
        bags = [self._book.bags[code] for code in made]
        have = {bag.order for bag in bags if self._book.has_left(bag)}
        page = steward.read(f"/recalls/{called.id}")
        told = set(re.findall(r"/orders/([0-9a-z]+)", page))
        named = set(_CODE.findall(page))
        self.missed += self._book.wrong(
            f"recall {called.id}: not told {sorted(have - told)}; not named {sorted(made - named)}",
            len(have - told) + len(made - named),
        )
        for order in sorted(have):
            self.missed += int(not self._wards.put_aside(called.id, orders[order]))
        words = {"verdict": "bad", "reason": "Cassantes, toutes."}
        steward.submit(f"/recalls/{called.id}", "/end", words)
        called.over = True
        for bag in bags:
            if not self._book.has_left(bag):
                bag.accepted, bag.rejected = 0, bag.good
        return sorted({bag.order for bag in bags})
