"""What becomes of pieces behind a printer: counted into lots, inspected, sent, received."""

from jobs.coordinator import deliveries, harvests, lots
from jobs.ledger import views
from jobs.lifecycle import AttemptState
from jobs.messages import Offer
from jobs.model import OrderState


def makes_a_lot(world):
    """The next plate is printed and counted; return its lot's code."""
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    pieces = views.attempt(world.ledger.reading, ref).pieces
    return harvests.harvest(world.ledger, ref, pieces, 0, "", "maker", world.now)


def accepts(world, code):
    good = views.lot(world.ledger.reading, code).good
    lots.inspect(world.ledger, code, good, 0, "", "inspector", world.now)


def makes_all(world):
    """Print, count and accept all that is offered, until nothing is."""
    while left := [a for a in world.attempts() if a.state is AttemptState.OFFERED]:
        for each in left:
            world.print(each.ref)
            code = harvests.harvest(world.ledger, each.ref, each.pieces, 0, "", "maker", world.now)
            accepts(world, code)
        world.tick()


def sends(world, order_id):
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    return batch


def of_order(world, order_id):
    return views.order(world.ledger.reading, order_id)


def delivered(world, kits=1):
    order_id = world.order(kits)
    while world.books(order_id).to_make:
        accepts(world, makes_a_lot(world))
    batch = sends(world, order_id)
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    assert of_order(world, order_id).state is OrderState.DELIVERED
    return order_id


def offered(world, kits=6):
    """An order that is planned and offered; returns its id and the offered attempts."""
    world.add_lab()
    order_id = world.order(kits)
    world.plan()
    world.tick()
    offers = [message for message in world.told() if isinstance(message, Offer)]
    return order_id, [o.attempt for message in offers for o in message.attempts]


def printed(world, kits=6):
    order_id, refs = offered(world, kits)
    for ref in refs:
        world.print(ref)
    return order_id, refs


def harvested(world, kits=6):
    order_id, refs = printed(world, kits)
    codes = [harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now) for ref in refs]
    return order_id, codes
