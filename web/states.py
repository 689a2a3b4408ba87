"""What states, roles and processes are called on pages: tables, translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from designs.model import BY_PEOPLE, ReviewState
from jobs.first_mile import PickupState
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from jobs.model import (
    UNFINISHED,
    BatchState,
    LotState,
    OrderState,
    Priority,
    Role,
    StopOutcome,
)
from jobs.stations import Step
from printers.model import MANUAL, PrinterState
from web.language import Lazy, lazy_gettext

Words = Mapping[str, Lazy]

ORDER_STATES: Words = MappingProxyType(
    {
        OrderState.ASKED: lazy_gettext("to be confirmed"),
        OrderState.CONFIRMED: lazy_gettext("being made"),
        OrderState.REFUSED: lazy_gettext("turned down"),
        OrderState.DELIVERED: lazy_gettext("delivered"),
        OrderState.CANCELLED: lazy_gettext("cancelled"),
    }
)

#: The rules of a plan that fabnet itself may break by a fault, as of `jobs.plan_audit.Finding`.
RULES: Words = MappingProxyType(
    {
        "count": lazy_gettext("pieces were planned twice, or forgotten"),
        "unknown": lazy_gettext("a plate is for a printer or an order that is not there"),
        "bed": lazy_gettext("more pieces on a plate than its bed holds"),
        "overlap": lazy_gettext("two plates on a printer at one time"),
        "hours": lazy_gettext("a plate while nobody is there"),
        "release": lazy_gettext("a plate before the day of its order"),
        "stock": lazy_gettext("more filament than is on the spool"),
        "grams": lazy_gettext("a wrong weight of a plate"),
        "process": lazy_gettext("a part for a machine that works in another way"),
        "material": lazy_gettext("a part in another material than is asked for or loaded"),
        "cannot": lazy_gettext("work for a printer that can make nothing now, or that said no"),
        "time": lazy_gettext("a wrong printing time of a plate"),
        "ceiling": lazy_gettext("more hours than a workshop gives in a week"),
        UNFINISHED: lazy_gettext("a figure that it cannot reckon with"),
    }
)

#: From what goes last to what goes first.
PRIORITIES: Words = MappingProxyType(
    {
        Priority.CAN_WAIT: lazy_gettext("can wait"),
        Priority.NORMAL: lazy_gettext("normal"),
        Priority.URGENT: lazy_gettext("urgent"),
        Priority.VITAL: lazy_gettext("a life depends on it"),
    }
)

ATTEMPT_STATES: Words = MappingProxyType(
    {
        AttemptState.OFFERED: lazy_gettext("offered"),
        AttemptState.TAKEN: lazy_gettext("taken"),
        AttemptState.PREPARING: lazy_gettext("being prepared"),
        AttemptState.READY: lazy_gettext("ready to start"),
        AttemptState.GRANTED: lazy_gettext("may be started"),
        AttemptState.PRINTING: lazy_gettext("printing"),
        AttemptState.PRINTED: lazy_gettext("printed, to be counted"),
        AttemptState.HARVESTED: lazy_gettext("counted"),
        AttemptState.DECLINED: lazy_gettext("declined"),
        AttemptState.LAPSED: lazy_gettext("lapsed"),
        AttemptState.WITHDRAWN: lazy_gettext("withdrawn"),
        AttemptState.RETURNED: lazy_gettext("given back"),
        AttemptState.CANCELLED: lazy_gettext("stopped, to be counted"),
        AttemptState.FAILED: lazy_gettext("failed, to be counted"),
        AttemptState.INTERRUPTED: lazy_gettext("interrupted, to be counted"),
        AttemptState.WRITTEN_OFF: lazy_gettext("written off"),
    }
)

#: The same of what no printer makes, where it differs.
_BY_HAND: Words = MappingProxyType(
    {
        AttemptState.PRINTING: lazy_gettext("at work"),
        AttemptState.PRINTED: lazy_gettext("made, to be counted"),
    }
)


def attempt_words(attempt: AttemptView) -> str:
    """Return how far an attempt is."""
    words = _BY_HAND if attempt.material in BY_PEOPLE else {}
    return str(words.get(attempt.state, ATTEMPT_STATES[attempt.state]))


LOT_STATES: Words = MappingProxyType(
    {
        LotState.WAITING: lazy_gettext("waits for inspection"),
        LotState.INSPECTED: lazy_gettext("inspected"),
    }
)

HUB_STEPS: Words = MappingProxyType(
    {
        Step.ARRIVE: lazy_gettext("Comes today"),
        Step.COUNT: lazy_gettext("To count"),
        Step.HOLD: lazy_gettext("Held"),
        Step.INSPECT: lazy_gettext("To inspect"),
        Step.REWORK: lazy_gettext("To put right"),
        Step.RELEASE: lazy_gettext("To release"),
        Step.PACK: lazy_gettext("To pack"),
        Step.HAND_OVER: lazy_gettext("To hand over"),
    }
)

PICKUP_STATES: Words = MappingProxyType(
    {
        PickupState.ANNOUNCED: lazy_gettext("to be fetched"),
        PickupState.ON_WAY: lazy_gettext("on its way to the hub"),
        PickupState.ARRIVED: lazy_gettext("has arrived"),
        PickupState.CANCELLED: lazy_gettext("called off"),
    }
)

BATCH_STATES: Words = MappingProxyType(
    {
        BatchState.PACKED: lazy_gettext("packed"),
        BatchState.DISPATCHED: lazy_gettext("on its way"),
        BatchState.RECEIVED: lazy_gettext("has arrived"),
        BatchState.LOST: lazy_gettext("lost on the way"),
    }
)

STOP_OUTCOMES: Words = MappingProxyType(
    {
        StopOutcome.DELIVERED: lazy_gettext("handed over"),
        StopOutcome.NOBODY: lazy_gettext("nobody was there"),
        StopOutcome.REFUSED: lazy_gettext("not taken"),
    }
)

PRINTER_STATES: Words = MappingProxyType(
    {
        PrinterState.OFFLINE: lazy_gettext("not connected"),
        PrinterState.IDLE: lazy_gettext("idle"),
        PrinterState.PRINTING: lazy_gettext("printing"),
        PrinterState.PAUSED: lazy_gettext("paused"),
        PrinterState.FAULT: lazy_gettext("out of order"),
    }
)

#: How parts are made, by Open Know-How's codes.
PROCESSES: Words = MappingProxyType(
    {
        "3DP": lazy_gettext("printed"),
        "BUY": lazy_gettext("bought"),
        "LAS": lazy_gettext("laser-cut"),
        "SEW": lazy_gettext("sewn"),
        "ASM": lazy_gettext("put together by hand"),
    }
)
REVIEW_STATES: Words = MappingProxyType(
    {
        ReviewState.DRAFT: lazy_gettext("not tried out yet"),
        ReviewState.TRIED: lazy_gettext("tried out"),
        ReviewState.ACCEPTED: lazy_gettext("accepted for use"),
        ReviewState.WITHDRAWN: lazy_gettext("withdrawn"),
    }
)

ROLES: Words = MappingProxyType(
    {
        Role.MAKER: lazy_gettext("maker"),
        Role.INSPECTOR: lazy_gettext("inspection"),
        Role.STEWARD: lazy_gettext("coordination"),
    }
)

STEPS: Words = MappingProxyType(
    {
        "asked": lazy_gettext("Asked"),
        "promised": lazy_gettext("Promised"),
        "making": lazy_gettext("Being made"),
        "inspection": lazy_gettext("Inspection"),
        "held": lazy_gettext("Held back"),
        "packed": lazy_gettext("Packing"),
        "way": lazy_gettext("On its way"),
        "received": lazy_gettext("Received"),
    }
)

LINKS: Words = MappingProxyType(
    {
        "serial": lazy_gettext("USB"),
        "octoprint": lazy_gettext("OctoPrint"),
        MANUAL: lazy_gettext("by hand"),
    }
)
