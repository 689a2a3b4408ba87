"""Faults that chance finds too rarely, each with the order of events in which it does harm.

A scenario is played twice: with the code as it is every law holds, with the fault one does not.
"""

from __future__ import annotations

import math
from datetime import datetime

from fabnet import clock, wire
from fabnet.exchange import Exchange
from fabnet.node.agent import Agent
from fabnet.wire import Channel
from jobs.coordinator import harvests, restoring
from jobs.ledger import streams
from jobs.ledger.streams import Arrival
from jobs.lifecycle import TO_HARVEST, AttemptState
from jobs.messages import decode_up
from tests.sim.ends import PRINTER
from tests.sim.mutants import put_back_journal_is_believed, write_off_does_not_wait
from tests.sim.world import World

A, B = "lab-a", "lab-b"
_HOUR_S = 3600.0


def _granted_ahead(world: World) -> None:
    """Lab A prints one plate and holds the grant of the next; then its line is cut."""
    for node in (A, B):
        world.exchange(node, 2)
        world.clear_bed(node)
    world.plan(A, A)
    world.exchange(A, 6)
    states = sorted(a.state for a in world.attempts())
    assert states == [AttemptState.GRANTED, AttemptState.PRINTING]
    world.cut(A)


def _counts_at_her_node(world: World) -> None:
    """The maker takes off what lies there, without a network."""
    end = world.nodes[A]
    with world.at(A):
        end.machine.finish()
        end.bench_round()
        end.round()
        with end.journal.transaction() as db:
            for entry in end.journal.entries(TO_HARVEST):
                end.journal.move(db, entry.ref, AttemptState.HARVESTED)
            end.journal.set_clear(db, PRINTER, clear=True)
        for _ in range(3):
            end.round()
            end.bench_round()


def grant_survives_reboot(patch) -> None:
    """What a node has been granted is remembered over a restart, with times of another boot."""
    kept: dict[str, dict] = {}
    begin = Agent.begin

    def remembering(self):
        begin(self)
        self._grants._claims = kept.setdefault(self._config.id, {})

    patch.setattr(Agent, "begin", remembering)


def a_reboot_and_a_long_night(world: World) -> None:
    _granted_ahead(world)
    for _ in range(3):
        world.pass_time(_HOUR_S)
    world.reboot(A)
    for index in range(4):
        world.write_off(index)
    _counts_at_her_node(world)


def write_off_by_the_wall_clock(patch) -> None:
    """The end of a grant is taken from a clock that somebody can set."""

    def left(db, ref):
        row = db.execute(
            "select granted_at, ttl_s from attempt where job_id = ? and number = ?",
            (ref.job, ref.number),
        ).fetchone()
        passed = (clock.now() - datetime.fromisoformat(row["granted_at"])).total_seconds()
        return max(0.0, row["ttl_s"] * 1.1 + 5 - passed)

    patch.setattr(harvests, "grant_left_s", left)


def a_clock_that_is_set_a_day_ahead(world: World) -> None:
    _granted_ahead(world)
    world.hosts.off_s["coordinator"] = 24 * _HOUR_S
    for index in range(4):
        world.write_off(index)
    _counts_at_her_node(world)


def a_steward_who_does_not_wait(world: World) -> None:
    _granted_ahead(world)
    for index in range(4):
        world.write_off(index)
    _counts_at_her_node(world)


def number_reused_after_restore(patch) -> None:
    """After a restore the numbers go on where the copy ends."""
    patch.setattr(restoring, "fence", lambda _db: 0)


def a_lab_that_nobody_waits_for(world: World) -> None:
    for node in (A, B):
        world.exchange(node, 2)
        world.clear_bed(node)
    world.plan(A)
    world.copy("coordinator")
    world.exchange(A, 3)
    world.cut(A)
    world.put_back("coordinator")
    world.exchange(B, 3)
    world.go_on_without(A)
    world.nodes[A].kill()
    world.lose_disk(A)
    world.exchange(A, 3)


