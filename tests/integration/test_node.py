"""A node and its plates: an offer is answered once, a print's end is told once, a bed is clear once counted.

The agent runs without a network: commands are handed to it as the link would, and what it says is
read from its outbox. Slices are the ones that ship; no printer is started.
"""

import sqlite3
import threading
from dataclasses import replace
from functools import partial

import pytest

from fabnet import clock
from fabnet.node.bench_talk import Ended, Found, Start, Started, Stop, Used
from fabnet.printer_config import PrinterConfig
from jobs.errors import RefusedError
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Cancel,
    Capabilities,
    Grant,
    Harvested,
    PrinterChange,
    PrinterReady,
    Report,
    ReportState,
    Withdraw,
)
from jobs.model import AttemptRef
from jobs.owner import Clear, Count, StopPrint, Try
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult
from printers.slices import prune
from tests.doubles.idle_node import REF, Node, an_offer


def test_slices_of_plates_that_are_to_be_printed_outlive_the_others(node, monkeypatch):
    slices = node.folder / "slices"
    for key in ("k", "old"):
        (slices / f"{key}.gcode").write_text("G28\n")
    node.hears(an_offer())
    node.prepared()
    node.hears(an_offer(AttemptRef(job="bbbbbbbbbb", number=1)))
    monkeypatch.setattr("fabnet.node.preparing.prune", partial(prune, most_bytes=0))
    node.agent._preparer.start_next()
    assert [path.name for path in slices.glob("*.gcode")] == ["k.gcode"]


def test_an_offer_is_answered_once(node):
    node.hears(an_offer())
    assert node.said() == [Answer(attempt=REF, taken=True)]
    node.hears(an_offer(), n=1)  # a double from the broker
    node.hears(an_offer(), n=2)  # a second telling by the coordinator
    assert node.said() == []


def test_a_lower_number_than_known_is_fenced_off(node):
    node.hears(an_offer(replace(REF, number=2)))
    node.said()
    node.hears(an_offer())
    assert node.said() == []
    assert node.journal.entry(REF) is None


def test_a_no_has_its_reason_and_is_kept(node):
    node.hears(an_offer(material="PLA"))
    (answer,) = node.said()
    assert not answer.taken
    assert "PETG loaded" in answer.reason
    assert node.state() is AttemptState.DECLINED


def test_the_end_of_a_print_is_told_after_the_filament_it_used(node):
    node.started()
    node.said()
    node.ends(PrintResult.DONE)
    printer, capabilities, report = node.said()
    assert isinstance(printer, PrinterChange)
    assert isinstance(capabilities, Capabilities)
    assert capabilities.printers[0].spool.grams == 490
    assert report.state is ReportState.PRINTED


def test_how_long_a_print_took_is_told_and_the_node_learns_from_it(node):
    node.started()
    node.prepared(seconds=7200.0)
    with node.journal.transaction() as db:
        node.journal.begin(db, REF, "p1-1")
    node.said()
    assert node.agent._lab.rules().paces == {"p1": 1.0}
    node.ends(PrintResult.DONE, took_s=14_400.0)
    assert node.said()[-1] == Report(attempt=REF, state=ReportState.PRINTED, took_s=14_400.0)
    assert node.agent._lab.rules().paces["p1"] > 1.2
    node = node.restart()
    assert node.agent._lab.rules().paces["p1"] > 1.2


def test_a_print_that_outlived_the_node_is_told_once_and_goes_on(node):
    node.started()
    node = node.restart()
    node.said()
    (recover,) = node.commands()
    node.agent._take_bench_event(Started(printer="p1", name=recover.name))
    assert node.said() == []
    assert node.state() is AttemptState.PRINTING
    node.ends(PrintResult.DONE)
    assert node.state() is AttemptState.PRINTED


