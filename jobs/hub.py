"""What the hub asks of a lot before it may leave: a time to lie, a second person's signature. Pure.

A rule says it for everything, for a material, or for a revision of a design; of rules that say
something the narrowest counts. A regulatory profile that asks for a signed release asks for the second
person whatever the rules say. Leaves rows to `jobs.ledger.hub`, sampling to `jobs.quality`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from designs.model import Revision
from jobs.errors import InvalidFieldError
from jobs.model import UNKNOWN

MOST_HOLD_H: Final = 30 * 24
#: What an inspector can say in one touch of pieces that are not good.
FAULTS: Final = ("sharp-edge", "dirty", "wrong-shape", "strings-left", "broken")
MOST_STOCK: Final = 1_000_000
MOST_ITEM: Final = 200  # characters
MOST_SUPPLIER_LOT: Final = 60  # characters


class Scope(enum.StrEnum):
    """What a rule is for; each is narrower than the one before."""

    ALL = "all"
    MATERIAL = "material"
    REVISION = "revision"


_NARROW = tuple(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a steward asks of lots."""

    scope: Scope
    value: str = ""  # a material's code, a revision's id
    hold_h: float | None = None  # from the arrival at the hub; None: this rule does not say
    second: bool | None = None  # a second person signs the release; None: this rule does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one lot has to pass, and how far it is."""

    hold: timedelta
    #: None where it has no hold, is not at the hub yet, or nobody knows since when.
    held_until: datetime | None
    second: bool
    inspected_by: str
    signed_by: str  # "" while nobody has released it
    signed_at: datetime | None

    def is_held(self, now: datetime) -> bool:
        """Whether nothing of it may be accepted or packed yet; one that is not here is held."""
        return bool(self.hold) and (self.held_until is None or now < self.held_until)

    @property
    def unsigned(self) -> bool:
        """Whether it waits for a second person once it is inspected."""
        return self.second and not self.signed_by


def check(rule: Rule) -> None:
    """Do nothing if a rule can be kept.

    Raises:
        InvalidFieldError: a hold that cannot be, or a rule without what it is for.
    """
    if rule.hold_h is not None and not 0 <= rule.hold_h <= MOST_HOLD_H:
        raise InvalidFieldError("hold_h", f"from 0 to {MOST_HOLD_H} hours")
    if (rule.scope is Scope.ALL) != (not rule.value):
        raise InvalidFieldError("value", "names what the rule is for")


def gate(
    rules: Iterable[Rule],
    *,
    material: str,
    revision: str,
    arrived_at: datetime | None,
    signed_release: bool = False,
    inspected_by: str = "",
    signed_by: str = "",
    signed_at: datetime | None = None,
) -> Gate:
    """Return what a lot has to pass.

    `signed_release`: its revision's regulatory profile asks for one, and no rule takes that away.

    >>> hold = Rule(scope=Scope.MATERIAL, value="PLA", hold_h=72)
    >>> gate([hold], material="PLA", revision="r", arrived_at=None).hold.days
    3
    """
    named = {Scope.ALL: "", Scope.MATERIAL: material, Scope.REVISION: revision}
    hold_h, second = 0.0, False
    for rule in sorted(rules, key=lambda each: _NARROW.index(each.scope)):
        if rule.value == named[rule.scope]:
            hold_h = hold_h if rule.hold_h is None else rule.hold_h
            second = second if rule.second is None else rule.second
    hold = timedelta(hours=hold_h)
    return Gate(
        hold=hold,
        held_until=arrived_at + hold if hold and arrived_at not in (None, UNKNOWN) else None,
        second=second or signed_release,
        inspected_by=inspected_by,
        signed_by=signed_by,
        signed_at=signed_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What makes one usable thing of a revision, in pieces."""

    made: Mapping[str, int]  # by part id
    bought: Mapping[str, int]  # by the part's title: two designs may need the same elastic

    def whole(self, made: Mapping[str, int], bought: Mapping[str, int]) -> int:
        """Return how many complete kits these pieces make.

        A bought part that nobody counts at the hub is not in `bought`, and limits nothing.

        >>> Kit(made={"frame": 1}, bought={"elastic": 2}).whole({"frame": 9}, {"elastic": 10})
        5
        """
        per_part = [made.get(part, 0) // each for part, each in self.made.items()]
        per_item = [bought[item] // each for item, each in self.bought.items() if item in bought]
        return min([*per_part, *per_item], default=0)


def kit_of(revision: Revision) -> Kit:
    """Return what one kit of a revision takes: parts that the network makes, and parts that are bought."""
    return Kit(
        made={part.id: part.per_kit for part in revision.made},
        bought={
            part.title: part.per_kit
            for part in revision.others
            if part.process == "BUY" and not part.pattern_sha256
        },
    )
