"""A nurse's two orders, with a recall, a complaint and two drivers; and the addresses of all pages of it."""

from datetime import UTC, time

from jobs.coordinator import (
    complaints,
    deliveries,
    first_mile,
    harvests,
    lots,
    orders,
    recalls,
    runs,
)
from jobs.ledger import links, views
from jobs.ledger.recalls import lots_of
from jobs.recall import Cause, RecallKind
from jobs.stations import Step
from tests.doubles.lots import makes_a_lot
from tests.doubles.pages import Site
from tests.doubles.world import NODE, PRINTER, a_request
from web.own_code import wheel

NAME, PHONE, MAIL, NOTE = (
    "Zélie Quimper",
    "06 98 76 54 32",
    "zelie.q@chu.example",
    "porte B, sonnez",
)
PERSONAL = (NAME, "Quimper", PHONE, MAIL, "zelie", NOTE)
DRIVER = "Dominique Le Bihan"


def story_of(world, hashed):
    """Two orders of one nurse: one delivered, of which a lot is called back; one being made."""
    world.add_lab()
    made = a_request(
        world.revision, 2, requester=NAME, contact=f"{PHONE} / {MAIL}", note=NOTE,
    )  # fmt: skip
    again = a_request(world.revision, 6, requester=NAME, contact=MAIL, note=NOTE)
    world.done = orders.place(world.ledger, made, world.revision, world.now).order_id
    orders.confirm(world.ledger, world.done, "steward", world.now)
    world.plan()
    world.tick()
    (plate,) = (a.ref for a in world.attempts())
    world.print(plate)
    world.code = harvests.harvest(world.ledger, plate, 2, 0, "", "maker", world.now)
    lots.inspect(world.ledger, world.code, 2, 0, "", "inspector", world.now)
    world.batch = deliveries.pack(world.ledger, world.done, "inspector", world.now)
    deliveries.dispatch(world.ledger, world.batch, "inspector", world.now)
    deliveries.receive(
        world.ledger, world.batch, deliveries.Count(thanks="Merci de la part de Zélie"),
        "requester", world.now,
    )  # fmt: skip
    world.open = orders.place(world.ledger, again, world.revision, world.now).order_id
    orders.confirm(world.ledger, world.open, "steward", world.now)
    world.plan()
    world.tick()
    world.refs = [a.ref for a in world.attempts() if a.order_id == world.open]
    world.take(world.refs[0])
    world.site = Site(world, hashed)
    return world


def driven_of(story):
    """A complaint with a photo; two runs of a driver: of a parcel, and of a bag from the workshop."""
    wrong = complaints.complain(
        story.ledger, story.batch, text="a sharp edge", lot_code=story.code, pieces=1,
        photos=[b"jpeg"], now=story.now,
    )  # fmt: skip
    complaints.read(story.ledger, wrong, "File it.", "inspector", story.now, pass_on=True)
    code = makes_a_lot(story)
    story.pickup = first_mile.announce(
        story.ledger, NODE, [code], story.now, "12 rue des Lilas", "maker", story.now
    )
    first_mile.give(story.ledger, story.pickup, DRIVER, story.now)
    first_mile.take(story.ledger, story.pickup, [code], "driver", story.now)
    story.bag = code
    good = views.lot(story.ledger.reading, code).good
    lots.inspect(story.ledger, code, good, 0, "", "inspector", story.now)
    batch = deliveries.pack(story.ledger, story.open, "inspector", story.now)
    story.run = runs.leave(
        story.ledger, driver=DRIVER, day=story.now.date(), start=time(14), end=time(16), zone=UTC,
        batches=[batch], by="inspector", now=story.now,
    )  # fmt: skip
    story.parcel, story.complaint = batch, wrong
    return story


def calls_back(world):
    cause = Cause(kind=RecallKind.LOT, value=world.code)
    assert lots_of(world.ledger.reading, cause)
    return recalls.begin(world.ledger, cause, "brittle", "inspector", world.now)


def addresses(world, rule, recall_id):
    """Return addresses of a page; a new kind of argument needs its line here."""
    revision, reading = world.revision, world.ledger.reading
    kind, of = ("run", world.run) if rule.endpoint.startswith("deliveries.run") else ("parcel", "")
    known = {
        "run_id": [world.run],
        "batch_id": [world.batch if rule.endpoint.startswith("complaints") else world.parcel],
        "pickup_id": [world.pickup],
        "complaint_id": [world.complaint],
        "number": [1],
        "step": list(Step),
        "key": [links.key_of(reading, kind, of or world.parcel)],
        "link": [
            *(orders.link_of(world.ledger, o) for o in (world.done, world.open)),
            first_mile.link_of(world.ledger, world.pickup),
        ],
        "order_id": [world.done, world.open],
        "ref": [str(ref) for ref in world.refs],
        "node": [NODE],
        "printer": [PRINTER],
        "code": [world.code],
        "recall_id": [recall_id],
        "page": [1],
        "revision_id": [revision.id],
        "sha256": [revision.made[0].facts.mesh_sha256],
        "plate_sha256": ["0" * 64],
        "token": ["x"],
        "name": [wheel().name],
        "filename": ["fabnet.css"],
    }
    found = [rule.rule]
    for name in rule.arguments:
        converter = [f"<{name}>", f"<int:{name}>", f"<path:{name}>"]
        found = [
            path.replace(shape, str(value))
            for path in found for shape in converter if shape in path for value in known[name]
        ]  # fmt: skip
    return found
