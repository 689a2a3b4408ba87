"""Every form that changes the ledger is pressed in the drawing of `test_pages`, or a reason says why not."""

from types import MappingProxyType

from tests.sim.desk import Desk
from tests.sim.desk_pages import Pages
from tests.sim.desk_rules import Day

#: By endpoint that takes POST: the deeds that stand for it.
DRAWN = MappingProxyType(
    {
        "claims.bed": "regroup",
        "complaints.read": "read_complaint",
        "deliveries.carrier": "carrier",
        "deliveries.come_back": "come_back",
        "deliveries.complain": "complain",
        "deliveries.hand": "dispatch",
        "deliveries.lose": "lose",
        "deliveries.new_run": "leave_in_a_run",
        "deliveries.receive": "receive",
        "deliveries.stop": "say_at_a_stop",
        "depot.count": "count_stock",
        "depot.end": "count_stock",
        "depot.send": "count_stock",
        "designs.choose_profile": "choose_profile",
        "designs.release": "release",
        "designs.withdraw": "withdraw_design",
        "fleet.ready": "clears",
        "harvests.count": "harvest",
        "hub.rules": "hub_rule",
        "hub.stock": "count_stock",
        "joining.enrol": "newcomer",
        "joining.account": "accounts",
        "joining.leave": "leaves",
        "joining.new_login": "rotate",
        "labs.alone": "configures",
        "labs.asks": "configures",
        "labs.ceiling": "configures",
        "labs.hours": "configures",
        "labs.listed": "configures",
        "labs.pause": "configures",
        "labs.spool": "configures",
        "leaving.leave": "leaves",
        "lists.read": "place",
        "lot_photos.add": "photos",
        "lot_photos.remove": "photos",
        "lots.arrive": "arrives",
        "lots.count": "count_in",
        "lots.inspect": "inspect",
        "lots.rework": "rework",
        "lots.reworked": "rework",
        "lots.scrap": "spoil",
        "lots.sign": "sign",
        "lots.take": "drives",
        "members.confirm": "newcomer",
        "members.go_on_without": "goes_on_without",
        "members.invite": "newcomer",
        "members.revoke": "is_shut_out",
        "members.rotate": "rotate",
        "members.uninvite": "newcomer",
        "newcomers.join": "newcomer",
        "offers.answer": "decides",
        "orders.complete": "note_on",
        "orders.confirm": "decide_on",
        "orders.dispatch": "dispatch",
        "orders.hide_thanks": "hide_thanks",
        "orders.hold": "note_on",
        "orders.need": "need",
        "orders.pack": "pack",
        "orders.prioritise": "note_on",
        "orders.refuse": "decide_on",
        "orders.trial": "note_on",
        "orders.write_off": "write_off",
        "personal.look": "erase_driver",
        "pickups.arrived": "arrives",
        "pickups.cancel": "cancel_pickup",
        "pickups.give": "drives",
        "pickups.goods": "drives",
        "pickups.of_lab": "announce",
        "pickups.take": "drives",
        "rates.machine": "configures",
        "recalls.ask": "recall",
        "recalls.ask_bought": "recall",
        "recalls.ask_filament": "recall",
        "recalls.end": "end_recall",
        "recalls.waive": "waive",
        "requesters.ask": "place",
        "requesters.need": "need",
        "requesters.receive": "receive",
        "requesters.recalled": "acknowledge",
        "stops.ask": "stop",
        "telling.choice": "accounts",
        "telling.stop": "accounts",
        "upkeep.printer": "configures",
    }
)
NOT_DRAWN = MappingProxyType(
    {
        "designs.add": "the library's files; a day here has one design",
        "harvests.bring": "the node's folder; what it says then is `goes_on`",
        "lists.wrong_lines": "gives lines back as a file",
        "people.sign_in": "a session",
        "people.sign_out": "a session",
    }
)


def test_every_form_is_pressed_or_has_a_reason():
    desk = Desk()
    pages = Pages(desk)
    try:
        posts = {rule.endpoint for rule in pages.app.url_map.iter_rules() if "POST" in rule.methods}
    finally:
        pages.close()
        desk.close()
    assert not DRAWN.keys() & NOT_DRAWN.keys()
    assert posts == DRAWN.keys() | NOT_DRAWN.keys()
    assert {*DRAWN.values()} <= {*Day.deeds()}
