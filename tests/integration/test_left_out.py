"""A fault of the planner itself: the orders that meet it wait and lose nothing, all others go on."""

import json
import logging

import pytest

from fabnet import doctor
from fabnet.config import load_coordinator
from jobs.coordinator import applying, planning, telling
from jobs.coordinator.people import add_person
from jobs.ledger import views
from jobs.model import OrderState, ReasonCode, Role
from jobs.notice_kinds import Kind
from jobs.planned import Plan
from tests.doubles import commands
from tests.doubles import telling as telling_doubles
from tests.doubles.faulty_split import FaultySplit
from tests.doubles.pages import sections
from tests.doubles.planner_turns import Turns
from tests.doubles.world import NODE

QUARTER_S = 15 * 60.0
ENGLISH = "fabnet could make no plan of it that keeps its own rules: a fault of fabnet"
FRENCH = "fabnet n’a pu en faire aucun plan qui respecte ses propres règles"


@pytest.fixture
def turns(world):
    world.add_lab(NODE)
    return Turns(world)


def lines_of(caplog):
    return [r for r in caplog.records if r.name == "fabnet.planner"]


def history(world, order_id, kind):
    events = views.order_view(world.ledger.reading, order_id).events
    return sum(event.kind == kind for event in events)


def test_one_faulty_order_keeps_its_books_and_stops_no_other(world, turns, monkeypatch, caplog):
    good, bad, other = world.order(4), world.order(6), world.order(2)
    before = world.books(bad)
    FaultySplit(bad).put_in(monkeypatch)
    turns.after()
    assert (world.books(good).jobs, world.books(other).jobs) == (4, 2)
    assert world.books(bad) == before
    assert (before.deficit, before.jobs) == (6, 0)
    view = views.order_view(world.ledger.reading, bad)
    assert view.order.state is OrderState.CONFIRMED
    assert [(r.code, r.text) for r in view.lines[0].reasons] == [(ReasonCode.UNSOUND, "time")]
    (line,) = lines_of(caplog)
    assert line.levelno == logging.ERROR
    assert bad in line.getMessage()
    assert good not in line.getMessage()
    assert "time at lab-a/p1: 0, bound " in line.getMessage()


def test_it_is_tried_anew_after_a_quarter_of_an_hour_and_logged_once(
    world, turns, monkeypatch, caplog
):
    good, bad = world.order(4), world.order(6)
    faulty = FaultySplit(bad).put_in(monkeypatch)
    turns.after()
    made = faulty.made
    turns.after()
    tried = faulty.made
    assert tried > made  # the other order has its place: the facts are new
    for _ in range(10):
        turns.after()
    turns.after(QUARTER_S - 10.0)
    assert faulty.made == tried
    turns.after(10.0)
    assert faulty.made > tried
    assert len(lines_of(caplog)) == 1
    assert history(world, bad, "left-out") == 1
    assert (history(world, bad, "planned"), history(world, good, "planned")) == (0, 1)
    # With the fault mended its pieces get their places, and nothing says any more that it had one.
    faulty.faulty.clear()
    turns.after(QUARTER_S)
    assert (world.books(bad).jobs, world.books(bad).deficit) == (6, 0)
    assert views.order_view(world.ledger.reading, bad).lines[0].reasons == ()


def test_a_new_order_is_planned_at_once_beside_one_that_is_left_out(world, turns, monkeypatch):
    FaultySplit(world.order(6)).put_in(monkeypatch)
    turns.after()
    new = world.order(2)
    turns.after()
    assert world.books(new).jobs == 2


def test_where_the_other_way_is_sound_all_is_planned_and_the_log_says_it_once(
    world, turns, monkeypatch, caplog
):
    FaultySplit(world.order(6), by_shares=False).put_in(monkeypatch)
    turns.after()
    turns.after(QUARTER_S)
    (line,) = lines_of(caplog)
    assert line.levelno == logging.WARNING
    assert "planned in another way" in line.getMessage()
    (order,) = views.orders(world.ledger.reading)
    assert (world.books(order.id).jobs, world.books(order.id).deficit) == (6, 0)


def test_the_page_and_the_command_say_it(site, turns, monkeypatch, tmp_path):
    world = site.world
    bad = world.order(6)
    FaultySplit(bad).put_in(monkeypatch)
    turns.after()
    person = site.person("steward")
    text = sections(person.get(f"/orders/{bad}?lang=en").text)
    assert (
        f"6 pieces have no place yet: {ENGLISH}. What was wrong: a wrong printing time of a plate."
        in text
    )
    assert "Nothing of the order is lost, and all other orders go on" in text
    assert "Left out of the plan" in text
    french = sections(person.get(f"/orders/{bad}?lang=fr").text)
    assert FRENCH in french
    assert "un temps d’impression de plateau qui est faux" in french

    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")
    words = ["plan", bad, "--config", str(config)]
    told = commands.fabnet(*words).stdout
    assert f"{ENGLISH} (a wrong printing time of a plate). All other orders go on" in told
    (line,) = json.loads(commands.fabnet(*words, "--json").stdout)["lines"]
    assert [reason["code"] for reason in line["reasons"]] == ["unsound"]


def test_stewards_get_one_letter_and_the_doctor_names_it(world, turns, monkeypatch, tmp_path):
    add_person(world.ledger, "camille", "Camille", Role.STEWARD, "x", "", world.now)
    telling_doubles.chosen(
        world, "camille", address=telling_doubles.CAMILLE, kinds=frozenset({Kind.TEAM})
    )
    world.order(4)
    bad = world.order(6)
    path = tmp_path / "coordinator.toml"
    path.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")
    config = load_coordinator(path)

    def letters():
        turns.after()
        world.pass_time(minutes=3)
        telling.tell(world.ledger, world.now, telling_doubles.PARIS)
        rows = world.ledger.reading.execute("select kind, keys from notice where kind = 'team'")
        return [bad in row["keys"] for row in rows]

    faulty = FaultySplit(bad).put_in(monkeypatch)
    assert letters() == [True]
    turns.after(2 * 3600.0)  # after which there would be a letter of anything new
    assert letters() == [True]
    (found,) = [each for each in doctor.look(config) if each.check == "plans"]
    assert not found.ok
    assert f"order {bad} that keeps its own rules: it waits" in found.words
    faulty.faulty.clear()
    turns.after(QUARTER_S)
    assert [each for each in doctor.look(config) if each.check == "plans"] == []


def test_a_plan_that_the_audit_has_not_passed_cannot_be_applied(world):
    world.add_lab(NODE)
    world.order(4)
    facts = planning.snapshot(world.ledger, world.library, world.now)
    plan = planning.make(facts, world.library, world.now).plan
    assert isinstance(plan, Plan)
    with pytest.raises(AttributeError):
        applying.apply(world.ledger, world.library, facts, plan, world.now)
