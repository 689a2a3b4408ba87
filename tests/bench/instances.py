"""Networks of makers as large as France's of spring 2020, from a seed.

Anchors that were published: a light frame takes 40 min, two lie on a MK3 and none on a MINI; four
headbands 2 h 30 and some 20 g each; clips and ear savers minutes; 5,000 makers with 100 fablabs;
one farm of 300 printers. Speeds, yields, stocks, sizes of labs, hours and orders are assumptions:
they spread a benchmark, they measure nothing. Orders are scaled so that nobody could make all of it
in less than `target_days` (the certificate of `jobs.certificate`), so that sizes compare.
"""

from __future__ import annotations

import math

import numpy as np

from jobs.certificate import earliest_min
from jobs.hours import WEEK_MIN, parse
from jobs.network import SLOT_MIN, Bools, Floats, Ints, Lines, Network, open_minutes
from jobs.prices import prices

DAY_MIN = 1440
CHANGE_MIN = 10  # to clear a bed and start the next plate
LONGEST_MIN = 600  # nobody starts a plate that takes longer

#: share, bed x, y, z in mm (round where y is 0), speed against a MK3
MODELS = (
    (0.29, 220, 220, 250, 0.95), (0.17, 250, 210, 210, 1.0), (0.11, 300, 300, 400, 0.9),
    (0.08, 180, 180, 180, 0.95), (0.08, 220, 220, 240, 0.8), (0.09, 205, 205, 205, 0.8),
    (0.04, 180, 0, 300, 1.05), (0.03, 255, 0, 360, 1.1), (0.06, 300, 300, 400, 1.0),
    (0.03, 223, 223, 205, 0.9), (0.02, 305, 305, 300, 1.0),
)  # fmt: skip
NOZZLES = ((0.4, 0.88, 1.0), (0.6, 0.08, 0.7), (0.8, 0.04, 0.55))  # mm, share, time of a piece
#: footprint, height in mm; minutes a plate and a piece; grams a piece; needs PETG, ASA; nozzle; cap
PARTS = (
    (185, 100, 10, 6, 40, 20, False, False, 0.8, 6),  # light frame
    (178, 97, 20, 6, 75, 38, False, False, 0.6, 6),  # heavy frame
    (110, 14, 10, 6, 12, 4, False, False, 0.6, 12),  # clip
    (150, 25, 3, 6, 9, 5, False, False, 0.8, 8),  # ear saver
    (60, 60, 90, 8, 150, 35, True, False, 0.4, 4),  # snorkel adapter
    (95, 65, 30, 6, 55, 40, False, False, 0.8, 9),  # door opener
    (140, 110, 60, 8, 210, 45, False, False, 0.4, 2),  # mask shell
    (50, 50, 50, 10, 95, 25, False, True, 0.4, 5),  # valve
)
KITS = (
    ({0: 1}, 0.34), ({1: 1, 2: 1}, 0.30), ({3: 2}, 0.08), ({4: 1, 2: 2}, 0.08), ({5: 1}, 0.08),
    ({6: 1}, 0.06), ({7: 2, 2: 1}, 0.06),
)  # fmt: skip
#: latitude, longitude and share of the people of each region's towns
TOWNS = (
    (48.86, 2.35, 0.12), (48.63, 2.44, 0.07), (45.76, 4.84, 0.08), (45.78, 3.08, 0.045),
    (50.63, 3.06, 0.06), (49.89, 2.30, 0.032), (44.84, -0.58, 0.06), (46.58, 0.34, 0.032),
    (43.60, 1.44, 0.06), (43.61, 3.88, 0.031), (48.58, 7.75, 0.05), (48.69, 6.18, 0.035),
    (43.30, 5.37, 0.05), (43.70, 7.27, 0.028), (47.22, -1.55, 0.058), (48.11, -1.68, 0.03),
    (48.39, -4.49, 0.022), (49.44, 1.10, 0.03), (49.18, -0.37, 0.021), (47.32, 5.04, 0.043),
    (47.90, 1.91, 0.04), (41.93, 8.74, 0.005),
)  # fmt: skip
HOURS = ("08:00-23:00", "Mon-Fri 17:00-23:00, Sat-Sun 08:00-23:00", "Mon-Sat 09:00-19:00",
         "00:00-24:00")  # fmt: skip
