"""Attacks on a broker: whether it keeps nodes apart, and what to mend where it does not.

Run by `fabnet doctor --broker` with the logins of the coordinator and of two nodes: one is the victim,
one the attacker, enrolled and hostile. The second wall, what the coordinator does with what a node may
say, is held by tests/integration/test_hostile_node.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fabnet import wire
from fabnet.broker_probe import Login, Outcome, Peer, Scene, Target, packet, text
from fabnet.wire import Channel

_TOO_LARGE = 300 * 1024  # bytes; a message of ours has at most 64 KiB
_STORM = 40  # wrong passwords
_FLOOD = 5000  # messages
_LORIS = 12  # half-open logins
_BAD = b"forged"
_UP = (Channel.PRESENCE, Channel.EVENTS, Channel.TELEMETRY, Channel.NODE_ACK)
_DOWN = (Channel.COMMANDS, Channel.COORDINATOR_ACK)
_ACL = (
    "give nodes `pattern write fabnet/v1/+/%u/up/#` and `pattern read fabnet/v1/+/%u/dn/#` and nothing"
    " more (docs/security.md has mosquitto's whole configuration)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One thing that a hostile client tries."""

    name: str
    tries: str
    mend: str
    act: Callable[[Scene], bool]  # returns whether the broker held

    def run(self, scene: Scene) -> Outcome:
        """Try it."""
        held = self.act(scene)
        words = self.tries if held else f"{self.tries}: {self.mend}"
        return Outcome(attack=self.name, held=held, words=words)


def probe(target: Target) -> Iterator[Outcome]:
    """Attack a broker in every way we know; yields as it goes.

    Whoever is logged in with one of the three logins is cut off meanwhile.

    Raises:
        BrokerError: it cannot be reached, or refuses one of the three logins.
    """
    scene = Scene(target)
    try:
        yield Outcome(attack="round-trip", held=scene.works(), words="messages go both ways")
        for attack in ATTACKS:
            yield attack.run(scene)
            scene.renew()
    finally:
        scene.close()


# --- who may come in ------------------------------------------------------------------------------


def _anonymous(scene: Scene) -> bool:
    return not any(
        _let_in(scene, login, name)
        for login in (None, Login(user="", password=""))
        for name in ("", scene.target.victim.user)
    )


def _wrong_password(scene: Scene) -> bool:
    victim = scene.target.victim.user
    wrong = (
        Login(user=victim, password="wrong"),
        Login(user=victim, password=""),
        Login(user="nobody", password="x"),
        Login(user="+", password="x"),
        Login(user="#", password="x"),
    )
    return not any(_let_in(scene, login) for login in wrong)


def _let_in(scene: Scene, login: Login | None, client_id: str = "") -> bool:
    peer = Peer(scene.target, login, client_id=client_id)
    let_in = peer.open
    peer.close()
    return let_in


def _storm(scene: Scene) -> bool:
    for n in range(_STORM):
        _let_in(scene, Login(user=scene.target.victim.user, password=f"guess {n}"), f"x{n}")
        if n % 10 == 0 and not scene.works():
            return False
    return scene.works() and scene.victim.open


def _stolen_name(scene: Scene) -> bool:
    thief = scene.attacker(
        client_id=scene.target.victim.user, topics=scene.topics(scene.target.victim)
    )
    held = scene.works() and scene.victim.open
    heard = [topic for topic, _ in thief.heard if topic != wire.COORDINATOR_TOPIC]
    thief.close()
    return held and not heard


def _stolen_name_unproven(scene: Scene) -> bool:
    victim = scene.target.victim
    for login in (None, Login(user=victim.user, password="wrong")):
        for _ in range(3):
            _let_in(scene, login, victim.user)
        if not (scene.victim.open and scene.works()):
            return False
    # A node leaves a connection that is deaf by itself: it may be its next one, and not the one after.
    for leave in (scene.victim.close, scene.victim.cut):
        leave()
        scene.victim.open = False
        scene.renew()
        if scene.works():
            return True
    return False


# --- who may speak --------------------------------------------------------------------------------


def _speak_for_another(scene: Scene) -> bool:
    return _unheard(scene, [scene.of("victim", channel) for channel in _UP])


def _command(scene: Scene) -> bool:
    both = [scene.of("victim", c) for c in _DOWN] + [scene.of("attacker", c) for c in _DOWN]
    return _unheard(scene, both)


def _as_coordinator(scene: Scene) -> bool:
    return _unheard(scene, [wire.COORDINATOR_TOPIC, wire.ROOT, f"{wire.ROOT}/coordinator/x"])


def _unheard(scene: Scene, topics: list[str]) -> bool:
    scene.heard()
    peer = scene.attacker()
    for topic in topics:
        for qos in (0, 1, 2):
            if not peer.open:
                peer = scene.attacker()
            peer.say(topic, _BAD, qos=qos)
    peer.close()
    return not any(payload == _BAD for _, payload in scene.heard())