def cursor_before_commit(patch) -> None:
    """The coordinator moves its cursor, acknowledges, and then does what it was told."""
    take = Exchange.take

    def hasty(self, messages, link):
        for topic, payload in messages:
            node, channel = wire.parse_topic(topic)
            if channel is not Channel.EVENTS:
                take(self, [(topic, payload)], link)
                continue
            told = wire.read_envelope(payload)
            with self._ledger.transaction() as db:
                found = streams.arrive(db, node, told.s, told.n, told.id, told.a)
                read = streams.cursor_of(db, node)
            if found is Arrival.APPLY:
                ack = wire.Ack(stream=read.stream, n=read.n, id=read.id)
                link.publish(wire.topic(node, Channel.COORDINATOR_ACK), wire.write(ack), qos=0)
                with self._ledger.transaction() as db:
                    self._inbox._apply(db, node, decode_up(told.t, bytes(told.d)), clock.now())

    patch.setattr(Exchange, "take", hasty)


def a_coordinator_that_dies_with_the_end_of_a_print(world: World) -> None:
    for node in (A, B):
        world.exchange(node, 2)
        world.clear_bed(node)
    world.plan(A)
    world.exchange(A, 4)
    world.finish(A)
    for _ in range(8):
        world.hosts.true_s += 61
        for host in ("coordinator", A):
            world.step(host)
        kept = [m for m in world.network.flying if m.to == A]
        to_die = [m for m in world.network.flying if m.to == "coordinator" and "/evt" in m.topic]
        world.network.flying[:] = kept
        while world.network.flying:
            world.deliver(0)
        world.step(A)
        world.network.flying[:] = to_die
        while world.network.flying:
            world.deliver(0, dies=True)


def silent_on_its_beds(patch) -> None:
    """A node says nothing on a count of what its journal has forgotten."""
    heard = Agent._on_harvested

    def mute(self, db, told, now):
        return [] if self._journal.entry(told.attempt) is None else heard(self, db, told, now)

    patch.setattr(Agent, "_on_harvested", mute)


def a_card_that_is_lost_in_mid_print(world: World) -> None:
    """The maker counts, and her page calls the bed clear; the new card does not."""
    for node in (A, B):
        world.exchange(node, 2)
        world.clear_bed(node)
    world.plan(A, A)
    world.exchange(A, 4)
    world.lose_disk(A)
    world.exchange(A, 4)


def a_card_that_is_put_back_in_mid_print(world: World) -> None:
    """The copy was made before the node heard of its work; without a mark both sides would be content."""
    for node in (A, B):
        world.exchange(node, 2)
        world.clear_bed(node)
    world.plan(A)
    world.copy(A)
    world.exchange(A, 2)
    assert AttemptState.PRINTING in {a.state for a in world.attempts()}
    world.put_back(A)
    world.exchange(A, 3)


def a_node_says_once_that_it_is_there(patch) -> None:
    """Only a new connection, and a new coordinator, hear that a node is there."""
    patch.setattr("fabnet.node.uplink._HERE_S", math.inf)


def a_birth_and_a_will_that_come_once_more(world: World) -> None:
    """Both are of a connection that has ended; the newest one is taken for gone."""
    for node in (A, B):
        world.exchange(node, 2)
    world.cut(A)
    old = [m for m in world.network.past if m.topic.endswith("lab-a/up/presence")]
    world.exchange(A)
    world.network.flying += old[-2:]
    for _ in range(2):
        world.hosts.true_s += 61
        world.exchange(A)
    db = world.coordinator.ledger.reading
    (online,) = db.execute("select online from node where id = ?", (A,)).fetchone()
    assert online, "a lab that talks is taken for gone"


SCENARIOS = (
    (a_node_says_once_that_it_is_there, a_birth_and_a_will_that_come_once_more),
    (put_back_journal_is_believed, a_card_that_is_put_back_in_mid_print),
    (silent_on_its_beds, a_card_that_is_lost_in_mid_print),
    (write_off_does_not_wait, a_steward_who_does_not_wait),
    (grant_survives_reboot, a_reboot_and_a_long_night),
    (write_off_by_the_wall_clock, a_clock_that_is_set_a_day_ahead),
    (number_reused_after_restore, a_lab_that_nobody_waits_for),
    (cursor_before_commit, a_coordinator_that_dies_with_the_end_of_a_print),
)
