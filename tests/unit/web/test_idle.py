"""Nobody who could do something reads that nothing waits for her."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.ledger.labs import NodeView, PrinterView
from jobs.lifecycle import AttemptState
from printers.model import MANUAL, PrinterState
from tests.doubles.world import some_facts
from tests.unit.web.test_progress import a_view
from web.idle import Hint, of_maker, of_silence, of_steward

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday


def a_printer(name="p1", attempt=None, **facts):
    told = replace(some_facts(name), **facts)
    return PrinterView(
        node="lab-a", facts=told, state=PrinterState.IDLE, clear=True, fault="", attempt=attempt
    )


def a_node(*printers, **facts):
    told = {
        "online": True, "paused": False, "attended": "00:00-24:00", "utc_offset_min": 60,
        "seen_at": None, "place": None, "asks": False,
    }  # fmt: skip
    return NodeView(id="lab-a", lab="Lab", printers=printers or (a_printer(),), **(told | facts))


NAMELESS = replace(a_node(), printers=())


def kinds(node, now=NOON):
    return [hint.kind for hint in of_maker(node, now)]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (a_node(), []),
        (a_node(a_printer(spool=None)), ["load"]),
        (a_node(a_printer(spool=None), a_printer("p2")), ["load"]),
        (a_node(a_printer(spool=None, out_of_service=True)), ["out"]),
        (a_node(paused=True, attended="18:00-20:00"), ["paused"]),
        (a_node(online=False), ["offline"]),
        (NAMELESS, ["unnamed"]),
        (replace(NAMELESS, online=False), ["unnamed"]),
        (replace(NAMELESS, online=False, hosted=True), ["starting"]),
        (a_node(online=False, hosted=True), ["starting"]),
        # It is 13 h on the lab's wall.
        (a_node(attended="18:00-20:00"), ["hours"]),
        (a_node(attended="12:30-14:00"), []),
        (a_node(a_printer(unattended=True), attended="18:00-20:00"), []),
        (a_node(attended="nonsense"), []),
        (a_node(a_printer(spool=None), online=False, attended="18:00-20:00"),
         ["offline", "load", "hours"]),
    ],
)  # fmt: skip
def test_a_maker_reads_why_no_work_comes(node, expected):
    assert kinds(node) == expected


@pytest.mark.parametrize(
    ("attended", "hours"),
    [("18:00-20:00", 5), ("Mon 08:00-09:00", 6 * 24 - 5), ("Tue 12:00-13:00", 7 * 24 - 1)],
)
def test_the_next_hours_are_by_the_clock_of_the_lab(attended, hours):
    (hint,) = of_maker(a_node(attended=attended), NOON)
    assert hint.at == NOON + timedelta(hours=hours)


def test_what_printed_when_the_computer_went_may_be_hot(world_attempt):
    printing = world_attempt(AttemptState.PRINTING)
    gone = a_node(a_printer(attempt=printing), online=False, seen_at=NOON)
    assert kinds(gone) == ["offline", "away"]
    # Later that is told to all who could go there; what a person feeds, she sees.
    assert kinds(gone, NOON + timedelta(days=1)) == ["offline"]
    assert kinds(a_node(a_printer(attempt=printing, link=MANUAL), online=False)) == ["offline"]


def test_plates_that_wait_for_the_hours_are_counted(world_attempt):
    busy, printing = world_attempt(AttemptState.READY), world_attempt(AttemptState.PRINTING)
    node = a_node(a_printer(attempt=busy), a_printer("p2", attempt=printing),
                  attended="18:00-20:00")  # fmt: skip
    (hint,) = of_maker(node, NOON)
    assert (hint.kind, hint.count) == ("hours", 1)


def test_a_plate_that_is_too_long_for_the_hours_that_are_left_says_when_it_starts(world_attempt):
    ready = replace(world_attempt(AttemptState.READY), seconds=2.5 * 3600)
    node = a_node(a_printer(attempt=ready), attended="08:00-16:00")
    # It is 13 h on the lab's wall: with its slack it would end past four.
    (hint,) = of_maker(node, NOON)
    assert (hint.kind, hint.at) == ("fits", NOON + timedelta(hours=19))
    assert of_maker(replace(node, paused=True), NOON)[0].kind == "paused"
    for other in (
        a_node(a_printer(attempt=ready), attended="08:00-17:00"),
        a_node(a_printer(attempt=ready, unattended=True), attended="08:00-16:00"),
        a_node(
            a_printer(attempt=replace(ready, state=AttemptState.PRINTING)), attended="08:00-16:00"
        ),
    ):
        assert of_maker(other, NOON) == ()


@pytest.fixture
def world_attempt():
    from jobs.ledger.views import AttemptView
    from jobs.model import AttemptRef

    def make(state):
        return AttemptView(
            ref=AttemptRef(job="j", number=1), order_id="o", part_id="frame", pieces=2,
            material="PETG", node="lab-a", lab="Lab", printer="p1", state=state, reason="",
            seconds=1.0, grams=1.0, slicer="", spool="", mesh_sha256="", plate_sha256="",
            gcode_key="", granted_at=None, started_at=None, ended_at=None, good=None, scrap=None,
            lot=None,
        )  # fmt: skip

    return make


def test_a_steward_reads_what_has_no_place():
    short, whole = a_view(deficit=4, jobs=2), a_view(jobs=6)
    books = [line.books for view in (short, whole) for line in view.lines]
    (hint,) = of_steward([short.order], books[:1])
    assert hint == Hint(kind="placeless", key=short.order.id, name="CHU", count=4)
    assert of_steward([whole.order], books[1:]) == ()
    assert of_steward([], books) == ()


def test_a_printer_out_of_sight_is_named_with_its_lab():
    (hint,) = of_silence([(a_node(online=False, seen_at=NOON), a_printer(title="MK3S"))])
    assert (hint.kind, hint.key, hint.name, hint.lab, hint.at) == (
        "silent", "p1", "MK3S", "Lab", NOON
    )  # fmt: skip
