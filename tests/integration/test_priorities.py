"""A steward says what an order is worth among others: on its page, in plans, in offers, and in what-ifs."""

import json
import re
import sqlite3
from datetime import timedelta

import pytest

from fabnet import clock
from jobs.coordinator import claims, orders, planning
from jobs.errors import RefusedError
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.model import JobState, Priority
from tests.doubles import commands
from tests.doubles.pages import answered, link_of, sections
from tests.doubles.world import a_request

A = "lab-a"


@pytest.fixture
def fabnet(world, tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")

    def run(*words):
        done = commands.fabnet(*words)
        assert done.returncode == 0, done.stderr
        return done

    run.config = str(config)
    return run


@pytest.fixture
def full(world):
    """One printer, and more due in two days than it can make until then."""
    world.add_lab(A, grams=20_000)
    soon = world.order(300, due=world.now.date() + timedelta(days=2))
    world.plan()
    world.tick()
    return soon


def late(world, order_id):
    return sum(row.late for row in views.order_view(world.ledger.reading, order_id).plan)


def ask(world, kits, days, priority):
    """Confirm an order as its page does."""
    request = a_request(
        world.revision, kits, world.now, due=world.now.date() + timedelta(days=days)
    )
    order_id = orders.place(world.ledger, request, world.revision, world.now).order_id
    orders.set_priority(world.ledger, order_id, priority, "steward", world.now)
    orders.confirm(world.ledger, order_id, "steward", world.now)
    claims.resplit(world.ledger, world.now, order_id)
    world.plan()
    return order_id


@pytest.mark.parametrize(
    ("priority", "is_late"), [(Priority.NORMAL, True), (Priority.VITAL, False)]
)
def test_what_is_worth_more_keeps_its_day_though_others_are_due_sooner(
    world, full, priority, is_late
):
    later = ask(world, 20, 3, priority)
    assert (late(world, later) > 0) is is_late


def test_nothing_that_was_offered_is_taken_back_for_it(world, full):
    before = {(str(a.ref), a.state, a.node) for a in world.attempts()}
    assert before
    ask(world, 20, 3, Priority.VITAL)
    assert before <= {(str(a.ref), a.state, a.node) for a in world.attempts()}


def test_what_is_set_behind_is_offered_after_it(world, full):
    later = ask(world, 20, 3, Priority.VITAL)
    assert views.pieces_set_back(world.ledger.reading, full) > 0
    assert views.pieces_set_back(world.ledger.reading, later) == 0
    rows = world.ledger.reading.execute(
        "select order_id, set_back from job where state = ? and set_back", (JobState.OPEN,)
    ).fetchall()
    assert {row["order_id"] for row in rows} == {full}
    # All that is offered until the urgent one is begun is of what is not behind.
    world.look_ahead_s = 1e9
    world.tick()
    told = world.ledger.reading.execute(
        "select o.set_back from attempt a join job o on o.id = a.job_id order by a.rowid"
    ).fetchall()
    assert [row[0] for row in told] == sorted(row[0] for row in told)


def test_it_is_a_line_of_the_history_once_and_over_orders_have_none(world):
    order_id = world.order(2)
    now = world.now
    assert orders.set_priority(world.ledger, order_id, Priority.URGENT, "ada", now)
    assert not orders.set_priority(world.ledger, order_id, Priority.URGENT, "ada", now)
    (event,) = [
        e
        for e in views.order_view(world.ledger.reading, order_id).events
        if e.kind == "prioritised"
    ]
    assert (event.actor, event.at) == ("ada", now)
    assert event.data == {"to": "urgent", "before": "normal"}
    gone = orders.place(
        world.ledger, a_request(world.revision, 1, now), world.revision, now
    ).order_id
    orders.refuse(world.ledger, gone, "no", "ada", now)
    with pytest.raises(RefusedError):
        orders.set_priority(world.ledger, gone, Priority.URGENT, "ada", now)


def test_a_plan_is_made_anew_when_a_need_is_worth_more(world):
    world.order(2)
    before = planning.snapshot(world.ledger, world.library, world.now)
    (need,) = before.needs
    orders.set_priority(world.ledger, need.order_id, Priority.CAN_WAIT, "ada", world.now)
    assert planning.snapshot(world.ledger, world.library, world.now) != before


def test_a_ledger_from_before_has_normal_orders(world, tmp_path):
    order_id = world.order(2)
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    world.ledger.reading.backup(old)
    old.executescript(
        "alter table orders drop column priority; alter table job drop column set_back;"
        " delete from _sqlite_migrations where name = 'm060_priority';"
    )
    old.close()
    ledger = Ledger(path)
    assert views.order(ledger.reading, order_id).priority is Priority.NORMAL
    ledger.close()


# --- the pages


def test_a_steward_sets_it_when_she_confirms_and_later(site):
    world = site.world
    request = a_request(world.revision, 2, world.now)
    placed = orders.place(world.ledger, request, world.revision, world.now)
    steward, path = site.person("steward"), f"/orders/{placed.order_id}"
    assert 'name="priority"' in steward.get(f"{path}?lang=en").text
    steward.send(f"{path}/confirm", path, priority="urgent")
    assert views.order(world.ledger.reading, placed.order_id).priority is Priority.URGENT
    page = sections(steward.get(f"{path}?lang=en").text)
    assert "Priority (urgent, was normal)" in page
    steward.send(f"{path}/priority", path, priority="vital")
    page = sections(steward.get(f"{path}?lang=fr").text)
    assert "Priorité (une vie en dépend, avant" in page
    assert steward.send(f"{path}/priority", path, priority="at-once").status_code == 422
    assert views.order(world.ledger.reading, placed.order_id).priority is Priority.VITAL
    # Who asked reads nothing of ranks.
    follow = site.person().get(f"{link_of(site, placed.order_id)}?lang=en")
    assert follow.status_code == 200
    assert "depends on it" not in follow.text


def test_a_steward_asks_what_another_priority_would_change(site, full):
    world = site.world
    later = ask(world, 20, 3, Priority.NORMAL)
    steward, path = site.person("steward"), f"/orders/{later}/what-if?lang=en"
    before = list(world.ledger.reading.execute("select * from orders order by id"))
    assert 'name="priority"' in steward.get(path).text
    text = sections(answered(steward, f"{path}&priority=vital").text)
    assert re.search(r"pieces too late [1-9]\d* 0 ", text)
    assert "Nothing was changed." in text
    assert steward.get(f"{path}&priority=at-once").status_code == 422
    assert list(world.ledger.reading.execute("select * from orders order by id")) == before
    theirs = f"/orders/{full}?lang=en"
    assert "made after what is more urgent" not in steward.get(theirs).text
    steward.send(f"/orders/{later}/priority", f"/orders/{later}", priority="vital")
    world.plan()
    assert "made after what is more urgent" in steward.get(theirs).text


def test_the_command_line_asks_the_same(fabnet, world):
    world.add_lab(A, grams=20_000)
    today = clock.now().date()
    world.order(300, due=today + timedelta(days=2))
    later = world.order(20, due=today + timedelta(days=3))
    world.plan()
    words = ["plan", later, "--config", fabnet.config, "--json"]
    report = json.loads(fabnet(*words).stdout)
    assert (report["priority"], report["pieces_set_back"]) == ("normal", 0)
    found = json.loads(fabnet(*words, "--priority", "vital").stdout)
    assert found["then"]["late"] < found["now"]["late"]
    assert json.loads(fabnet(*words).stdout)["priority"] == "normal"
