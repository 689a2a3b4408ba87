"""Golden bytes: what version 1 wrote is read for ever, and is what is written now.

`golden/v1/` has a file a message: `<direction>.<type word>.jsonl`, and one each for what has no type
word. The last line is what is written now; the lines before it are what earlier releases wrote.
Who adds a field adds a line, and no line is ever changed or taken away.
"""

from pathlib import Path

import jsonschema
import msgspec
import pytest

from fabnet import wire
from fabnet.schema import schema
from jobs.lifecycle import AttemptState
from jobs.messages import (
    DOWN_TYPES,
    UP_TYPES,
    Alone,
    Answer,
    Cancel,
    Capabilities,
    Config,
    Counted,
    Decide,
    Grant,
    Harvested,
    HeldAttempt,
    KeptAttempt,
    Loaded,
    MessageError,
    Offer,
    OfferedAttempt,
    OutOfService,
    PrinterChange,
    PrinterReady,
    PrinterTele,
    Rates,
    Ready,
    Report,
    ReportState,
    Restate,
    Restated,
    RotateLogin,
    Sync,
    Synced,
    Telemetry,
    Withdraw,
    decode_down,
    decode_up,
    encode,
)
from jobs.model import AttemptRef
from printers.model import PartRate, PrinterFacts, PrinterState, Spool

GOLDEN = Path(__file__).parent / "golden" / "v1"
REF = AttemptRef(job="abcdefghjk", number=2)
OFFERED = OfferedAttempt(
    attempt=REF, printer="p1", part="frame", pieces=2, material="PETG", mesh_sha256="aa",
    plate_sha256="bb", seconds=60.5, grams=10.0, order="o1",
    due="2026-12-09",
)  # fmt: skip
#: What the last line of each message's file says.
DOWN = (
    Offer(attempts=(OFFERED,)),
    Grant(attempt=REF, nonce="n", ttl_s=600.0),
    Withdraw(attempt=REF, reason="lapsed"),
    Cancel(attempt=REF, reason="smells", at_once=True),
    Harvested(attempt=REF, good=2, scrap=1, reason="warped", by="ada"),
    Restate(),
    PrinterReady(printer="p1", used="0a1b2c3d"),
    RotateLogin(),
    Decide(attempt=REF, taken=False, reason="busy"),
    Config(paused=None, attended="08:00-20:00", asks=True, loaded=(
        Loaded(printer="p1", spool="s1", material="PETG", grams=500.0, maker_lot="L"),
    ), paused_until="2026-12-07", weekly_h=20.0, alone=(
        Alone(printer="p1", allowed=True, protection_tested=True, smoke_alarm=True,
              surroundings_clear=True),
    ), out_of_service=(OutOfService(printer="p1", out=True, until="2026-12-09"),), rates=(
        Rates(printer="m1", rate_per_h=12.0, parts=(
            PartRate(part="mask", source_sha256="aa", per_h=6.0),
        )),
    ), pause_word="4d5e6f70"),
    Synced(unknown=(REF,)),
)  # fmt: skip
UP = (
    Capabilities(lab="Lab", paused=False, printers=(
        PrinterFacts(id="p1", title="P", preset="generic-250x210", bed_x_mm=250.0, bed_y_mm=210.0,
                     height_mm=210.0, margin_mm=2.0, nozzle_mm=0.4,
                     spool=Spool(id="s1", material="PETG", grams=500.0, maker_lot="L"),
                     out_of_service=True, out_until="2026-12-09",
                     keep_out_mm=((0.0, 180.0, 40.0, 210.0),)),
        PrinterFacts(id="m1", title="M", preset="", bed_x_mm=0.0, bed_y_mm=0.0, height_mm=0.0,
                     margin_mm=0.0, nozzle_mm=0.0, spool=None, link="manual", process="SEW",
                     rate_per_h=12.0,
                     rates=(PartRate(part="mask", source_sha256="aa", per_h=6.0),)),
    ), place=(47.2, -1.55), attended="08:00-20:00", utc_offset_min=60, asks=True,
       paused_until="2026-12-07", weekly_h=20.0, pause_word="4d5e6f70"),
    PrinterChange(printer="p1", state=PrinterState.IDLE, clear=True, fault="", used="0a1b2c3d"),
    Answer(attempt=REF, taken=False, reason="pause"),
    Ready(attempt=REF, nonce="n", gcode_key="k", seconds=60.0, grams=10.0,
          slicer="PrusaSlicer-2.5.0"),
    Report(attempt=REF, state=ReportState.PRINTED, reason="", spool="s1", took_s=7200.5),
    Counted(attempt=REF, good=1, scrap=1, reason="warped", by="Nour",
            at="2026-11-24T12:00:00+00:00"),
    Sync(attempts=(HeldAttempt(attempt=REF, state=AttemptState.TAKEN),), in_stream="s",
         in_cursor=7),
    Restated(last=True, asked="s7", attempts=(
        KeptAttempt(offered=OFFERED, state=AttemptState.HARVESTED, begun=True, reason="",
                    spool="s1", good=2, scrap=0, counted_by="ada"),
    )),
)  # fmt: skip
#: What has no type word, by the name of its file.
SMALL = {
    "ack": wire.Ack(stream="s", n=7, id="i", over=True),
    "presence": wire.Presence(online=True, boot="b", conn="c", stream="s", sw="0.1.0"),
    "coordinator": wire.CoordinatorPresence(online=True, epoch=7),
    "telemetry": Telemetry(
        printers=(
            PrinterTele(
                printer="p1", state=PrinterState.PRINTING, attempt="abcdefghjk-a2",
                fraction_done=0.5, nozzle_c=240.0, bed_c=80.0,
            ),
        )
    ),
    "envelope": wire.Envelope(
        v=1, id="i", s="s", n=1, boot="b", t="printer_ready", ts="2026-11-24T12:00:00+00:00",
        d=msgspec.Raw(b'{"printer":"p1"}'), epoch=7, a=3,
    ),
}  # fmt: skip

