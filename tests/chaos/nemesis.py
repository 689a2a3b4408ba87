"""What is done to the network, and when: a list that a seed gives, the same list every time. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

#: Seconds between two faults of a kind, on average, for the whole network.
PERIOD_S = {
    "kill": 1.0,
    "reset": 3.0,
    "pause": 5.0,
    "stall": 8.0,
    "half-open": 15.0,
    "slow": 10.0,
    "clock": 8.0,
    "disk": 12.0,
    # All labs have to be heard before anybody prints again.
    "restore": 75.0,
    "journal": 40.0,
}
#: The first of these kinds comes between these seconds, so that a run of a minute has it.
_EARLY, _EARLY_S = ("restore", "journal"), (8.0, 32.0)
#: Who is killed: shares of all kills.
_VICTIMS = (("node", 64), ("printer", 20), ("broker", 10), ("coordinator", 6))
_PAUSED = (("node", 75), ("coordinator", 15), ("broker", 10))
#: A lab burns down after this share of the run, and never comes back.
BURNS_AT = 0.35
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One deed. `target` is "coordinator", "broker", or "node" or "printer" with `index`."""

    at_s: float  # from the beginning of the run
    kind: str
    target: str
    index: int = 0
    for_s: float = 0.0  # how long it lasts; for a kill, until the process is started again
    #: clock: the step in s; half-open: the way that is deaf; restore, journal: age of the copy in s,
    #: and 0 where a journal is lost without one.
    value: float = 0.0


def schedule(
    seed: int, seconds: float, *, nodes: int, printers: int, leave_out: frozenset[str] = frozenset()
) -> tuple[Fault, ...]:
    """Return all faults of a run in their order.

    Args:
        seed: each kind of fault draws from a source of its own, so that leaving one out does not
            change the others.
        seconds: length of the run; no fault begins later.
        nodes: how many nodes there are; one more, the last, is the one that burns down.
        printers: how many printers stand with these nodes.
        leave_out: kinds that do not happen.
    """
    found = []
    for kind, period_s in PERIOD_S.items():
        dice = random.Random(f"{seed}/{kind}")
        at_s = dice.expovariate(1 / period_s)
        if kind in _EARLY:
            at_s = dice.uniform(*_EARLY_S)
        while at_s < seconds:
            if kind not in leave_out:
                found.append(_fault(kind, at_s, dice, nodes, printers))
            else:
                _fault(kind, at_s, dice, nodes, printers)
            # Never twice at once, and never a pause in which nothing happens.
            at_s += min(max(dice.expovariate(1 / period_s), 0.2 * period_s), 3 * period_s)
    if "burn" not in leave_out:
        found.append(Fault(at_s=BURNS_AT * seconds, kind="burn", target="node", index=nodes))
    return tuple(sorted(found, key=lambda fault: (fault.at_s, fault.kind)))


def _fault(kind: str, at_s: float, dice: random.Random, nodes: int, printers: int) -> Fault:
    target, index, for_s, value = "node", dice.randrange(nodes), 0.0, 0.0
    match kind:
        case "kill" | "pause":
            names = _VICTIMS if kind == "kill" else _PAUSED
            target = dice.choices([n for n, _ in names], [share for _, share in names])[0]
            index = dice.randrange(printers if target == "printer" else nodes)
            for_s = dice.uniform(0.1, 1.2) if kind == "kill" else dice.uniform(1.0, 5.0)
        case "reset" | "stall" | "half-open" | "slow":
            target = dice.choices(["node", "coordinator"], [7, 1])[0]
            for_s = dice.uniform(1.0, 9.0)
            value = float(dice.randrange(2))
        case "clock":
            target = dice.choices(["node", "coordinator"], [3, 1])[0]
            value = float(dice.choice([-_DAY_S, _DAY_S, -3600, 3600, 90, -90]))
        case "disk":
            for_s = dice.uniform(2.0, 8.0)
        case "restore":
            target, for_s, value = "coordinator", dice.uniform(0.1, 1.0), dice.uniform(2.0, 8.0)
        case "journal":
            for_s = dice.uniform(0.1, 1.0)
            value = dice.choice([0.0, dice.uniform(2.0, 15.0), dice.uniform(2.0, 15.0)])
    return Fault(at_s=at_s, kind=kind, target=target, index=index, for_s=for_s, value=value)
