"""Whether this node takes an offered attempt, and when it may start. Pure: facts in, answer out.

The owner's rules come before the network's wishes: pause, hours, stock, beds, and the hours
of a week that she gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from designs.model import PRINTED
from jobs.hours import Week, earliest_start, fits
from jobs.messages import OfferedAttempt
from jobs.pace import slack
from printers.model import PrinterFacts

#: What waits for the clock waits so long, and is asked again.
CLOCK_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner has laid down, and what is known of the printers."""

    paused: bool
    attended: Week
    unattended: frozenset[str]  # printers that may print while nobody is there
    printers: Mapping[str, PrinterFacts]
    reserved_g: Mapping[str, float]  # by printer: grams of attempts that were taken
    weekly_h: float = 0.0  # of printing in a calendar week, at most; 0: no ceiling
    begun_s: float = 0.0  # of this week: plates that were started, to their end
    taken_s: float = 0.0  # plates that were taken and not started
    #: By printer, how many times its slicer's figure a plate takes, see `jobs.pace`; 1 of no other.
    paces: Mapping[str, float] = field(default_factory=dict)
    clock_behind: bool = False  # it is later than the clock shows: hours cannot be told by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Taken, or declined with a reason in the owner's words."""

    taken: bool
    reason: str = ""


def decide(offer: OfferedAttempt, rules: Rules) -> Decision:
    """Take or decline one attempt."""
    why = refusal(offer.printer, offer.material, rules)
    if why:
        return Decision(taken=False, reason=why)
    spool = rules.printers[offer.printer].spool
    left = 0.0 if spool is None else spool.grams
    left -= rules.reserved_g.get(offer.printer, 0.0)
    if left < offer.grams:
        return Decision(
            taken=False,
            reason=f"the plate needs {offer.grams:.0f} g, the spool has {left:.0f} g left",
        )
    pace = rules.paces.get(offer.printer, 1.0)
    takes_s = offer.seconds * pace
    if offer.printer not in rules.unattended and not fits(rules.attended, takes_s, slack(pace)):
        return Decision(
            taken=False,
            reason=f"the plate takes {takes_s / 3600:.1f} h, longer than anybody is here",
        )
    over = over_ceiling(offer.seconds, rules.taken_s, rules)
    return Decision(taken=not over, reason=over)


def over_ceiling(seconds: float, before_s: float, rules: Rules) -> str:
    """Return why a plate would be more than the owner gives in this week, "" where it is not.

    `seconds` is the plate's, `before_s` of plates that are to be started this week before it.
    """
    ceiling_s = rules.weekly_h * 3600
    if not rules.weekly_h or rules.begun_s + before_s + seconds <= ceiling_s:
        return ""
    if seconds > ceiling_s:
        return f"the plate takes {seconds / 3600:.1f} h, the weekly ceiling is {rules.weekly_h:g} h"
    return f"weekly ceiling of {rules.weekly_h:g} h is reached until Monday"


def start_in_s(printer: str, seconds: float, rules: Rules, local: datetime) -> float | None:
    """Return when a plate of this length may start: all of it within attended hours; None: never.

    `seconds` is the slicer's figure; `local` is now, in the time of the place of the printer. 0 is
    now. Where the clock is behind, it is asked again later: nobody is taken to be there.
    """
    if rules.clock_behind and not at_any_time(printer, rules):
        return CLOCK_S
    if printer in rules.unattended:
        return 0.0
    pace = rules.paces.get(printer, 1.0)
    start = earliest_start(rules.attended, local, seconds * pace, slack(pace))
    if start is None:
        return None
    # Two times of one zone differ by what its clock shows, and not by what passes.
    passes = (
        (start - local) if local.tzinfo is None else start.astimezone(UTC) - local.astimezone(UTC)
    )
    return passes.total_seconds()


def at_any_time(printer: str, rules: Rules) -> bool:
    """Whether a printer may begin without a look at the clock: no hours, no week that bounds it."""
    return not rules.weekly_h and (printer in rules.unattended or rules.attended.always)


def refusal(printer: str, material: str, rules: Rules) -> str:
    """Return why a plate that was taken will not be printed now, "" where nothing has changed."""
    facts = rules.printers.get(printer)
    if rules.paused:
        return "this lab is taking a pause"
    if facts is None:
        return f"there is no printer {printer} here"
    if facts.out_of_service:
        return f"{facts.title} is out of service"
    if facts.works_in is None:
        return f"no spool is loaded on {facts.title}"
    if facts.works_in != material and facts.process != PRINTED:
        return f"{facts.title} is for {facts.process}, not for {material}"
    if facts.works_in != material:
        return f"{facts.title} has {facts.works_in} loaded, not {material}"
    return ""
