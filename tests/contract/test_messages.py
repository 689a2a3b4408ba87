"""Golden bytes: what version 1 wrote is read for ever, and is what is written now."""

from types import MappingProxyType

import msgspec
import pytest

from jobs.lifecycle import AttemptState
from jobs.messages import (
    DOWN_TYPES,
    UP_TYPES,
    Answer,
    Cancel,
    Capabilities,
    Grant,
    Harvested,
    HeldAttempt,
    MessageError,
    Offer,
    OfferedAttempt,
    PrinterChange,
    PrinterReady,
    Ready,
    Report,
    ReportState,
    Sync,
    Synced,
    Withdraw,
    decode_down,
    decode_up,
    encode,
)
from jobs.model import AttemptRef
from printers.model import PrinterFacts, PrinterState, Spool

REF = AttemptRef(job="abcdefghjk", number=2)
REF_JSON = b'{"job":"abcdefghjk","number":2}'

DOWN = MappingProxyType({
    Offer(attempts=(
        OfferedAttempt(attempt=REF, printer="p1", part="frame", pieces=2, material="PETG",
                       mesh_sha256="aa", plate_sha256="bb", seconds=60.5, grams=10.0),
    )): b'{"attempts":[{"attempt":' + REF_JSON + b',"printer":"p1","part":"frame","pieces":2,'
        b'"material":"PETG","mesh_sha256":"aa","plate_sha256":"bb","seconds":60.5,"grams":10.0}]}',
    Grant(attempt=REF, nonce="n", ttl_s=600.0):
        b'{"attempt":' + REF_JSON + b',"nonce":"n","ttl_s":600.0}',
    Withdraw(attempt=REF, reason="lapsed"): b'{"attempt":' + REF_JSON + b',"reason":"lapsed"}',
    Cancel(attempt=REF, reason=""): b'{"attempt":' + REF_JSON + b',"reason":""}',
    Harvested(attempt=REF): b'{"attempt":' + REF_JSON + b"}",
    PrinterReady(printer="p1"): b'{"printer":"p1"}',
    Synced(unknown=(REF,)): b'{"unknown":[' + REF_JSON + b"]}",
})  # fmt: skip
UP = MappingProxyType({
    Capabilities(lab="Lab", paused=False, printers=(
        PrinterFacts(id="p1", title="P", preset="generic-250x210", bed_x_mm=250.0, bed_y_mm=210.0,
                     height_mm=210.0, margin_mm=2.0, nozzle_mm=0.4,
                     spool=Spool(id="s1", material="PETG", grams=500.0, maker_lot="L")),
    )): b'{"lab":"Lab","printers":[{"id":"p1","title":"P","preset":"generic-250x210",'
        b'"bed_x_mm":250.0,"bed_y_mm":210.0,"height_mm":210.0,"margin_mm":2.0,"nozzle_mm":0.4,'
        b'"spool":{"id":"s1","material":"PETG","grams":500.0,"maker_lot":"L"}}],"paused":false}',
    PrinterChange(printer="p1", state=PrinterState.IDLE, clear=True, fault=""):
        b'{"printer":"p1","state":"idle","clear":true,"fault":""}',
    Answer(attempt=REF, taken=False, reason="pause"):
        b'{"attempt":' + REF_JSON + b',"taken":false,"reason":"pause"}',
    Ready(attempt=REF, nonce="n", gcode_key="k", seconds=60.0, grams=10.0, slicer="PrusaSlicer-2.5.0"):
        b'{"attempt":' + REF_JSON + b',"nonce":"n","gcode_key":"k","seconds":60.0,"grams":10.0,'
        b'"slicer":"PrusaSlicer-2.5.0"}',
    Report(attempt=REF, state=ReportState.PRINTED, reason="", spool="s1"):
        b'{"attempt":' + REF_JSON + b',"state":"printed","reason":"","spool":"s1"}',
    Sync(attempts=(HeldAttempt(attempt=REF, state=AttemptState.TAKEN),), in_stream="s", in_cursor=7):
        b'{"attempts":[{"attempt":' + REF_JSON + b',"state":"taken"}],"in_stream":"s","in_cursor":7}',
})  # fmt: skip


@pytest.mark.parametrize(
    ("message", "golden"), [*DOWN.items(), *UP.items()], ids=lambda v: type(v).__name__
)
def test_what_is_written_now_is_what_was_written_then(message, golden):
    assert encode(message)[1] == golden


@pytest.mark.parametrize(("message", "golden"), DOWN.items(), ids=lambda v: type(v).__name__)
def test_what_the_coordinator_wrote_is_read(message, golden):
    word, _ = encode(message)
    assert decode_down(word, golden) == message


@pytest.mark.parametrize(("message", "golden"), UP.items(), ids=lambda v: type(v).__name__)
def test_what_a_node_wrote_is_read(message, golden):
    word, _ = encode(message)
    assert decode_up(word, golden) == message


@pytest.mark.parametrize(
    ("message", "golden"), [*DOWN.items(), *UP.items()], ids=lambda v: type(v).__name__
)
def test_fields_of_a_later_version_are_passed_over(message, golden):
    word, _ = encode(message)
    later = golden[:-1] + b',"from_the_future":[1,2]}'
    decode = decode_down if message in DOWN else decode_up
    assert decode(word, later) == message


def test_every_message_has_its_golden_bytes():
    assert {type(message) for message in DOWN} == set(DOWN_TYPES.values())
    assert {type(message) for message in UP} == set(UP_TYPES.values())


@pytest.mark.parametrize("word", [*DOWN_TYPES, *UP_TYPES, "unheard-of"])
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}x", b'{"attempt":1,"attempts":1,"unknown":1,"printer":1,"lab":1}', b"\xff"],
)
def test_bytes_that_are_no_message_are_one_error(word, body):
    for decode in (decode_down, decode_up):
        with pytest.raises(MessageError):
            decode(word, body)


def test_the_schemas_can_be_made():
    schemas, _ = msgspec.json.schema_components([*DOWN_TYPES.values(), *UP_TYPES.values()])
    assert len(schemas) == len(DOWN_TYPES) + len(UP_TYPES)
