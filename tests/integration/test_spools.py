"""A node's spools and Spoolman's are alike: over real HTTP, on the real journal, killed at any moment."""

import multiprocessing
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabnet.cli.offline import _lines
from fabnet.node import telling
from jobs.messages import Answer, Capabilities, Config, Loaded
from jobs.owner import Look
from printers.model import PrintResult
from tests.doubles import waiting
from tests.doubles.idle_node import an_offer
from tests.doubles.spoolman import Spoolman
from tests.doubles.spoolman_node import (
    NAME,
    a_node,
    alike,
    closed,
    failing,
    printed,
    spool_of,
    until,
)


@pytest.fixture
def spoolman():
    made = Spoolman()
    made.add(12, used=100.0)
    yield made
    made.stop()


@pytest.fixture
def open_node(tmp_path, spoolman):
    """Open the same node anew: the one before is closed, as a process that has ended."""
    made = []

    def opened(**changes):
        heard = max((node.n for node in made), default=0)
        closed(made)
        made.append(a_node(tmp_path, spoolman.url, **changes))
        made[-1].n = heard
        return made[-1]

    yield opened
    closed(made)


def cut(*_):
    raise ConnectionError


def cut_patch(method, _):
    if method == "PATCH":
        cut()


def test_a_spool_is_what_spoolman_says(open_node):
    node = open_node()
    node.said()
    alike(node)
    spool = spool_of(node)
    assert (spool.id, spool.material, spool.grams, spool.maker_lot) == (NAME, "PETG", 900.0, "B7")
    (told,) = [m for m in node.said() if isinstance(m, Capabilities)]
    assert told.printers[0].spool == spool
    alike(node)
    assert node.said() == []  # nothing has changed


@pytest.mark.parametrize(
    ("result", "used_g"), [(PrintResult.DONE, 10.0), (PrintResult.CANCELLED, 5.0)]
)
def test_what_a_print_took_is_told_once(open_node, spoolman, result, used_g):
    node = open_node()
    alike(node)
    printed(node, result)
    assert spool_of(node).grams == 900.0 - used_g
    alike(node)
    node = open_node()
    alike(node)
    assert spoolman.spools[12]["used_weight"] == 100.0 + used_g
    assert [told["used_weight"] for told in spoolman.patches] == [100.0 + used_g]
    assert spool_of(node).grams == 900.0 - used_g


def _tell_on(folder, url):
    node = a_node(folder, url)
    while True:
        node.agent._stock.work()
        time.sleep(0.002)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_node_that_is_killed_while_it_tells_has_told_once(tmp_path, spoolman, moment):
    """SIGKILL to a process of its own, before or after Spoolman has stored what was sent."""
    node = a_node(tmp_path, spoolman.url)
    alike(node)
    printed(node)
    closed([node])
    reached, go_on = threading.Event(), threading.Event()

    def hold(method, _):
        if method == "PATCH":
            reached.set()
            go_on.wait(200)
            cut()

    setattr(spoolman, moment, hold)
    child = multiprocessing.get_context("spawn").Process(
        target=_tell_on, args=(tmp_path, spoolman.url)
    )
    child.start()
    assert reached.wait(60)
    child.kill()
    child.join()
    assert spoolman.spools[12]["used_weight"] == {"before": 100.0, "after": 110.0}[moment]
    setattr(spoolman, moment, lambda *_: None)
    go_on.set()
    node = a_node(tmp_path, spoolman.url)
    try:
        alike(node)
        assert spoolman.spools[12]["used_weight"] == 110.0
        assert spool_of(node).grams == 890.0
        assert node.journal.used_g(NAME) == 0.0
    finally:
        closed([node])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_answer_that_is_lost_counts_nothing_twice(open_node, spoolman, moment):
    node = open_node()
    alike(node)
    printed(node)
    setattr(spoolman, moment, cut_patch)
    failing(node, "does not answer")
    setattr(spoolman, moment, lambda *_: None)
    alike(node)
    assert spoolman.spools[12]["used_weight"] == 110.0
    assert spool_of(node).grams == 890.0