LABS = ((1, 1, 0.62), (2, 2, 0.18), (3, 3, 0.07), (4, 6, 0.07), (7, 15, 0.04), (16, 60, 0.02))


def a_plate(part, model):
    """How many copies lie on a bed in a grid, 5 mm apart."""
    long, wide, tall = part[:3]
    _, x, y, z, _ = model
    if tall > z:
        return 0
    if not y:  # round: the square inside is a lower estimate, one piece may be longer
        side = x / math.sqrt(2)
        grid = max(_grid(side, side, long, wide), int(math.hypot(long, wide) <= x))
    else:
        grid = max(_grid(x, y, long, wide), _grid(x, y, wide, long))
    return min(grid, part[9])


def _grid(x, y, long, wide):
    return int((x + 5) // (long + 5)) * int((y + 5) // (wide + 5))


def _plates(first, model, nozzle, petg, closed):
    """Return the most pieces on a plate and minutes a piece, each by part and class of printers."""
    most = np.zeros((len(PARTS), len(first)), np.int64)
    piece_min = np.zeros(most.shape)
    for c, p in enumerate(first):
        for q, part in enumerate(PARTS):
            size, _, faster = NOZZLES[nozzle[p]]
            allowed = (not part[6] or petg[p]) and (not part[7] or closed[p]) and size <= part[8]
            piece_min[q, c] = part[4] * faster
            room = max(1, int((LONGEST_MIN - part[3]) // piece_min[q, c]))
            most[q, c] = min(a_plate(part, MODELS[model[p]]), room) if allowed else 0
    return most, piece_min


def a_network(printers, rng, *, horizon_days=60, always=False, stock=None, ceiling_h=None):
    """Make labs and their printers; `stock` is how many kilogrammes each printer has, None for all."""
    sizes = []
    share = np.array([lab[2] for lab in LABS])
    while sum(sizes) < printers:
        low, high, _ = LABS[rng.choice(len(LABS), p=share / share.sum())]
        sizes.append(min(int(rng.integers(low, high + 1)), printers - sum(sizes)))
    labs = len(sizes)
    node = np.repeat(np.arange(labs), sizes)
    towns = np.array(TOWNS)
    home = rng.choice(len(TOWNS), labs, p=towns[:, 2] / towns[:, 2].sum())
    place = towns[home, :2] + rng.normal(0, [0.18, 0.25], (labs, 2))
    hours = np.where(
        np.array(sizes) >= 16, 3,
        np.where(np.array(sizes) >= 4, 2, rng.choice([0, 1], labs, p=[0.65, 0.35])),
    )  # fmt: skip
    if always:
        hours[:] = 3
    model_share = np.array([m[0] for m in MODELS])
    model_share /= model_share.sum()
    usual = rng.choice(len(MODELS), labs, p=model_share)
    model = np.where(
        rng.random(printers) < 0.6, usual[node], rng.choice(len(MODELS), printers, p=model_share)
    )
    nozzle = rng.choice(3, printers, p=[n[1] for n in NOZZLES])
    closed = (np.isin(model, [9, 10]) & (rng.random(printers) < 0.8)) | (
        rng.random(printers) < 0.04
    )
    petg = rng.random(printers) < 0.78
    speed = np.array([m[4] for m in MODELS])[model] * np.exp(
        rng.normal(0, 0.1, printers) + rng.normal(0, 0.08, labs)[node]
    )
    good = np.clip(rng.beta(18, 2, labs)[node] + rng.normal(0, 0.02, printers), 0.7, 0.99)
    cls, first = _classes_of(np.array([model, nozzle, closed, petg, hours[node]], dtype=np.float64))
    most, piece_min = _plates(first, model, nozzle, petg, closed)
    ceiling = np.inf if ceiling_h is None else ceiling_h * 60.0
    opened = [open_minutes(parse(h), 0, horizon_days * DAY_MIN // SLOT_MIN, ceiling) for h in HOURS]
    kilos = np.inf if stock is None else stock
    spools = np.full((1 if stock is None else 3, printers), 1000.0 * kilos)
    if stock is not None:
        spools = rng.uniform(0, 2 / 3, spools.shape) * 1000.0 * stock
    return Network(
        name=np.array([f"{n:05}/{p:05}" for p, n in enumerate(node)]),
        node=node, cls=cls, speed=speed, good=good, busy_min=np.zeros(printers), spool_g=spools,
        most=most,
        plate_min=np.repeat(np.array([[p[3] + CHANGE_MIN] for p in PARTS], float), len(first), 1),
        piece_min=piece_min,
        plate_g=np.ones(most.shape),
        piece_g=np.repeat(np.array([[p[5]] for p in PARTS], float), len(first), 1),
        calendar=hours[node[first]].astype(np.int64),
        open_min=np.array(opened).T.copy(),
        km=_km(towns[:, :2], place)[:, node],
    )  # fmt: skip


def _km(sites, places):
    one, other = np.radians(sites)[:, None], np.radians(places)[None]
    chord = (
        np.sin((other[..., 0] - one[..., 0]) / 2) ** 2
        + np.cos(one[..., 0]) * np.cos(other[..., 0])
        * np.sin((other[..., 1] - one[..., 1]) / 2) ** 2
    )  # fmt: skip
    return 2 * 6371.0 * np.arcsin(np.sqrt(chord))


def some_lines(net, orders, rng, *, target_days=8.7, days=(2, 10)):
    """Make orders whose work would take the whole network `target_days`."""
    share = np.array([kit[1] for kit in KITS])
    kits = rng.choice(len(KITS), orders, p=share / share.sum())
    can = (net.most > 0)[:, net.cls].any(axis=1)
    for order, kit in enumerate(kits):
        if not all(can[part] for part in KITS[kit][0]):
            kits[order] = 2  # ear savers, which all can make
    rate = (
        np.bincount(net.cls, net.speed * net.good, len(net.calendar)) / net.work_min()
    ).sum(axis=1)  # fmt: skip
    size = rng.lognormal(0, 1.0, orders)
    count = size / np.array([sum(n / rate[q] for q, n in KITS[k][0].items()) for k in kits])
    order = np.array([o for o, k in enumerate(kits) for _ in KITS[k][0]])
    part = np.array([q for k in kits for q in KITS[k][0]])
    each = np.array([n for k in kits for n in KITS[k][0].values()], dtype=float)
    for _ in range(4):
        pieces = np.bincount(part, each * count[order], len(PARTS))
        found = prices(net, pieces, net.class_min(target_days * DAY_MIN))
        ready = earliest_min(net, pieces, found)
        count *= target_days * DAY_MIN / max(ready, 1.0)
    count = np.maximum(5, np.round(count / 5) * 5)
    return Lines(
        order=order, part=part, pieces=each * count[order],
        due_min=(rng.integers(days[0], days[1] + 1, orders) + 0.5) * DAY_MIN,
        release_min=np.zeros(orders),
        weight=rng.choice([1.0, 2.0, 4.0, 8.0], orders, p=[0.4, 0.3, 0.2, 0.1]),
        site=rng.choice(len(TOWNS), orders, p=np.array(TOWNS)[:, 2] / sum(t[2] for t in TOWNS)),
    )  # fmt: skip


def an_instance(printers, orders, seed, *, target_days=8.7, **network):
    """Make a network and what is asked of it. Time 0 is a Monday, 00:00."""
    rng = np.random.default_rng(seed)
    net = a_network(printers, rng, **network)
    return net, some_lines(net, orders, rng, target_days=target_days)


__all__ = ["CHANGE_MIN", "DAY_MIN", "KITS", "PARTS", "WEEK_MIN", "a_network", "an_instance"]


def some_printers(net: Network, keep: Bools) -> tuple[Network, Ints]:
    """Return the network without those that are gone, and the new index of each that stays."""
    index = np.cumsum(keep) - 1
    where = np.flatnonzero(keep)
    return Network(
        name=net.name[where], node=net.node[where], cls=net.cls[where], speed=net.speed[where],
        good=net.good[where], busy_min=net.busy_min[where], spool_g=net.spool_g[:, where],
        most=net.most, plate_min=net.plate_min, piece_min=net.piece_min, plate_g=net.plate_g,
        piece_g=net.piece_g, calendar=net.calendar, open_min=net.open_min, km=net.km[:, where],
    ), index  # fmt: skip


def _classes_of(columns: Floats) -> tuple[Ints, Ints]:
    """Group equal columns [facts, P]: return the class of each, and one printer of each class."""
    _, first, cls = np.unique(
        np.ascontiguousarray(columns.T), axis=0, return_index=True, return_inverse=True
    )
    return cls.ravel().astype(np.int64), first.astype(np.int64)
