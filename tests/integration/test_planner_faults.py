"""A planner that fails says so once, leaves all as it was, and plans again as soon as it can."""

import threading
from datetime import timedelta

import pytest

from fabnet import planner
from jobs.ledger.disk import DiskTrouble, trouble_of
from tests.doubles.pages import sections
from tests.doubles.world import NODE


def test_a_turn_on_a_full_disk_ends_in_words_and_the_next_one_plans(world, monkeypatch, caplog):
    monkeypatch.setattr(planner, "_AFTER_FAULT_S", 0.1)
    caplog.set_level("INFO", planner.__name__)
    world.add_lab(NODE, grams=20_000)
    order = world.order(200)
    stop, left = threading.Event(), []
    db = world.ledger.reading

    def library():
        """Called at each turn: no page may be added in the first three of them."""
        left.append(world.books(order).deficit)
        pages = db.execute("pragma page_count").fetchone()[0] if len(left) <= 3 else 1 << 30
        db.execute(f"pragma max_page_count = {pages}")
        if left[-1] == 0 or len(left) == 9:  # or it never ends
            stop.set()
        return world.library

    planner.plan_for_ever(world.ledger, library, None, stop)
    assert left == [200, 200, 200, 200, 0]
    assert [(r.levelname, r.exc_info) for r in caplog.records] == [("ERROR", None), ("INFO", None)]
    said, again = (r.getMessage() for r in caplog.records)
    assert said.startswith("The disk is full: nothing is planned any more. Make room")
    assert again.startswith("the disk can be written again")


def test_a_turn_that_always_fails_is_told_once_and_its_orders_say_since_when_they_wait(
    site, monkeypatch, caplog
):
    monkeypatch.setattr(planner, "_AFTER_FAULT_S", 0.01)
    monkeypatch.setattr(planner, "_TICK_S", 0.01)
    world = site.world
    world.add_lab(NODE)
    order, at = world.order(2), world.now
    stop, turns = threading.Event(), []

    def library():
        turns.append(world.now)
        if len(turns) == 4:
            stop.set()
        raise ValueError("a fault of ours")

    planner.plan_for_ever(world.ledger, library, None, stop)
    (told,) = [each for each in caplog.records if each.name == planner.__name__]
    assert told.exc_info
    assert "please report it with these lines" in told.getMessage()
    steward, path = site.person("steward"), f"/orders/{order}?lang=en"
    waits = "It has waited for a plan since Tuesday 24 November, "
    assert waits not in sections(steward.get(path).text)
    world.now = at + timedelta(minutes=6)
    assert waits in sections(steward.get(path).text)
    world.plan()
    assert waits not in sections(steward.get(path).text)


@pytest.mark.parametrize(("number", "told"), [(28, DiskTrouble.FULL), (30, DiskTrouble.FAILS)])
def test_a_file_that_cannot_be_written_tells_of_the_disk_too(tmp_path, number, told):
    assert trouble_of(OSError(number, "x"), tmp_path) is told
    assert trouble_of(FileNotFoundError(2, "x"), tmp_path) is DiskTrouble.NONE
