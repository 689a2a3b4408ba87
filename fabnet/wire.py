"""Topics and envelopes: bytes on MQTT to values and back. Pure; leaves the broker to `fabnet.link`.

Every message is one JSON envelope of at most 64 KiB. Its `d` stays raw here: `jobs.messages`
knows what is inside.
"""

from __future__ import annotations

import enum
import functools
import re
import zlib
from typing import Annotated, TypeVar

import msgspec

from fabnet.errors import WireError

VERSION = 1
ROOT = f"fabnet/v{VERSION}"
COORDINATOR_TOPIC = f"{ROOT}/coordinator"
MOST_BYTES = 64 * 1024
SHARDS = 64
#: Topics that are remembered: those of ten thousand nodes and more.
_TOPICS = 1 << 16
_T = TypeVar("_T")
_NODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Channel(enum.StrEnum):
    """The last two levels of a node's topics."""

    PRESENCE = "up/presence"
    EVENTS = "up/evt"
    TELEMETRY = "up/tele"
    NODE_ACK = "up/ack"  # of the coordinator's stream
    COMMANDS = "dn/cmd"
    COORDINATOR_ACK = "dn/ack"  # of the node's stream


#: What a database can hold; nobody counts as far.
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Name = Annotated[str, msgspec.Meta(max_length=64)]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a reliable stream, or one telemetry message (`n` = 0)."""

    v: int
    id: _Name
    s: _Name  # stream
    n: _Number  # place in the stream, from 1
    boot: _Name  # of the sending process
    t: _Name  # type word
    ts: _Name  # when it was written, for people only
    d: msgspec.Raw
    epoch: _Number = 0  # of the coordinator: its own, or the latest that a node has heard
    a: _Number = 0  # the receiver has acknowledged the stream up to here


class Ack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All messages of the stream up to `n` are applied."""

    stream: _Name
    n: _Number
    id: _Name = ""  # of message n
    over: bool = False  # the stream has ended: another one speaks in this node's name


class Presence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node's birth, or its will."""

    online: bool
    boot: _Name
    conn: _Name
    stream: _Name = ""
    sw: _Name = ""


class CoordinatorPresence(msgspec.Struct, frozen=True, kw_only=True):
    """The coordinator's birth, or its will."""

    online: bool
    epoch: int


_ENVELOPE = msgspec.json.Decoder(Envelope)
_ACK = msgspec.json.Decoder(Ack)
_PRESENCE = msgspec.json.Decoder(Presence)
_COORDINATOR = msgspec.json.Decoder(CoordinatorPresence)


def is_node_id(text: str) -> bool:
    """Return whether the text can name a node: 1 to 32 of a-z, 0-9 and inner hyphens."""
    return _NODE.fullmatch(text) is not None


def shard(node: str) -> str:
    """Return the shard of a node as two digits."""
    return f"{zlib.crc32(node.encode()) % SHARDS:02d}"


@functools.lru_cache(_TOPICS)
def topic(node: str, channel: Channel) -> str:
    """Return a topic of one node."""
    return f"{ROOT}/{shard(node)}/{node}/{channel}"


def all_nodes(channel: Channel) -> str:
    """Return the filter that matches this channel of every node."""
    return f"{ROOT}/+/+/{channel}"


@functools.lru_cache(_TOPICS)
def parse_topic(text: str) -> tuple[str, Channel]:
    """Return node and channel.

    Raises:
        WireError: no topic of ours, or the shard is not the node's.
    """
    parts = text.split("/")
    if len(parts) != 6 or parts[:2] != ROOT.split("/"):  # noqa: PLR2004 - levels of a node's topic
        raise WireError(f"{text!r} is no topic of a node")
    node = parts[3]
    try:
        channel = Channel("/".join(parts[4:]))
    except ValueError as error:
        raise WireError(f"{text!r} is no channel of a node") from error
    if not is_node_id(node) or parts[2] != shard(node):
        raise WireError(f"{text!r} is not in its node's shard")
    return node, channel


def sender(text: str) -> str:
    """Return who speaks on a topic, as the broker holds him to it; "" where it is no node's."""
    parts = text.split("/", 4)
    return parts[3] if len(parts) > 4 else ""  # noqa: PLR2004 - levels of a node's topic


def envelope(
    *,
    id: str,  # noqa: A002 - the field's name on the wire
    stream: str,
    n: int,
    boot: str,
    kind: str,
    body: bytes,
    at: str,
    floor: int = 0,
    epoch: int = 0,
) -> bytes:
    """Encode one message.

    Raises:
        WireError: it is larger than 64 KiB.
    """
    data = msgspec.json.encode(
        Envelope(
            v=VERSION,
            id=id,
            s=stream,
            n=n,
            boot=boot,
            t=kind,
            ts=at,
            d=msgspec.Raw(body),
            epoch=epoch,
            a=floor,
        )
    )
    if len(data) > MOST_BYTES:
        raise WireError(f"a {kind} message of {len(data)} bytes is too large to send")
    return data


def read_envelope(data: bytes) -> Envelope:
    """Decode one message; unknown fields are ignored.

    Raises:
        WireError: too large, no envelope, or of another version.
    """
    found = _read(data, _ENVELOPE)
    if found.v != VERSION:
        raise WireError(f"message version {found.v} is not spoken here, only {VERSION}")
    return found


def read_ack(data: bytes) -> Ack:
    """Decode an acknowledgement.

    Raises:
        WireError: it is none.
    """
    return _read(data, _ACK)


def read_presence(data: bytes) -> Presence:
    """Decode a node's presence.

    Raises:
        WireError: it is none.
    """
    return _read(data, _PRESENCE)


def read_coordinator(data: bytes) -> CoordinatorPresence:
    """Decode the coordinator's presence.

    Raises:
        WireError: it is none.
    """
    return _read(data, _COORDINATOR)


def _read(data: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    if len(data) > MOST_BYTES:
        raise WireError(f"a message of {len(data)} bytes is too large")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"no {decoder.type.__name__.lower()}: {error}") from error


def write(value: Ack | Presence | CoordinatorPresence) -> bytes:
    """Encode one of the small messages."""
    return msgspec.json.encode(value)