def test_what_somebody_weighs_in_spoolman_while_an_answer_is_lost_holds(
    open_node, spoolman, caplog
):
    node = open_node()
    alike(node)
    printed(node)
    spoolman.before = cut_patch
    failing(node, "does not answer")
    spoolman.before = lambda *_: None
    spoolman.spools[12]["used_weight"] = 400.0
    alike(node)
    assert spoolman.spools[12]["used_weight"] == 400.0
    assert spool_of(node).grams == 600.0
    assert "somebody has changed it" in caplog.text


def test_what_another_tool_takes_is_kept(open_node, spoolman):
    node = open_node()
    alike(node)
    spoolman.spools[12]["used_weight"] += 25.0
    printed(node)
    alike(node)
    assert spoolman.spools[12]["used_weight"] == 135.0


def weighed(node, grams, spool=NAME, material="PETG"):
    told = Loaded(printer="p1", spool=spool, material=material, grams=grams)
    node.hears(Config(loaded=(told,)))


@pytest.mark.parametrize(
    ("grams", "used_g", "initial_g"), [(640.0, 360.0, 1000.0), (1040.0, 0.0, 1040.0)]
)
def test_a_weighing_on_the_labs_page_goes_to_spoolman(
    open_node, spoolman, grams, used_g, initial_g
):
    node = open_node()
    alike(node)
    printed(node)  # what it took is in the weighing
    weighed(node, grams)
    alike(node)
    spool = spoolman.spools[12]
    assert (spool["used_weight"], spool["initial_weight"]) == (used_g, initial_g)
    assert "last_used" not in spool
    assert spool_of(node).grams == grams


def test_a_weighing_gives_a_weight_to_a_spool_that_has_none(open_node, spoolman):
    spoolman.add(12, initial=None, weight=None)
    node = open_node()
    failing(node, "no weight")
    weighed(node, 700.0)
    alike(node)
    assert spool_of(node).grams == 700.0
    assert spoolman.spools[12]["initial_weight"] == 700.0


def test_a_weighing_while_a_print_is_being_told_holds(open_node, spoolman):
    node = open_node()
    alike(node)
    printed(node)
    reached, go_on = threading.Event(), threading.Event()

    def hold(method, _):
        if method == "PATCH":
            reached.set()
            go_on.wait(60)

    spoolman.after = hold
    until(node, reached.is_set)
    weighed(node, 640.0)
    go_on.set()
    alike(node)
    assert spoolman.spools[12]["used_weight"] == 360.0
    assert spool_of(node).grams == 640.0


def test_a_node_goes_on_without_spoolman_and_catches_up(open_node, spoolman):
    node = open_node()
    alike(node)
    spoolman.before = cut
    failed = open_node()
    failing(failed, "does not answer")
    failed.hears(an_offer())
    assert [m.taken for m in failed.said() if isinstance(m, Answer)] == [True]
    failed.prepared()
    printed_again(failed)
    assert spool_of(failed).grams == 890.0
    failed.agent._owner.do(Look())
    view = failed.agent._owner.view()
    assert "does not answer" in view.beds[0].spool_fault
    assert "    spool: PETG, 890 g left; Spoolman at" in "\n".join(_lines(view))
    spoolman.before = lambda *_: None
    alike(failed)
    assert spoolman.spools[12]["used_weight"] == 110.0
    assert failed.agent._owner.view().beds[0].spool_fault == ""


def printed_again(node):
    with node.journal.transaction() as db:
        node.journal.use(db, NAME, 10.0)


def test_before_spoolman_was_ever_heard_the_file_holds(open_node, spoolman):
    spoolman.before = cut
    node = open_node(material="PETG", grams=300.0)
    failing(node, "does not answer")
    printed(node)
    assert spool_of(node).grams == 290.0
    spoolman.before = lambda *_: None
    alike(node)
    assert spool_of(node).grams == 890.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"material": "PET-CF"}, "'PET-CF', which fabnet does not know"), ({"lot": "B7"}, "archived")],
)
def test_a_spool_that_cannot_be_used_takes_no_plates(open_node, spoolman, changes, words):
    spoolman.add(12, used=100.0, **changes)
    spoolman.spools[12]["archived"] = words == "archived"
    node = open_node()
    failing(node, words)
    assert spool_of(node) is None
    node.hears(an_offer())
    (told,) = [m for m in node.said() if isinstance(m, Answer)]
    assert (told.taken, "no spool is loaded" in told.reason) == (False, True)
    spoolman.add(12, used=100.0)
    alike(node)
    assert spool_of(node).material == "PETG"
    assert node.agent._stock.fault("p1") == ""


