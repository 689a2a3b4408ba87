"""Attacks on a broker: whether it keeps nodes apart, and what to mend where it does not.

Run by `fabnet doctor --broker` with the logins of the coordinator and of two nodes: one is the victim,
one the attacker, enrolled and hostile. Leaves how each is done to `fabnet.broker_acts`. The second
wall, what the coordinator does with what a node may say, is held by
tests/integration/test_hostile_node.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fabnet import broker_acts as acts
from fabnet import wire
from fabnet.broker_probe import Login, Outcome, Scene, Target
from fabnet.errors import BrokerError
from fabnet.wire import is_node_id

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


def read_target(url: str, logins: Path, ca_file: str, coordinator: str) -> Target:
    """Return a broker with the three logins of a file, the first of user `coordinator`.

    Raises:
        BrokerError: the file cannot be read, or does not hold three.
    """
    try:
        lines = [line for line in logins.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise BrokerError(f"{logins} cannot be read: {error.strerror}") from error
    found = [Login(user=user, password=word) for user, _, word in (x.partition(":") for x in lines)]
    names = [login.user for login in found]
    if len(set(names)) != 3 or names[0] != coordinator or not all(map(is_node_id, names)):  # noqa: PLR2004
        raise BrokerError(
            f"{logins} needs three lines of user:password: first {coordinator}, then two nodes"
            " that the broker knows for this test only"
        )
    return Target(
        url=url, coordinator=found[0], victim=found[1], attacker=found[2], ca_file=ca_file
    )


ATTACKS = (
    Attack(
        name="anonymous",
        tries="connect without a login",
        mend="set `allow_anonymous false`",
        act=acts.anonymous,
    ),
    Attack(
        name="wrong-password",
        tries="log in with wrong passwords and odd names",
        mend="give the broker a password file, and let no user's name hold + or #",
        act=acts.wrong_password,
    ),
    Attack(
        name="password-storm",
        tries=f"guess a password {acts.STORM} times while honest nodes work",
        mend="the broker stands still meanwhile: choose a cheaper password hash, or limit logins a second",
        act=acts.storm,
    ),
    Attack(
        name="stolen-client-id",
        tries="log in as oneself with another node's client id",
        mend="set `use_username_as_clientid true`, so that the login is the client id",
        act=acts.stolen_name,
    ),
    Attack(
        name="stolen-client-id-unproven",
        tries="connect with another node's client id and no or a wrong password",
        mend="the broker cuts or deafens a node before it asks for the password: use mosquitto",
        act=acts.stolen_name_unproven,
    ),
    Attack(name="speak-for-another", tries="publish as another node", mend=_ACL,
           act=acts.speak_for_another),
    Attack(name="command", tries="publish commands to a node, and to oneself", mend=_ACL,
           act=acts.command),
    Attack(name="as-coordinator", tries="publish as the coordinator", mend=_ACL,
           act=acts.as_coordinator),
    Attack(
        name="forged-will",
        tries="leave a will on another's topic",
        mend=f"the broker does not hold wills to the access list: use mosquitto; {_ACL}",
        act=acts.will,
    ),
    Attack(
        name="retained-poison",
        tries="leave retained messages where others look first",
        mend=_ACL,
        act=acts.retained,
    ),
    Attack(
        name="odd-topics",
        tries="publish on topics with wildcards, empty levels, NUL, broken Unicode, wrong shards",
        mend=f"the broker takes topics that MQTT forbids, or its access list matches too much; {_ACL}",
        act=acts.odd_topics,
    ),
    Attack(name="listen", tries="subscribe to others, to everything, and by $share", mend=_ACL,
           act=acts.listen),
    Attack(
        name="system-topics",
        tries="read $SYS and speak on $CONTROL",
        mend=f"leave nodes no topic that begins with $; {_ACL}",
        act=acts.system,
    ),
    Attack(
        name="kept-session",
        tries="let a persistent session gather another node's messages",
        mend=_ACL,
        act=acts.session,
    ),
    Attack(
        name="malformed",
        tries=f"send {len(acts.BROKEN)} kinds of broken packets",
        mend="the broker falls over broken packets: use a newer one",
        act=acts.malformed,
    ),
    Attack(
        name="oversized",
        tries="send messages, and promise packets, that are far too large",
        mend=f"set `max_packet_size` and `message_size_limit` to {2 * wire.MOST_BYTES}",
        act=acts.oversized,
    ),
    Attack(
        name="half-sent",
        tries=f"hold {acts.LORIS} connections open in the middle of a packet",
        mend="a connection that stands still holds up the others: use mosquitto",
        act=acts.slow_login,
    ),
    Attack(
        name="flood",
        tries=f"publish {acts.FLOOD} messages at once while honest nodes work",
        mend="one node starves the others: give the broker more processor, or limit its clients",
        act=acts.flood,
    ),
)  # fmt: skip
