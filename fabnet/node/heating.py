"""Which printers of a lab are heating up, and what heat tells of one that was out of sight. Pure.

A printer draws most while its bed gets hot; hot, it draws a third or less. So a lab whose fuse does not
carry all of them lets them heat one after the other. Leaves who starts next to `fabnet.node.duty`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from printers.model import PrinterStatus

#: A bed that is not hot after so long will not be: it holds up no other printer for ever.
LONGEST_S = 1200.0
#: So near to its target it only holds its heat.
_NEAR_C = 3.0
#: No room and no sun makes a nozzle or a bed so warm; one that has printed is for half an hour.
_WARM_NOZZLE_C, _WARM_BED_C = 60.0, 48.0
#: So long after its end a print has left no heat, and it may have taken so many times what was told.
_COOLS, _TIMES = timedelta(hours=1), 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """What is known of a printer that was told to print and has not ended; None where it tells none."""

    since_s: float  # when it was told, of clock.boottime_s
    nozzle_c: float | None = None
    nozzle_target_c: float | None = None
    bed_c: float | None = None
    bed_target_c: float | None = None


def heats_up(heat: Heat, now_s: float) -> bool:
    """Whether a printer is still getting hot: its bed, or its nozzle where the bed stays cold."""
    if now_s - heat.since_s >= LONGEST_S:
        return False
    # Before the print has set its first target it is about to.
    target_c, at_c = heat.bed_target_c or 0.0, heat.bed_c
    if target_c <= 0:
        target_c, at_c = heat.nozzle_target_c or 0.0, heat.nozzle_c
    return target_c <= 0 or at_c is None or at_c < target_c - _NEAR_C


def may_heat(heats: Iterable[Heat], at_once: int, now_s: float) -> bool:
    """Whether one more printer may heat; `at_once` 0 is as many as like to."""
    return at_once <= 0 or sum(heats_up(heat, now_s) for heat in heats) < at_once


def is_heated(status: PrinterStatus) -> bool:
    """Whether a printer was told to be hot."""
    return (status.nozzle_target_c or 0.0) > 0 or (status.bed_target_c or 0.0) > 0


def was_used(
    found: PrinterStatus, printed: str | None, begun: tuple[datetime, float] | None, now: datetime
) -> bool:
    """Whether somebody else has printed on a printer that nobody has looked at for a while.

    Args:
        found: what it shows when it is back, idle, with nothing of ours on its bed.
        printed: what it had named as printed when it was last seen; None where that is not known.
        begun: when our last print began there, and its slicer's seconds; None before the first.
        now: of the same clock.
    """
    if is_heated(found):
        return True
    if found.printed and printed is not None and found.printed != printed:
        return True
    if (
        begun is not None
        and begun[0] <= now <= begun[0] + timedelta(seconds=_TIMES * begun[1]) + _COOLS
    ):
        return False  # the heat of our own
    return (found.nozzle_c or 0.0) > _WARM_NOZZLE_C or (found.bed_c or 0.0) > _WARM_BED_C
