"""When people choose, write down and let in, in a day of `desk_rules`; what they do is in `desk_choices`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from jobs.model import OrderState
from printers.model import PrinterState
from tests.sim.desk import Desk
from tests.sim.desk_choices import PROFILES

#: None of it brings a piece on: each run has a few of them.
CHOICES = (
    "place", "decide_on", "note_on", "hide_thanks", "read_complaint", "acknowledge", "choose_profile",
    "accept_design", "can", "is_by_hand", "printer_is", "decides", "configures", "photos",
    "newcomer", "rotate", "accounts", "erase_driver",
)  # fmt: skip
_Thing = TypeVar("_Thing")


class Drawing:
    """Draws what is done, to what, and how; and tells it. `did` says how often each has changed something."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.told: list[str] = []
        self._dice = random.Random(seed)

    def _does(self, name: str) -> bool:
        """Do it; return whether it has changed anything."""
        self.told.append(name)
        before = self.desk.changes
        getattr(self, name)()
        return self.desk.changes != before

    def _any(self, things: Sequence[_Thing], deed: Callable[[_Thing], object]) -> None:
        """Do it to one thing, rather a late one than an early one.

        Where that changes nothing, mostly to others too until it does: or what can be done to few
        things only is never done.
        """
        left, told, before = list(things), self.told[-1], self.desk.changes
        tries = 1 if self._dice.random() < 0.25 else len(left)
        for _ in range(min(tries, len(left))):
            found = left.pop(max(self._dice.randrange(len(left)) for _ in range(2)))
            self.told[-1] = f"{told} {getattr(found, 'ref', found)}"
            deed(found)
            if self.desk.changes != before:
                return

    def _one(self, things: Sequence[_Thing]) -> _Thing | None:
        if not things:
            return None
        found = self._dice.choice(things)
        self.told[-1] += f" {getattr(found, 'ref', found)}"
        return found

    def _first(self, name: str) -> None:
        """Perhaps do what this needs before it: two that fit are seldom drawn one after the other."""
        if self._dice.random() < 0.6:
            self._does(name)
            self.told.append("then")

    def _with(self, value: _Thing) -> _Thing:
        self.told[-1] += f" {value}"
        return value

    def _few(self, least: int = 0, most: int = 3) -> int:
        return self._with(self._dice.randint(least, most))

    def _lab(self) -> str:
        return self._with(self._dice.choice(self.desk.labs))

    def _yes(self) -> bool:
        return self._with(self._dice.random() < 0.5)

    def _bag(self, deed: Callable[[str], object]) -> None:
        self._any(self.desk.bags(), deed)


class ChoiceRules(Drawing):
    """One method each of `CHOICES`."""

    def place(self) -> None:
        self.desk.place(self._few(1, 4))

    def decide_on(self) -> None:
        self._first("place")
        asked = self.desk.ids("select id from orders where state = ?", OrderState.ASKED)
        self._any(asked, lambda each: self.desk.decide_on(each, yes=self._yes()))

    def note_on(self) -> None:
        self._any(self.desk.orders(), lambda each: self.desk.note_on(each, trial=self._yes()))

    def hide_thanks(self) -> None:
        self._any(self.desk.batches(), lambda each: self.desk.hide_thanks(each, hidden=self._yes()))

    def read_complaint(self) -> None:
        self._first("complain")
        found = self.desk.ids("select id from complaint order by at, id")
        self._any(found, lambda each: self.desk.read_complaint(each, told=self._yes()))

    def acknowledge(self) -> None:
        self._first("recall")
        pairs = [(recall, order) for recall in self.desk.recalls() for order in self.desk.orders()]
        self._any(pairs, lambda pair: self.desk.acknowledge(*pair, self._few()))

    def choose_profile(self) -> None:
        self.desk.choose_profile(self._with(self._dice.choice(PROFILES)))

    def accept_design(self) -> None:
        self.desk.accept_design()

    def can(self) -> None:
        changes = {
            name: self._yes() for name in ("paused", "asks", "out_of_service", "bare", "unattended")
        }
        changes = {name: yes for name, yes in changes.items() if yes and self._dice.random() < 0.5}
        self.desk.can(self._lab(), self._few(0, 3), **changes)

    def is_by_hand(self) -> None:
        self.desk.is_by_hand(self._lab())

    def printer_is(self) -> None:
        state = self._with(self._dice.choice(tuple(PrinterState)))
        self.desk.printer_is(self._lab(), state, clear=self._yes())

    def decides(self) -> None:
        self._first("tick")
        self.desk.decides(self._lab(), taken=self._yes())

    def configures(self) -> None:
        self.desk.configures(self._lab())

    def photos(self) -> None:
        keep = self._yes()
        self._bag(lambda code: self.desk.photos(code, keep=keep))

    def newcomer(self) -> None:
        self.desk.newcomer(by_hand=self._yes(), confirmed=self._yes())

    def rotate(self) -> None:
        self.desk.rotate(self._lab())

    def accounts(self) -> None:
        self.desk.accounts(self._lab())

    def erase_driver(self) -> None:
        self._first("leave_in_a_run")
        self.desk.erase_driver()
