"""A question that takes long is answered on a thread of its own: its page says so and looks again by itself."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.doubles.pages import answered, sections
from tests.doubles.waiting import until
from tests.doubles.world import NODE
from web.pages import what_if


@pytest.fixture
def held(monkeypatch):
    """Lets no answer come until it is let go; lists what was reckoned."""
    gate, real, begun = threading.Event(), what_if.difference, []

    def difference(*facts):
        begun.append(facts)
        assert gate.wait(60)
        return real(*facts)

    monkeypatch.setattr(what_if, "difference", difference)
    monkeypatch.setattr(what_if, "_WAIT_S", 0.05)
    gate.begun = begun
    yield gate
    gate.set()


@pytest.fixture
def path(site):
    site.world.add_lab(NODE)
    order_id = site.world.order(4)
    site.world.plan()
    return f"/orders/{order_id}/what-if?lang=en"


def test_the_page_says_that_it_works_and_brings_the_answer_which_is_reckoned_once(site, path, held):
    steward = site.person("steward")
    for _ in range(3):
        page = steward.get(f"{path}&priority=vital")
        assert (page.status_code, page.headers["Refresh"]) == (200, "3")
        shown = sections(page.text)
        assert re.search(r"Both plans are being made\. So far that has taken \d+ seconds?\.", shown)
        assert "Compare" not in page.text  # nothing to be sent twice
    assert steward.get("/waiting").status_code == 200
    french = sections(steward.get(f"{path}&priority=vital".replace("lang=en", "lang=fr")).text)
    assert "Les deux plans se font." in french
    held.set()
    text = sections(answered(steward, f"{path}&priority=vital").text)
    assert "As it is, and as it would be" in text
    assert len(held.begun) == 1
    # Whoever asks again is answered by what is known then.
    answered(steward, f"{path}&priority=vital")
    assert len(held.begun) == 2


def test_one_question_is_reckoned_at_a_time_and_an_answer_that_nobody_fetches_stops_no_other(
    site, path, held
):
    steward = site.person("steward")
    assert "Refresh" in steward.get(f"{path}&priority=vital").headers
    other = steward.get(f"{path}&priority=urgent")
    assert "Somebody else is asking just now" in other.text
    assert "Refresh" not in other.headers
    assert len(held.begun) == 1
    held.set()
    until(
        lambda: "Somebody else" not in answered(steward, f"{path}&priority=urgent").text,
        what="the other question",
    )
    assert len(held.begun) == 2


def test_an_answer_that_nobody_fetched_is_not_given_for_long(site, path, held, monkeypatch):
    steward = site.person("steward")
    assert "Refresh" in steward.get(f"{path}&priority=vital").headers
    held.set()
    until(what_if._desk._answer.done, what="the answer")
    monkeypatch.setattr(what_if, "_STALE_S", 0.0)
    steward.get(f"{path}&priority=vital")
    until(lambda: len(held.begun) == 2, what="the same question, reckoned anew")


#: Asks a question whose copy of the ledger is made and which is then never done, and ends.
_ENDS = """
import sys, threading
from jobs.coordinator import whatif
from jobs.ledger.store import Ledger
from web.pages import what_if
there = threading.Event()
def held(copy, *facts):
    print(copy.path, flush=True)
    there.set()
    threading.Event().wait()
whatif.compare = held
from pathlib import Path
ledger, order = Ledger(Path(sys.argv[1])), sys.argv[2]
from datetime import UTC, datetime
what_if._desk.ask("?", lambda: whatif.difference(
    ledger, Path(sys.argv[3]), order, [], ["1xprusa-mini"], None, datetime(2026, 11, 24, tzinfo=UTC), None
))
assert there.wait(60)
"""


def test_a_process_that_is_told_to_stop_waits_for_no_answer_and_leaves_no_copy(site, path):
    world = site.world
    order = path.split("/")[2]
    before = world.books(order)
    words = [sys.executable, "-c", _ENDS, world.ledger.path, order, world.library.folder]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    copy = Path(ended.stdout.strip())
    assert copy.name == "ledger.db"
    assert not copy.parent.exists()
    assert world.books(order) == before
