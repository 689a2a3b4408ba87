"""The permission table, cell by cell: every page of the site has its line."""

import pytest
from argon2 import extract_parameters
from argon2.exceptions import VerifyMismatchError
from flask import Flask

from jobs.model import Role
from web import auth
from web.app import PAGES
from web.auth import PERMISSIONS, PUBLIC, safe_next

MAKER, HUB, STEWARD = Role.MAKER, Role.INSPECTOR, Role.STEWARD
SIGNED_IN = {MAKER, HUB, STEWARD}
EVERYBODY = {None} | SIGNED_IN


@pytest.fixture(scope="module")
def app():
    found = Flask("web")
    for module in PAGES:
        found.register_blueprint(module.pages)
    return found


def test_every_endpoint_has_a_line(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()} | {"healthz"}
    assert endpoints == set(PERMISSIONS)


@pytest.mark.parametrize(
    ("endpoint", "who"),
    [
        ("requesters.home", EVERYBODY),
        ("requesters.ask", EVERYBODY),
        ("requesters.follow", EVERYBODY),
        ("requesters.follow_live", EVERYBODY),
        ("requesters.receive", EVERYBODY),
        ("requesters.recalled", EVERYBODY),
        ("deliveries.index", {HUB, STEWARD}),
        ("deliveries.hand", {HUB, STEWARD}),
        ("deliveries.carrier", {HUB, STEWARD}),
        ("deliveries.new_run", {HUB, STEWARD}),
        ("deliveries.come_back", {HUB, STEWARD}),
        ("deliveries.run", EVERYBODY),
        ("deliveries.stop", EVERYBODY),
        ("deliveries.note", {HUB, STEWARD}),
        ("deliveries.address", {HUB, STEWARD}),
        ("deliveries.lose", {HUB, STEWARD}),
        ("deliveries.parcel", EVERYBODY),
        ("deliveries.parcel_note", EVERYBODY),
        ("deliveries.receive", EVERYBODY),
        ("requesters.need", EVERYBODY),
        ("deliveries.complain", EVERYBODY),
        ("complaints.index", {HUB, STEWARD}),
        ("complaints.read", {HUB, STEWARD}),
        ("complaints.photo", SIGNED_IN),
        ("designs.index", EVERYBODY),
        ("designs.show", EVERYBODY),
        ("designs.picture", EVERYBODY),
        ("designs.mesh", EVERYBODY),
        ("designs.pattern", EVERYBODY),
        ("designs.download", EVERYBODY),
        ("designs.document", {HUB, STEWARD}),
        ("designs.add", {STEWARD}),
        ("designs.gaps", {STEWARD}),
        ("designs.withdraw", {STEWARD}),
        ("designs.choose_profile", {STEWARD}),
        ("designs.release", {STEWARD}),
        ("estimates.index", {STEWARD}),
        ("lots.show", EVERYBODY),
        ("lots.label", EVERYBODY),
        ("lots.inspect", {HUB, STEWARD}),
        ("lots.take", EVERYBODY),
        ("lots.arrive", {HUB, STEWARD}),
        ("lots.count", {HUB, STEWARD}),
        ("pickups.of_lab", {MAKER, STEWARD}),
        ("pickups.show", SIGNED_IN),
        ("pickups.give", SIGNED_IN),
        ("pickups.goods", SIGNED_IN),
        ("pickups.cancel", SIGNED_IN),
        ("pickups.arrived", {HUB, STEWARD}),
        ("pickups.run", EVERYBODY),
        ("pickups.take", EVERYBODY),
        ("lots.sign", {HUB, STEWARD}),
        ("lots.rework", {HUB, STEWARD}),
        ("lots.reworked", {HUB, STEWARD}),
        ("lots.scrap", {HUB, STEWARD}),
        ("lot_photos.show", SIGNED_IN),
        ("lot_photos.add", SIGNED_IN),
        ("lot_photos.picture", SIGNED_IN),
        ("lot_photos.remove", SIGNED_IN),
        ("hub.stock", {HUB, STEWARD}),
        ("hub.index", {HUB, STEWARD}),
        ("hub.live", {HUB, STEWARD}),
        ("hub.at_step", {HUB, STEWARD}),
        ("hub.rules", {STEWARD}),
        ("newcomers.join", EVERYBODY),
        ("newcomers.own_code", EVERYBODY),
        ("newcomers.welcome", {MAKER}),
        ("newcomers.welcome_live", {MAKER}),
        ("people.sign_in", EVERYBODY),
        ("people.sign_out", SIGNED_IN),
        ("people.waiting", SIGNED_IN),
        ("people.waiting_live", SIGNED_IN),
        ("orders.index", {HUB, STEWARD}),
        ("orders.show", {HUB, STEWARD}),
        ("orders.live", {HUB, STEWARD}),
        ("what_if.ask", {STEWARD}),
        ("lists.show", {STEWARD}),
        ("lists.read", {STEWARD}),
        ("lists.template", {STEWARD}),
        ("lists.template_xlsx", {STEWARD}),
        ("lists.wrong_lines", {STEWARD}),
        ("personal.look", {STEWARD}),
        ("orders.confirm", {STEWARD}),
        ("orders.refuse", {STEWARD}),
        ("orders.need", {STEWARD}),
        ("orders.trial", {STEWARD}),
        ("orders.prioritise", {STEWARD}),
        ("orders.hold", {STEWARD}),
        ("depot.index", {STEWARD}),
        ("depot.count", {STEWARD}),
        ("depot.send", {STEWARD}),
        ("depot.end", {MAKER, STEWARD}),
        ("orders.complete", {STEWARD}),
        ("recalls.index", {HUB, STEWARD}),
        ("recalls.ask", {HUB, STEWARD}),
        ("recalls.ask_bought", {HUB, STEWARD}),
        ("recalls.ask_filament", {HUB, STEWARD}),
        ("recalls.show", {HUB, STEWARD}),
        ("recalls.end", {STEWARD}),
        ("recalls.waive", {STEWARD}),
        ("stops.ask", {MAKER, STEWARD}),
        ("stops.live", {MAKER, STEWARD}),
        ("orders.write_off", {STEWARD}),
        ("orders.pack", {HUB, STEWARD}),
        ("orders.dispatch", {HUB, STEWARD}),
        ("orders.hide_thanks", {STEWARD}),
        ("given.show", {MAKER, STEWARD}),
        ("leaving.leave", {MAKER}),
        ("harvests.count", {MAKER, STEWARD}),
        ("harvests.gcode", {MAKER, STEWARD}),
        ("claims.bed", {MAKER, STEWARD}),
        ("claims.bed_live", {MAKER, STEWARD}),
        ("offers.answer", {MAKER, STEWARD}),
        ("labs.mine", {MAKER}),
        ("labs.show", {MAKER, STEWARD}),
        ("labs.live", {MAKER, STEWARD}),
        ("labs.pause", {MAKER, STEWARD}),
        ("labs.asks", {MAKER, STEWARD}),
        ("labs.hours", {MAKER, STEWARD}),
        ("labs.ceiling", {MAKER, STEWARD}),
        ("labs.export", {MAKER, STEWARD}),
        ("labs.alone", {MAKER}),
        ("labs.listed", {MAKER}),
        ("labs.spool", {MAKER, STEWARD}),
        ("rates.machine", {MAKER, STEWARD}),
        ("upkeep.printer", {MAKER, STEWARD}),
        ("fleet.index", SIGNED_IN),
        ("fleet.live", SIGNED_IN),
        ("fleet.listed", {STEWARD}),
        ("fleet.ready", {MAKER, STEWARD}),
        ("members.index", {STEWARD}),
        ("members.invite", {STEWARD}),
        ("members.uninvite", {STEWARD}),
        ("members.confirm", {STEWARD}),
        ("members.revoke", {STEWARD}),
        ("members.rotate", {STEWARD}),
        ("members.go_on_without", {STEWARD}),
        ("telling.choice", SIGNED_IN),
        ("telling.stop", EVERYBODY),
        ("api.waiting", SIGNED_IN),
        ("api.order", {HUB, STEWARD}),
        ("api.file", EVERYBODY),
        ("api.slice_plate", EVERYBODY),
        ("joining.account", EVERYBODY),
        ("joining.authority", EVERYBODY),
        ("joining.enrol", EVERYBODY),
        ("joining.leave", EVERYBODY),
        ("joining.login", EVERYBODY),
        ("joining.new_login", EVERYBODY),
        ("healthz", EVERYBODY),
        ("static", EVERYBODY),
    ],
)
def test_who_may_do_what(endpoint, who):
    rule = PERMISSIONS[endpoint]
    assert (EVERYBODY if rule == PUBLIC else set(rule)) == who


def test_an_endpoint_without_a_line_is_refused(app):
    stray = Flask("stray")
    stray.add_url_rule("/new", "new", lambda: "secret")
    auth.register(stray)
    stray.secret_key = "k"
    assert stray.test_client().get("/new").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "",
        "evil",
        "/a\r\nX: y",
        "javascript:1",
    ],
)
def test_nobody_is_sent_to_another_site(app, path):
    with app.test_request_context("/"):
        assert safe_next(path) == "/waiting"


def test_the_way_on_stays_on_this_site(app):
    with app.test_request_context("/"):
        assert safe_next("/orders/x?a=b") == "/orders/x?a=b"


def test_passwords_are_kept_as_argon2id():
    kept = auth.hash_password("a good password")
    assert kept.startswith("$argon2id$")
    assert "good" not in kept


def test_who_has_no_account_is_refused_after_the_same_work():
    kept, nobody = auth.hash_password("a good password"), auth.nobody()
    assert extract_parameters(nobody) == extract_parameters(kept)
    with pytest.raises(VerifyMismatchError):
        auth._hasher.verify(nobody, "a good password")
