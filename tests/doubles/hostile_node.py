"""The whole coordinator, and two nodes at its broker, a victim and a hostile one, that say what tests want."""

import itertools
import json
import sqlite3
import threading
import time

from fabnet import clock, wire
from fabnet.broker import free_port, login_of
from fabnet.broker_probe import Login, Peer, Target
from fabnet.config import CoordinatorConfig
from fabnet.service import Service
from fabnet.wire import Channel
from jobs.coordinator import nodes
from jobs.ledger.store import Ledger
from jobs.messages import Capabilities, encode
from tests.doubles.world import some_facts

VICTIM, HOSTILE = "lab-a", "lab-b"
STRANGER = "lab-c"  # is not let in
STREAM = "5717ea4"


def envelope(number, kind="sync", body=None, **changes):
    body = {"attempts": [], "in_stream": "", "in_cursor": 0} if body is None else body
    made = {
        "v": 1,
        "id": f"m{number}",
        "s": STREAM,
        "n": number,
        "boot": "b",
        "t": kind,
        "ts": "",
        "d": body,
    }
    return json.dumps(made | changes).encode()


class Node:
    """A node's login, speaking one stream in order, and again until it is heard, as every node does."""

    def __init__(self, url, name):
        self.name = name
        login = Login(user=name, password=f"{name}-pw")
        self._target = Target(url=url, coordinator=login, victim=login, attacker=login)
        self._epoch = 0
        self.read = ("", 0)  # how far it has read the coordinator's stream
        self.connect()
        assert self.peer.run(lambda: self.epoch > 0, 60)
        self.begin(f"{STREAM}-{name}")

    def connect(self):
        """Log in. Another connection of the same name ends this one, and may leave the next deaf."""
        mine = [wire.topic(self.name, c) for c in (Channel.COMMANDS, Channel.COORDINATOR_ACK)]
        topics = [*mine, wire.COORDINATOR_TOPIC]
        until = time.monotonic() + 60
        # The probe has no long patience with a broker that is busy.
        while not (peer := Peer(self._target, self._target.attacker, topics=topics)).open:
            assert time.monotonic() < until, f"{self.name} is not let in"
        self.peer = peer

    def begin(self, stream):
        self.stream, self.numbers, self._said, self._floor = stream, itertools.count(1), {}, 0

    @property
    def epoch(self):
        """The coordinator's latest run, without which no stream begins."""
        told = [wire.read_coordinator(p) for t, p in self.peer.heard if t == wire.COORDINATOR_TOPIC]
        self._epoch = max([self._epoch, *(each.epoch for each in told)])
        return self._epoch

    def topic(self, channel=Channel.EVENTS):
        return wire.topic(self.name, channel)

    def says(self, message):
        """Say a message of the stream; return its number."""
        kind, body = encode(message)
        return self.says_raw(kind, json.loads(body))

    def says_raw(self, kind, body):
        n = next(self.numbers)
        words = envelope(n, kind, body, s=self.stream, epoch=self.epoch)
        self.says_bytes(n, words)
        return n

    def says_bytes(self, n, words):
        self._said[n] = words
        self.peer.say(self.topic(), words)

    def acked(self, n, seconds=200.0):
        """Whether all up to `n` is acknowledged in time; what is not is said again."""
        until = time.monotonic() + seconds
        rounds = 0
        while not self.peer.run(lambda: self._last_acked() >= n, min(seconds, 2.0)):
            if time.monotonic() >= until:
                return False
            rounds += 1
            if not self.peer.open or rounds % 5 == 0:
                self.peer.close()
                self.connect()
            for number in range(self._floor + 1, n + 1):
                self.peer.say(self.topic(), self._said[number])
        return True

    def _last_acked(self):
        acks = (
            wire.read_ack(payload)
            for topic, payload in self.peer.heard
            if topic.endswith(Channel.COORDINATOR_ACK)
        )
        self._floor = max([self._floor, *(ack.n for ack in acks if ack.stream == self.stream)])
        return self._floor

    def appears(self):
        birth = wire.Presence(online=True, boot="boot", conn=f"conn-{self.name}")
        self.peer.say(self.topic(Channel.PRESENCE), wire.write(birth), retain=True)
        n = self.says(Capabilities(lab=self.name, printers=(some_facts(),)))
        assert self.acked(n)

    def is_served(self, seconds=200.0):
        stream, cursor = self.read
        told = {"attempts": [], "in_stream": stream, "in_cursor": cursor}
        return self.acked(self.says_raw("sync", told), seconds)


class Site:
    def __init__(self, folder):
        self.folder = folder
        ledger = Ledger(folder / "ledger.db")
        for name in (VICTIM, HOSTILE, STRANGER):
            nodes.enrol(ledger, name, name, "key", clock.now(), login_of(f"{name}-pw"))
        ledger.close()
        port = free_port()
        config = CoordinatorConfig(
            data_dir=str(folder), port=free_port(), broker_port=port, broker="mosquitto"
        )
        self.stop = threading.Event()
        ready = threading.Event()
        # Linux ends the broker with the thread that started it.
        self.thread = threading.Thread(
            target=lambda: Service(config).run(self.stop, ready.set), daemon=True
        )
        self.thread.start()
        assert ready.wait(100)
        url = f"mqtt://127.0.0.1:{port}"
        self.url = url
        self.victim, self.hostile = Node(url, VICTIM), Node(url, HOSTILE)
        for node in (self.victim, self.hostile):
            node.appears()

    def close(self):
        self.victim.peer.close()
        self.hostile.peer.close()
        self.stop.set()
        self.thread.join(100)

    def rows(self, query, *values):
        db = sqlite3.connect(self.folder / "ledger.db", timeout=60)
        try:
            return db.execute(query, values).fetchall()
        finally:
            db.close()

    def of_victim(self):
        """All that the ledger holds of the victim, and changes by nobody but the victim."""
        return [
            self.rows("select lab, online, boot, conn, place, attended from node where id = ?", VICTIM),
            self.rows("select * from printer where node = ? order by id", VICTIM),
            self.rows("select * from attempt where node = ?", VICTIM),
            self.rows("select * from dead_letter where peer = ?", VICTIM),
            self.rows("select stream from stream_in where peer = ?", VICTIM),
        ]  # fmt: skip

    def reads_mail(self, node):
        """All that the coordinator has said to it: who asks and never reads is not answered."""
        for own, last in self.rows(
            "select stream, last_n from stream_out where peer = ?", node.name
        ):
            node.read = (own, last)
            ack = wire.write(wire.Ack(stream=own, n=last))
            node.peer.say(node.topic(Channel.NODE_ACK), ack)

    def last_letter(self):
        return self.rows("select coalesce(max(id), 0) from dead_letter")[0][0]

    def dead_letters(self, after=0):
        letters = "select type, error from dead_letter where peer = ? and id > ? order by id"
        return self.rows(letters, HOSTILE, after)
