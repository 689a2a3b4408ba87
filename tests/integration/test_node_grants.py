"""A node and what it is granted: nothing starts without a grant, nothing twice, and one may be held ahead."""

from dataclasses import replace
from datetime import timedelta

from fabnet import clock
from fabnet.node.bench_talk import Start, Started
from fabnet.node.journal import COORDINATOR, Journal
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Config,
    Grant,
    Harvested,
    Loaded,
    OutOfService,
    PrinterReady,
    Ready,
    Report,
    ReportState,
    Restate,
    Withdraw,
)
from jobs.model import AttemptRef
from jobs.owner import Begin
from printers.model import PrinterState, PrinterStatus, PrintResult
from tests.doubles.idle_node import REF, an_offer
from tests.sim.mutants import no_nonce

#: Before a test puts another in its place.
_real_s = clock.boottime_s


def asked_and_clear(node):
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    node.said()
    return node.ready()


def test_nothing_is_asked_for_a_bed_that_no_person_has_cleared(node):
    node.hears(an_offer())
    node.prepared()
    assert node.ready() is None
    node.hears(PrinterReady(printer="p1"))
    assert node.ready() is not None


def test_nothing_is_asked_while_the_printer_is_not_idle(node):
    asked = asked_and_clear(node)
    assert asked
    node = node.restart()
    node.bench.status = PrinterStatus(state=PrinterState.FAULT)
    assert node.ready() is None


def test_a_grant_starts_and_intent_is_on_the_disk_first(node):
    nonce = asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node.journal.close()
    other = Journal(node.folder / "journal.db", "this machine")
    assert other.entry(REF).intent
    assert not other.is_clear("p1")
    other.close()
    (start,) = node.commands()
    assert start.name == REF.name


def test_a_grant_of_another_nonce_starts_nothing(node):
    asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce="another", ttl_s=600))
    assert node.commands() == []
    assert not node.journal.entry(REF).intent


def test_a_node_that_looks_at_no_nonce_is_found_by_that(node, monkeypatch):
    no_nonce(monkeypatch)
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    assert node.ready()
    node.hears(Grant(attempt=REF, nonce="of another", ttl_s=600))
    node.agent._grants.work()
    assert [type(c) for c in node.commands()] == [Start]


def test_a_grant_that_is_too_old_starts_nothing_and_is_asked_for_anew(node):
    nonce = asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=0.0))
    assert node.commands() == []
    assert node.ready() not in (None, nonce)


def test_a_grant_does_not_survive_a_restart(node):
    nonce = asked_and_clear(node)
    node = node.restart()
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    assert node.commands() == []
    assert node.ready() not in (None, nonce)


def test_a_doubled_grant_starts_once(node):
    nonce = asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600), n=node.n)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    assert len(node.commands()) == 1


def test_a_crash_after_intent_is_an_interruption_and_never_a_second_start(node):
    nonce = asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node.commands()
    node = node.restart()
    (recover,) = node.commands()
    assert recover.name == REF.name
    node.ends(PrintResult.INTERRUPTED, "restarted")
    assert node.state() is AttemptState.INTERRUPTED
    assert node.said()[-1].state is ReportState.INTERRUPTED
    assert node.ready() is None
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node.hears(an_offer())
    assert node.commands() == []


def test_a_withdrawn_attempt_is_given_back_before_its_start_and_kept_after(node):
    nonce = asked_and_clear(node)
    node.hears(Withdraw(attempt=REF))
    assert node.said()[-1] == Report(attempt=REF, state=ReportState.RETURNED)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    assert node.commands() == []


def test_a_grant_that_cannot_be_applied_starts_nothing(node):
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    nonce = node.ready()
    node.journal.reading.execute(
        "create trigger bug before update of granted_at on attempt"
        " begin select raise(abort, 'a bug'); end"
    )
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node.journal.reading.execute("drop trigger bug")
    node.agent._grants.work()
    assert node.commands() == []
    assert not node.journal.entry(REF).intent


def test_a_print_that_outlived_the_node_before_it_was_told_is_told_now(node):
    nonce = asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node = node.restart()
    node.said()
    node.agent._take_bench_event(Started(printer="p1", name=REF.name))
    assert [message.state for message in node.said()] == [ReportState.PRINTING]


# --- grants ahead --------------------------------------------------------------------------------

