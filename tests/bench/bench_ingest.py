"""How many messages of nodes a second the coordinator takes: durable inbox, use cases, bare callback.

Run with `make bench-ingest`. Prints a line for each run, then one JSON object. A real ledger holds
one order over all labs, its jobs and offered attempts; every node says what nodes say of them
(answer, preparing, ready, printing, printed), on a connection of its own, over a real mosquitto with
our access list. Nodes are in other processes; the coordinator's side is this one. Each run takes the
same messages from the same broker, from the word "go" until the last is taken:

* `bare_callback_per_s`: a paho client whose callback counts; nothing is read, kept or acknowledged.
* `messages_per_s`: our link, queue and `Inbox`, as `fabnet serve` runs them: topic, envelope and body
  decoded and checked, doubles told apart, cursor kept in the ledger, commit with synchronous=FULL, then
  one cumulative ack a node and batch, published. Only the last step, the use case, is left out.
* `applied_per_s`: the same with it: attempts advance, grants go into the outbox, history is written.

Afterwards every attempt must have been printed, both book-keeping laws must hold, no message may be
a dead letter, and in both runs with acks every node must have been told that its last one is kept.
`ratio` is messages_per_s / bare_callback_per_s; figures are medians of all rounds. `*_cpu_us` is what
each message cost the coordinator's process, which a busy machine changes less. Sending grants out
and making plans are not part of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import multiprocessing
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fabnet import clock, wire
from fabnet.broker import COORDINATOR_USER, Broker, free_port, password_line
from fabnet.inbox import Acks, Inbox, gather
from fabnet.inlet import Connected, Incoming
from fabnet.link import Link
from fabnet.service import FROM_NODES
from fabnet.wire import Channel
from jobs.coordinator import attempts
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from jobs.live import Live
from jobs.lots import LEAST_LOT
from jobs.messages import Answer, PrinterChange, Ready, Report, ReportState, encode
from printers.model import PrinterState
from tests.doubles.crowd import Crowd
from tests.doubles.world import PRINTER, World

PASSWORD = "of-the-bench"
WINDOW = 4
PATIENCE_S = 300


def build(folder, nodes, plates):
    """Make the ledger; return by node what it will say, as bytes for its events topic."""
    world = World(folder, checked=False)
    names = [f"lab-{number:04d}" for number in range(nodes)]
    for name in names:
        world.add_lab(name)
    world.order(nodes * max(plates * 2, round(LEAST_LOT)))  # or half of the labs get nothing
    world.plan()
    world.tick()
    offered = {name: [] for name in names}
    for each in world.attempts():
        offered[each.node].append(each.ref)
    world.ledger.close()
    return {name: words_of(name, refs) for name, refs in offered.items()}


def words_of(node, refs):
    said = [PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True)]
    said += [Answer(attempt=ref, taken=True) for ref in refs]
    for ref in refs:
        said += [
            Report(attempt=ref, state=ReportState.PREPARING),
            Ready(
                attempt=ref, nonce="9f8e7d6c5b4a3f2e", gcode_key="ab" * 32, seconds=6400.0,
                grams=33.0, slicer="PrusaSlicer 2.5.0",
            ),
            Report(attempt=ref, state=ReportState.PRINTING, spool="s1"),
            Report(attempt=ref, state=ReportState.PRINTED),
        ]  # fmt: skip
    found = []
    for n, message in enumerate(said, 1):
        kind, body = encode(message)
        found.append(
            wire.envelope(
                id=f"{n:020x}", stream=f"of-{node}", n=n, boot="0" * 32, kind=kind, body=body,
                at=clock.now().isoformat(),
            )
        )  # fmt: skip
    return found


def speak(address, said, orders):
    """Be the nodes, in a process of its own: connect, speak at "go", say at "end" what was acked."""
    acked = dict.fromkeys(said, 0)

    def heard(member, _topic, payload):
        acked[member.name] = max(acked[member.name], wire.read_ack(payload).n)

    crowd = Crowd(address, heard)
    for name in said:
        topics = [wire.topic(name, Channel.COORDINATOR_ACK)]
        crowd.connect(crowd.add(name, PASSWORD, topics=topics))
    while not all(member.up for member in crowd.members.values()):
        crowd.turn()
    orders.send("connected")
    orders.recv()
    left = {
        crowd.members[name]: (wire.topic(name, Channel.EVENTS), iter(words))
        for name, words in said.items()
    }
    while left:
        for member, (topic, words) in list(left.items()):
            for word in itertools.islice(words, WINDOW - member.unacked):
                member.publish(topic, word)
            if member.unacked == 0:
                del left[member]
        crowd.turn()
    while not orders.poll():
        crowd.turn()
    orders.recv()
    until = time.monotonic() + 1.0  # the last acks are under way
    while time.monotonic() < until:
        crowd.turn()
    crowd.close()
    orders.send(sum(acked[name] == len(words) for name, words in said.items()))


class Nodes:
    """The processes that speak."""

    def __init__(self, address, said, processes):
        context = multiprocessing.get_context("spawn")
        self._ends, self._processes = [], []
        for number in range(processes):
            mine = dict(list(said.items())[number::processes])
            here, there = context.Pipe()
            process = context.Process(target=speak, args=(address, mine, there))
            process.start()
            there.close()  # so that a process that dies is an end of file and not a silence
            self._ends.append(here)
            self._processes.append(process)
        self._all_say()

    def _all_say(self):
        return [end.recv() for end in self._ends if end.poll(PATIENCE_S)]

    def go(self):
        for end in self._ends:
            end.send("go")

    def end(self):
        """Return how many nodes were told that all they said is kept."""
        for end in self._ends:
            end.send("end")
        told = sum(self._all_say())
        for process in self._processes:
            process.join()
        return told


def run_bare(broker, nodes, total):
    done, connected, counted = threading.Event(), threading.Event(), itertools.count(1)

    def count(_client, _userdata, _message):
        if next(counted) == total:
            done.set()

    def subscribed(client, _userdata, _mid, _reasons, _properties):
        connected.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=COORDINATOR_USER)
    client.username_pw_set(COORDINATOR_USER, PASSWORD)
    client.on_message, client.on_subscribe = count, subscribed
    client.connect(broker.host, broker.port)
    client.subscribe([(wire.all_nodes(channel), 1) for channel in FROM_NODES])
    client.loop_start()
    connected.wait(PATIENCE_S)
    began, cpu = time.perf_counter(), time.process_time()
    nodes.go()
    done.wait(PATIENCE_S)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    client.disconnect()
    client.loop_stop()
    return seconds, cpu


def run_inbox(broker, nodes, total, folder, apply, profile=None):
    ledger = Ledger(folder / "ledger.db")
    inbox, acks = Inbox(ledger, Live(), 0, apply), Acks()
    link = Link(
        broker.url, COORDINATOR_USER, PASSWORD, [wire.all_nodes(c) for c in FROM_NODES],
        lambda _conn: (wire.COORDINATOR_TOPIC, b"{}"),
    )  # fmt: skip
    link.start()
    while not any(isinstance(event, Connected) for event in gather(link.events, 1.0)):
        pass
    threading.Event().wait(0.5)  # until the broker has taken the subscriptions
    count = 0
    if profile is not None:
        profile.enable()
    began, cpu = time.perf_counter(), time.process_time()
    nodes.go()
    while count < total and time.perf_counter() - began < PATIENCE_S:
        events = gather(link.events, 0.1)
        messages = [(e.topic, e.payload) for e in events if isinstance(e, Incoming)]
        if messages:
            acks.add(inbox.take(messages, clock.now()).acks)
            count += len(messages)
        for topic, payload in acks.due(clock.boottime_s()):
            link.publish(topic, payload, qos=0)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if profile is not None:
        profile.disable()
    # The last acks, which may not be due yet.
    for topic, payload in acks.due(float("inf")):
        link.publish(topic, payload, qos=0)
    told = nodes.end()
    link.stop()
    return seconds, cpu, told, ledger


def leave_out(_db, _node, _message, _now):
    """Stand for the use case where the inbox alone is measured."""


def check(ledger, said, told, *, applied):
    """Fail where a message was lost, doubled or laid aside."""
    db = ledger.reading
    cursors = dict(db.execute("select peer, cursor from stream_in").fetchall())
    assert cursors == {node: len(words) for node, words in said.items()}
    assert told == len(said), f"only {told} nodes were told that all they said is kept"
    assert db.execute("select count(*) from dead_letter").fetchone()[0] == 0
    if applied:
        states = [row[0] for row in db.execute("select distinct state from attempt")]
        assert states == ["printed"], states
        audit(db)
    ledger.close()


def one_round(broker, said, fresh, args, profile):
    total = sum(map(len, said.values()))
    address = (broker.host, broker.port)
    nodes = Nodes(address, said, args.publishers)
    costs = {"bare_callback": run_bare(broker, nodes, total)}
    nodes.end()
    for name, apply in (("messages", leave_out), ("applied", attempts.apply)):
        with tempfile.TemporaryDirectory(dir=fresh.parent) as work:
            folder = Path(shutil.copytree(fresh, Path(work) / "ledger"))
            nodes = Nodes(address, said, args.publishers)
            mine = profile if name == args.profile else None
            seconds, cpu, told, ledger = run_inbox(broker, nodes, total, folder, apply, mine)
            check(ledger, said, told, applied=apply is attempts.apply)
        costs[name] = (seconds, cpu)
    found = {}
    for name, (seconds, cpu) in costs.items():
        found[f"{name}_per_s"] = total / seconds
        found[f"{name}_cpu_us"] = 1e6 * cpu / total
    print(" ".join(f"{key}={value:.0f}" for key, value in found.items()), flush=True)
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--plates", type=int, default=4, help="attempts of each node, 4 or more")
    parser.add_argument("--publishers", type=int, default=1, help="processes that hold the nodes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", choices=("messages", "applied"), default="")
    args = parser.parse_args(argv)
    logging.disable(logging.WARNING)
    profile = None
    if args.profile:
        import cProfile

        profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as work:
        fresh = Path(work) / "fresh"
        fresh.mkdir()
        said = build(fresh, args.nodes, args.plates)
        broker = Broker(Path(work) / "broker", "127.0.0.1", free_port(), kind="mosquitto")
        broker.set_users(
            {user: password_line(user, PASSWORD) for user in (COORDINATOR_USER, *said)}
        )
        broker.start()
        try:
            rounds = [one_round(broker, said, fresh, args, profile) for _ in range(args.rounds)]
        finally:
            broker.stop()
    if profile is not None:
        profile.print_stats("tottime")
    result = {key: round(statistics.median(each[key] for each in rounds)) for key in rounds[0]}
    result["ratio"] = round(result["messages_per_s"] / result["bare_callback_per_s"], 3)
    result |= {"nodes": len(said), "messages": sum(map(len, said.values())), "rounds": args.rounds}
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
