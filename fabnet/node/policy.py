"""Whether this node takes an offered attempt, and when it may start. Pure: facts in, answer out.

The owner's rules come before the network's wishes: pause, hours, stock, beds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.messages import OfferedAttempt
from printers.model import PrinterFacts

#: How much longer than estimated a plate may take before it runs out of the attended hours.
_SLACK = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Attended hours of a day, in minutes after local midnight; the end may lie past midnight."""

    start_min: int
    length_min: int

    @property
    def always(self) -> bool:
        """Whether somebody is always there."""
        return self.length_min >= 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner has laid down, and what is known of the printers."""

    paused: bool
    attended: Hours
    unattended: frozenset[str]  # printers that may print while nobody is there
    printers: Mapping[str, PrinterFacts]
    reserved_g: Mapping[str, float]  # by printer: grams of attempts that were taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Taken, or declined with a reason in the owner's words."""

    taken: bool
    reason: str = ""


def parse_hours(text: str) -> Hours:
    """Read "08:00-20:00"; "22:00-06:00" goes past midnight, "00:00-24:00" is always."""
    start, end = (
        60 * int(hour) + int(minute)
        for hour, minute in (part.split(":") for part in text.split("-"))
    )
    return Hours(start_min=start, length_min=(end - start) if end > start else end - start + 1440)


def decide(offer: OfferedAttempt, rules: Rules) -> Decision:
    """Take or decline one attempt."""
    printer = rules.printers.get(offer.printer)
    if rules.paused:
        return Decision(taken=False, reason="this lab is taking a pause")
    if printer is None:
        return Decision(taken=False, reason=f"there is no printer {offer.printer} here")
    spool = printer.spool
    if spool is None:
        return Decision(taken=False, reason=f"no spool is loaded on {printer.title}")
    if spool.material != offer.material:
        return Decision(
            taken=False,
            reason=f"{printer.title} has {spool.material} loaded, not {offer.material}",
        )
    left = spool.grams - rules.reserved_g.get(offer.printer, 0.0)
    if left < offer.grams:
        return Decision(
            taken=False,
            reason=f"the plate needs {offer.grams:.0f} g, the spool has {left:.0f} g left",
        )
    needed_min = offer.seconds * _SLACK / 60
    if offer.printer not in rules.unattended and needed_min > rules.attended.length_min:
        return Decision(
            taken=False,
            reason=f"the plate takes {offer.seconds / 3600:.1f} h, longer than anybody is here",
        )
    return Decision(taken=True)


def may_start(printer: str, seconds: float, rules: Rules, local: datetime) -> bool:
    """Return whether a plate of this length may start now: all of it within attended hours.

    `seconds` is the slicer's figure; `local` is now, in the time of the place of the printer.
    """
    if rules.paused:
        return False
    if printer in rules.unattended or rules.attended.always:
        return True
    since_start = (local.hour * 60 + local.minute - rules.attended.start_min) % 1440
    return since_start + seconds * _SLACK / 60 <= rules.attended.length_min