SECOND = replace(REF, job="bbbbbbbbbb")


def nonces(node):
    node.agent._grants.work()
    return {m.attempt: m.nonce for m in node.said() if isinstance(m, Ready)}


def heard_of(node):
    """The coordinator has acknowledged all that was said."""
    stream, n = streams.stream_of(node.journal.reading, COORDINATOR)
    with node.journal.transaction() as db:
        db.execute("delete from outbox where n <= ?", (n,))
    assert stream


def two_granted(node):
    """REF prints, SECOND is granted for later."""
    node.started()
    node.hears(an_offer(SECOND))
    node.prepared(SECOND)
    node.said()
    nonce = nonces(node)[SECOND]
    node.hears(Grant(attempt=SECOND, nonce=nonce, ttl_s=3600))
    return nonce


def test_the_next_plate_is_granted_while_the_printer_works_and_starts_after_the_count(node):
    two_granted(node)
    assert node.commands() == []
    node.ends(PrintResult.DONE)
    node.agent._grants.work()
    assert node.commands() == []  # the bed is not clear
    node.hears(Harvested(attempt=REF, good=2))
    node.agent._grants.work()
    (start,) = node.commands()
    assert start.name == SECOND.name
    assert node.journal.entry(SECOND).intent


def test_of_what_a_printer_has_the_plate_that_is_due_first_is_made_first(node):
    """It came last, and is asked for, shown and started before what is due later or at no known day."""
    days = ("", "2026-12-09", "2026-12-08")
    refs = [AttemptRef(job=letter * 10, number=1) for letter in "abc"]
    for ref, day in zip(refs, days, strict=True):
        node.hears(an_offer(ref, due=day))
        node.prepared(ref)
    node.hears(PrinterReady(printer="p1"))
    asked = nonces(node)
    assert list(asked) == refs[::-1]
    for ref, nonce in asked.items():
        node.hears(Grant(attempt=ref, nonce=nonce, ttl_s=3600))
    (start,) = node.commands()
    assert start.name == refs[2].name


def test_a_held_grant_dies_with_its_time(node, monkeypatch):
    two_granted(node)
    node.ends(PrintResult.DONE)
    node.hears(Harvested(attempt=REF, good=2))
    real = clock.boottime_s
    monkeypatch.setattr("fabnet.clock.boottime_s", lambda: real() + 3601)
    node.agent._grants.work()
    assert node.commands() == []
    assert node.state(SECOND) is AttemptState.READY


def test_a_held_grant_dies_with_the_node_and_the_journal_says_that_there_was_one(node):
    two_granted(node)
    node.ends(PrintResult.DONE)
    node.hears(Harvested(attempt=REF, good=2))
    node = node.restart()
    node.said()
    assert SECOND in nonces(node)  # asked for anew
    node.agent._grants.work()
    assert node.commands() == []
    entry = node.journal.entry(SECOND)
    assert entry.granted is not None
    assert 3500 < node.agent._grants.open_for_s(entry) <= 3600


def test_a_grant_is_asked_for_again_only_once_the_last_word_was_heard(node, monkeypatch):
    nonce = two_granted(node)
    real = clock.boottime_s
    monkeypatch.setattr("fabnet.clock.boottime_s", lambda: real() + 1801)  # half is over
    assert nonces(node) == {}  # the first ready is still in the outbox
    heard_of(node)
    fresh = nonces(node)[SECOND]
    assert fresh != nonce
    # The old grant holds until the new one comes.
    node.ends(PrintResult.DONE)
    node.hears(Harvested(attempt=REF, good=2))
    node.agent._grants.work()
    assert [command.name for command in node.commands()] == [SECOND.name]


def test_a_coordinator_that_has_forgotten_its_grants_is_not_held_to_them(node):
    two_granted(node)
    node.ends(PrintResult.DONE)
    node.hears(Restate())
    node.hears(Harvested(attempt=REF, good=2))
    node.agent._grants.work()
    assert node.commands() == []
    assert node.agent._grants.open_for_s(node.journal.entry(SECOND)) == 0


def test_a_granted_plate_that_is_withdrawn_is_returned_and_never_starts(node):
    two_granted(node)
    node.hears(Withdraw(attempt=SECOND, reason="others are quicker"))
    assert node.said()[-1].state is ReportState.RETURNED
    node.ends(PrintResult.DONE)
    node.hears(Harvested(attempt=REF, good=2))
    node.agent._grants.work()
    assert node.commands() == []


