"""An open serial port: bytes out and in, without waiting longer than is asked. The only user of pyserial.

Leaves what the bytes mean to `printers.gcode_link`, and printing to `printers.serial_driver`.
"""

from __future__ import annotations

import errno
import glob
import os
import select
import time
from contextlib import suppress

import serial
from serial.tools import list_ports

from printers.errors import PortError
from printers.gcode_link import GcodeLink
from printers.port_names import Adapter, better_name

_BLOCK = 65536
_HALF_LINE_S = 0.3
_DOUBT = "another adapter is like it, and after a restart this name may be the other printer's"


def plugged_in() -> tuple[Adapter, ...]:
    """Return the adapters that are there now."""
    return tuple(
        Adapter(
            device=each.device,
            usb_id="" if each.vid is None else f"{each.vid:04x}:{each.pid or 0:04x}",
            number=each.serial_number or "",
        )
        for each in list_ports.comports()
    )


class SerialLine:
    """A port that is ours alone while it is open.

    Args:
        port: a device.
        baudrate: to begin with.

    Raises:
        PortError: no such port, or another program holds it.
    """

    def __init__(self, port: str, baudrate: int) -> None:
        self._port = port
        try:
            self._serial = serial.Serial(port, baudrate, timeout=0, write_timeout=0, exclusive=True)
            self._serial.reset_input_buffer()
            self._fd = self._serial.fileno()
            os.set_blocking(self._fd, False)
            self._hurry()
            better = better_name(port, plugged_in())
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortError(port, _why(error)) from error

        #: Why nothing may be printed on this port, "" where its name stays with its printer.
        self.doubt = f'{port}: {_DOUBT}; write port = "{better}"' if better else ""

    def _hurry(self) -> None:
        """Let a USB adapter hand bytes on at once; FTDI's keep them for 16 ms, three oks long."""
        with suppress(OSError, ValueError):  # pseudo terminals and most drivers know no such mode
            self._serial.set_low_latency_mode(True)

    def change_rate(self, baudrate: int) -> None:
        """Go on at another rate; the port stays open, since opening it resets many boards.

        Raises:
            PortError: the port is lost, or does not know this rate.
        """
        try:
            self._serial.baudrate = baudrate
            # What was sent at another rate lies in the printer as half a line: let it be answered.
            _write(self._fd, b"\n")
            until_s = time.monotonic() + _HALF_LINE_S
            while (left_s := until_s - time.monotonic()) > 0:
                if select.select([self._fd], [], [], left_s)[0]:
                    os.read(self._fd, _BLOCK)
        except (OSError, ValueError, serial.SerialException) as error:
            raise PortError(self._port, _why(error)) from error

    def exchange(self, link: GcodeLink, timeout_s: float) -> None:
        """Write what a dialogue has to say, and give it what comes, or what does not in time.

        Raises:
            OSError: the line is lost.
        """
        now_s = time.monotonic()
        out = link.outgoing(now_s)
        waits = False
        if out:
            written = _write(self._fd, out)
            link.sent(written)
            waits = written < len(out)
        fd, until_s = [self._fd], now_s + min(timeout_s, link.wake_s(now_s))
        while select.select(fd, fd if waits else (), (), max(0.0, until_s - now_s))[0]:
            data = os.read(self._fd, _BLOCK)
            if not data:
                raise OSError(errno.EIO, "the other end has gone")
            now_s = time.monotonic()
            more = None if waits or now_s > until_s else link.flow(data, now_s)
            if more is None:
                link.receive(data, now_s)
                return
            written = _write(self._fd, more)
            if written < len(more):
                link.unsent(more, written)
                return

    def close(self) -> None:
        """Let go of the port; never raises."""
        with suppress(serial.SerialException, OSError):
            self._serial.close()


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT or "No such file" in str(error):
        others = sorted(glob.glob("/dev/serial/by-id/*") + glob.glob("/dev/tty[UA][SC][BM]*"))  # noqa: PTH207
        there = ", ".join(others) if others else "none is plugged in"
        return f"there is no such port; ports that are there: {there}"
    if number == errno.EACCES:
        return (
            "you may not use it; add yourself to the group dialout (sudo adduser $USER dialout) and"
            " sign in again"
        )
    if number in (errno.EAGAIN, errno.EBUSY) or "exclusively lock" in str(error):
        return "another program holds it (OctoPrint, a slicer?); close that first"
    return f"it cannot be opened: {error}"