def _will(scene: Scene) -> bool:
    scene.heard()
    for topic in (
        scene.of("victim", Channel.PRESENCE), scene.of("victim", Channel.COMMANDS),
        wire.COORDINATOR_TOPIC,
    ):  # fmt: skip
        scene.attacker(will=(topic, _BAD)).cut()
    scene.coordinator.run(lambda: False, 0.5)
    return not any(payload == _BAD for _, payload in scene.heard())


def _retained(scene: Scene) -> bool:
    poisoned = [
        scene.of("victim", Channel.PRESENCE), scene.of("victim", Channel.COMMANDS),
        wire.COORDINATOR_TOPIC, f"{wire.ROOT}/poison",
    ]  # fmt: skip
    peer = scene.attacker()
    for topic in poisoned:
        peer.say(topic, _BAD, retain=True)
    peer.close()
    scene.coordinator.close()
    scene.victim.close()
    scene.renew()
    return not any(payload == _BAD for _, payload in scene.heard())


def _odd_topics(scene: Scene) -> bool:
    victim, own = scene.target.victim.user, scene.target.attacker.user
    shard = wire.shard(victim)
    scene.heard()
    for topic in (
        f"{wire.ROOT}/+/{victim}/up/evt", f"{wire.ROOT}/#", "#", "+", "",
        f"{wire.ROOT}//{victim}/up/evt", f"{wire.ROOT}/{shard}/{victim}//up/evt",
        f"/{wire.ROOT}/{shard}/{victim}/up/evt", f"{wire.ROOT}/{shard}/+/up/evt",
        f"{wire.ROOT}/99/{victim}/up/evt", f"{wire.ROOT}/{shard}/{own}/../{victim}/up/evt",
        f"{wire.ROOT}/{shard}/{victim}\0/up/evt", f"{wire.ROOT}/{shard}/{victim}/up/\ud7ff\ufffe",
        f"fabnet/v2/{shard}/{victim}/up/evt", f"$share/x/{wire.ROOT}/{shard}/{victim}/up/evt",
    ):  # fmt: skip
        peer = scene.attacker()
        peer.raw(packet(0x30, text(topic) + _BAD))
        peer.raw(packet(0x31, text(topic) + _BAD))
        peer.close()
    peer = scene.attacker()
    peer.raw(packet(0x30, text(b"\xff\xfe\xc0\x80") + _BAD))
    peer.close()
    return not any(payload == _BAD for _, payload in scene.heard()) and scene.works()


# --- who may hear ---------------------------------------------------------------------------------


def _listen(scene: Scene) -> bool:
    victim = scene.target.victim.user
    spy = scene.attacker(
        topics=[
            "#", "fabnet/#", f"{wire.ROOT}/#", f"{wire.ROOT}/+/+/dn/#", f"{wire.ROOT}/+/+/up/#",
            "+/+/+/+/+/+", "/#", f"{wire.ROOT}/{wire.shard(victim)}/{victim}/#",
            scene.of("victim", Channel.COMMANDS), scene.of("victim", Channel.EVENTS),
            f"$share/spies/{wire.ROOT}/#",
        ]
    )  # fmt: skip
    return _hears_nothing(scene, spy)


def _hears_nothing(scene: Scene, spy: Peer) -> bool:
    for channel in _UP:
        scene.victim.say(scene.of("victim", channel), b"private")
    for channel in _DOWN:
        scene.coordinator.say(scene.of("victim", channel), b"private")
    worked = scene.works()
    spy.run(lambda: not spy.open, 0.3)
    allowed = scene.topics(scene.target.attacker)
    heard = [topic for topic, _ in spy.heard if topic not in allowed]
    spy.close()
    scene.heard()
    return worked and not heard


def _system(scene: Scene) -> bool:
    spy = scene.attacker(topics=["$SYS/#", "$CONTROL/#", "$SYS/broker/+"])
    for topic in ("$SYS/broker/log/N", "$CONTROL/dynamic-security/v1", "$CONTROL/x"):
        spy.say(topic, b'{"commands":[{"command":"listClients"}]}')
    return _hears_nothing(scene, spy)


def _session(scene: Scene) -> bool:
    """A session that outlives its connection must not gather what its owner may not hear."""
    topics = [f"{wire.ROOT}/#", scene.of("victim", Channel.COMMANDS)]
    scene.attacker(clean=False, topics=topics).cut()
    for n in range(3):
        scene.coordinator.say(scene.of("victim", Channel.COMMANDS), b"private %d" % n, qos=2)
    spy = scene.attacker(clean=False)
    held = _hears_nothing(scene, spy)
    scene.attacker(clean=True).close()
    return held


# --- who may break it -----------------------------------------------------------------------------

_BROKEN = (
    packet(0x30, b"\xff\xff"), packet(0x32, text("a")), packet(0x36, text("a/b") + b"\0\1x"),
    packet(0x82, b""), packet(0x80, b"\0\1"), packet(0x62, b"\xff\xff"), packet(0x40, b"\0"),
    packet(0x10, text("MQTT") + b"\4\2\0\0"), packet(0x00, b""), packet(0xF0, b"\0" * 9),
    packet(0x30, text("a") + b"x", 60_000), b"\x30\xff\xff\xff\xff\xff", b"\xff" * 64, b"GET / HTTP/1.1\r\n",
)  # fmt: skip


