"""A steward says before which day nothing of an order is begun: plans, offers, claims, what-ifs, and pages."""

import json
import random
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.planner import Planner
from jobs.coordinator import claims, orders, planning
from jobs.coordinator.retention import export, known
from jobs.errors import InvalidFieldError, RefusedError
from jobs.fleet import begins_at
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import JobState, ReasonCode
from jobs.plan_audit import audit
from jobs.split import split
from tests.doubles import commands
from tests.doubles.pages import link_of, sections
from tests.doubles.world import PRINTER, a_request
from tests.integration.test_odd_facts import some_facts

A, B = "lab-a", "lab-b"


def hold(world, order_id, days, reason=""):
    day = None if days is None else world.now.date() + timedelta(days=days)
    new = orders.set_release(world.ledger, order_id, day, "ada", world.now, reason)
    if new:
        claims.plan_anew(world.ledger, world.now, order_id)
    return new


def open_jobs(world, order_id):
    return world.ledger.reading.execute(
        "select * from job where order_id = ? and state = ?", (order_id, JobState.OPEN)
    ).fetchall()


def turn(world):
    """As the coordinator does it: the planner's turn, and then offers."""
    Planner(world.ledger, None, 0.0, lambda: world.now).turn(world.library, 1.0)
    world.tick()


# --- plans of drawn networks


@pytest.mark.parametrize("few_plates", [500, 0])
@pytest.mark.parametrize("first", range(0, 80, 40))
def test_nothing_is_planned_before_its_day(first, few_plates):
    waited = used = 0
    for seed in range(first, first + 40):
        needs, fleet, fits, now = some_facts(seed)
        r = random.Random(-1 - seed)
        days = {
            order: r.choice([None, *(now.date() + timedelta(days=n) for n in (-1, 0, 1, 2, 40))])
            for order in sorted({need.order_id for need in needs})
        }
        needs = [replace(need, release=days[need.order_id]) for need in needs]
        fleet = [replace(printer, later=some_later(r, now)) for printer in fleet]
        plan = split(needs, fleet, fits, now, few_plates)
        assert audit(plan, needs, fleet, fits, now) == [], seed
        at = {(p.node, p.printer): p for p in fleet}
        for run in plan.runs:
            day, printer = days[run.order_id], at[run.node, run.printer]
            start = run.done_at - timedelta(seconds=run.takes_s)
            if day is not None:
                assert start >= begins_at(day, printer.utc_offset_min), seed
                waited += start > now
            used += run.last_at < printer.openings(now)[1]
        short = {one.order_id for one in plan.shortfalls}
        for bound in plan.bounds:
            if bound.order_id not in short:
                last = max(run.last_at for run in plan.runs if run.order_id == bound.order_id)
                assert bound.earliest_at <= last, seed
        other = [r.sample(each, len(each)) for each in (needs, fleet)]
        assert split(*other, fits, now, few_plates) == plan, seed
    assert min(waited, used) > 5  # it is about something


def some_later(r, now):
    days = sorted(
        now.date() + timedelta(days=r.choice([1, 1, 3, 30])) for _ in range(r.choice([0, 1, 3]))
    )
    return tuple((day, r.choice([3000.0, 90_000.0, 300_000.0])) for day in days)


# --- the ledger and the coordinator


def test_it_is_a_line_of_the_history_once_and_over_orders_have_none(world):
    order_id = world.order(2)
    assert hold(world, order_id, 3, " the mould is late ")
    assert not hold(world, order_id, 3)
    assert hold(world, order_id, None)
    told = [
        e.data
        for e in views.order_view(world.ledger.reading, order_id).events
        if e.kind == "not-before"
    ]
    assert sorted(told, key=lambda each: each["to"]) == [
        {"to": "", "before": "2026-11-27", "reason": ""},
        {"to": "2026-11-27", "before": "", "reason": "the mould is late"},
    ]
    request = a_request(world.revision, 1, world.now)
    gone = orders.place(world.ledger, request, world.revision, world.now).order_id
    orders.refuse(world.ledger, gone, "no", "ada", world.now)
    with pytest.raises(RefusedError):
        hold(world, gone, 3)


