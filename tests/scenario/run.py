"""Drives the whole story of many orders, over HTTP or in a browser, and counts what became of every piece.

    make scenario ARGS="--hospitals 12 --orders 50 --seed 7"
    make scenario ARGS="--hospitals 2 --orders 4 --seed 7 --browser --pictures var/story"

The last line printed is one JSON object. See docs/scenario.md.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fabnet import clock
from tests.scenario.book import draw, unaccounted, untraceable
from tests.scenario.browser import in_browser, started
from tests.scenario.diary import Diary
from tests.scenario.hands import over_http
from tests.scenario.people import Story, say
from tests.scenario.town import DESIGNS, Town, labs

LABS = 4
LIMIT_S = 600.0


def run(
    folder: Path,
    *,
    hospitals: int,
    orders: int,
    seed: int,
    workshops: int,
    limit_s: float,
    diary: Diary | None = None,
) -> tuple[dict[str, int | float], list[str]]:
    """Run the story in an empty folder; return the counts, and a sentence for each thing that is wrong.

    Args:
        diary: of a browser, in which everything is done; None does it over HTTP.
    """
    began_s = time.monotonic()
    now = clock.now()
    town = Town(folder, labs(workshops))
    with ExitStack() as stack:
        stack.callback(town.stop)
        town.start()
        say(f"the network is up after {time.monotonic() - began_s:.0f} s")
        hire = over_http(town.url)
        if diary:
            hire = in_browser(stack.enter_context(started()), town.url, diary)
        story = Story(town, seed, draw(seed, hospitals, orders, now.date(), DESIGNS), hire)
        book = story.book
        story.ask_all()
        story.play(began_s + limit_s)
        shown = story.shown()
        nowhere = unaccounted(book, shown)
        untraced = untraceable(book, shown, story.traced())
    made = [order for order in book.orders if order.verified]
    parcels = book.parcels.values()
    return {
        "orders": len(book.orders),
        "pieces_ordered": sum(order.pieces for order in made),
        "pieces_received": sum(book.received(order.id) for order in made),
        "unaccounted": nowhere,
        "untraceable_lots": untraced,
        "recall_missed": story.recalls.missed,
        "late": sum(shown[order.id].state != "delivered" for order in made),
        "seconds": round(time.monotonic() - began_s, 1),
        "turned_down": len(book.orders) - len(made),
        "lots": len(book.bags),
        "deliveries": len(parcels),
        "refused": sum(parcel.refused for parcel in parcels),
        "lost_on_the_way": sum(parcel.lost for parcel in parcels),
        "recalls": len(book.called),
        **{
            name: (story.hub.done + story.wards.done)[name]
            for name in ("fetched", "held", "signed", "driven", "damaged", "complaints")
        },
        "again": story.trouble,
        "contradictions": len(book.words),
        "seed": seed,
        **(diary.summary() if diary else {}),
    }, book.words


def is_good(result: dict[str, int | float]) -> bool:
    """Whether everything that must be 0 is."""
    zeros = ("unaccounted", "untraceable_lots", "recall_missed", "late", "contradictions")
    return all(result[name] == 0 for name in zeros)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and print the result as the last line."""
    parser = argparse.ArgumentParser(description="Many orders from asking to receiving, counted.")
    parser.add_argument("--hospitals", type=int, default=12)
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--labs", type=int, default=LABS, help="with two printers each")
    parser.add_argument("--seed", type=int, help="of all decisions; drawn and printed without it")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds until it is given up")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a good run too")
    parser.add_argument(
        "--browser", action="store_true", help="everybody clicks and types in a Chromium"
    )
    parser.add_argument("--pictures", type=Path, help="with --browser: a folder for screenshots")
    options = parser.parse_args(arguments)
    diary = Diary(options.pictures) if options.browser else None
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="fabnet-scenario-"))
    say(f"seed {seed}, in {folder}")
    good = False
    try:
        result, words = run(
            folder, hospitals=options.hospitals, orders=options.orders, seed=seed,
            workshops=options.labs, limit_s=options.limit, diary=diary,
        )  # fmt: skip
        for text in words:
            say(f"WRONG: {text}")
        for text in diary.report() if diary else ():
            say(f"STUMBLE: {text}")
        good = is_good(result)
    finally:
        if good and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"logs, ledger and records are in {folder}")
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
