"""Thousands of short prints, and some whole ones, on lines that lose and spoil: exact, or told.

    python -m tests.bench.torture_serial --runs 200 --seed 7

Each run takes a firmware, faults, a length and a pace by chance, and plays it on a clock that nobody waits
for (`tests.doubles.virtual_line`). A run is bad when it hangs, when it says "done" and the printer did not do
each line once and in order, when it did anything twice or out of order before it ended otherwise, or when it
ended without need. What reaches the host comes in pieces of any size. Prints one JSON object at the
end; `bad` names the runs with all that is needed to play each again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from firmware_profiles.loader import load_firmware
from printers.sim.dialect import DIALECTS
from printers.sim.talk import Faults
from printers.sim.wire import Pace
from tests.doubles.virtual_line import VirtualPrint

PRINTERS = sorted(name for name, dialect in DIALECTS.items() if not dialect.foreign)
ASKING = [name for name in PRINTERS if DIALECTS[name].numbers]
#: One of so many lines, or oks. The hard ones are for short prints: they reach the first and the last line.
RATES = {
    "corrupt_every": (100, 20, 6), "drop_line_every": (200, 30, 8), "duplicate_every": (150, 30, 8),
    "drop_ok_every": (333, 40, 8), "extra_ok_every": (100, 30, 10),
}  # fmt: skip
MIXES = [
    (),
    *((name,) for name in RATES),
    ("corrupt_every", "drop_ok_every", "extra_ok_every"),
    tuple(RATES),
]
MOST_S = 20_000.0


def text_of(count, chance):
    absolute = chance.random() < 0.5
    head = ["G28", "G90", "M82" if absolute else "M83", "M140 S60", "M109 S215"]
    head = head[: chance.randrange(len(head) + 1)]
    body = [
        f"G1 X{chance.uniform(0, 200):.3f} Y{chance.uniform(0, 200):.{chance.randrange(4)}f}"
        f" E{(i if absolute else 1) * 0.0123 + 0.01:.5f}"
        for i in range(count)
    ]
    return [*head, *body, "M104 S0", "M140 S0"]


def as_sent(text):
    """Heat is set first, and waited for by the host."""
    found = []
    for line in text:
        if line.startswith("M109"):
            found.append("M104" + line[4:])
        found.append(line)
    return found


class Run(VirtualPrint):
    """One print, whose answers come in pieces."""

    def __init__(self, *arguments, chance, pauses, **more):
        super().__init__(*arguments, **more)
        self._chance, self._whole = chance, self.link.receive
        self.link.receive = self._in_pieces
        self._pause_s = chance.uniform(0.5, 5) if pauses else 1e9
        self.acts = 0

    def _in_pieces(self, data, now_s):
        while data:
            size = self._chance.randrange(1, 40)
            self._whole(data[:size], now_s)
            data = data[size:]

    def tick(self):
        super().tick()
        if self.now_s > self._pause_s:
            held = self.acts % 2 == 0
            self.wire.say(b"//action:paused\n" if held else b"//action:resumed\n", self.now_s)
            self.acts += 1
            self._pause_s = self.now_s + self._chance.uniform(0.1, 8 if held else 3)
            if self.acts >= 6:
                self._pause_s = 1e9


def play(seed, folder, *, long=False):
    """Play one run; return what it was, and what was wrong with it ("" for nothing)."""
    chance = random.Random(seed)
    dialect = chance.choice(PRINTERS)
    mix = chance.choice(MIXES) if dialect in ASKING else ()
    grade = 0 if long else chance.randrange(3)
    faults = {name: RATES[name][grade] for name in mix}
    if dialect == "reprapfirmware" and chance.random() < 0.5:
        faults = {"corrupt_every": RATES["corrupt_every"][grade]}
    if dialect in ASKING and chance.random() < 0.2:
        faults["stall_at"] = chance.randrange(5, 60)
    pace = Pace(
        baudrate=chance.choice((115200, 250000)), timed=True, ok_s=chance.choice((0.0005, 0.001, 0.004)),
        line_s=chance.choice((0.0, 0.0, 0.004, 0.02)),
    )  # fmt: skip
    profile = load_firmware("marlin" if dialect == "marlin-advanced" else dialect)
    if profile.ok_timeout_s > 100:
        profile = dataclasses.replace(profile, ok_timeout_s=60.0)
    text = text_of(chance.randrange(2000, 6000) if long else chance.randrange(0, 120), chance)
    pauses = chance.random() < 0.2
    run = Run(
        folder, dialect, text, faults=Faults(seed=chance.randrange(1, 10**9), **faults), pace=pace,
        profile=profile, chance=chance, pauses=pauses, heating_c_s=200,
        last=chance.choice((0, 1, 7, 5000)),
    )  # fmt: skip
    result = run.run(MOST_S)
    told = f"{dialect} {faults} pauses={pauses} lines={len(text)} {pace} -> {result} at {run.now_s:.1f} s"
    return told, wrong(run, result, as_sent(text), faults, profile, grade)


def wrong(run, result, wanted, faults, profile, grade):
    did = run.executed
    if result == "hangs":
        return "hangs"
    if did != wanted[: len(did)]:
        same = (one == other for one, other in zip(did, wanted, strict=False))
        at = next((i for i, each in enumerate(same) if not each), len(wanted))
        return f"not exact at {at}: {did[at : at + 3]} for {wanted[at : at + 3]}"
    if result == "done":
        return "" if did == wanted else f"done after {len(did)} of {len(wanted)}"
    if not faults:
        return f"ended without need: {result}"
    if profile.asks_again and grade == 0:
        return f"ended in spite of mild faults: {result}, {run.link.broken}"
    twice = (
        run.firmware.dialect.late_m110 and "duplicate_every" in faults
    )  # M110 that begins numbers anew
    if result == "reset" and grade < 2 and not twice:
        return "no reset"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="thousands of lines each")
    parser.add_argument("--seconds", type=float, default=1e9)
    arguments = parser.parse_args()
    bad, ends, began_s = [], Counter(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seed, arguments.seed + arguments.runs):
            if time.monotonic() > began_s + arguments.seconds:
                break
            told, why = play(seed, Path(folder), long=arguments.long)
            ends[told.split(" -> ")[1].split()[0]] += 1
            if why:
                bad.append({"seed": seed, "run": told, "why": why})
                print(json.dumps(bad[-1]), file=sys.stderr, flush=True)
    print(json.dumps({"ends": ends, "bad": bad}))


if __name__ == "__main__":
    main()
