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
from jobs.coordinator import harvests, nodes, restoring
from jobs.ledger import streams
from jobs.ledger.streams import Arrival
from jobs.lifecycle import TO_HARVEST, AttemptState
from jobs.messages import decode_up
from tests.sim.ends import PRINTER
from tests.sim.mutants import (
    grant_survives_suspend,
    lapse_while_printing,
    old_will_believed,
    put_back_journal_is_believed,
    withdrawn_after_its_start,
    write_off_does_not_wait,
)
from tests.sim.world import World

A, B = "lab-a", "lab-b"
_HOUR_S = 3600.0


def _begin(world: World) -> None:
    """Both labs are there, and their beds are clear."""
    for node in (A, B):
        world.exchange(node, 2)
        world.clear_bed(node)


def _granted_ahead(world: World) -> None:
    """Lab A prints one plate and holds the grant of the next; then its line is cut."""
    _begin(world)
    world.plan(A, A)
    world.exchange(A, 6)
    states = sorted(a.state for a in world.attempts())
    assert states == [AttemptState.GRANTED, AttemptState.PRINTING]
    world.cut(A)


def _give_up(world: World) -> None:
    """A steward gives up what she can of the first attempts."""
    for index in range(4):
        world.write_off(index)


def _counts_at_her_node(world: World) -> None:
    """The maker takes off what lies there, without a network."""
    end = world.nodes[A]
    with world.at(A):
        end.machine.finish()
        end.machine.lies = ""
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
    _give_up(world)
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
    _give_up(world)
    _counts_at_her_node(world)


def a_steward_who_does_not_wait(world: World) -> None:
    _granted_ahead(world)
    _give_up(world)
    _counts_at_her_node(world)


def number_reused_after_restore(patch) -> None:
    """After a restore the numbers go on where the copy ends."""
    patch.setattr(restoring, "fence", lambda _db: 0)


def a_lab_that_nobody_waits_for(world: World) -> None:
    _begin(world)
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
    _begin(world)
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
    _begin(world)
    world.plan(A, A)
    world.exchange(A, 4)
    world.lose_disk(A)
    world.exchange(A, 4)


def a_card_that_is_put_back_in_mid_print(world: World) -> None:
    """The copy was made before the node heard of its work; without a mark both sides would be content."""
    _begin(world)
    world.plan(A)
    world.copy(A)
    world.exchange(A, 2)
    assert AttemptState.PRINTING in {a.state for a in world.attempts()}
    world.put_back(A)
    world.exchange(A, 3)


def every_leap_is_as_long(patch) -> None:
    """Each time a ledger is put back its numbers leap equally far."""
    patch.setattr(restoring, "_PLACES", 1)


def a_copy_that_is_put_back_twice(world: World) -> None:
    _begin(world)
    world.plan(A)
    world.copy("coordinator")
    world.step("coordinator")
    world.network.flying.clear()
    world.put_back("coordinator")
    _all_talk(world)
    world.put_back("coordinator")
    world.lose_disk(A)
    world.lose_disk(B)


def _all_talk(world: World) -> None:
    for _ in range(4):
        world.hosts.true_s += 61  # what was lost on the way is said again
        for node in (A, B):
            world.exchange(node)


def a_number_that_was_not_begun_is_forgotten(patch) -> None:
    """A ledger takes no notice of the numbers of attempts that nobody wants any more."""
    enter = restoring._enter

    def hasty(db, node, kept, now):
        return restoring._may_have_begun(kept) and enter(db, node, kept, now)

    patch.setattr(restoring, "_enter", hasty)


def a_second_leap_that_is_the_shorter(world: World) -> None:
    """The lab knows a number above those of the second time."""
    for node in (A, B):
        world.exchange(node, 2)
    world.plan(A)
    world.copy("coordinator")
    fences: list[int] = []
    while len(fences) < 2 or fences[-1] >= fences[0]:
        world.step("coordinator")
        world.network.flying.clear()
        world.put_back("coordinator")
        fences.append(restoring.fence(world.coordinator.ledger.reading))
        if len(fences) == 1:
            _all_talk(world)
    assert world.nodes[A].journal.held()[0].attempt.number > fences[-1]


