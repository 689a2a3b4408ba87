"""Takes a maker's own G-code in a process of its own, so that no page waits for it but hers.

100 MB are four million lines, which take half a minute to follow. They are read line by line: the
process needs little memory, and no limits beside its time. Leaves what is checked to
`printers.own_gcode`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

import msgspec

from designs.child import ChildError, ask
from printers.errors import OwnGcodeError, PrinterError
from printers.own_gcode import OwnPlate, take

_WALL_S = 900.0
#: So many files are read at once, whoever brings them; another one waits for its turn.
_AT_ONCE = threading.BoundedSemaphore(2)
_TURN_S = 60.0
#: What else the machine does goes first.
_NICE = 5


class _Order(msgspec.Struct, kw_only=True):
    gcode: str
    plate: OwnPlate
    folder: str
    sure: bool


class _Answer(msgspec.Struct, kw_only=True):
    key: str = ""
    refused: str = ""


def take_apart(gcode: Path, plate: OwnPlate, folder: Path, *, sure: bool) -> str:
    """Let a process of its own `take` G-code; return the key of the slice that it kept.

    Args: those of `take`.

    Raises:
        OwnGcodeError: it is not taken, or others wait for theirs; the message says why.
    """
    order = _Order(gcode=str(gcode.resolve()), plate=plate, folder=str(folder.resolve()), sure=sure)
    if not _AT_ONCE.acquire(timeout=_TURN_S):
        raise OwnGcodeError("other G-code is being checked here: bring it again in a minute")
    try:
        with tempfile.TemporaryDirectory(prefix="fabnet-gcode-") as work:
            words = (msgspec.json.encode(order).decode(),)
            told = ask("printers.own_gcode_child", words, Path(work), _WALL_S)
        answer = msgspec.json.decode(told, type=_Answer)
    except (ChildError, msgspec.DecodeError) as error:
        raise OwnGcodeError(f"the G-code cannot be read or kept: {error}") from error
    finally:
        _AT_ONCE.release()
    if answer.refused:
        raise OwnGcodeError(answer.refused)
    return answer.key


def main() -> None:
    """Take what `argv[1]` orders; print one line of JSON."""
    os.nice(_NICE)
    order = msgspec.json.decode(sys.argv[1], type=_Order)
    try:
        made = take(Path(order.gcode), order.plate, Path(order.folder), sure=order.sure)
    except PrinterError as error:
        answer = _Answer(refused=str(error))
    else:
        answer = _Answer(key=made.key)
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