def test_the_bed_is_clear_only_after_the_harvest(node):
    node.started()
    node.ends(PrintResult.DONE)
    node.said()
    node.hears(PrinterReady(printer="p1"))
    assert not node.journal.is_clear("p1")
    assert [m.clear for m in node.said() if isinstance(m, PrinterChange)] == [False]
    node.hears(Harvested(attempt=REF))
    assert node.journal.is_clear("p1")
    assert node.state() is AttemptState.HARVESTED


def test_a_count_of_what_a_lost_journal_has_forgotten_clears_no_bed_and_the_network_hears_so(node):
    node.said()
    node.hears(Harvested(attempt=REF, good=2))
    beds = [told for told in node.said() if isinstance(told, PrinterChange)]
    assert [(told.printer, told.clear) for told in beds] == [("p1", False)]
    node.hears(PrinterReady(printer="p1"))
    assert node.journal.is_clear("p1")


def test_a_withdrawal_after_the_start_changes_nothing(node):
    node.started()
    node.said()
    node.hears(Withdraw(attempt=REF))
    assert node.said() == []
    assert node.state() is AttemptState.PRINTING


def test_a_cancel_reaches_the_printer(node):
    node.started()
    node.hears(Cancel(attempt=REF))
    assert node.commands() == [Stop(name=REF.name)]
    node.hears(Cancel(attempt=REF, at_once=True))  # once more, and faster
    assert node.commands() == [Stop(name=REF.name, at_once=True)]


def test_a_round_looks_at_no_plate_that_is_over(tmp_path):
    node = Node(tmp_path, weekly_h=40.0)
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    asked: set[str] = set()
    db = node.journal.reading
    db.set_trace_callback(asked.add)
    node.agent._preparer.start_next()
    assert node.ready() is not None
    db.set_trace_callback(None)
    of_attempts = [sql for sql in asked if sql.startswith("select") and "from attempt" in sql]
    assert len(of_attempts) >= 3
    ways = {row["detail"] for sql in of_attempts for row in db.execute(f"explain query plan {sql}")}
    assert not [way for way in ways if "SCAN attempt" in way and "USING INDEX" not in way]
    node.journal.close()


def test_a_plate_that_cannot_be_fetched_is_tried_again_and_not_declined(node):
    node.hears(an_offer())
    node.agent._preparer.start_next()
    ref, future = node.agent._preparer._preparing
    future.exception(timeout=100)
    node.agent._preparer.take_done()
    assert ref == REF
    assert node.state() is AttemptState.PREPARING
    assert node.agent._preparer._again_at_s[REF] > clock.boottime_s()


def test_a_plate_that_fails_as_nobody_foresaw_rests_before_it_is_tried_again(node):
    (node.folder / "files" / ("f" * 64)).mkdir(parents=True)  # no file: a disk that fails
    node.hears(an_offer())
    node.agent._preparer.start_next()
    _, future = node.agent._preparer._preparing
    assert isinstance(future.exception(timeout=100), OSError)
    node.agent._preparer.take_done()
    assert node.state() is AttemptState.PREPARING
    node.agent._preparer.start_next()
    assert node.agent._preparer._preparing is None


def test_stopping_is_prompt(tmp_path):
    node = Node(tmp_path)
    stop = threading.Event()
    runner = threading.Thread(target=node.agent.run, args=(stop,))
    runner.start()
    stop.wait(0.5)
    stop.set()
    runner.join(60)
    assert not runner.is_alive()


def test_who_prints_by_hand_ends_it_with_the_count(tmp_path):
    by_hand = PrinterConfig(
        id="p1", preset="generic-250x210", manual=True, material="PETG", grams=500
    )
    node = Node(tmp_path, printers=(by_hand,))
    node.started()
    node.said()
    node.hears(Harvested(attempt=REF))
    assert node.state() is AttemptState.HARVESTED
    assert node.commands() == [Stop(name=REF.name)]
    assert node.journal.is_clear("p1")
    node.ends(PrintResult.CANCELLED)
    assert not [m for m in node.said() if isinstance(m, Report)]
    assert node.agent._lab.capabilities().printers[0].spool.grams == 490.0
    node.journal.close()


