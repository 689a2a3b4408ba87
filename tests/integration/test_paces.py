"""A printer's pace, from what its node tells of finished plates to plans, dates, claims, pages and words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fabnet.cli.ahead import plan_lines
from fabnet.reports import plan_report
from jobs.coordinator import claims, harvests, planning
from jobs.errors import IllegalTransitionError, InvalidFieldError
from jobs.ledger import figures, paces
from jobs.lifecycle import AttemptState
from jobs.messages import Ready, Report, ReportState
from tests.doubles.pages import Site, sections
from tests.doubles.world import NODE, PRINTER

SLICED_S = 6000.0


def plate(world):
    """The next plate is being printed."""
    if not any(a.state is AttemptState.OFFERED for a in world.attempts()):
        world.plan()
        world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.says(
        Ready(attempt=ref, nonce="n", gcode_key="k", seconds=SLICED_S, grams=33, slicer="test"),
        world.node_of(ref),
    )
    world.report(ref, ReportState.PRINTING)
    return ref


def printed(world, took_s, ref=None):
    ref = ref or plate(world)
    node = world.node_of(ref)
    world.pass_time(seconds=60)  # the coordinator hears of the end when it does
    world.says(Report(attempt=ref, state=ReportState.PRINTED, took_s=took_s), node)
    return ref


def counted(world, took_s):
    ref = printed(world, took_s)
    harvests.harvest(world.ledger, ref, 2, 0, "", "ada", world.now)
    world.tick()


def pace(world, node=NODE):
    return paces.known(world.ledger.reading, world.now).get((node, PRINTER), 1.0)


@pytest.fixture
def slow(world):
    """A lab whose printer takes half as long again as the slicer says, and an order that goes on."""
    world.add_lab(NODE)
    order_id = world.order(30)
    for _ in range(6):
        counted(world, SLICED_S * 1.5)
    return order_id


def test_what_the_node_measured_counts_and_not_when_the_coordinator_heard_of_it(world):
    world.add_lab(NODE)
    world.order(30)
    # Cut off meanwhile: start and end come together, three days later.
    ref = plate(world)
    world.pass_time(days=3)
    printed(world, SLICED_S * 1.5, ref)
    assert 1.1 < pace(world) < 1.5
    (told,) = figures.printed(world.ledger.reading, 10)
    assert told.printed_s == SLICED_S * 1.5
    harvests.harvest(world.ledger, ref, 2, 0, "", "ada", world.now)
    before = pace(world)
    world.tick()
    late = plate(world)
    world.pass_time(days=3)
    printed(world, None, late)  # of a release that measures nothing, or a print that was paused
    assert pace(world) == before


def test_who_stops_or_fails_teaches_nothing(world):
    world.add_lab(NODE)
    world.order(30)
    for state in (ReportState.CANCELLED, ReportState.FAILED, ReportState.INTERRUPTED):
        ref = plate(world)
        world.says(Report(attempt=ref, state=state, reason="x", took_s=3 * SLICED_S))
        harvests.harvest(world.ledger, ref, 0, 2, "stopped", "ada", world.now)
        world.tick()
    assert pace(world) == 1.0


def test_a_word_that_cannot_be_is_refused_and_a_second_one_changes_nothing(world):
    world.add_lab(NODE)
    world.order(30)
    ref = plate(world)
    for took_s in (-1.0, 1e9):
        with pytest.raises(InvalidFieldError, match="took_s"):
            world.says(Report(attempt=ref, state=ReportState.PRINTED, took_s=took_s))
    printed(world, SLICED_S * 1.5, ref)
    found = pace(world)
    with pytest.raises(IllegalTransitionError):
        world.says(Report(attempt=ref, state=ReportState.PRINTED, took_s=SLICED_S))
    assert pace(world) == found > 1.0


def test_of_another_printer_nothing_is_learnt(world, slow):
    world.add_lab("lab-b")
    assert pace(world) > 1.3
    assert pace(world, "lab-b") == 1.0
    assert set(paces.known(world.ledger.reading, world.now, "lab-b")) == set()


def test_the_plan_gives_less_to_it_and_promises_what_it_keeps(world, slow):
    world.add_lab("lab-b")
    world.order(40)
    facts = planning.snapshot(world.ledger, world.library, world.now)
    by_node = {p.node: p for p in facts.fleet}
    assert by_node[NODE].pace == pace(world)
    plan = planning.make(facts, world.library, world.now).plan
    mine = [run for run in plan.runs if run.node == NODE]
    for run in mine:
        assert run.takes_s == pytest.approx(run.seconds * pace(world))
    at_its_word = planning.make(
        replace(facts, fleet=tuple(replace(p, pace=1.0) for p in facts.fleet)),
        world.library, world.now,
    ).plan  # fmt: skip
    assert pieces(plan) < pieces(at_its_word)


def pieces(plan):
    return sum(run.pieces for run in plan.runs if run.node == NODE)


def test_a_late_plate_is_split_again_once_the_printer_is_known_to_be_slow(world):
    world.add_lab(NODE, grams=9000.0)
    world.order(150)  # five days at the slicer's word, due in six and a half
    for took_s in [SLICED_S] * 3:
        counted(world, took_s)
    assert claims.resplit(world.ledger, world.now) == 0
    for took_s in [SLICED_S * 2.0] * 9:
        counted(world, took_s)
    assert claims.resplit(world.ledger, world.now) > 0


def test_explain_says_it_in_plain_words(world, slow):
    report = plan_report(world.ledger, world.library, slow)
    (row,) = [row for row in report["printers"] if row["node"] == NODE]
    assert row["pace"] == pace(world)
    words = "\n".join(plan_lines(report, explain=True))
    assert f"takes {pace(world):.1f} times as long as the slicer says" in words
    assert "slicer says" not in "\n".join(plan_lines(report, explain=False))


def test_her_page_says_it_and_the_fleet_page_reckons_with_it(world, slow, hashed):
    site = Site(world, hashed)
    maker = site.person("maker")
    text = sections(maker.get(f"/labs/{NODE}?lang=en").text)
    assert f"Takes {pace(world):.1f} times as long as the slicer says" in text
    text = sections(maker.get(f"/labs/{NODE}?lang=fr").text)
    assert "fois le temps annoncé par le trancheur" in text
    plate(world)
    ends = world.now + timedelta(seconds=SLICED_S * pace(world))
    page = maker.get("/fleet?lang=en").text
    assert f'datetime="{ends.isoformat(timespec="minutes")[:16]}' in page
