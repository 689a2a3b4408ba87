"""A real OctoPrint with its virtual printer, set up in a folder, for the demo and the tests.

OctoPrint is a program of its own, under a licence of its own, in a virtual environment of its own
(`scripts/octoprint` makes it): nothing of it is imported here. It listens on this machine only,
asks nobody's server anything, and needs no wizard. What its virtual printer printed is read from
the log that the virtual printer keeps of its own serial line.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import secrets
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from fabnet.broker import die_with_parent, free_port
from fabnet.errors import FabnetError
from printers.sim.record import RecordEvent

_VENV = "FABNET_OCTOPRINT_VENV"
_START_S = 180.0  # it takes some seconds where nothing else runs
_STOP_S = 10.0

#: Plugins that would ask servers on the internet, look around the network, or only cost time.
_DISABLED = (
    "achievements", "action_command_notification", "action_command_prompt", "announcements",
    "backup", "classicwebcam", "discovery", "errortracking", "eventmanager", "file_check",
    "firmware_check", "gcodeviewer", "health_check", "logging", "pi_support", "pluginmanager",
    "softwareupdate", "tracking", "uploadmanager",
)  # fmt: skip
#: Moves of the virtual printer take a tenth of their real time; at this feed rate, none (percent).
_AT_ONCE = "M220 S10000000\nM221 S10000000\n"

# What the virtual printer says when it has executed our first line and our last.
_BEGUN = re.compile(r">>> echo:(fabnet-[a-z0-9-]+)$")
_DONE = re.compile(r">>> (fabnet-[a-z0-9-]+) done$")
_RECEIVED = re.compile(r"<<< N(\d+) ?([^*]+)\*\d+$")
_SWITCHED_ON = re.compile(r" -{78}$")
_RESET = re.compile(r">>> start$")
_TARGET = re.compile(r"M(104|109|140|190) .*?S(\d+(?:\.\d+)?)")
# What OctoPrint sends on its own account is no part of a print; nor is our frame around it.
_UNCOUNTED = ("M105", "M110", "M114", "M115", "M117", "M118", "M155", "M400", "M21", "M20")


class OctoPrintMissingError(FabnetError):
    """There is no OctoPrint on this machine."""

    def __init__(self) -> None:
        super().__init__("OctoPrint is not installed here; scripts/octoprint installs it")


def find_octoprint() -> Path | None:
    """Return the program in the virtual environment that `scripts/octoprint` makes, or None."""
    venv = Path(os.environ.get(_VENV) or Path(__file__).parents[2] / ".venv-octoprint")
    program = venv / "bin" / "octoprint"
    return program if program.exists() and (venv / "fabnet.stamp").exists() else None


class OctoPrint:
    """One OctoPrint with a virtual printer, in a folder.

    Args:
        folder: made where missing; holds configuration, uploads and logs.
        port: on 127.0.0.1; 0 takes a free one.
        at_once: moves take no time, so that a print is as fast as OctoPrint can feed it.
        room_c: temperature of heaters that are off. The virtual printer heats by 10 degrees a
            second, whatever it is asked for.

    Raises:
        OctoPrintMissingError: it is not installed.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, at_once: bool = True, room_c: float = 21.3
    ) -> None:
        program = find_octoprint()
        if program is None:
            raise OctoPrintMissingError
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key_file = folder / "api.key"
        # Isolated (-I): nothing of our environment leads its Python to our packages.
        self.command = [
            str(program.with_name("python")), "-I", str(program), "--basedir", str(folder),
            "serve", "--host", "127.0.0.1", "--port", str(self.port), "--iknowwhatimdoing",
        ]  # fmt: skip
        self._child: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if not self.key_file.exists():
            self._configure(at_once=at_once, room_c=room_c)
        self.key = self.key_file.read_text(encoding="ascii").strip()

    def _configure(self, *, at_once: bool, room_c: float) -> None:
        key = secrets.token_hex(16).upper()
        # A JSON document is a YAML document.
        _write_private(
            self.folder / "config.yaml", json.dumps(_config(at_once=at_once, room_c=room_c))
        )
        # An operator, no administrator: that is all that a driver needs.
        user = {
            "active": True, "apikey": key, "groups": ["users"], "password": "",
            "permissions": [], "roles": ["user"], "settings": {},
        }  # fmt: skip
        _write_private(self.folder / "users.yaml", json.dumps({"_version": 2, "fabnet": user}))
        _write_private(self.key_file, key + "\n")
        if at_once:
            scripts = self.folder / "scripts" / "gcode"
            scripts.mkdir(parents=True, exist_ok=True)
            (scripts / "beforePrintStarted").write_text(_AT_ONCE, encoding="ascii")

    # --- the process ------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Of the running process, None where there is none."""
        running = self._child is not None and self._child.poll() is None
        return self._child.pid if self._child is not None and running else None

    def start(self) -> None:
        """Start it, and wait until its printer is connected.

        Raises:
            FabnetError: it does not come up; says what it said last.
        """
        with (self.folder / "octoprint.out").open("ab") as out:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one C call, no lock is taken
            )
        pause = threading.Event()
        for _ in range(int(_START_S / 0.1)):
            if self.ready():
                return
            if self._child.poll() is not None:
                break
            pause.wait(0.1)
        self.stop()
        raise FabnetError(f"OctoPrint did not start; it said: {self.last_words()}")

    def ready(self) -> bool:
        """Return whether it answers and its printer is connected."""
        try:
            answer = requests.get(
                self.url + "/api/connection", headers={"X-Api-Key": self.key}, timeout=2
            )
            return answer.ok and answer.json()["current"]["state"] == "Operational"
        except (requests.RequestException, KeyError):
            return False

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(number)
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def last_words(self) -> str:
        """Return the last line that it wrote."""
        out = self.folder / "octoprint.out"
        lines = out.read_text(errors="replace").strip().splitlines() if out.exists() else []
        return lines[-1] if lines else "nothing"

    # --- the printer's own record -----------------------------------------------------------------

    def events(self) -> tuple[RecordEvent, ...]:
        """Return what the virtual printer executed, from its own log; see `read_log`."""
        return tuple(read_log(self._log_lines()))

    def received(self) -> list[str]:
        """Return the numbered commands that reached the printer, without OctoPrint's own."""
        found = (_RECEIVED.search(line) for line in self._log_lines())
        commands = [match.group(2).strip() for match in found if match is not None]
        ours = _AT_ONCE.splitlines()
        return [each for each in commands if each not in ours and not each.startswith(_UNCOUNTED)]

    def _log_lines(self) -> Iterator[str]:
        name = "plugin_virtual_printer_serial.log"
        # At midnight the log gets its date as a suffix, and a new one begins.
        older = sorted((self.folder / "logs").glob(name + ".*"))
        # Every connection adds one more writer to the log, so that after the second each line is
        # there twice, with the same time.
        recent: deque[str] = deque(maxlen=32)
        for path in (*older, self.folder / "logs" / name):
            if path.exists():
                with path.open(encoding="utf-8", errors="replace") as file:
                    for line in file:
                        text = line.rstrip("\n")
                        if text and text not in recent:
                            recent.append(text)
                            yield text


