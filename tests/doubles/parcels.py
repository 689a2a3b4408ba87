"""A parcel that is packed, its order and its address."""

from jobs.coordinator import deliveries, harvests, lots, orders
from jobs.ledger import links, views
from jobs.lifecycle import AttemptState
from tests.doubles.world import a_request


def packed(world, kits=4, by="inspector", **changes):
    """Order, print, count, inspect and pack; return the batch's id."""
    asked = a_request(world.revision, kits, **changes)
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
