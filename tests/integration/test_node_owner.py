"""What a node's owner answers, enters and rules holds, through restarts, and before what the network wants."""

from dataclasses import replace
from datetime import UTC, datetime

from jobs.lifecycle import AttemptState
from jobs.messages import (
    Alone,
    Answer,
    Capabilities,
    Config,
    Decide,
    Harvested,
    Loaded,
    OutOfService,
    Withdraw,
)
from jobs.model import AttemptRef
from jobs.owner import Pause
from printers.model import PrintResult
from tests.doubles.idle_node import REF, an_offer


def test_a_person_answers_where_the_owner_wants_to_be_asked(node):
    node.hears(Config(asks=True))
    (told,) = node.said()
    assert told.asks
    node.hears(an_offer())
    assert node.said() == []
    assert node.state() is AttemptState.OFFERED
    node.hears(Decide(attempt=REF, taken=True))
    node.hears(Decide(attempt=REF, taken=False, reason="too late to say no"))
    assert node.said() == [Answer(attempt=REF, taken=True)]
    assert node.state() is AttemptState.TAKEN


def test_a_person_who_is_asked_may_say_no_and_never_answers_for_what_is_gone(node):
    node.hears(Config(asks=True))
    node.hears(an_offer())
    node.said()
    node.hears(Decide(attempt=REF, taken=False, reason="a wedding"))
    assert node.said() == [Answer(attempt=REF, taken=False, reason="a wedding")]
    second = replace(REF, job="bcdefghjkm")
    node.hears(an_offer(second))
    node.hears(Withdraw(attempt=second, reason="offline"))
    node.said()
    node.hears(Decide(attempt=second, taken=True))
    node.hears(Decide(attempt=replace(REF, job="never-heard-of"), taken=True))
    assert node.said() == []


def test_what_the_rules_forbid_is_declined_without_asking(node):
    node.hears(Config(asks=True))
    node.said()
    node.hears(an_offer(material="PLA"))
    (answer,) = node.said()
    assert not answer.taken


def test_what_an_owner_enters_outlives_a_restart_and_goes_before_the_file(node):
    spool = Loaded(printer="p1", spool="s9", material="PLA", grams=321.0, maker_lot="L9")
    node.hears(Config(paused=True, attended="Mon-Fri 18:00-22:00", loaded=(spool,)))
    before = node.agent._lab.capabilities()
    seen = node.restart()
    for told in (before, seen.agent._lab.capabilities()):
        assert told.paused
        assert told.attended == "Mon-Fri 18:00-22:00"
        loaded = told.printers[0].spool
        assert (loaded.id, loaded.material, loaded.grams, loaded.maker_lot) == (
            "s9",
            "PLA",
            321.0,
            "L9",
        )
    seen.hears(Config(paused=False, loaded=(Loaded(printer="p1"),)))
    told = seen.said()[-1]
    assert not told.paused
    assert told.printers[0].spool is None
    seen.journal.close()


def test_a_weighed_spool_counts_from_what_it_weighed(node):
    node.started()
    node.ends(PrintResult.DONE)
    node.hears(Harvested(attempt=REF))
    assert node.agent._lab.capabilities().printers[0].spool.grams == 490.0
    node.hears(Config(loaded=(Loaded(printer="p1", spool="p1-1", material="PETG", grams=450.0),)))
    assert node.agent._lab.capabilities().printers[0].spool.grams == 450.0
    node.hears(Config(loaded=(Loaded(printer="p1", material="PETG", grams=440.0),)))
    assert node.agent._lab.capabilities().printers[0].spool.grams == 440.0


def test_hours_that_cannot_be_read_change_nothing(node):
    node.hears(Config(attended="always", paused=True))
    told = node.said()[-1]
    assert told.paused
    assert told.attended == "00:00-24:00"