@dataclass(slots=True)
class _Print:
    name: str
    lines: int = 0
    nozzle_max_c: float = 0.0
    bed_max_c: float = 0.0
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, command: str) -> None:
        self.lines += 1
        self.digest.update(command.encode() + b"\n")
        heats = _TARGET.match(command)
        if heats is not None and heats.group(1) in {"104", "109"}:
            self.nozzle_max_c = max(self.nozzle_max_c, float(heats.group(2)))
        elif heats is not None:
            self.bed_max_c = max(self.bed_max_c, float(heats.group(2)))

    def event(self, word: str) -> RecordEvent:
        return RecordEvent(
            event=word,
            name=self.name,
            lines=self.lines,
            sha256=self.digest.hexdigest(),
            nozzle_max_c=self.nozzle_max_c,
            bed_max_c=self.bed_max_c,
        )


def read_log(lines: Iterator[str]) -> Iterator[RecordEvent]:
    """Yield boot, begin, end and abandoned from the log of a virtual printer's serial line.

    A print begins when the printer itself shows the attempt's name, and ends when it says that
    the attempt is done; both lines are in the G-code that `OctoPrintDriver` uploads. Extruded
    filament is not counted.
    """
    doing: _Print | None = None
    for line in lines:
        command = _RECEIVED.search(line)
        if command is not None:
            text = command.group(2).strip()
            if doing is not None and not text.startswith(_UNCOUNTED):
                doing.take(text)
            continue
        begun, done = _BEGUN.search(line), _DONE.search(line)
        if doing is not None and (begun or _SWITCHED_ON.search(line) or _RESET.search(line)):
            yield doing.event("abandoned")
            doing = None
        if begun is not None:
            doing = _Print(begun.group(1))
            yield RecordEvent(event="begin", name=doing.name)
        elif done is not None and doing is not None and doing.name == done.group(1):
            yield doing.event("end")
            doing = None
        elif _SWITCHED_ON.search(line):
            yield RecordEvent(event="boot")


def limit_file_size(pid: int, most_bytes: int) -> None:
    """Let a running process write no file longer than this, as a full disk would."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def _config(*, at_once: bool, room_c: float) -> dict[str, Any]:
    return {
        "accessControl": {"autologinLocal": False, "localNetworks": []},
        "server": {
            "firstRun": False,
            "host": "127.0.0.1",
            "onlineCheck": {"enabled": False},
            "pluginBlacklist": {"enabled": False},
            "ipCheck": {"enabled": False},
            "seenWizards": {
                "backup": None, "classicwebcam": None, "corewizard": 4, "tracking": None,
            },
        },
        "serial": {"autoconnect": True, "port": "VIRTUAL", "baudrate": 115200},
        "webcam": {"timelapseEnabled": False, "webcamEnabled": False},
        "gcodeAnalysis": {"runAt": "never"},
        "plugins": {
            "_disabled": list(_DISABLED),
            "virtual_printer": {
                "enabled": True,
                # Without this it fakes four line errors at the beginning of every print.
                "simulated_errors": [],
                "sendWait": False,
                "rxBuffer": 1024,
                "commandBuffer": 100 if at_once else 4,
                "ambientTemperature": room_c,
            },
        },
    }  # fmt: skip


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
