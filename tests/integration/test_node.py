"""A node's promises, on its real journal: nothing starts without a grant, and nothing twice.

The agent runs without a network: commands are handed to it as the link would, and what it says is
read from its outbox. Slices are the ones that ship; no printer is started.
"""

import shutil
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest

from fabnet import clock, wire
from fabnet.config import NodeConfig, PrinterConfig
from fabnet.errors import JournalError, SupersededError, WireError
from fabnet.link import Connected, Incoming
from fabnet.node.bench import Ended, Start, Started, Stop
from fabnet.node.home import adopt
from fabnet.node.journal import COORDINATOR, Journal
from fabnet.node.opening import open_node
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Alone,
    Answer,
    Cancel,
    Capabilities,
    Config,
    Decide,
    Grant,
    Harvested,
    Loaded,
    Offer,
    OfferedAttempt,
    OutOfService,
    PrinterChange,
    PrinterReady,
    Ready,
    Report,
    ReportState,
    Restate,
    Restated,
    Sync,
    Synced,
    Withdraw,
    decode_up,
    encode,
)
from jobs.model import AttemptRef
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult
from printers.slices import prune
from tests.sim.mutants import no_nonce

REF = AttemptRef(job="abcdefghjk", number=1)


class Node:
    """An agent whose benches are never started: their commands stay where a test can read them."""

    next = None  # the same node after a restart

    def __init__(self, folder, machine="this machine", **changes):
        self.folder = folder
        (folder / "secret").write_text("x")
        if not (folder / "key").exists():
            (folder / "key").write_text("A" * 43 + "=")
        config = NodeConfig(
            id="lab-a", lab="Lab", coordinator="http://127.0.0.1:1", broker="mqtt://127.0.0.1:1",
            data_dir=str(folder), password_file=str(folder / "secret"),
            key_file=str(folder / "key"), attended="00:00-24:00",
            printers=(
                PrinterConfig(
                    id="p1", preset="generic-250x210", port="/dev/none", material="PETG", grams=500
                ),
            ),
        )  # fmt: skip
        self.agent = open_node(replace(config, **changes), machine)
        self.journal = self.agent._journal
        self.bench = self.agent._benches["p1"]
        self.n = 0
        self.stream = "coordinator-stream"
        self.epoch = 1
        self.seen = 0
        self.bench.status = PrinterStatus(state=PrinterState.IDLE)
        self.agent._recover()

    def hears(self, command, n=None):
        word, body = encode(command)
        self.n = n or self.n + 1
        data = wire.envelope(
            id="i",
            stream=self.stream,
            n=self.n,
            boot="b",
            kind=word,
            body=body,
            at="",
            epoch=self.epoch,
        )
        self.agent._uplink.on_command(wire.read_envelope(data))

    def said(self):
        rows = streams.unacknowledged(self.journal.reading, COORDINATOR, 1000)
        fresh = [decode_up(row.type, row.body) for row in rows if row.n > self.seen]
        self.seen = rows[-1].n if rows else self.seen
        return fresh

    def commands(self):
        found = []
        while not self.bench._commands.empty():
            found.append(self.bench._commands.get())
        return found

    def state(self, ref=REF):
        return self.journal.entry(ref).state

    def prepared(self, ref=REF):
        """As if the slice were made."""
        gcode = self.folder / "x.gcode"
        gcode.write_text("G28\n")
        with self.journal.transaction() as db:
            self.journal.prepared(
                db,
                ref,
                gcode=str(gcode),
                gcode_sha256="s",
                gcode_key="k",
                slicer="t",
                seconds=60.0,
                grams=10.0,
            )
            self.journal.move(db, ref, AttemptState.READY)

    def ready(self):
        """The nonce that the node asks with now, None when it does not ask."""
        self.agent._grants.work()
        return next((m.nonce for m in self.said() if isinstance(m, Ready)), None)

    def restart(self):
        self.journal.close()
        fresh = self.next = Node(self.folder)
        fresh.n, fresh.stream, fresh.epoch, fresh.seen = self.n, self.stream, self.epoch, self.seen
        return fresh

    def started(self):
        """Bring REF to a started print."""
        self.hears(an_offer())
        self.prepared()
        self.hears(PrinterReady(printer="p1"))
        self.hears(Grant(attempt=REF, nonce=self.ready(), ttl_s=600))
        assert [type(c) for c in self.commands()] == [Start]
        self.agent._take_bench_event(Started(printer="p1", name=REF.name))
        return self

    def ends(self, result, reason=""):
        outcome = PrintOutcome(name=REF.name, result=result, reason=reason)
        self.agent._take_bench_event(Ended(printer="p1", outcome=outcome, fraction_done=0.5))


