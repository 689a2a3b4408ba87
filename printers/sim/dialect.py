"""How each firmware talks on its line, as one value a firmware. Pure.

The rules of Marlin are those of dialogues with genuine builds (1.1.9 on an AVR, bugfix-2.1.x of
2024-10); those of the others are read in their sources. Names are those of the firmware profiles,
which are the host's side of the same facts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace


class Repeat(enum.Enum):
    """What a firmware does with a line whose number it has had."""

    ASKS = enum.auto()  # for the next one
    SILENT = enum.auto()  # passes it without a word, not even ok
    SKIPS = enum.auto()  # says `skip n`, and ok


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One firmware's rules and words."""

    name: str
    identity: bytes  # M115's answer before its ok, or behind it where `inline` is set
    banner: bytes  # what it says when it starts
    rx_bytes: int  # the receive ring, of which one less can wait; 0: USB or a pty, which loses none
    queue_lines: int  # read and not done yet
    line_bytes: int  # what is longer is cut
    numbers: bool = True  # compares line numbers, and asks for a line that it did not get
    drops_spoilt: bool = False  # a line with a wrong checksum goes without a word
    repeat: Repeat = Repeat.ASKS
    late_m110: bool = False  # the number counts from when M110 is done, not from when it is read
    resend: bytes = b"Error:%(why)s, Last Line: %(last)d\nResend: %(next)d\nok\n"
    gap: bytes = b""  # the same for a number that is not the next, where it says something else
    finds_m110: bool = False  # anywhere in a line, in a text too
    flushes: bool = True  # throws away what waits in the ring when it asks for a line
    flushes_late: bool = False  # when it has written why, an AVR of Marlin waits for that
    skips_after_resend: int = 0  # so many lines that were under way it passes with `skip n`, and ok
    ok_when_queued: bool = False  # before it is done, and before what it answers
    numbered_ok: bytes = b""  # of a numbered line
    inline: bool = False  # answers stand behind the ok, in one line
    blank_ok: bool = False  # an ok for an empty line
    bangs: bool = False  # says ok to everything, after an error too, which begins with `!!`
    unknown: bytes = b'echo:Unknown command: "%s"\n'
    busy: bytes = b"echo:busy: processing\n"  # every two seconds, "" where it says none
    waits: bool = False  # `wait` every second while it has nothing to do
    #: What it says when its thermal protection stops it; "" where it has none.
    runaway: bytes = b"Error:Thermal Runaway, system stopped! Heater_ID: 0\n"
    stopped: bytes = b"Error:Printer halted. kill() called!\n"  # it is halted, and deaf
    emergency: bytes = b"echo:M112 Shutdown\n"  # said to M112, before it says that it is halted
    full: bytes = b""  # said when the ring ran over, which is emptied then
    needs_number: bool = False  # refuses a checksum without a line number, and asks for the line
    echoes: bool = False  # knows M118
    breaks_heating: bool = False  # M108 ends a wait for heat when it is read
    report: bytes = b"T:%(n).2f /%(nt).2f B:%(b).2f /%(bt).2f @:0 B@:0"
    position: bytes = b"X:%.2f Y:%.2f Z:%.2f E:%.2f"
    foreign: bool = False  # it is no printer's, and understands nothing


MARLIN = Dialect(
    name="marlin",
    identity=(
        b"FIRMWARE_NAME:Marlin 2.1.2 (simulated) SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin"
        b" PROTOCOL_VERSION:1.0 MACHINE_TYPE:fabnet simulated printer EXTRUDER_COUNT:1\n"
        b"Cap:SERIAL_XON_XOFF:0\nCap:AUTOREPORT_TEMP:1\nCap:EMERGENCY_PARSER:0\n"
        b"Cap:HOST_ACTION_COMMANDS:0\nCap:THERMAL_PROTECTION:1\n"
    ),
    banner=b"start\necho:Marlin 2.1.2 (simulated)\n",
    rx_bytes=128,
    queue_lines=4,
    line_bytes=96,
    repeat=Repeat.SILENT,
    late_m110=True,
    finds_m110=True,
    echoes=True,
    breaks_heating=True,
)


def _told(name: str) -> bytes:
    machine = "MACHINE_TYPE:fabnet simulated printer EXTRUDER_COUNT:1"
    return f"FIRMWARE_NAME:{name} PROTOCOL_VERSION:1.0 {machine}\n".encode()


