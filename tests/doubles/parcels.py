"""Parcels: packed, on a run of a volunteer driver, and what is known of them."""

from datetime import date, time
from zoneinfo import ZoneInfo

from jobs.coordinator import deliveries, harvests, lots, orders, runs
from jobs.ledger import links, parcels, views
from jobs.lifecycle import AttemptState
from tests.doubles.pages import Site
from tests.doubles.world import a_request

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 11, 25)


def hub_site(world, hashed):
    """Return the pages of a network with a lab and a hub."""
    world.add_lab()
    return Site(world, hashed, hub_contact="Camille, 02 40 00 00 00", hub_address="La Halle")


def packed(world, kits=4, by="inspector", **changes):
    """Order, print, count, inspect and pack; return the batch's id."""
    asked = a_request(world.revision, kits, world.now, **changes)
    order_id = orders.place(world.ledger, asked, world.revision, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    world.plan()
    world.tick()
    for each in [a for a in world.attempts() if a.order_id == order_id]:
        if each.state is AttemptState.OFFERED:
            world.print(each.ref)
            code = harvests.harvest(world.ledger, each.ref, each.pieces, 0, "", "maker", world.now)
            lots.inspect(world.ledger, str(code), each.pieces, 0, "", "inspector", world.now)
    return deliveries.pack(world.ledger, order_id, by, world.now)


def order_of(world, batch):
    return views.batch(world.ledger.reading, batch).order_id


def address(world, batch):
    return f"/d/{batch}/{links.key_of(world.ledger.reading, 'parcel', batch)}"


def found(world, batch):
    return parcels.parcel(world.ledger.reading, batch)


def tour(world, *batches, day=DAY, start=time(14), end=time(16), driver="Dominique"):
    return runs.leave(
        world.ledger, driver=driver, day=day, start=start, end=end, zone=PARIS, batches=batches,
        by="steward", now=world.now,
    )  # fmt: skip


def say(world, run, number, outcome, reason=""):
    runs.say(world.ledger, run, number, outcome, reason, world.now)


def books(world, batch):
    return world.books(order_of(world, batch))


def kinds(world, batch):
    events = views.order_view(world.ledger.reading, order_of(world, batch)).events
    return [each.kind for each in events if each.subject == batch]