def test_gcode_that_was_checked_for_another_machine_is_not_printed_on_this_one(node):
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    node.hears(Grant(attempt=REF, nonce=node.ready(), ttl_s=600))
    assert [type(c) for c in node.commands()] == [Start]
    # The next plate is ready too; then its owner puts a smaller machine in this one's place.
    other = replace(REF, job="bbbbbbbbbb")
    node.hears(an_offer(other))
    node.prepared(other)
    smaller = (replace(node.config.printers[0], preset="generic-180x180"),)
    node = node.restart(printers=smaller)
    assert node.state(other) is AttemptState.PREPARING
    assert node.journal.entry(other).gcode == ""
    assert node.state() is AttemptState.GRANTED  # it may have begun: it is only looked after
    # Made anew for what stands there now, it stays ready over the next start.
    node.prepared(other)
    node = node.restart(printers=smaller)
    assert node.state(other) is AttemptState.READY


def uses(node):
    return [m.used for m in node.said() if isinstance(m, PrinterChange)]


def test_a_word_that_a_bed_is_clear_is_of_the_use_before_it(node):
    node.started()
    printing = uses(node)[-1]
    node.ends(PrintResult.FAILED, "it came off")
    node.hears(Harvested(attempt=REF, good=0, scrap=2, reason="it came off"))
    other = replace(REF, job="bbbbbbbbbb")
    node.hears(an_offer(other))
    node.prepared(other)
    node.hears(Grant(attempt=other, nonce=node.ready(), ttl_s=600))
    node.agent._take_bench_event(Ended(
        printer="p1", fraction_done=0.5,
        outcome=PrintOutcome(name=other.name, result=PrintResult.FAILED, reason="it came off"),
    ))  # fmt: skip
    # Said while the first lay there; meanwhile the second does, and was given up.
    node.hears(Withdraw(attempt=other, reason="written off, and its bed is clear"))
    node.hears(PrinterReady(printer="p1", used=printing))
    assert not node.journal.is_clear("p1")
    *_, said = [m for m in node.said() if isinstance(m, PrinterChange)]
    assert not said.clear
    node.hears(PrinterReady(printer="p1", used=said.used))
    assert node.journal.is_clear("p1")


def test_a_journal_that_went_back_voids_what_was_said_of_its_beds(node):
    node.started()
    node.ends(PrintResult.DONE)
    printed = uses(node)[-1]
    with node.journal.transaction() as db:
        node.journal.forget(db)
        node.journal.move(db, REF, AttemptState.HARVESTED)
    node.hears(PrinterReady(printer="p1", used=printed))
    assert not node.journal.is_clear("p1")


def test_what_somebody_else_printed_makes_its_bed_nobodys(node):
    """On an OctoPrint people print their own things too, and from a card: the next plate began on top of it."""
    node.hears(PrinterReady(printer="p1"))
    node.hears(an_offer())
    node.prepared()
    nonce = node.ready()
    node.bench.in_use = True
    node.agent._take_bench_event(Used(printer="p1"))
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    assert not node.commands()
    node.hears(PrinterReady(printer="p1"))  # by who does not see that it prints
    assert not node.journal.is_clear("p1")
    with pytest.raises(RefusedError, match="somebody else"):
        node.agent._owner.do(Clear(printer="p1"))
    with pytest.raises(RefusedError, match="somebody else"):
        node.agent._owner.do(Try(printer="p1", slice="0" * 64))
    node.bench.in_use = False
    node.agent._take_bench_event(Used(printer="p1"))
    node.agent._grants.work()
    assert not node.commands()
    node.agent._owner.do(Clear(printer="p1"))
    node.agent._grants.work()
    assert [type(command) for command in node.commands()] == [Start]