def test_the_end_of_a_pause_that_was_long_on_its_way_ends_no_pause_that_was_said_since(node):
    """Said on a page while the lab was cut off, and heard after she has paused at her node."""
    node.hears(Config(paused=True, paused_until="2030-01-08"))
    known = node.said()[-1].pause_word
    node.agent._owner.do(Pause(paused=True))
    node.hears(Config(paused=False, weekly_h=20.0, pause_word=known))
    told = [each for each in node.said() if isinstance(each, Capabilities)][-1]
    assert (told.paused, told.weekly_h) == (True, 20.0)
    node.hears(Config(paused=False, pause_word=told.pause_word))
    assert not node.said()[-1].paused
    # A pause is never too late, and its end behind it on the same way is no older than it is.
    node.agent._owner.do(Pause(paused=False))
    node.hears(Config(paused=True))
    later = node.said()[-1]
    assert later.paused
    node.hears(Config(paused=False, pause_word=later.pause_word))
    assert not node.said()[-1].paused
    node.agent._owner.do(Pause(paused=True))
    node.hears(Config(paused=False))  # of a coordinator that knows no such words
    assert not node.said()[-1].paused


def test_a_pause_with_a_day_ends_by_itself_and_the_network_hears_of_it(node, monkeypatch):
    node.hears(Config(paused=True, paused_until="2030-01-08"))
    node.said()
    monkeypatch.setattr("fabnet.clock.now", lambda: datetime(2030, 1, 7, 12, tzinfo=UTC))
    node.agent._owner.serve(node.agent.desk)
    (told,) = [m for m in node.said() if isinstance(m, Capabilities)] or [
        node.agent._lab.capabilities()
    ]
    assert (told.paused, told.paused_until) == (True, "2030-01-08")
    node.hears(an_offer())
    assert not node.said()[0].taken
    monkeypatch.setattr("fabnet.clock.now", lambda: datetime(2030, 1, 8, 12, tzinfo=UTC))
    node.agent._owner.serve(node.agent.desk)
    (told,) = node.said()
    assert (told.paused, told.paused_until) == (False, "")
    node.hears(an_offer(AttemptRef(job="bbbbbbbbbb", number=1)))
    assert node.said()[0].taken


def test_a_printer_out_of_service_takes_nothing_until_its_day(node, monkeypatch):
    monkeypatch.setattr("fabnet.clock.now", lambda: datetime(2030, 1, 7, 12, tzinfo=UTC))
    out = OutOfService(printer="p1", out=True, until="2030-01-08")
    node.hears(Config(out_of_service=(out, OutOfService(printer="p9", out=True))))
    (told,) = node.said()
    assert (told.printers[0].out_of_service, told.printers[0].out_until) == (True, "2030-01-08")
    assert not told.paused
    node.agent._owner.serve(node.agent.desk)
    node.said()
    node.hears(an_offer())
    answer = node.said()[0]
    assert (answer.taken, "out of service" in answer.reason) == (False, True)
    monkeypatch.setattr("fabnet.clock.now", lambda: datetime(2030, 1, 8, 12, tzinfo=UTC))
    node.agent._owner.serve(node.agent.desk)
    (told,) = node.said()
    assert not told.printers[0].out_of_service
    node.hears(an_offer(AttemptRef(job="bbbbbbbbbb", number=1)))
    assert node.said()[0].taken


def test_a_node_gives_no_more_than_its_weekly_hours(node):
    node.hears(Config(weekly_h=2.0))
    node.said()
    other = AttemptRef(job="bbbbbbbbbb", number=1)
    node.hears(an_offer(seconds=5000.0))
    node.hears(an_offer(other, seconds=5000.0))
    first, second = node.said()
    assert (first.taken, second.taken) == (True, False)
    assert second.reason == "weekly ceiling of 2 h is reached until Monday"


def test_a_printer_prints_alone_only_with_all_three_statements(node):
    node.hears(Config(attended="00:00-00:01"))
    half = Alone(printer="p1", allowed=True, protection_tested=True, smoke_alarm=True)
    node.hears(Config(alone=(half,)))
    node.said()
    node.hears(an_offer())
    assert "longer than anybody is here" in node.said()[0].reason
    node.hears(Config(alone=(replace(half, surroundings_clear=True),)))
    assert node.said()[0].printers[0].unattended
    node.hears(an_offer(AttemptRef(job="bbbbbbbbbb", number=1)))
    assert node.said()[0].taken
    node.hears(Config(alone=(Alone(printer="p1", allowed=False),)))
    assert not node.said()[0].printers[0].unattended
