"""A kit of two parts, ordered, split over two labs, delivered: both laws, per part, all the way."""

from jobs.coordinator import deliveries, harvests, lots, orders
from jobs.ledger import views
from jobs.model import OrderState
from tests.doubles.world import CATALOGUE, a_request

A, B = "lab-a", "lab-b"


def test_a_kit_of_two_parts_is_made_whole_by_two_labs(world):
    kit = world.library.add_design(CATALOGUE / "visor-kit")
    per_kit = {part.id: part.per_kit for part in kit.parts}
    assert len(per_kit) == 2
    assert max(per_kit.values()) > 1
    world.add_lab(A)
    world.add_lab(B)
    order_id = orders.place(world.ledger, a_request(kit, 6), kit, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    world.plan()
    view = views.order_view(world.ledger.reading, order_id)
    ordered = {line.part_id: line.books.ordered for line in view.lines}
    assert ordered == {part: 6 * n for part, n in per_kit.items()}
    assert {row.node for row in view.plan if row.pieces} == {A, B}
    world.tick()
    for attempt in world.attempts():
        world.print(attempt.ref)
        code = harvests.harvest(
            world.ledger, attempt.ref, attempt.pieces, 0, "", "maker", world.now
        )
        lots.inspect(world.ledger, code, attempt.pieces, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    view = views.order_view(world.ledger.reading, order_id)
    assert view.order.state is OrderState.DELIVERED
    assert {line.part_id: line.books.delivered for line in view.lines} == ordered


def test_short_filament_makes_whole_kits_and_says_what_is_missing(world):
    kit = world.library.add_design(CATALOGUE / "visor-kit")
    world.add_lab(A, grams=60.0)
    order_id = orders.place(world.ledger, a_request(kit, 6), kit, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    world.plan()
    view = views.order_view(world.ledger.reading, order_id)
    kits = {}
    for line in view.lines:
        per_kit = next(part.per_kit for part in kit.parts if part.id == line.part_id)
        assert line.books.deficit > 0
        assert line.reasons[0].code == ("stock" if line.part_id == "frame" else "kit")
        kits[line.part_id] = line.books.jobs / per_kit
    assert kits["frame"] == kits["clip"] >= 2