@pytest.mark.parametrize(
    ("days", "words"), [(8, "2026-12-02 is after 2026-12-01"), (-1, "2026-11-23 has passed")]
)
def test_a_day_after_the_due_day_and_one_that_has_passed_are_refused(world, days, words):
    order_id = world.order(2)
    with pytest.raises(InvalidFieldError, match=words):
        hold(world, order_id, days)
    assert views.order(world.ledger.reading, order_id).release is None
    assert hold(world, order_id, 7)


def test_a_day_has_passed_when_it_has_where_it_ends_last(world):
    order_id = world.order(2)
    world.pass_time(hours=23)  # 11:00 of the next day in Greenwich, evening still in the west
    assert hold(world, order_id, -1)
    assert hold(world, order_id, None)
    world.pass_time(hours=1)
    with pytest.raises(InvalidFieldError, match="2026-11-24 has passed"):
        hold(world, order_id, -1)


def test_nothing_is_offered_before_the_day_and_all_on_it(world):
    world.add_lab(A)
    order_id = world.order(2)
    hold(world, order_id, 2)
    turn(world)
    assert len(open_jobs(world, order_id)) == 1
    (row,) = [row for row in views.order_view(world.ledger.reading, order_id).plan if row.pieces]
    assert row.done_at >= begins_at(world.now.date() + timedelta(days=2), 0)
    world.pass_time(hours=35.9)
    turn(world)
    assert world.attempts() == []
    world.pass_time(hours=0.2)
    turn(world)
    assert [a.state for a in world.attempts()] == [AttemptState.OFFERED]


def test_the_day_begins_by_the_clock_of_the_lab(world):
    world.add_lab(A)
    with world.ledger.transaction() as db:
        db.execute("update node set utc_offset_min = -300")
    order_id = world.order(2)
    hold(world, order_id, 1)
    turn(world)
    world.pass_time(hours=16.9)
    world.tick()
    assert world.attempts() == []
    world.pass_time(hours=0.2)
    world.tick()
    assert len(world.attempts()) == 1


def test_others_are_planned_and_offered_before_what_waits(world):
    world.add_lab(A, grams=5000)
    waits = world.order(4)
    hold(world, waits, 2)
    turn(world)
    plates = len(open_jobs(world, waits))
    later = world.order(4, due=world.now.date() + timedelta(days=9))
    turn(world)
    assert {a.order_id for a in world.attempts()} == {later}
    done = max(
        row.done_at for row in views.order_view(world.ledger.reading, later).plan if row.pieces
    )
    assert done < begins_at(world.now.date() + timedelta(days=2), 0)
    assert len(open_jobs(world, waits)) == plates


def test_the_evening_before_nothing_is_offered_that_would_make_it_wait(world):
    world.add_lab(A, grams=5000, attended="08:00-20:00")
    waits = world.order(2)
    hold(world, waits, 1)
    world.pass_time(hours=7.5)  # the lab closes in half an hour
    later = world.order(4, due=world.now.date() + timedelta(days=9))
    turn(world)
    assert len(open_jobs(world, later)) == 2
    assert world.attempts() == []
    world.pass_time(hours=4.6)
    turn(world)
    offered = [each.order for told in world.told(A) for each in told.attempts]
    assert offered[0] == waits
    assert later in offered