def an_offer(ref=REF, **changes):
    facts = OfferedAttempt(
        attempt=ref, printer="p1", part="frame", pieces=2, material="PETG", mesh_sha256="m",
        plate_sha256="f" * 64, seconds=60.0, grams=10.0,
    )  # fmt: skip
    return Offer(attempts=(replace(facts, **changes),))


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    yield made
    while made is not None:
        made.journal.close()
        made = made.next


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


def asked_and_clear(node):
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    node.said()
    return node.ready()


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


def test_the_end_of_a_print_is_told_after_the_filament_it_used(node):
    node.started()
    node.said()
    node.ends(PrintResult.DONE)
    capabilities, report = node.said()
    assert isinstance(capabilities, Capabilities)
    assert capabilities.printers[0].spool.grams == 490
    assert report.state is ReportState.PRINTED


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


def test_a_print_that_outlived_the_node_before_it_was_told_is_told_now(node):
    nonce = asked_and_clear(node)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    node = node.restart()
    node.said()
    node.agent._take_bench_event(Started(printer="p1", name=REF.name))
    assert [message.state for message in node.said()] == [ReportState.PRINTING]


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


def test_a_withdrawn_attempt_is_given_back_before_its_start_and_kept_after(node):
    nonce = asked_and_clear(node)
    node.hears(Withdraw(attempt=REF))
    assert node.said()[-1] == Report(attempt=REF, state=ReportState.RETURNED)
    node.hears(Grant(attempt=REF, nonce=nonce, ttl_s=600))
    assert node.commands() == []


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


def test_messages_of_an_earlier_run_of_the_coordinator_are_refused(node):
    node.epoch = 5
    node.hears(an_offer())
    node.epoch = 4
    with pytest.raises(WireError, match="epoch"):
        node.hears(Withdraw(attempt=REF))
    assert node.state() is AttemptState.TAKEN


def test_a_poison_message_is_kept_aside_and_blocks_nobody(node):
    data = msgspec.json.encode(
        {"v": 1, "id": "i", "s": node.stream, "n": 1, "boot": "b", "t": "offer", "ts": "",
         "d": {"attempts": "none"}, "epoch": 1}
    )  # fmt: skip
    node.agent._uplink.on_command(wire.read_envelope(data))
    assert node.journal.reading.execute("select count(*) from dead_letter").fetchone()[0] == 1
    node.hears(an_offer(), n=2)
    assert node.state() is AttemptState.TAKEN


def test_a_command_that_raises_leaves_nothing_behind_and_blocks_nobody(node):
    second = AttemptRef(job="bbbbbbbbbb", number=1)
    node.journal.reading.execute(
        "create trigger bug before insert on attempt when new.job = 'bbbbbbbbbb'"
        " begin select raise(abort, 'a bug'); end"
    )
    both = Offer(attempts=(*an_offer().attempts, *an_offer(second).attempts))
    node.hears(both)
    assert node.journal.entry(REF) is None
    assert node.said() == []
    kept = node.journal.reading.execute("select n, type, error from dead_letter").fetchall()
    assert [tuple(row) for row in kept] == [(1, "offer", "IntegrityError: a bug")]
    node.hears(an_offer())
    assert node.state() is AttemptState.TAKEN


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


def test_a_full_disk_is_no_commands_fault_and_it_comes_again(node):
    db = node.journal.reading
    most = db.execute("pragma max_page_count").fetchone()[0]
    db.execute("pragma max_page_count = 1")  # as many as there are
    with pytest.raises(sqlite3.OperationalError, match="full"):
        node.hears(an_offer(part="frame" * 10_000))
    assert db.execute("select count(*) from dead_letter").fetchone()[0] == 0
    db.execute(f"pragma max_page_count = {most}")
    node.hears(an_offer(), n=1)
    assert node.state() is AttemptState.TAKEN


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


