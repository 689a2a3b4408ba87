"""A print over a serial line: ours, Printrun's printcore and OctoPrint, against what the line can carry.

Run with `make bench-serial`. Prints a line for each run, then one JSON object. The printer is the
simulated Marlin (`printers.sim`) on a pty, in a process of its own: bytes take their time in both
directions, the receive ring has 128 bytes and loses what does not fit, and each ok leaves so many ms
after its command was done. All hosts print the same file on it. The printer's own clock judges, from the
first move that it does to the last.

* `fraction_of_limit`, `printcore`, `octoprint`: moves a second, divided by baud / 10 / bytes a line
  with number and checksum, by rate and delay of the ok. Medians of all rounds; `null` where the peer
  is not installed.
* `fast_lines_per_s`: a pty whose printer takes no time; `fast_printcore` the same.
* `cpu_fraction_115200`: of one core, of our process, while it prints at 115200 baud; the printer is another.
  `bare_cpu_115200`: the same of a loop that does nothing but select, read and write
  (`tests.bench.bare_line`), in turn with ours; `cpu_to_bare` the one divided by the other.
* `exact`: in every run with faults (1 % of lines spoilt, 0.3 % of oks lost, 1 % oks too many, a board
  that looks at nothing for a second until its ring runs over, all of it) the printer did each line of
  the file once, in order. A checksum of 8 bits cannot promise that: of all ways in which two lines can
  run into one, one in 256 passes it. With a ring of 32 bytes, which no board has, that was seen.
* `resent_per_lost`: lines that were sent again for each that was lost on its way, spoilt lines alone.
* `longest_wait_s`: between two moves, in all those runs; a lost ok is waited for `ok_timeout_s`.
* `checker_lines_per_s`: `printers.gcode.check` on a file, read as the node reads it; of one core.

What else runs on the machine is kept out as far as it is allowed (root): printer and hosts, ours and
the peers alike, go before other processes. Elsewhere a busy machine lowers all figures.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import requests

from fabnet.demo.octoprint import OctoPrint, find_octoprint
from firmware_profiles.loader import load_firmware, load_machine
from printers.feeding import BEGINS
from printers.gcode import check
from printers.gcode_line import line_of
from printers.serial_driver import SerialDriver
from tests.bench.bare_line import print_bare

NAME = "fabnet-benchserial-a1"
PRIORITY = -15
LINES = ((115200, 1), (115200, 2), (115200, 4), (250000, 1), (250000, 2))
PRINTCORE = Path(__file__).parents[2] / ".venv-printrun" / "bin" / "python"
FAULTS = {
    "spoilt lines": ("--corrupt-every", "100"),
    "lost oks": ("--drop-ok-every", "333"),
    "oks too many": ("--extra-ok-every", "100"),
    "a ring that runs over": ("--stall-at", "150"),
    "all of it": (
        "--corrupt-every", "100", "--drop-ok-every", "333", "--extra-ok-every", "100",
        "--stall-at", "150",
    ),
}  # fmt: skip
PATIENCE_S = 120.0


def write_file(path, lines):
    """Moves of a slow spiral, as slicers write them; 38 bytes a line with number and checksum."""
    text = ["G28", "G21", "G90", "M83"]
    for number in range(lines):
        angle, radius = number * 0.05, 20 + (number % 500) * 0.02
        x, y = 100 + radius * math.cos(angle), 100 + radius * math.sin(angle)
        text.append(f"G1 X{x:.3f} Y{y:.3f} E{0.0123 + number % 7 / 1000:.4f}")
    path.write_text("\n".join([*text, ""]), encoding="ascii")
    return text


def bytes_a_line(text):
    return statistics.fmean(
        len(line_of(number, line.encode()).raw)
        for number, line in enumerate(text)
        if line[:2] == "G1"
    )


class Printer:
    """The simulated printer, as a process of its own."""

    def __init__(self, folder, *options):
        self.port = folder / "ttyBENCH0"
        self._files = {name: folder / name for name in ("tally", "lines")}
        for path in self._files.values():
            path.unlink(missing_ok=True)
        self._child = subprocess.Popen(
            [
                sys.executable, "-m", "printers.sim.firmware", "--link", str(self.port),
                "--record", str(folder / "record"), "--tally", str(self._files["tally"]),
                "--record-lines", str(self._files["lines"]), "--nice", str(PRIORITY), *options,
            ]
        )  # fmt: skip
        until = time.monotonic() + 20
        while not self.port.exists():
            if time.monotonic() > until:
                raise RuntimeError("the simulated printer did not start")
            time.sleep(0.02)

    def end(self):
        self._child.send_signal(signal.SIGTERM)
        self._child.wait(20)
        self.executed = self._files["lines"].read_text().splitlines()
        return json.loads(self._files["tally"].read_bytes())


def timed(baudrate, ok_ms):
    return ("--timed", "--baudrate", str(baudrate), "--ok-ms", str(ok_ms))


def ours(printer, path, baudrate):
    """Print with our driver; return the share of a core that it took."""
    driver = SerialDriver(str(printer.port), baudrates=(baudrate,))
    driver.open()
    cpu_s, began_s = time.process_time(), time.monotonic()
    driver.start(path, NAME)
    status = driver.poll(1.0)
    while status.last is None and time.monotonic() < began_s + PATIENCE_S:
        status = driver.poll(1.0)
    taken = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
    driver.close()
    return taken


def bare(printer, path, baudrate):
    return print_bare(printer.port, path, NAME, baudrate)


def printcore(printer, path, baudrate):
    command = [PRINTCORE, Path(__file__).with_name("printcore_host.py"), path, printer.port]
    subprocess.run([*map(str, command), str(baudrate)], check=True, timeout=PATIENCE_S * 2,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def octoprint(printer, path, baudrate):
    with tempfile.TemporaryDirectory() as folder:
        one = OctoPrint(Path(folder))
        config_file = Path(folder) / "config.yaml"
        config = json.loads(config_file.read_text())
        config["serial"] |= {
            "port": str(printer.port), "baudrate": baudrate,
            "additionalPorts": [str(printer.port.parent / "ttyBENCH*")],
        }  # fmt: skip
        config_file.write_text(json.dumps(config))
        for script in (Path(folder) / "scripts" / "gcode").glob("*"):
            script.unlink()  # of the virtual printer
        one.start()
        try:
            headers = {"X-Api-Key": one.key}
            with path.open("rb") as file:
                requests.post(
                    one.url + "/api/files/local", headers=headers, timeout=30,
                    files={"file": ("bench.gcode", file)}, data={"print": "true"},
                ).raise_for_status()  # fmt: skip
            until = time.monotonic() + PATIENCE_S
            while time.monotonic() < until:
                job = requests.get(one.url + "/api/job", headers=headers, timeout=10).json()
                if job["progress"]["completion"] == 100 and job["state"] == "Operational":
                    break
                time.sleep(0.2)
        finally:
            one.stop()


def rate(tally, wanted):
    """Moves a second, by the printer's clock; 0 where not all were done."""
    if tally["moves"] < wanted:
        return 0.0
    return (tally["moves"] - 1) / (tally["last_move_s"] - tally["first_move_s"])


