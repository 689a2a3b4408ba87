"""The control: what is usually built. It must print twice, or the faults are too kind.

Start on receipt, QoS 1, a durable session, a broker that keeps its queues on disk, and a job that
is not answered within some seconds goes to another node. Every start is a line in a file.

    python -m tests.chaos.naive coordinator PORT FOLDER NODES
    python -m tests.chaos.naive node PORT FOLDER NAME
"""

from __future__ import annotations

import json
import os
import queue
import sqlite3
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fabnet.broker import find_mosquitto
from tests.chaos.member import Member
from tests.chaos.proxy import Exchange, Wire

PRINT_S = 2.0
PATIENCE_S = 8.0
_OPEN_EACH = 2


def _client(name: str, port: int) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.reconnect_delay_set(1, 4)
    client.connect_async("127.0.0.1", port, keepalive=30)
    return client


def run_node(port: int, folder: Path, name: str) -> None:
    """Print whatever comes, in the order in which it comes, and say so."""
    jobs: queue.Queue[str] = queue.Queue()
    client = _client(name, port)
    client.on_connect = lambda c, *_: c.subscribe(f"naive/{name}", qos=1)
    client.on_message = lambda _c, _u, message: jobs.put(message.payload.decode())
    client.loop_start()
    record = os.open(folder / f"{name}.record", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    while True:
        job = jobs.get()
        os.write(record, f"begin {job}\n".encode())
        time.sleep(PRINT_S)
        os.write(record, f"end {job}\n".encode())
        client.publish("naive/done", job, qos=1)


def run_coordinator(port: int, folder: Path, nodes: list[str]) -> None:
    """Hand out jobs until told to stop; who does not answer in time loses his job to another."""
    done: queue.Queue[str] = queue.Queue()
    client = _client("naive-coordinator", port)
    client.on_connect = lambda c, *_: c.subscribe("naive/done", qos=1)
    client.on_message = lambda _c, _u, message: done.put(message.payload.decode())
    client.loop_start()
    db = sqlite3.connect(folder / "jobs.db", isolation_level=None)
    db.execute(
        "create table if not exists job (id integer primary key, node, sent, done default 0)"
    )
    while True:
        time.sleep(0.1)
        while not done.empty():
            db.execute("update job set done = 1 where id = ?", (int(done.get()),))
        now = time.time()
        for job, node in db.execute(
            "select id, node from job where not done and sent < ?", (now - PATIENCE_S,)
        ).fetchall():
            _send(db, client, nodes[(nodes.index(node) + 1) % len(nodes)], job)
        for node in nodes:
            waiting = db.execute("select count(*) from job where node = ? and not done", (node,))
            if waiting.fetchone()[0] < _OPEN_EACH and not (folder / "stop").exists():
                _send(db, client, node, None)


def _send(db: sqlite3.Connection, client: mqtt.Client, node: str, job: int | None) -> None:
    now = time.time()
    if job is None:
        job = db.execute("insert into job (node, sent) values (?, ?)", (node, now)).lastrowid
    else:
        db.execute("update job set node = ?, sent = ? where id = ?", (node, now, job))
    client.publish(f"naive/{node}", str(job), qos=1)


class NaiveNetwork:
    """The control's processes, each with a wire to a broker of its own."""

    def __init__(self, folder: Path, exchange: Exchange, port: int, nodes: int) -> None:
        folder.mkdir()
        self._folder = folder
        self.port = port
        names = [f"naive-{n}" for n in range(1, nodes + 1)]
        self.wires: tuple[Wire, ...] = tuple(exchange.wire(port) for _ in range(nodes + 1))
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n"
            "log_dest stderr\nlog_type error\n" + ("user root\n" if os.geteuid() == 0 else "")
        )
        program = find_mosquitto() or "mosquitto"
        self.broker = Member("naive-broker", [program, "-c", str(configuration)], folder / "b.log")
        run = [sys.executable, "-m", "tests.chaos.naive"]
        self.coordinator = Member(
            "naive-coordinator",
            [*run, "coordinator", str(self.wires[-1].port), str(folder), json.dumps(names)],
            folder / "coordinator.log",
        )
        self.nodes = tuple(
            Member(name, [*run, "node", str(wire.port), str(folder), name], folder / f"{name}.log")
            for name, wire in zip(names, self.wires, strict=False)
        )

    @property
    def members(self) -> tuple[Member, ...]:
        """All processes."""
        return (self.broker, self.coordinator, *self.nodes)

    def heal(self) -> None:
        """The faults are over: no new jobs."""
        (self._folder / "stop").touch()
        for wire in self.wires:
            wire.heal()

    def stop(self) -> None:
        """End everything."""
        for member in self.members:
            member.end()

    def starts(self) -> Counter[str]:
        """Return how often each job was begun, by the printers' own record."""
        lines: list[str] = []
        for path in sorted(self._folder.glob("*.record")):
            lines += path.read_text(encoding="ascii").splitlines()
        return Counter(line.split()[1] for line in lines if line.startswith("begin "))


def main() -> None:
    """Run one of the processes."""
    role, port, folder, told = sys.argv[1:]
    if role == "node":
        run_node(int(port), Path(folder), told)
    else:
        run_coordinator(int(port), Path(folder), json.loads(told))


if __name__ == "__main__":
    threading.current_thread().name = "naive"
    main()