def who_is_not_waited_for_is_not_asked(patch) -> None:
    """With a steward's word that the others go on, the question to the lab is forgotten."""
    go_on_without = restoring.go_on_without

    def forgetting(ledger, node, by, now):
        go_on_without(ledger, node, by, now)
        with ledger.transaction() as db:
            db.execute("update node set unheard = 0 where id = ?", (node,))

    patch.setattr(restoring, "go_on_without", forgetting)


def a_card_that_is_lost_with_its_answer(world: World) -> None:
    """The lab has read the question; its answer is lost with its card, and nobody waits for it."""
    _begin(world)
    world.plan(A)
    world.exchange(A, 3)
    world.copy("coordinator")
    world.finish(A)
    world.exchange(A)
    world.put_back("coordinator")
    for host in ("coordinator", A, "coordinator"):
        world.step(host)
        _deliver_but_events(world)
    _deliver_but_events(world)
    world.lose_disk(A)
    world.go_on_without(A)
    world.go_on_without(B)


def _deliver_but_events(world: World) -> None:
    world.network.flying[:] = [m for m in world.network.flying if "/up/evt" not in m.topic]
    while world.network.flying:
        world.deliver(0)
        world.network.flying[:] = [m for m in world.network.flying if "/up/evt" not in m.topic]


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
    _is_there(world)


def a_will_that_comes_late(world: World) -> None:
    """It is of a connection that has ended, and comes after the birth of the next one."""
    for node in (A, B):
        world.exchange(node, 2)
    world.cut(A)
    late, world.network.flying[:] = world.network.flying[-1:], []
    world.exchange(A)
    world.network.flying += late
    world.deliver(0)
    _is_there(world)


def _is_there(world: World) -> None:
    db = world.coordinator.ledger.reading
    (online,) = db.execute("select online from node where id = ?", (A,)).fetchone()
    assert online, "a lab that talks is taken for gone"


def any_word_that_a_bed_is_clear(patch) -> None:
    """A node does not ask what the bed was when somebody called it clear."""
    heard = Agent._on_printer_ready

    def deaf(self, db, printer, _used, now):
        heard(self, db, printer, None, now)

    patch.setattr(Agent, "_on_printer_ready", deaf)


def a_bed_that_was_used_after_it_was_called_clear(world: World) -> None:
    """The lab is cut off in mid-print and given up; somebody at the hub takes its bed for clear."""
    _granted_ahead(world)
    for _ in range(4):
        world.pass_time(_HOUR_S)
    _give_up(world)
    world.hosts.here = "coordinator"
    nodes.printer_ready(world.coordinator.ledger, A, PRINTER, "maker", clock.now())
    world.finish(A)
    world.plan(A)


def a_lab_that_is_silent_in_mid_print(world: World) -> None:
    _granted_ahead(world)
    world.pass_time(3 * _HOUR_S)
    world.exchange(A, 4)


def a_machine_that_sleeps(world: World) -> None:
    _granted_ahead(world)
    world.suspend(A, 3 * _HOUR_S)
    _give_up(world)
    _counts_at_her_node(world)


def a_print_that_breaks_off_and_is_given_up(world: World) -> None:
    _granted_ahead(world)
    world.break_off(A)
    world.exchange(A, 2)
    _give_up(world)


SCENARIOS = (
    (lapse_while_printing, a_lab_that_is_silent_in_mid_print),
    (grant_survives_suspend, a_machine_that_sleeps),
    (withdrawn_after_its_start, a_print_that_breaks_off_and_is_given_up),
    (any_word_that_a_bed_is_clear, a_bed_that_was_used_after_it_was_called_clear),
    (every_leap_is_as_long, a_copy_that_is_put_back_twice),
    (a_number_that_was_not_begun_is_forgotten, a_second_leap_that_is_the_shorter),
    (who_is_not_waited_for_is_not_asked, a_card_that_is_lost_with_its_answer),
    (a_node_says_once_that_it_is_there, a_birth_and_a_will_that_come_once_more),
    (old_will_believed, a_will_that_comes_late),
    (put_back_journal_is_believed, a_card_that_is_put_back_in_mid_print),
    (silent_on_its_beds, a_card_that_is_lost_in_mid_print),
    (write_off_does_not_wait, a_steward_who_does_not_wait),
    (grant_survives_reboot, a_reboot_and_a_long_night),
    (write_off_by_the_wall_clock, a_clock_that_is_set_a_day_ahead),
    (number_reused_after_restore, a_lab_that_nobody_waits_for),
    (cursor_before_commit, a_coordinator_that_dies_with_the_end_of_a_print),
)