class Bench:
    """One run of everything, in a folder."""

    def __init__(self, folder, arguments):
        self.folder = folder
        self.rounds = arguments.rounds
        self.path = folder / "bench.gcode"
        self.text = write_file(self.path, arguments.lines)
        self.line_bytes = bytes_a_line(self.text)
        self.faulty_path = folder / "faulty.gcode"
        self.faulty_text = write_file(self.faulty_path, arguments.faulty_lines)
        self.cpu, self.bare_cpu = [], []

    def fraction(self, host, baudrate, ok_ms):
        printer = Printer(self.folder, *timed(baudrate, ok_ms))
        cpu = host(printer, self.path, baudrate)
        if host is ours and baudrate == LINES[0][0]:
            self.cpu.append(cpu)
        elif host is bare:
            self.bare_cpu.append(cpu)
        found = rate(printer.end(), len(self.text) - 4) / (baudrate / 10 / self.line_bytes)
        print(f"{host.__name__:9} {baudrate}/{ok_ms}ms  {found:.3f} of the limit", flush=True)
        return found

    def fractions(self, hosts):
        """By host, then by line: medians; the hosts take turns, so that a busy machine hits all."""
        found = {host: {line: [] for line in LINES} for host in hosts}
        for _ in range(self.rounds):
            for line in LINES:
                for host in hosts:
                    found[host][line].append(self.fraction(host, *line))
                if line[0] == LINES[0][0]:
                    self.fraction(bare, *line)
        return {
            host.__name__: {
                f"{baudrate}/{ok_ms}ms": round(statistics.median(rounds), 3)
                for (baudrate, ok_ms), rounds in lines.items()
            }
            for host, lines in found.items()
        }

    def fast(self, host, lines):
        path = self.folder / "fast.gcode"
        write_file(path, lines)
        rounds = []
        for _ in range(self.rounds):
            printer = Printer(self.folder)
            host(printer, path, 115200)
            rounds.append(rate(printer.end(), lines))
        return round(statistics.median(rounds))

    def faulty(self):
        """Whether all was exact; lines sent again for each lost; the longest wait."""
        exact, waits_s, resent = True, [], 0.0
        for number, (name, options) in enumerate(FAULTS.items()):
            for seed in range(1, 1 + max(1, self.rounds // 2)):
                printer = Printer(
                    self.folder, *timed(115200, 1), "--seed", str(10 * number + seed), *options
                )
                ours(printer, self.faulty_path, 115200)
                tally = printer.end()
                same = printer.executed == [*BEGINS, *self.faulty_text]
                exact &= same
                waits_s.append(tally["longest_gap_s"])
                if name == "spoilt lines":
                    resent = max(resent, tally["again"] / max(1, tally["spoilt"]))
                print(f"{name}: exact {same}, {tally}", flush=True)
        return exact, round(resent, 2), round(max(waits_s), 2)

    def checker(self, lines):
        path = self.folder / "check.gcode"
        text = write_file(path, lines)
        preset = load_machine("generic-220x220")
        rounds = []
        for _ in range(self.rounds):
            began_s = time.process_time()
            with path.open(encoding="ascii", errors="replace") as file:
                facts = check(file, preset, nozzle_limit_c=250, bed_limit_c=100)
            rounds.append(facts.lines / (time.process_time() - began_s))
            if facts.lines != len(text):
                raise RuntimeError("the checker has not read all")
        return round(statistics.median(rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=600, help="moves in the file")
    parser.add_argument("--faulty-lines", type=int, default=2000, help="in runs with faults")
    parser.add_argument("--fast-lines", type=int, default=20_000, help="on the quickest printer")
    parser.add_argument("--without-peers", action="store_true")
    arguments = parser.parse_args()
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)  # the hosts that are started inherit it
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), arguments)
        result = {"checker_lines_per_s": bench.checker(200_000)}
        hosts = [ours]
        if not arguments.without_peers and PRINTCORE.exists():
            hosts.append(printcore)
        if not arguments.without_peers and find_octoprint() is not None:
            hosts.append(octoprint)
        fractions = bench.fractions(hosts)
        result["fraction_of_limit"] = fractions["ours"]
        cpu, bare_cpu = statistics.median(bench.cpu), statistics.median(bench.bare_cpu)
        result["cpu_fraction_115200"], result["bare_cpu_115200"] = round(cpu, 3), round(bare_cpu, 3)
        result["cpu_to_bare"] = round(cpu / bare_cpu, 2)
        result["fast_lines_per_s"] = bench.fast(ours, arguments.fast_lines)
        result["fast_printcore"] = bench.fast(printcore, 1000) if printcore in hosts else None
        result["exact"], result["resent_per_lost"], result["longest_wait_s"] = bench.faulty()
        result["ok_timeout_s"] = load_firmware("marlin").ok_timeout_s
        result["printcore"] = fractions.get("printcore")
        result["octoprint"] = fractions.get("octoprint")
        result["bytes_a_line"] = round(bench.line_bytes, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