def test_every_connection_begins_with_a_sync_of_what_is_held(node):
    node.hears(an_offer())
    node.said()
    node.agent._uplink.on_event(Connected(conn="conn"))
    (sync,) = [m for m in node.said() if isinstance(m, Sync)]
    assert [held.attempt for held in sync.attempts] == [REF]
    assert (sync.in_stream, sync.in_cursor) == (node.stream, 1)
    node.hears(Synced(unknown=(REF,)))
    assert node.state() is AttemptState.WITHDRAWN


def test_a_journal_of_another_machine_is_refused_until_it_is_adopted(node):
    path = node.folder / "journal.db"
    node.journal.close()
    with pytest.raises(JournalError, match="fabnet node adopt"):
        Journal(path, "another machine")
    adopt(path, "another machine")
    Journal(path, "another machine").close()


def test_a_plate_that_cannot_be_fetched_is_tried_again_and_not_declined(node):
    node.hears(an_offer())
    node.agent._preparer.start_next()
    ref, future = node.agent._preparer._preparing
    future.exception(timeout=20)
    node.agent._preparer.take_done()
    assert ref == REF
    assert node.state() is AttemptState.PREPARING
    assert node.agent._preparer._not_before[REF] > clock.boottime_s()


def test_a_plate_that_fails_as_nobody_foresaw_rests_before_it_is_tried_again(node):
    (node.folder / "files" / ("f" * 64)).mkdir(parents=True)  # no file: a disk that fails
    node.hears(an_offer())
    node.agent._preparer.start_next()
    _, future = node.agent._preparer._preparing
    assert isinstance(future.exception(timeout=20), OSError)
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
    runner.join(15)
    assert not runner.is_alive()


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


def test_a_coordinator_that_comes_back_hears_that_the_node_is_there(node):
    said = []
    node.agent._uplink._link.publish = lambda topic, payload, **_: said.append((topic, payload))
    online = wire.write(wire.CoordinatorPresence(online=True, epoch=7))
    node.agent._uplink.on_event(Incoming(topic=wire.COORDINATOR_TOPIC, payload=online))
    ((topic, payload),) = said
    assert topic == wire.topic("lab-a", wire.Channel.PRESENCE)
    assert wire.read_presence(payload).online


def test_a_node_says_once_a_minute_that_it_is_there(node, monkeypatch):
    """A late double of an earlier birth and of its will takes it for gone."""
    said = []
    uplink = node.agent._uplink
    monkeypatch.setattr(uplink._link, "publish", lambda topic, *_, **__: said.append(topic))
    monkeypatch.setattr(type(uplink._link), "up", True)
    uplink.on_event(Connected(conn="c"))
    began_s = clock.boottime_s()
    for passed_s in (1.0, 59.0, 61.0, 90.0):
        monkeypatch.setattr(clock, "boottime_s", lambda at_s=began_s + passed_s: at_s)
        node.agent._round(0.0)
    births = [topic for topic in said if topic.endswith(wire.Channel.PRESENCE)]
    assert len(births) == 2, "with the connection, and a minute later"


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


def test_a_node_that_runs_already_is_not_started_a_second_time(node):
    with pytest.raises(JournalError, match="Another node works with"):
        Node(node.folder)
    node.restart()  # whose journal was let go of


def test_a_print_that_ends_while_the_disk_is_full_is_told_when_there_is_room(node):
    node.started()
    node.said()
    outcome = PrintOutcome(name=REF.name, result=PrintResult.DONE, reason="")
    node.agent._bench_events.put(Ended(printer="p1", outcome=outcome, fraction_done=1.0))
    node.journal.reading.execute("pragma query_only = on")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            node.agent._round(0.0)
    node.journal.reading.execute("pragma query_only = off")
    node.agent._round(0.0)
    assert node.state() is AttemptState.PRINTED
    assert Report(attempt=REF, state=ReportState.PRINTED) in node.said()


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