def test_nothing_that_was_offered_is_taken_back_and_the_rest_is_planned_anew(world):
    world.add_lab(A, grams=20_000)
    order_id = world.order(40)
    turn(world)
    before = {(str(a.ref), a.state) for a in world.attempts()}
    assert before
    hold(world, order_id, 3)
    assert world.books(order_id).deficit == 40 - 2 * len(before)
    view = views.order_view(world.ledger.reading, order_id)
    # Nothing would have come late: its history says that the day was moved.
    assert [reason.code for line in view.lines for reason in line.reasons] == [
        ReasonCode.NOT_PLANNED
    ]
    kinds = {event.kind for event in view.events}
    assert ("not-before" in kinds, "split-again" in kinds) == (True, False)
    turn(world)
    assert {(str(a.ref), a.state) for a in world.attempts()} == before
    (row,) = [row for row in views.order_view(world.ledger.reading, order_id).plan if row.pieces]
    assert row.done_at > begins_at(world.now.date() + timedelta(days=3), 0)
    # The day that is taken away again lets them go out.
    hold(world, order_id, None)
    world.look_ahead_s = 1e9
    turn(world)
    assert len(world.attempts()) > len(before)


def test_a_late_plan_is_split_again_and_still_waits(world):
    world.add_lab(A, grams=20_000)
    order_id = world.order(40, due=world.now.date() + timedelta(days=2))
    hold(world, order_id, 1)
    turn(world)
    assert claims.resplit(world.ledger, world.now)
    turn(world)
    assert open_jobs(world, order_id)
    assert world.attempts() == []


def test_a_printer_whose_plates_all_wait_is_idle(world):
    world.add_lab(A, grams=5000)
    waits = world.order(2)
    hold(world, waits, 3)
    turn(world)
    assert open_jobs(world, waits)
    # There are plates for others only of what does not wait.
    world.add_lab(B, grams=20_000)
    assert not claims.claim(world.ledger, B, PRINTER, "maker", world.now)
    assert not claims.spread(world.ledger, world.now)
    world.can(A, grams=5000, paused=True)
    busy = world.order(60)
    turn(world)
    world.can(A, grams=5000)
    assert not {a.node for a in world.attempts()} & {A}
    assert claims.spread(world.ledger, world.now) == 1
    assert {row["node"] for row in open_jobs(world, busy)} == {B}


def test_a_plan_is_not_made_again_for_the_day_alone(world):
    world.order(2)
    before = planning.snapshot(world.ledger, world.library, world.now)
    (need,) = before.needs
    hold(world, need.order_id, 3)
    after = planning.snapshot(world.ledger, world.library, world.now)
    assert after.needs[0].release == world.now.date() + timedelta(days=3)
    world.pass_time(days=4)
    assert planning.snapshot(world.ledger, world.library, world.now).needs == before.needs


def test_a_ledger_from_before_has_orders_that_wait_for_no_day(world, tmp_path):
    order_id = world.order(2)
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    world.ledger.reading.backup(old)
    old.executescript(
        "alter table orders drop column release;"
        " delete from _sqlite_migrations where name = 'm061_release';"
    )
    old.close()
    ledger = Ledger(path)
    assert views.order(ledger.reading, order_id).release is None
    ledger.close()


# --- the pages, and the command line


def test_a_steward_sets_it_and_takes_it_away(site):
    world = site.world
    world.add_lab(A)
    order_id = world.order(2)
    steward, path = site.person("steward"), f"/orders/{order_id}"
    page = steward.get(f"{path}?lang=en").text
    assert 'name="release"' in page
    assert 'max="2026-12-01"' in page
    steward.send(f"{path}/not-before", path, release="2026-11-27", hold_reason="mould is late")
    turn(world)
    page = sections(steward.get(f"{path}?lang=en").text)
    assert "Nothing of it is begun before Friday 27 November." in page
    assert "Not to be begun before (Friday 27 November, mould is late)" in page
    follow = f"{link_of(site, order_id)}?lang="
    assert (
        "begin with it on Friday 27 November, and not before"
        in site.person().get(f"{follow}en").text
    )
    assert "commencent vendredi 27 novembre, et pas avant" in site.person().get(f"{follow}fr").text
    answer = steward.send(f"{path}/not-before?lang=en", path, release="2026-12-02")
    assert answer.status_code == 422
    assert "2026-12-02 is after 2026-12-01, when the order is due" in answer.text
    assert (
        "est après" in steward.send(f"{path}/not-before?lang=fr", path, release="2026-12-02").text
    )
    assert steward.send(f"{path}/not-before", path, release="2026-11-01").status_code == 422
    assert views.order(world.ledger.reading, order_id).release.isoformat() == "2026-11-27"
    steward.send(f"{path}/not-before", path, release="")
    assert views.order(world.ledger.reading, order_id).release is None
    page = sections(steward.get(f"{path}?lang=fr").text)
    assert "À ne pas commencer avant (plus de jour fixé)" in page
    assert "Rien n’en est commencé" not in page