def test_a_new_spool_of_another_material_gives_back_what_was_granted(node):
    two_granted(node)
    node.hears(Config(loaded=(Loaded(printer="p1", spool="s9", material="PLA", grams=500.0),)))
    node.said()
    node.agent._grants.work()
    (told,) = [m for m in node.said() if isinstance(m, Report)]
    assert (told.attempt, told.state) == (SECOND, ReportState.RETURNED)
    assert "PLA loaded" in told.reason


def test_a_count_that_another_was_booked_before_is_put_right_and_touches_no_bed(node):
    two_granted(node)
    node.ends(PrintResult.DONE)
    with node.journal.transaction() as db:
        node.agent._on_harvested(db, Harvested(attempt=REF, good=1, scrap=1), clock.now())
    node.agent._grants.work()
    node.commands()
    node.hears(Harvested(attempt=REF, good=2, by="maker"))
    row = node.journal.reading.execute(
        "select good, scrap from attempt where job = ?", (REF.job,)
    ).fetchone()
    assert tuple(row) == (2, 0)
    assert not node.journal.is_clear("p1")  # the next plate is on it


def test_what_was_granted_is_given_back_where_the_printer_goes_out_of_service(node):
    asked = asked_and_clear(node)
    node.hears(Config(out_of_service=(OutOfService(printer="p1", out=True),)))
    node.hears(Grant(attempt=REF, nonce=asked, ttl_s=600))
    node.agent._grants.work()
    assert node.commands() == []
    returned = [m for m in node.said() if isinstance(m, Report)]
    assert [(m.state, m.attempt) for m in returned] == [(ReportState.RETURNED, REF)]


def test_what_the_ceiling_does_not_hold_any_more_is_not_started_and_given_back(node):
    asked = asked_and_clear(node)
    node.hears(Config(weekly_h=0.01))
    node.hears(Grant(attempt=REF, nonce=asked, ttl_s=600))
    node.agent._grants.work()
    assert node.commands() == []
    returned = [m for m in node.said() if isinstance(m, Report)]
    assert [(m.state, m.attempt) for m in returned] == [(ReportState.RETURNED, REF)]


def test_a_granted_plate_that_the_hours_do_not_hold_any_more_is_given_back(node):
    asked = asked_and_clear(node)
    node.hears(Config(attended="00:00-00:01"))
    node.hears(Grant(attempt=REF, nonce=asked, ttl_s=600))
    node.agent._grants.work()
    assert node.commands() == []
    assert any(isinstance(m, Report) and m.state is ReportState.RETURNED for m in node.said())


def test_a_clock_that_is_behind_after_a_power_cut_begins_nothing_but_by_a_persons_word(
    node, monkeypatch
):
    asked = asked_and_clear(node)
    assert asked
    node.agent._lab.watch_clock()
    seen = clock.now()
    # The power comes back eight hours later; the clock without a battery stopped an hour before.
    booted_s = clock.boottime_s()
    monkeypatch.setattr(clock, "boot_id", lambda: "another")
    monkeypatch.setattr(clock, "boottime_s", lambda: 600.0 + _real_s() - booted_s)
    monkeypatch.setattr(clock, "now", lambda: seen - timedelta(hours=1))
    monkeypatch.setattr(clock, "is_set", lambda: False)
    node = node.restart(attended="Mon-Sun 00:01-24:00")
    node.agent._lab.watch_clock()
    node.hears(Grant(attempt=REF, nonce=node.ready(), ttl_s=3600))
    node.agent._grants.work()
    assert node.commands() == []
    view = node.agent._owner.view()
    assert view.clock_behind
    (plate,) = view.plates
    assert (plate.starts_until, plate.opens_until is None) == (None, False)

    # A time server is heard.
    monkeypatch.setattr(clock, "is_set", lambda: True)
    assert not node.agent._owner.view().clock_behind
    monkeypatch.setattr(clock, "is_set", lambda: False)
    node.agent._grants.work()
    assert node.commands() == []
    node.agent._owner.do(Begin(attempt=REF))
    (start,) = node.commands()
    assert start.name == REF.name
