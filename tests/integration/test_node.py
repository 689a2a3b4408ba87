"""A node's promises, on its real journal: nothing starts without a grant, and nothing twice.

The agent runs without a network: commands are handed to it as the link would, and what it says is
read from its outbox. Slices are the ones that ship; no printer is started.
"""

import threading
from dataclasses import replace
from functools import partial

import msgspec
import pytest

from fabnet import clock, wire
from fabnet.config import NodeConfig, PrinterConfig
from fabnet.errors import JournalError, WireError
from fabnet.node.agent import Agent
from fabnet.node.bench import Ended, Start, Started, Stop
from fabnet.node.journal import COORDINATOR, Journal, adopt
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Cancel,
    Capabilities,
    Grant,
    Harvested,
    Offer,
    OfferedAttempt,
    PrinterReady,
    Ready,
    Report,
    ReportState,
    Sync,
    Synced,
    Withdraw,
    decode_up,
    encode,
)
from jobs.model import AttemptRef
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult

REF = AttemptRef(job="abcdefghjk", number=1)


class Node:
    """An agent whose benches are never started: their commands stay where a test can read them."""

    def __init__(self, folder, machine="this machine"):
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
        self.agent = Agent.open(config, machine)
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
        self.agent._on_command(wire.read_envelope(data))

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
        self.agent._ask_grants()
        return next((m.nonce for m in self.said() if isinstance(m, Ready)), None)

    def restart(self):
        self.journal.close()
        fresh = Node(self.folder)
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
    made.journal.close()


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


def test_the_bed_is_clear_only_after_the_harvest(node):
    node.started()
    node.ends(PrintResult.DONE)
    node.hears(PrinterReady(printer="p1"))
    assert not node.journal.is_clear("p1")
    node.hears(Harvested(attempt=REF))
    assert node.journal.is_clear("p1")
    assert node.state() is AttemptState.HARVESTED


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
    node.agent._on_command(wire.read_envelope(data))
    assert node.journal.reading.execute("select count(*) from dead_letter").fetchone()[0] == 1
    node.hears(an_offer(), n=2)
    assert node.state() is AttemptState.TAKEN


def test_every_connection_begins_with_a_sync_of_what_is_held(node):
    node.hears(an_offer())
    node.said()
    node.agent._on_connected("conn")
    (sync,) = [m for m in node.said() if isinstance(m, Sync)]
    assert [held.attempt for held in sync.attempts] == [REF]
    assert (sync.in_stream, sync.in_cursor) == (node.stream, 1)
    node.hears(Synced(unknown=(REF,)))
    assert node.state() is AttemptState.WITHDRAWN


def test_a_journal_of_another_machine_is_refused_until_it_is_adopted(node):
    path = node.folder / "journal.db"
    with pytest.raises(JournalError, match="fabnet node adopt"):
        Journal(path, "another machine")
    adopt(path, "another machine")
    Journal(path, "another machine").close()


def test_a_plate_that_cannot_be_fetched_is_tried_again_and_not_declined(node):
    node.hears(an_offer())
    node.agent._prepare_next()
    ref, future = node.agent._preparing
    future.exception(timeout=20)
    node.agent._take_prepared()
    assert ref == REF
    assert node.state() is AttemptState.PREPARING
    assert node.agent._not_before[REF] > clock.boottime_s()


def test_stopping_is_prompt(tmp_path):
    node = Node(tmp_path)
    stop = threading.Event()
    runner = threading.Thread(target=partial(node.agent.run, stop))
    # Journals belong to one thread: the runner opens its own.
    node.journal.close()
    node.agent._journal = None

    def run():
        node.agent._journal = Journal(tmp_path / "journal.db", "this machine")
        node.agent.run(stop)

    runner = threading.Thread(target=run)
    runner.start()
    stop.wait(0.5)
    stop.set()
    runner.join(15)
    assert not runner.is_alive()
