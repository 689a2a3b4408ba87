"""A newcomer from the invitation to a counted lot, while the coordinator is killed."""

import re
import signal

import pytest

from designs.library import Library
from fabnet import clock
from jobs.coordinator import orders
from jobs.ledger import labs, members, views
from jobs.ledger.books import audit
from jobs.lifecycle import AttemptState
from jobs.lot_code import lot_code
from tests.doubles.network_of_one import Coordinator
from tests.doubles.waiting import until
from tests.doubles.world import CATALOGUE, a_request
from tests.integration.test_newcomers import SAID


@pytest.fixture
def coordinator(tmp_path):
    found = Coordinator(tmp_path)
    yield found
    found.stop()


def test_from_the_invitation_to_a_counted_lot_over_kill_9(coordinator, tmp_path):
    """A real broker, a real node: the coordinator is killed right after the form was sent."""
    coordinator.fabnet("design", "add", str(CATALOGUE / "visor-frame"))
    coordinator.start()
    camille = coordinator.person("camille")
    page = camille.send("/members/invite", at="/members", lab="Chez Awa").text
    link = re.search(r'value="http://[\d.:]+(/join/[\w-]+)"', page)[1]
    said = SAID | {"from": "00:00", "to": "00:00", "mode": "always"}
    coordinator.person().send(link, at=f"{link}?with=phone", **said)
    coordinator.stop(signal.SIGKILL)
    coordinator.start()
    awa = coordinator.person("awa", SAID["password"])
    ledger = coordinator.ledger()
    until(lambda: members.member(ledger.reading, "chez-awa").public_key)
    seen = members.member(ledger.reading, "chez-awa").fingerprint
    assert seen in awa.get("/welcome").text
    camille = coordinator.person("camille")
    camille.send("/members/chez-awa/confirm", at="/members", fingerprint=seen)
    until(lambda: any(node.printers for node in labs.fleet(ledger.reading)))
    # She says that she is ready, prints from the card, and counts.
    awa.send("/fleet/chez-awa/printer-1/ready", at="/waiting")
    (revision,) = Library(ledger.database, tmp_path / "data" / "files").revisions()
    now = clock.now()
    placed = orders.place(ledger, a_request(revision, 2, now), revision, now)
    orders.confirm(ledger, placed.order_id, "camille", now)

    def printing():
        found = views.attempts_of(ledger.reading, placed.order_id)
        return next((a for a in found if a.state is AttemptState.PRINTING), None)

    plate = until(printing)
    gcode = awa.get(f"/attempts/{plate.ref}/gcode")
    assert gcode.ok
    assert b"G1 " in gcode.content
    awa.send(f"/harvest/{plate.ref}", good=str(plate.pieces), scrap="0")
    (line,) = views.order_view(ledger.reading, placed.order_id).lines
    assert line.books.waiting == plate.pieces
    audit(ledger.reading)
    assert lot_code(plate.ref) in awa.get(f"/harvest/{plate.ref}").text
    ledger.close()