_ALL = (
    MARLIN,
    replace(MARLIN, name="marlin-advanced", numbered_ok=b"ok N%d P15 B3"),
    replace(
        MARLIN, name="marlin-1", identity=_told("Marlin 1.1.9 (simulated)"), repeat=Repeat.ASKS,
        banner=b"start\necho:Marlin 1.1.9 (simulated)\n", late_m110=False, flushes_late=True,
        echoes=False,
    ),
    Dialect(
        name="prusa-mk3", identity=_told("Prusa-Firmware 3.13.3 based on Marlin"),
        banner=b"\0start\necho: 3.13.3 (simulated)\n", rx_bytes=128, queue_lines=4, line_bytes=96,
        full=b"Full RX Buffer\n", needs_number=True, echoes=True,
        report=b"T:%(n).1f /%(nt).1f B:%(b).1f /%(bt).1f T0:%(n).1f /%(nt).1f @:0 B@:0 P:0.0 A:28.7",
    ),
    Dialect(
        name="repetier", identity=_told("Repetier_1.0.4"), banner=b"start\n", rx_bytes=128,
        queue_lines=16, line_bytes=96, repeat=Repeat.SKIPS, ok_when_queued=True,
        resend=b"Error:%(why)s\nResend:%(next)d\nok\n",
        gap=b"Error:expected line %(next)d got %(number)d\nResend:%(next)d\nok\n",
        skips_after_resend=14, waits=True,
        runaway=b"fatal:Heater/sensor error - Printer stopped and heaters disabled\n", stopped=b"",
        numbered_ok=b"ok %d", busy=b"busy:processing\n", unknown=b"Unknown command:%s\n",
        report=b"T:%(n).2f /%(nt).0f B:%(b).2f /%(bt).0f B@:0 @:0",
    ),
    Dialect(
        name="smoothieware", rx_bytes=256, queue_lines=1, line_bytes=132, banner=b"Smoothie\nok\n",
        identity=(
            b"FIRMWARE_NAME:Smoothieware, FIRMWARE_URL:http%3A//smoothieware.org,"
            b" X-SOURCE_CODE_URL:https://github.com/Smoothieware/Smoothieware,"
            b" FIRMWARE_VERSION:edge-1, PROTOCOL_VERSION:1.0\n"
        ),
        resend=b"rs N%(next)d\n", flushes=False, stopped=b"!!\n", inline=True,
        blank_ok=True, busy=b"", unknown=b"", report=b"T:%(n).1f /%(nt).1f @0 B:%(b).1f /%(bt).1f @0",
        position=b"C: X:%.4f Y:%.4f Z:%.4f E:%.4f",
    ),
    Dialect(
        name="klipper", identity=b"FIRMWARE_NAME:Klipper FIRMWARE_VERSION:v0.12\n",
        banner=b"// Klipper state: Ready\n",
        rx_bytes=0, queue_lines=20, line_bytes=1024, numbers=False, inline=True, blank_ok=True,
        bangs=True, stopped=b"!! Shutdown due to M112 command\nok\n", busy=b"",
        unknown=b'// Unknown command:"%s"\n', report=b"B:%(b).1f /%(bt).1f T0:%(n).1f /%(nt).1f",
    ),
    Dialect(
        name="reprapfirmware", rx_bytes=0, queue_lines=8, line_bytes=255, banner=b"",
        identity=b"FIRMWARE_NAME: RepRapFirmware for Duet 2 WiFi/Ethernet FIRMWARE_VERSION: 3.4.5"
        b" ELECTRONICS: Duet WiFi 1.02 or later\n",
        emergency=b"Emergency Stop! Reset the controller to continue.\n",
        runaway=b"Error: Heating fault on heater 1, temperature excursion exceeded 15.0C\n",
        numbers=False, drops_spoilt=True, busy=b"", stopped=b"", unknown=b"Error: Bad command: %s\n",
        report=b"T:%(n).1f /%(nt).1f B:%(b).1f /%(bt).1f",
    ),
    Dialect(
        name="sprinter", identity=_told("Sprinter"), banner=b"start\n", rx_bytes=128, queue_lines=1,
        line_bytes=96, resend=b"Serial Error: %(why)s, Last Line:%(last)d\nResend:%(next)d\nok\n",
        busy=b"", runaway=b"",
        unknown=b"Unknown command:%s\n", report=b"T:%(n).0f B:%(b).0f",
    ),
    Dialect(
        name="grbl", identity=b"", banner=b"\r\nGrbl 1.1h ['$' for help]\r\n", rx_bytes=128,
        queue_lines=1, line_bytes=80, foreign=True, busy=b"",
    ),
)  # fmt: skip

#: By name; the names of firmware profiles, and two more.
DIALECTS: Mapping[str, Dialect] = {each.name: each for each in _ALL}