def test_a_journal_that_was_put_back_counts_as_lost(node):
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    files = [node.folder / name for name in ("journal.db", "journal.db-wal")]
    copies = {path: path.read_bytes() for path in files}
    stream, _ = streams.stream_of(node.journal.reading, COORDINATOR)
    node.hears(Grant(attempt=REF, nonce=node.ready(), ttl_s=600))
    assert [type(c) for c in node.commands()] == [Start]
    node.journal.close()
    for path in node.folder.glob("journal.db-*"):
        path.unlink()
    for path, data in copies.items():
        path.write_bytes(data)
    again = node.restart()
    # It was begun, and the journal that says so is gone: nothing of it is to be believed, or told.
    assert again.journal.entry(REF) is None
    assert not again.journal.is_clear("p1")
    assert again.commands() == []
    assert streams.stream_of(again.journal.reading, COORDINATOR)[0] != stream


def test_a_journal_that_was_copied_beside_itself_is_refused(node):
    node.journal.close()
    twin = node.folder / "twin"
    twin.mkdir()
    shutil.copy(node.folder / "journal.db", twin)
    with pytest.raises(JournalError, match="in another folder"):
        Journal(twin / "journal.db", "this machine")


def test_a_node_whose_stream_is_ended_again_and_again_has_a_twin(node):
    def ended():
        own, _ = streams.stream_of(node.journal.reading, COORDINATOR)
        node.agent._uplink._on_ack(wire.Ack(stream=own, n=0, over=True))
        return own

    first = ended()
    assert streams.stream_of(node.journal.reading, COORDINATOR)[0] != first
    ended()
    with pytest.raises(SupersededError, match="Another node speaks as lab-a"):
        ended()


def test_a_late_first_word_of_an_earlier_stream_ends_no_later_one(node):
    node.stream = "000002-later"
    node.hears(Config(paused=True))
    node.stream, node.n = "000001-earlier", 0
    node.hears(Config(paused=False))
    assert streams.cursor_of(node.journal.reading, COORDINATOR).stream == "000002-later"
    assert node.journal.setting("paused") == "yes"


def test_who_is_asked_for_all_it_holds_begins_anew_and_says_it(node):
    node.hears(an_offer())
    before, _ = streams.stream_of(node.journal.reading, COORDINATOR)
    node.said()
    node.seen = 0
    node.hears(Restate())
    assert streams.stream_of(node.journal.reading, COORDINATOR)[0] != before
    told = [message for message in node.said() if isinstance(message, Restated)]
    assert [kept.offered.attempt for message in told for kept in message.attempts] == [REF]
    assert told[-1].last


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


def test_what_was_granted_is_given_back_where_the_printer_goes_out_of_service(node):
    asked = asked_and_clear(node)
    node.hears(Config(out_of_service=(OutOfService(printer="p1", out=True),)))
    node.hears(Grant(attempt=REF, nonce=asked, ttl_s=600))
    node.agent._grants.work()
    assert node.commands() == []
    returned = [m for m in node.said() if isinstance(m, Report)]
    assert [(m.state, m.attempt) for m in returned] == [(ReportState.RETURNED, REF)]


def test_a_node_gives_no_more_than_its_weekly_hours(node):
    node.hears(Config(weekly_h=2.0))
    node.said()
    other = AttemptRef(job="bbbbbbbbbb", number=1)
    node.hears(an_offer(seconds=5000.0))
    node.hears(an_offer(other, seconds=5000.0))
    first, second = node.said()
    assert (first.taken, second.taken) == (True, False)
    assert second.reason == "weekly ceiling of 2 h is reached until Monday"


def test_what_the_ceiling_does_not_hold_any_more_is_not_started_and_given_back(node):
    asked = asked_and_clear(node)
    node.hears(Config(weekly_h=0.01))
    node.hears(Grant(attempt=REF, nonce=asked, ttl_s=600))
    node.agent._grants.work()
    assert node.commands() == []
    returned = [m for m in node.said() if isinstance(m, Report)]
    assert [(m.state, m.attempt) for m in returned] == [(ReportState.RETURNED, REF)]


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


def test_a_granted_plate_that_the_hours_do_not_hold_any_more_is_given_back(node):
    asked = asked_and_clear(node)
    node.hears(Config(attended="00:00-00:01"))
    node.hears(Grant(attempt=REF, nonce=asked, ttl_s=600))
    node.agent._grants.work()
    assert node.commands() == []
    assert any(isinstance(m, Report) and m.state is ReportState.RETURNED for m in node.said())
