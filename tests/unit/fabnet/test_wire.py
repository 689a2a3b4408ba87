"""Topics and envelopes; bytes from strangers raise one error and nothing else."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabnet import wire
from fabnet.errors import WireError
from fabnet.wire import Channel

NODES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)


def an_envelope(**changes):
    facts = {
        "id": "i", "stream": "s", "n": 1, "boot": "b", "kind": "offer", "body": b'{"attempts":[]}',
        "at": "2026-11-24T12:00:00+00:00", "epoch": 3,
    }  # fmt: skip
    return wire.envelope(**(facts | changes))


@given(NODES, st.sampled_from(Channel))
def test_topics_are_read_as_they_are_written(node, channel):
    text = wire.topic(node, channel)
    assert wire.parse_topic(text) == (node, channel)
    assert text.split("/")[2] == f"{zlib.crc32(node.encode()) % 64:02d}"


def test_the_coordinators_topic_has_fewer_levels_than_any_nodes():
    assert wire.COORDINATOR_TOPIC == "fabnet/v1/coordinator"
    with pytest.raises(WireError):
        wire.parse_topic(wire.COORDINATOR_TOPIC)


@pytest.mark.parametrize(
    "text",
    [
        "fabnet/v1/00/lab-a/up/evt",  # not its shard
        "fabnet/v2/28/lab-a/up/evt",
        "fabnet/v1/28/LAB/up/evt",
        "fabnet/v1/28/lab-a/up/other",
        "fabnet/v1/28/lab-a/up",
        "",
    ],
)
def test_foreign_topics_are_refused(text):
    with pytest.raises(WireError):
        wire.parse_topic(text)


def test_an_envelope_comes_back_with_its_body_untouched():
    found = wire.read_envelope(an_envelope())
    assert (found.s, found.n, found.t, found.epoch) == ("s", 1, "offer", 3)
    assert bytes(found.d) == b'{"attempts":[]}'


def test_unknown_fields_are_ignored_and_other_versions_refused():
    data = msgspec.json.decode(an_envelope())
    assert wire.read_envelope(msgspec.json.encode(data | {"later": 1})).n == 1
    with pytest.raises(WireError, match="version 2"):
        wire.read_envelope(msgspec.json.encode(data | {"v": 2}))


def test_64_kib_is_the_limit_both_ways():
    with pytest.raises(WireError, match="too large"):
        an_envelope(body=b'"' + b"x" * wire.MOST_BYTES + b'"')
    with pytest.raises(WireError, match="too large"):
        wire.read_envelope(b" " * (wire.MOST_BYTES + 1))


@given(st.binary(max_size=200))
def test_garbage_is_a_wire_error_and_nothing_else(data):
    for read in (wire.read_envelope, wire.read_ack, wire.read_presence, wire.read_coordinator):
        try:
            read(data)
        except WireError:
            continue
