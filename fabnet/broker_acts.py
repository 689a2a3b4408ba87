"""How each attack on a broker is done, and whether the broker held.

Every act takes the scene as it is, and may leave it broken: `fabnet.broker_attacks` renews it.
"""

from __future__ import annotations

import time

from fabnet import wire
from fabnet.broker_probe import Login, Peer, Scene, packet, text
from fabnet.wire import Channel

_TOO_LARGE = 300 * 1024  # bytes; a message of ours has at most 64 KiB
STORM = 40  # wrong passwords
FLOOD = 5000  # messages
LORIS = 12  # half-open logins
_BAD = b"forged"
_UP = (Channel.PRESENCE, Channel.EVENTS, Channel.TELEMETRY, Channel.NODE_ACK)
_DOWN = (Channel.COMMANDS, Channel.COORDINATOR_ACK)


# --- who may come in ------------------------------------------------------------------------------


def anonymous(scene: Scene) -> bool:
    """Return whether it lets nobody in without a login."""
    return not any(
        _let_in(scene, login, name)
        for login in (None, Login(user="", password=""))
        for name in ("", scene.target.victim.user)
    )


def wrong_password(scene: Scene) -> bool:
    """Return whether it lets nobody in with a wrong password or an odd name."""
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


def storm(scene: Scene) -> bool:
    """Return whether honest nodes can work while a password is guessed."""
    for n in range(STORM):
        _let_in(scene, Login(user=scene.target.victim.user, password=f"guess {n}"), f"x{n}")
        if n % 10 == 0 and not scene.works():
            return False
    return scene.works() and scene.victim.open


def stolen_name(scene: Scene) -> bool:
    """Return whether another node's client id gives nothing to who logs in as herself."""
    thief = scene.attacker(
        client_id=scene.target.victim.user, topics=scene.topics(scene.target.victim)
    )
    held = scene.works() and scene.victim.open
    heard = [topic for topic, _ in thief.heard if topic != wire.COORDINATOR_TOPIC]
    thief.close()
    return held and not heard


def stolen_name_unproven(scene: Scene) -> bool:
    """Return whether another node's client id without its password does that node no harm."""
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


def speak_for_another(scene: Scene) -> bool:
    """Return whether nothing is heard that is said as another node."""
    return _unheard(scene, [scene.of("victim", channel) for channel in _UP])


def command(scene: Scene) -> bool:
    """Return whether nothing is heard that a node says where nodes only listen."""
    both = [scene.of("victim", c) for c in _DOWN] + [scene.of("attacker", c) for c in _DOWN]
    return _unheard(scene, both)


def as_coordinator(scene: Scene) -> bool:
    """Return whether nothing is heard that a node says as the coordinator."""
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


def will(scene: Scene) -> bool:
    """Return whether no will is heard that was left on another's topic."""
    scene.heard()
    for topic in (
        scene.of("victim", Channel.PRESENCE), scene.of("victim", Channel.COMMANDS),
        wire.COORDINATOR_TOPIC,
    ):  # fmt: skip
        scene.attacker(will=(topic, _BAD)).cut()
    scene.coordinator.run(lambda: False, 0.5)
    return not any(payload == _BAD for _, payload in scene.heard())


def retained(scene: Scene) -> bool:
    """Return whether nothing is kept that a node leaves on another's topic."""
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


def odd_topics(scene: Scene) -> bool:
    """Return whether no oddly written topic gets round the access list."""
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


def listen(scene: Scene) -> bool:
    """Return whether a node hears only what is for her."""
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


def system(scene: Scene) -> bool:
    """Return whether a node neither hears nor commands the broker's own topics."""
    spy = scene.attacker(topics=["$SYS/#", "$CONTROL/#", "$SYS/broker/+"])
    for topic in ("$SYS/broker/log/N", "$CONTROL/dynamic-security/v1", "$CONTROL/x"):
        spy.say(topic, b'{"commands":[{"command":"listClients"}]}')
    return _hears_nothing(scene, spy)


def session(scene: Scene) -> bool:
    """Return whether a session that outlives its connection gathers nothing that is not its owner's."""
    topics = [f"{wire.ROOT}/#", scene.of("victim", Channel.COMMANDS)]
    scene.attacker(clean=False, topics=topics).cut()
    for n in range(3):
        scene.coordinator.say(scene.of("victim", Channel.COMMANDS), b"private %d" % n, qos=2)
    spy = scene.attacker(clean=False)
    held = _hears_nothing(scene, spy)
    scene.attacker(clean=True).close()
    return held


# --- who may break it -----------------------------------------------------------------------------

BROKEN = (
    packet(0x30, b"\xff\xff"), packet(0x32, text("a")), packet(0x36, text("a/b") + b"\0\1x"),
    packet(0x82, b""), packet(0x80, b"\0\1"), packet(0x62, b"\xff\xff"), packet(0x40, b"\0"),
    packet(0x10, text("MQTT") + b"\4\2\0\0"), packet(0x00, b""), packet(0xF0, b"\0" * 9),
    packet(0x30, text("a") + b"x", 60_000), b"\x30\xff\xff\xff\xff\xff", b"\xff" * 64, b"GET / HTTP/1.1\r\n",
)  # fmt: skip


def malformed(scene: Scene) -> bool:
    """Return whether broken packets harm only who sends them."""
    for broken in BROKEN:
        peer = scene.attacker()
        peer.raw(broken)
        peer.cut()
    return scene.works() and scene.victim.open


def oversized(scene: Scene) -> bool:
    """Return whether what is far too large reaches nobody."""
    scene.heard()
    peer = scene.attacker()
    peer.say(scene.of("attacker", Channel.EVENTS), b"x" * _TOO_LARGE)
    peer.cut()
    for claimed in (_TOO_LARGE, 256 * 1024 * 1024 - 1):
        peer = scene.attacker()
        peer.raw(packet(0x30, text(scene.of("attacker", Channel.EVENTS)), claimed))
        peer.cut()
    return all(len(payload) < _TOO_LARGE for _, payload in scene.heard()) and scene.works()


def slow_login(scene: Scene) -> bool:
    """Return whether connections that never end their packet hold up nobody: the cheapest flood."""
    slow = []
    for _ in range(LORIS):
        peer = scene.attacker()
        peer.raw(b"\x30\xff")
        slow.append(peer)
    held = scene.works()
    for peer in slow:
        peer.cut()
    return held


def flood(scene: Scene) -> bool:
    """Return whether honest nodes can work while one publishes without end."""
    peer = scene.attacker()
    began = time.monotonic()
    peer.pour(scene.of("attacker", Channel.TELEMETRY), b"{}" * 50, FLOOD)
    held = True
    while peer.open and time.monotonic() - began < 1.0:
        peer.run(lambda: False, 0.1)
        held = held and scene.works()
    peer.close()
    scene.heard()
    return held and scene.works()