def test_who_asked_is_not_told_that_nothing_is_begun_where_something_is(site):
    world = site.world
    world.add_lab(A, grams=5000)
    order_id = world.order(40)
    turn(world)
    hold(world, order_id, 3)
    page = sections(site.person("steward").get(f"/orders/{order_id}?lang=en").text)
    assert "Nothing more of it is begun before Friday 27 November; what workshops" in page
    assert "and not before" not in site.person().get(f"{link_of(site, order_id)}?lang=en").text


def test_who_has_nothing_of_it_reads_the_day(site):
    world = site.world
    world.add_lab(A, link="manual")
    order_id = world.order(2)
    hold(world, order_id, 3)
    turn(world)
    page = site.person("maker").get(f"/beds/{A}/{PRINTER}?lang=en").text
    assert "not before Friday 27 November" in page
    report = views.order_view(world.ledger.reading, order_id)
    assert not [r for row in report.plan for r in row.reasons if r.code is ReasonCode.LATER]


def test_a_steward_asks_what_another_day_would_change(site):
    world = site.world
    world.add_lab(A, grams=20_000)
    order_id = world.order(40, due=world.now.date() + timedelta(days=4))
    world.plan()
    steward, path = site.person("steward"), f"/orders/{order_id}/what-if?lang=en"
    assert 'name="release"' in steward.get(path).text
    text = sections(steward.get(f"{path}&release=2026-11-27").text)
    assert "pieces too late 0 " in text
    assert "pieces too late 0 0 " not in text
    assert views.order(world.ledger.reading, order_id).release is None
    assert steward.get(f"{path}&release=2026-11-01").status_code == 422


def test_commands_set_it_and_ask(world, tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")

    def run(*words, code=0):
        done = commands.fabnet(*words, "--config", str(config))
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    world.add_lab(A, grams=20_000)
    today = clock.now().date()
    order_id = world.order(40, due=today + timedelta(days=4))
    world.plan()
    day, after = (today + timedelta(days=n) for n in (3, 5))
    then = json.loads(run("plan", order_id, "--not-before", str(day), "--json"))
    assert then["then"]["done_at"] > then["now"]["done_at"]
    assert json.loads(run("plan", order_id, "--json"))["release"] is None
    said = ["begin", order_id, "--by", "A. Martin"]
    assert str(day) in run(*said, "--not-before", str(day), "--reason", "the mould is late")
    assert f"Not to be begun before {day}" in run("plan", order_id)
    assert views.order(world.ledger.reading, order_id).release == day
    assert not open_jobs(world, order_id)  # to be planned anew
    refused = run(*said, "--not-before", str(after), code=1)
    assert f"{after} is after {today + timedelta(days=4)}" in refused
    run(*said, code=2)
    run(*said, "--at-once")
    assert views.order(world.ledger.reading, order_id).release is None


def test_the_file_of_a_person_has_it(world):
    order_id = world.order(2)
    hold(world, order_id, 3)
    told = json.loads(export(known(world.ledger, "01 23 45 67 89", world.now)))
    assert [each["release"] for each in told["orders"]] == ["2026-11-27"]
