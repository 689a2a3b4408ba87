"""How soon a change of a printer is on the screens of all who look: streams, polling, and the bare broker.

Run with `make bench-live`. A real coordinator (`fabnet serve`) with its own mosquitto runs in processes of its
own, over a ledger with 100 labs of 5 printers, one of each printing. One process is all nodes: each says
what nodes say, all its printers every ten seconds, spread over time. Another thread of this process is
50 readers of the fleet page, stewards and makers, French and English, each with an open stream over
HTTP. A change is a temperature that nobody had before; it counts from just before its
publication to the byte that completes the event with it at the reader. In the same run:

* `bound_p95_s`: publication to arrival at a bare subscriber with nothing behind it, of a second broker that is
  run alike and told the same at the same time (the first lets nobody else listen to nodes).
* `poll_p95_s`: the same readers without streams, each fetching the page every `--poll` seconds, in turns.

`ratio` is p95_s / bound_p95_s. `missed` are changes that a reader never saw: there must be none.
`--threads` gives each stream a thread of cheroot instead of the one selector, everything else alike.
`load` is how many processes wanted a processor in the last minute: with more than there are, all waits are
longer. `cores` is what the coordinator's process used of a core, `rss_mib` its memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fabnet import wire
from fabnet.broker import COORDINATOR_USER, Broker, free_port, login_of, password_line
from fabnet.wire import Channel
from jobs.coordinator import nodes
from jobs.coordinator.people import add_person
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, PrinterChange, PrinterTele, ReportState, Telemetry
from jobs.model import Role
from printers.model import PrinterState
from tests.bench.readers import Readers
from tests.doubles.crowd import Crowd
from tests.doubles.world import World, some_facts
from web.auth import hash_password

PASSWORD = "of-the-bench"
PERIOD_S = 10.0  # of a node's telemetry, as `fabnet.node.uplink` has it
MAKERS = 5
FIRST_C = 100  # the first temperature; each word of a node is a degree warmer


def names_of(labs):
    return [f"lab-{number:03d}" for number in range(labs)]


def build(folder, labs, printers):
    """Make the ledger: all labs, one order over them, one plate printing in each."""
    world = World(folder, checked=False)
    login, hashed = login_of(PASSWORD), hash_password(PASSWORD)
    ids = [f"p{number}" for number in range(printers)]
    for name in names_of(labs):
        nodes.enrol(world.ledger, name, f"Lab {name}", "", world.now, login)
        world.is_there(name)
        world.says(Capabilities(lab=f"Lab {name}", printers=tuple(map(some_facts, ids))), name)
        for each in ids:
            world.says(PrinterChange(printer=each, state=PrinterState.IDLE, clear=True), name)
    world.order(labs * printers)
    world.plan()
    world.tick()
    begun = set()
    for each in world.attempts():
        if each.state is AttemptState.OFFERED and each.node not in begun:
            begun.add(each.node)
            world.take(each.ref)
            world.ready(each.ref)
            world.report(each.ref, ReportState.PRINTING)
    add_person(world.ledger, "steward", "Steward", Role.STEWARD, hashed, "", world.now)
    for name in names_of(labs)[:MAKERS]:
        add_person(world.ledger, name, name, Role.MAKER, hashed, name, world.now)
    world.ledger.close()


# --- the nodes, in a process of their own


def connected(port, names):
    crowd = Crowd(("127.0.0.1", port), lambda *_: None)
    for name in names:
        crowd.connect(crowd.add(name, PASSWORD))
    while not all(member.up for member in crowd.members.values()):
        crowd.turn()
    return crowd


def speak(port, second_port, labs, printers, pipe):
    """Be all nodes until told to end; then tell what was published when, to both brokers."""
    names = names_of(labs)
    crowd, second = connected(port, names), connected(second_port, names)
    for name, member in crowd.members.items():
        birth = wire.Presence(online=True, boot="boot", conn=f"conn-{name}", stream=f"of-{name}")
        member.publish(wire.topic(name, Channel.PRESENCE), wire.write(birth), retain=True)
    at = {}
    begun, said, turns = time.monotonic(), [], dict.fromkeys(names, 0)
    due = {name: begun + PERIOD_S * number / labs for number, name in enumerate(names)}
    pipe.send("here")
    while not pipe.poll():
        now = time.monotonic()
        for name in [name for name, at in due.items() if at <= now]:
            due[name] += PERIOD_S
            celsius = FIRST_C + turns[name]
            turns[name] += 1
            told = tuple(
                PrinterTele(
                    printer=f"p{number}", state=PrinterState.PRINTING, bed_c=60.0,
                    nozzle_c=float(celsius), fraction_done=turns[name] / 100,
                )
                for number in range(printers)
            )  # fmt: skip
            payload = msgspec.json.encode(Telemetry(printers=told))
            for told_to in (crowd, second):
                at[told_to] = time.monotonic()
                told_to.members[name].publish(wire.topic(name, Channel.TELEMETRY), payload, qos=0)
                told_to.turn(0)
            said.append((name, celsius, at[crowd], at[second]))
        crowd.turn(0.005)
        second.turn(0)
    pipe.send(said)
    crowd.close()
    second.close()


class Bare:
    """A subscriber that does nothing: when each word came."""

    def __init__(self, port):
        self.seen = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=COORDINATOR_USER)
        self._client.username_pw_set(COORDINATOR_USER, PASSWORD)
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(wire.all_nodes(Channel.TELEMETRY), 0)
        self._client.loop_start()

    def _heard(self, _client, _userdata, message):
        at = time.monotonic()
        node, _ = wire.parse_topic(message.topic)
        told = msgspec.json.decode(message.payload, type=Telemetry)
        self.seen[node, int(told.printers[0].nozzle_c or 0)] = at

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


# --- the readers


def used(pid):
    """Return seconds of a processor, and MiB of memory, of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    tick = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / tick, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def p95(values):
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else float("nan")