def _malformed(scene: Scene) -> bool:
    for broken in _BROKEN:
        peer = scene.attacker()
        peer.raw(broken)
        peer.cut()
    return scene.works() and scene.victim.open


def _oversized(scene: Scene) -> bool:
    scene.heard()
    peer = scene.attacker()
    peer.say(scene.of("attacker", Channel.EVENTS), b"x" * _TOO_LARGE)
    peer.cut()
    for claimed in (_TOO_LARGE, 256 * 1024 * 1024 - 1):
        peer = scene.attacker()
        peer.raw(packet(0x30, text(scene.of("attacker", Channel.EVENTS)), claimed))
        peer.cut()
    return all(len(payload) < _TOO_LARGE for _, payload in scene.heard()) and scene.works()


def _slow_login(scene: Scene) -> bool:
    """Logins that never end, beside one another, are an attacker's cheapest flood."""
    slow = []
    for _ in range(_LORIS):
        peer = scene.attacker()
        peer.raw(b"\x30\xff")
        slow.append(peer)
    held = scene.works()
    for peer in slow:
        peer.cut()
    return held


def _flood(scene: Scene) -> bool:
    peer = scene.attacker()
    began = time.monotonic()
    peer.pour(scene.of("attacker", Channel.TELEMETRY), b"{}" * 50, _FLOOD)
    held = True
    while peer.open and time.monotonic() - began < 1.0:
        peer.run(lambda: False, 0.1)
        held = held and scene.works()
    peer.close()
    scene.heard()
    return held and scene.works()


ATTACKS = (
    Attack(
        name="anonymous",
        tries="connect without a login",
        mend="set `allow_anonymous false`",
        act=_anonymous,
    ),
    Attack(
        name="wrong-password",
        tries="log in with wrong passwords and odd names",
        mend="give the broker a password file, and let no user's name hold + or #",
        act=_wrong_password,
    ),
    Attack(
        name="password-storm",
        tries=f"guess a password {_STORM} times while honest nodes work",
        mend="the broker stands still meanwhile: choose a cheaper password hash, or limit logins a second",
        act=_storm,
    ),
    Attack(
        name="stolen-client-id",
        tries="log in as oneself with another node's client id",
        mend="set `use_username_as_clientid true`, so that the login is the client id",
        act=_stolen_name,
    ),
    Attack(
        name="stolen-client-id-unproven",
        tries="connect with another node's client id and no or a wrong password",
        mend="the broker cuts or deafens a node before it asks for the password: use mosquitto",
        act=_stolen_name_unproven,
    ),
    Attack(name="speak-for-another", tries="publish as another node", mend=_ACL,
           act=_speak_for_another),
    Attack(name="command", tries="publish commands to a node, and to oneself", mend=_ACL,
           act=_command),
    Attack(name="as-coordinator", tries="publish as the coordinator", mend=_ACL,
           act=_as_coordinator),
    Attack(
        name="forged-will",
        tries="leave a will on another's topic",
        mend=f"the broker does not hold wills to the access list: use mosquitto; {_ACL}",
        act=_will,
    ),
    Attack(
        name="retained-poison",
        tries="leave retained messages where others look first",
        mend=_ACL,
        act=_retained,
    ),
    Attack(
        name="odd-topics",
        tries="publish on topics with wildcards, empty levels, NUL, broken Unicode, wrong shards",
        mend=f"the broker takes topics that MQTT forbids, or its access list matches too much; {_ACL}",
        act=_odd_topics,
    ),
    Attack(name="listen", tries="subscribe to others, to everything, and by $share", mend=_ACL,
           act=_listen),
    Attack(
        name="system-topics",
        tries="read $SYS and speak on $CONTROL",
        mend=f"leave nodes no topic that begins with $; {_ACL}",
        act=_system,
    ),
    Attack(
        name="kept-session",
        tries="let a persistent session gather another node's messages",
        mend=_ACL,
        act=_session,
    ),
    Attack(
        name="malformed",
        tries=f"send {len(_BROKEN)} kinds of broken packets",
        mend="the broker falls over broken packets: use a newer one",
        act=_malformed,
    ),
    Attack(
        name="oversized",
        tries="send messages, and promise packets, that are far too large",
        mend=f"set `max_packet_size` and `message_size_limit` to {2 * wire.MOST_BYTES}",
        act=_oversized,
    ),
    Attack(
        name="half-sent",
        tries=f"hold {_LORIS} connections open in the middle of a packet",
        mend="a connection that stands still holds up the others: use mosquitto",
        act=_slow_login,
    ),
    Attack(
        name="flood",
        tries=f"publish {_FLOOD} messages at once while honest nodes work",
        mend="one node starves the others: give the broker more processor, or limit its clients",
        act=_flood,
    ),
)  # fmt: skip
