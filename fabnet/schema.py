"""The whole wire as JSON Schema, made from the types that read and write it; `make schema` keeps it.

Pure, but for `python -m fabnet.schema`, which prints it.
"""

from __future__ import annotations

import sys
from inspect import cleandoc
from typing import Any

import msgspec

from fabnet import wire
from fabnet.wire import Channel
from jobs.messages import DOWN_TYPES, UP_TYPES, Telemetry

#: What a channel carries; the reliable ones carry envelopes.
_SMALL = {
    Channel.PRESENCE: wire.Presence,
    Channel.TELEMETRY: Telemetry,
    Channel.NODE_ACK: wire.Ack,
    Channel.COORDINATOR_ACK: wire.Ack,
}


def schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12: each topic's payload under `topics`, all else in `$defs`."""
    kinds = [*DOWN_TYPES.values(), *UP_TYPES.values(), *_SMALL.values()]
    kinds += [wire.Envelope, wire.CoordinatorPresence]
    _, found = msgspec.json.schema_components(
        list(dict.fromkeys(kinds)), ref_template="#/$defs/{name}"
    )
    definitions = {name: _told(found[name]) for name in sorted(found)}
    for direction, types in (("down", DOWN_TYPES), ("up", UP_TYPES)):
        for word, kind in types.items():
            definitions[f"{direction}.{word}"] = _enveloped(word, kind)
        definitions[direction] = {"anyOf": [_ref(f"{direction}.{word}") for word in types]}
    topics = {
        wire.all_nodes(Channel.COMMANDS): _ref("down"),
        wire.all_nodes(Channel.EVENTS): _ref("up"),
        wire.COORDINATOR_TOPIC: _ref(wire.CoordinatorPresence.__name__),
    }
    topics |= {wire.all_nodes(channel): _ref(kind.__name__) for channel, kind in _SMALL.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What coordinator and nodes of fabnet say to each other, version {wire.VERSION}",
        "description": f"One JSON value of at most {wire.MOST_BYTES} bytes a message. "
        "Unknown fields are passed over. docs/protocol.md has the rules.",
        "topics": topics,
        "anyOf": [_ref(name) for name in sorted({rule["$ref"][8:] for rule in topics.values()})],
        "$defs": definitions,
    }


def text() -> str:
    """Return the schema as the file that is kept."""
    data = msgspec.json.format(msgspec.json.encode(schema()), indent=2)
    return data.decode() + "\n"


def _told(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition whose words stand at the margin, as Python from 3.13 on keeps them."""
    if "description" in definition:
        definition["description"] = cleandoc(definition["description"])
    return definition


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _enveloped(word: str, kind: type) -> dict[str, Any]:
    fields = {"v": {"const": wire.VERSION}, "t": {"const": word}, "d": _ref(kind.__name__)}
    return {"allOf": [_ref(wire.Envelope.__name__), {"properties": fields}]}


if __name__ == "__main__":
    sys.stdout.write(text())
