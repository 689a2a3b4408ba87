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
    UNREAD,
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
        OrderState.UNKNOWN: lazy_gettext("unknown"),
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
        UNREAD: lazy_gettext(
            "something of it in the ledger or the library is lost, or cannot be read"
        ),
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
        AttemptState.UNKNOWN: lazy_gettext("unknown"),
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
        LotState.UNKNOWN: lazy_gettext("unknown"),
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
        PickupState.UNKNOWN: lazy_gettext("unknown"),
        PickupState.ANNOUNCED: lazy_gettext("to be fetched"),
        PickupState.ON_WAY: lazy_gettext("on its way to the hub"),
        PickupState.ARRIVED: lazy_gettext("has arrived"),
        PickupState.CANCELLED: lazy_gettext("called off"),
    }
)

BATCH_STATES: Words = MappingProxyType(
    {
        BatchState.UNKNOWN: lazy_gettext("unknown"),
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
        Role.UNKNOWN: lazy_gettext("unknown"),
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

#: What happened, by the kind of a line in a history.
EVENTS: Words = MappingProxyType(
    {
        "account-opened": lazy_gettext("Account of a maker made or given a new password"),
        "asked": lazy_gettext("Asked for"),
        "own-gcode": lazy_gettext("Its maker prints it from G-code of her own"),
        "confirmed": lazy_gettext("Confirmed"),
        "refused": lazy_gettext("Turned down"),
        "need-asked": lazy_gettext("Asked whether it is still needed"),
        "need-confirmed": lazy_gettext("All of it is still needed"),
        "lowered": lazy_gettext("Fewer are needed"),
        "cancelled": lazy_gettext("Cancelled"),
        "requester-erased": lazy_gettext("Who asked was erased"),
        "completed": lazy_gettext("Completed by what the hospital said"),
        "prioritised": lazy_gettext("Priority"),
        "not-before": lazy_gettext("Not to be begun before"),
        "trial": lazy_gettext("Said to be a trial"),
        "no-trial": lazy_gettext("Said to be no trial"),
        "passed-on": lazy_gettext("Spare bag given to the next order"),
        "taken-over": lazy_gettext("Bag taken over that another order had to spare"),
        "planned": lazy_gettext("Planned"),
        "left-out": lazy_gettext(
            "Left out of the plan: fabnet could make none of it that keeps its own rules"
        ),
        "cancel-asked": lazy_gettext("Stop asked for"),
        "harvested": lazy_gettext("Counted"),
        "counted-besides": lazy_gettext("Counted at the workshop too, and not added"),
        "not-booked": lazy_gettext("Said by a workshop after a backup was put back, and not added"),
        "written-off": lazy_gettext("Written off"),
        "photos-added": lazy_gettext("Photos of the pieces kept"),
        "photo-removed": lazy_gettext("Photo of the pieces removed"),
        "bag-announced": lazy_gettext("Bag announced to the hub"),
        "run-given": lazy_gettext("A driver has the run"),
        "pickup-cancelled": lazy_gettext("Run called off"),
        "bag-taken": lazy_gettext("Bag taken by the driver"),
        "bag-arrived": lazy_gettext("Bag arrived at the hub"),
        "hub-rule": lazy_gettext("What the hub asks of lots was changed"),
        "rework": lazy_gettext("Bag put aside, pieces are put right"),
        "reworked": lazy_gettext("Pieces are put right"),
        "spoilt": lazy_gettext("Spoilt at the hub; made again"),
        "stock-counted": lazy_gettext("Bought parts counted"),
        "depot-counted": lazy_gettext("Filament in the depot counted"),
        "filament-sent": lazy_gettext("Filament sent to a workshop"),
        "filament-came": lazy_gettext("Filament has come to a workshop"),
        "filament-back": lazy_gettext("Filament is back in the depot"),
        "lot-signed": lazy_gettext("Bag released by a second person"),
        "bag-counted": lazy_gettext("Bag counted at the hub"),
        "inspected": lazy_gettext("Inspected"),
        "recalled": lazy_gettext("Called back"),
        "called-back": lazy_gettext("Bag held"),
        "unpacked": lazy_gettext("Parcel unpacked: what is in it is packed anew"),
        "recall-read": lazy_gettext("Recall read by the requester, pieces put aside"),
        "recall-waived": lazy_gettext("No others are needed instead"),
        "recall-ended": lazy_gettext("Recall ended"),
        "design-withdrawn": lazy_gettext("Its design was withdrawn"),
        "lot-released": lazy_gettext("Bag of a withdrawn design released"),
        "packed": lazy_gettext("Packed"),
        "dispatched": lazy_gettext("Dispatched"),
        "handed-over": lazy_gettext("Handed over, says the courier"),
        "came-back": lazy_gettext("Came back to the hub"),
        "lost-on-the-way": lazy_gettext("Lost on the way"),
        "turned-up": lazy_gettext("A lost parcel has turned up"),
        "nobody-there": lazy_gettext("Nobody was there: it came back to the hub"),
        "refused-at-the-door": lazy_gettext("Not taken at the door: it came back to the hub"),
        "received": lazy_gettext("Received by the requester"),
        "complained": lazy_gettext("The requester complains"),
        "complaint-read": lazy_gettext("Complaint read"),
        "thanks-hidden": lazy_gettext("A word of thanks is kept from the workshops"),
        "thanks-shown": lazy_gettext("A word of thanks is shown to the workshops again"),
        "delivered": lazy_gettext("Everything that was ordered has been received"),
        "bed-cleared": lazy_gettext("Bed cleared"),
        "taken-back": lazy_gettext("Taken back, to be planned again"),
        "split-again": lazy_gettext(
            "Given out anew, since some would have come late or another order is worth more"
        ),
        "plate-claimed": lazy_gettext("Taken back for a printer that had nothing to do"),
        "offer-taken": lazy_gettext("Offer taken by its maker"),
        "offer-declined": lazy_gettext("Offer declined by its maker"),
        "node-configured": lazy_gettext("Hours or stock changed"),
        "node-listed": lazy_gettext("Workshop may be in open lists"),
        "node-unlisted": lazy_gettext("Workshop is in no open list any more"),
        "printer-noted": lazy_gettext("Note on a printer"),
        "lab-invited": lazy_gettext("Workshop invited"),
        "invitation-withdrawn": lazy_gettext("Invitation withdrawn"),
        "node-joined": lazy_gettext("Workshop has joined, waits"),
        "node-confirmed": lazy_gettext("Workshop let in"),
        "maker-left": lazy_gettext("A maker has left"),
        "node-revoked": lazy_gettext("Workshop shut out"),
        "rotation-asked": lazy_gettext("New password asked for"),
        "login-changed": lazy_gettext("Password changed"),
    }
)