@pytest.mark.parametrize(
    ("shown", "begins"),
    [
        ({}, True),
        ({"nozzle_target_c": 210.0}, False),  # from a card, while the node was off
        ({"nozzle_c": 120.0}, False),
        ({"printed": "local:theirs.gcode 300"}, False),  # at its OctoPrint's own page
        ({"printed": "local:fabnet/ours.gcode 900"}, True),
    ],
)
def test_what_was_printed_while_nobody_looked_makes_its_bed_nobodys(node, shown, begins):
    cold = {"state": PrinterState.IDLE, "nozzle_c": 21.0, "printed": "local:fabnet/ours.gcode 900"}
    before = Found(printer="p1", status=PrinterStatus(**cold), anew=True)
    node.agent._take_bench_event(before)
    node.hears(PrinterReady(printer="p1"))
    node.hears(an_offer())
    node.prepared()
    nonce = node.ready()
    node.bench.in_doubt = True  # it is back in sight
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    assert not node.commands()
    found = Found(printer="p1", status=PrinterStatus(**{**cold, **shown}), anew=True)
    node.agent._take_bench_event(found)
    node.agent._grants.work()
    if not begins:
        assert not node.commands()
        node.agent._owner.do(Clear(printer="p1"))
        node.agent._grants.work()
    assert [type(command) for command in node.commands()] == [Start]


def test_the_end_of_a_print_that_a_journal_has_forgotten_voids_what_was_said_of_its_bed(node):
    node.started()
    with node.journal.transaction() as db:
        node.journal.forget(db)
    node.agent._owner.do(Count(attempt=REF, good=0, scrap=2, reason="nobody knows"))
    assert node.journal.is_clear("p1")  # said while it still printed
    node.ends(PrintResult.DONE)
    assert not node.journal.is_clear("p1")


def test_a_stop_from_the_network_is_heard_though_the_disk_is_full(node):
    node.started()
    node.journal.reading.execute("pragma query_only = on")
    with pytest.raises(sqlite3.Error):
        node.hears(Cancel(attempt=REF, reason="a wrong file", at_once=True))
    assert node.commands() == [Stop(name=REF.name, at_once=True)]
    node.journal.reading.execute("pragma query_only = off")
    node.hears(Cancel(attempt=REF, reason="a wrong file", at_once=True), n=node.n)  # it comes again
    assert node.commands() == [Stop(name=REF.name, at_once=True)]
    node.ends(PrintResult.INTERRUPTED)
    assert node.state() is AttemptState.INTERRUPTED


def test_a_bed_is_not_clear_where_another_machine_may_stand_now(node):
    (p1,) = node.config.printers
    node.hears(PrinterReady(printer="p1"))
    again = node.restart()
    assert again.journal.is_clear("p1")
    moved = again.restart(printers=(replace(p1, port="/dev/other"),))
    assert not moved.journal.is_clear("p1")
    moved.hears(PrinterReady(printer="p1"))
    other = moved.restart(printers=(replace(p1, port="/dev/other", preset="generic-180x180"),))
    assert not other.journal.is_clear("p1")
    other.hears(PrinterReady(printer="p1"))
    second = replace(p1, id="p2", port="/dev/second")
    both = other.restart(printers=(p1, second))
    both.hears(PrinterReady(printer="p2"))
    alone = both.restart(printers=(p1,))  # what was done with the second meanwhile nobody knows
    assert not alone.restart(printers=(p1, second)).journal.is_clear("p2")


def test_who_stands_at_a_printer_can_stop_it_though_the_disk_is_full(node):
    node.started()
    outcome = PrintOutcome(name=REF.name, result=PrintResult.FAILED, reason="thermal fault")
    node.agent._bench_events.put(Ended(printer="p1", outcome=outcome, fraction_done=0.5))
    node.journal.reading.execute("pragma query_only = on")
    asked = threading.Thread(
        target=partial(node.agent.desk.ask, StopPrint(printer="p1", at_once=True)), daemon=True
    )
    asked.start()
    while node.agent.desk._wishes.empty():
        asked.join(0.01)
    with pytest.raises(sqlite3.OperationalError):
        node.agent._round(0.0)
    assert node.commands() == [Stop(name="", at_once=True)]
    asked.join(60)