def test_another_spool_from_a_page_is_not_spoolmans(open_node, spoolman):
    node = open_node()
    alike(node)
    weighed(node, 500.0, spool="p1-261201-0900", material="PLA")
    alike(node)
    node = open_node()
    alike(node)
    assert (spool_of(node).id, spool_of(node).grams) == ("p1-261201-0900", 500.0)
    assert spoolman.patches == []
    spoolman.add(13, material="PLA", used=1.0)
    node = open_node(number=13)
    alike(node, 13)
    assert (spool_of(node).id, spool_of(node).grams) == ("spoolman-13", 999.0)


def test_a_spool_that_was_taken_out_of_the_file_may_come_back(open_node):
    alike(open_node())
    without = open_node(number=0, material="PLA", grams=200.0)
    without.agent._stock.work()
    assert spool_of(without).material == "PLA"
    weighed(without, 500.0, spool="p1-9", material="PLA")
    node = open_node()
    alike(node)
    assert spool_of(node).id == NAME


def test_what_an_old_spool_gave_is_told_after_the_file_names_another(open_node, spoolman):
    node = open_node()
    alike(node)
    printed(node)
    spoolman.add(13, used=0.0)
    node = open_node(number=13)
    assert spool_of(node) is None  # the file names no material, and Spoolman was not heard yet
    alike(node, 13)
    assert spoolman.spools[12]["used_weight"] == 110.0
    assert spoolman.spools[13]["used_weight"] == 0.0


def test_a_journal_that_has_gone_back_tells_nothing_that_may_have_been_told(open_node, spoolman):
    node = open_node()
    alike(node)
    printed(node)
    weighed(node, 640.0)
    printed_again(node)
    with node.journal.transaction() as db:
        node.journal.forget(db)
    alike(node)
    assert spoolman.patches == []
    assert spool_of(node).grams == 900.0


def test_what_spoolman_does_not_keep_is_said_and_not_tried_all_the_time(open_node, spoolman):
    node = open_node()
    alike(node)
    printed(node)
    spoolman.keeps = False
    mine = node.agent._stock
    waiting.until(lambda: mine.work() or "has not kept" in mine.fault("p1"))
    for _ in range(200):
        mine.work()
        time.sleep(0.002)
    assert len(spoolman.patches) == 1
    assert "has not kept" in mine.fault("p1")
    spoolman.keeps = True
    alike(node)
    assert spoolman.spools[12]["used_weight"] == 110.0


STEP = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 30)),
    st.tuples(st.just("weigh"), st.integers(300, 1100)),
    st.tuples(st.just("other"), st.integers(1, 30)),
    st.sampled_from([("cut before", 0), ("cut after", 0), ("alike", 0), ("restart", 0)]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, max_size=10))
def test_whatever_is_lost_on_the_way_each_gram_counts_once(tmp_path_factory, steps):
    spoolman = Spoolman()
    spoolman.add(12, used=100.0)
    folder = tmp_path_factory.mktemp("node")
    node = a_node(folder, spoolman.url)
    left_g = 900.0
    try:
        alike(node)
        for what, amount in steps:
            if what == "use":
                with node.journal.transaction() as db:
                    node.journal.use(db, NAME, float(amount))
                left_g -= amount
            elif what == "weigh":
                weighed(node, float(amount))
                left_g = float(amount)
            elif what == "other" and not telling.waiting(node.journal.reading):
                spoolman.spools[12]["used_weight"] += amount
                left_g -= amount
            elif what.startswith("cut"):
                moment = what.removeprefix("cut ")
                setattr(spoolman, moment, cut_patch)
                for _ in range(30):
                    node.agent._stock._again_at_s.clear()
                    node.agent._stock.work()
                    time.sleep(0.001)
                setattr(spoolman, moment, lambda *_: None)
            elif what == "restart":
                closed([node])
                heard, node = node.n, a_node(folder, spoolman.url)
                node.n = heard
            elif what == "alike":
                alike(node)
        alike(node)
        assert spool_of(node).grams == pytest.approx(left_g, abs=0.1)
        spool = spoolman.spools[12]
        assert spool["initial_weight"] - spool["used_weight"] == pytest.approx(left_g, abs=0.1)
    finally:
        closed([node])
        spoolman.stop()