def coordinator(folder, http, broker, *, threads):
    secret = folder / "coordinator.password"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD)
    config = folder / "coordinator.toml"
    config.write_text(
        f'data_dir = "data"\nport = {http}\nbroker_port = {broker}\n'
        f'broker_password_file = "{secret}"\n'
    )
    module = "tests.bench.threaded" if threads else "fabnet"
    log = (folder / "log").open("w")
    command = [sys.executable, "-m", module, "serve", str(config)]
    with log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def wait_for(url, process):
    import requests

    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the coordinator has ended")
        try:
            if requests.get(f"{url}/healthz", timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError("the coordinator does not answer")


def phase(readers, read, pid, seconds):
    """Let readers read for so long; return the use of the coordinator's process, and from when to when."""
    there, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=read, args=(there, stop))
    thread.start()
    if not there.wait(60):
        raise RuntimeError("the readers do not get their streams")
    time.sleep(2)  # what they have missed on the way has come
    readers.bytes = 0
    (cpu, _), begun = used(pid), time.monotonic()
    time.sleep(seconds)
    (after, rss), ended = used(pid), time.monotonic()
    received = readers.bytes
    time.sleep(2)
    stop.set()
    thread.join()
    return {
        "cores": round((after - cpu) / (ended - begun), 3),
        "rss_mib": round(rss),
        "bytes_per_s": round(received / (ended - begun) / readers.count),
    }, (begun, ended)


def measure(folder, args):
    http, broker = free_port(), free_port()
    second = Broker(folder / "second", "127.0.0.1", free_port(), kind="mosquitto")
    users = (COORDINATOR_USER, *names_of(args.labs))
    second.set_users({user: password_line(user, PASSWORD) for user in users})
    url = f"http://127.0.0.1:{http}"
    (folder / "data").mkdir()
    build(folder / "data", args.labs, args.printers)
    print("the ledger is made", flush=True)
    process = coordinator(folder, http, broker, threads=args.threads)
    logins = ("steward", *names_of(MAKERS))
    here, there = multiprocessing.Pipe()
    crowd = multiprocessing.get_context("spawn").Process(
        target=speak, args=(broker, second.port, args.labs, args.printers, there)
    )
    try:
        second.start()
        wait_for(url, process)
        crowd.start()
        here.recv()
        bare = Bare(second.port)
        time.sleep(2)
        streams = Readers(url, ("127.0.0.1", http), args.viewers, logins, PASSWORD)
        cost, span = phase(streams, streams.follow, process.pid, args.seconds)
        print("streams:", cost, flush=True)
        polls, poll_cost, poll_span = None, {}, (0.0, 0.0)
        if args.poll_seconds:
            polls = Readers(url, ("127.0.0.1", http), args.viewers, logins, PASSWORD)
            poll_cost, poll_span = phase(
                polls,
                lambda *events: polls.poll(*events, args.poll),
                process.pid,
                args.poll_seconds,
            )
            print("polling:", poll_cost, flush=True)
        here.send("end")
        said = here.recv()
        bare.close()
    finally:
        second.stop()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
        if crowd.pid:
            crowd.join(10)
    result = {
        **by_streams(said, span, streams, bare),
        "viewers": args.viewers,
        "labs": args.labs,
        "printers": args.labs * args.printers,
        **cost,
        "threads": args.threads,
        "load": round(os.getloadavg()[0], 1),
    }
    if polls is not None:
        result |= by_polls(said, poll_span, polls, args.poll, poll_cost)
    return result


def by_streams(said, span, streams, bare):
    """Return how late changes came to open pages by streams, and over the bare broker."""
    mine = [each for each in said if span[0] <= each[2] < span[1]]
    delays, missed = streams.delays(mine)
    bound = [bare.seen[n, c] - at for n, c, _, at in mine if (n, c) in bare.seen]
    return {
        "p95_s": round(p95(delays), 4),
        "p50_s": round(statistics.median(delays), 4),
        "max_s": round(max(delays), 4),
        "bound_p95_s": round(p95(bound), 4),
        "ratio": round(p95(delays) / p95(bound), 1),
        "changes": len(mine),
        "samples": len(delays),
        "missed": missed,
    }


def by_polls(said, span, polls, every_s, cost):
    """Return the same for pages that ask anew every few seconds."""
    delays, _ = polls.delays([each for each in said if span[0] <= each[2] < span[1]])
    return {
        "poll_p95_s": round(p95(delays), 4),
        "poll_every_s": every_s,
        "poll_cores": cost["cores"],
        "poll_bytes_per_s": cost["bytes_per_s"],
        "poll_page_p95_s": round(p95(polls.page_s), 4),
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labs", type=int, default=100)
    parser.add_argument("--printers", type=int, default=5, help="of each lab")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=25, help="with streams")
    parser.add_argument("--poll-seconds", type=float, default=15, help="without; 0: not at all")
    parser.add_argument("--poll", type=float, default=5.0, help="seconds between two questions")
    parser.add_argument("--threads", action="store_true", help="a thread for each stream")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as work:
        result = measure(Path(work), args)
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