NOW = {
    **{f"down.{encode(message)[0]}": message for message in DOWN},
    **{f"up.{encode(message)[0]}": message for message in UP},
    **SMALL,
}
LINES = [
    (name, number, line)
    for name in NOW
    for number, line in enumerate((GOLDEN / f"{name}.jsonl").read_bytes().splitlines(), 1)
]
each_line = pytest.mark.parametrize(
    ("name", "line"), [(n, line) for n, _, line in LINES], ids=[f"{n}-{i}" for n, i, _ in LINES]
)


def read(name, line):
    direction, _, word = name.partition(".")
    if not word:
        return msgspec.json.decode(line, type=type(NOW[name]))
    return (decode_down if direction == "down" else decode_up)(word, line)


def holds(now, then):
    """Whether everything that was said then is said now, in the same words."""
    if isinstance(then, dict):
        return all(key in now and holds(now[key], value) for key, value in then.items())
    if isinstance(then, list):
        return len(now) == len(then) and all(map(holds, now, then))
    return now == then


def test_every_message_has_its_file_and_every_file_its_message():
    words = {f"down.{word}" for word in DOWN_TYPES} | {f"up.{word}" for word in UP_TYPES}
    assert {path.stem for path in GOLDEN.glob("*.jsonl")} == words | set(SMALL)
    assert set(NOW) == words | set(SMALL)


@pytest.mark.parametrize("name", NOW)
def test_what_is_written_now_is_the_last_line(name):
    last = [line for each, _, line in LINES if each == name][-1]
    assert msgspec.json.encode(NOW[name]) == last
    assert read(name, last) == NOW[name]


@each_line
def test_what_was_ever_written_is_read_and_loses_nothing(name, line):
    again = msgspec.json.encode(read(name, line))
    assert holds(msgspec.json.decode(again), msgspec.json.decode(line))


@each_line
def test_fields_of_a_later_version_are_passed_over(name, line):
    later = line[:-1] + (b"," if line != b"{}" else b"") + b'"from_the_future":[1,2]}'
    # The raw body of an envelope keeps its place in the bytes; all else is compared by value.
    assert msgspec.json.encode(read(name, later)) == msgspec.json.encode(read(name, line))


def is_valid(name, value):
    """Whether the schema's definition of this name, or the whole wire for "", allows the value."""
    whole = schema()
    rules = {"$defs": whole["$defs"], "$ref": f"#/$defs/{name}"} if name else whole
    return jsonschema.Draft202012Validator(rules).is_valid(value)


def sent(name, body):
    """Return the whole message with this body, as it travels."""
    if "." not in name:
        return msgspec.json.decode(body)
    word = name.partition(".")[2]
    return msgspec.json.decode(
        wire.envelope(id="i", stream="s", n=1, boot="b", kind=word, body=body, at="")
    )


def definition(name):
    return name if "." in name else type(NOW[name]).__name__


@each_line
def test_golden_bytes_are_what_the_schema_says(name, line):
    message = sent(name, line)
    assert is_valid(definition(name), message)
    assert is_valid("", message)
    if "." in name:
        assert not is_valid(name, message | {"v": 2})
        assert not is_valid(name, message | {"t": "unheard-of"})


@each_line
def test_the_schema_refuses_what_the_reader_refuses(name, line):
    for key in msgspec.json.decode(line) if "." in name else ():
        wrong = msgspec.json.encode({**msgspec.json.decode(line), key: {"no": "such"}})
        with pytest.raises(MessageError):
            read(name, wrong)
        assert not is_valid(name, sent(name, wrong)), key


def test_capabilities_of_the_first_nodes_are_read():
    first = (GOLDEN / "up.capabilities.jsonl").read_bytes().splitlines()[0]
    told = decode_up("capabilities", first)
    assert (told.place, told.attended, told.asks) == (None, "00:00-24:00", False)
    assert (told.printers[0].link, told.printers[0].unattended) == ("serial", False)


def test_offers_and_counts_of_the_first_coordinators_are_read():
    offer, count = (
        (GOLDEN / f"down.{word}.jsonl").read_bytes().splitlines()[0]
        for word in ("offer", "harvested")
    )
    assert decode_down("offer", offer).attempts[0].order == ""
    told = decode_down("harvested", count)
    assert (told.attempt, told.good, told.by) == (REF, 0, "")


@pytest.mark.parametrize("word", [*DOWN_TYPES, *UP_TYPES, "unheard-of"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}x",
        b'{"attempt":1,"attempts":1,"unknown":1,"printer":1,"lab":1,"paused":1,"last":1}',
        b"\xff",
    ],
)
def test_bytes_that_are_no_message_are_one_error(word, body):
    if word in ("restate", "rotate") and body.startswith(b'{"'):
        pytest.skip("it has no field that could be wrong")
    for decode in (decode_down, decode_up):
        with pytest.raises(MessageError):
            decode(word, body)
