"""Pictures of every page: `make screenshots`. Two widths, two languages, into var/screenshots/.

A network in the middle of its work, as the tests in a browser have it. Nothing is asserted: a person
looks at them.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from jobs.coordinator import (
    complaints,
    deliveries,
    enrolment,
    first_mile,
    harvests,
    hub,
    lot_photos,
    lots,
    nodes,
    orders,
    recalls,
    reviews,
    runs,
    upkeep,
)
from jobs.coordinator.people import add_person
from jobs.first_mile import Goods
from jobs.hub import Rule, Scope
from jobs.ledger import first_mile as bags
from jobs.ledger import links, views
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, Config, OutOfService, PrinterChange, ReportState
from jobs.model import AttemptRef, Role
from jobs.recall import Cause, RecallKind
from printers.model import PrinterState
from tests.doubles.world import CATALOGUE, NODE, World, a_request, some_facts
from tests.e2e.conftest import CHROMIUM, PASSWORD, Site
from tests.integration.test_processes import SEWS, add_machine
from web.auth import hash_password
from web.letters import Reader, stop_token

WIDTHS = (360, 1440)
OUT = Path("var/screenshots")


#: Pages that have the same address in every world, by the name of their picture.
ALWAYS = {
    "sewer:waiting": "/waiting", "sewer:lab": "/my-lab",
    "sewer:upkeep": f"/labs/{SEWS}/printers/p1/upkeep",
    "sewer:rate": f"/labs/{SEWS}/printers/p1/rate", "inspector:hub": "/hub",
    "steward:hub-rules": "/hub/rules", "inspector:hub-stock": "/hub/stock",
    "steward:depot": "/depot",
    "maker:pickups": f"/labs/{NODE}/pickups", "home": "/", "ask": "/ask", "sign-in": "/sign-in",
    "designs": "/designs", "nothing": "/nothing-here", "steward:waiting": "/waiting",
    "steward:orders": "/orders", "steward:fleet": "/fleet", "steward:lab": f"/labs/{NODE}",
    "steward:members": "/members", "steward:estimates": "/estimates",
    "steward:lab-ender": "/labs/lab-asked", "inspector:waiting": "/waiting",
    "inspector:orders": "/orders", "maker:waiting": "/waiting", "maker:lab": "/my-lab",
    "maker:fleet": "/fleet", "maker:upkeep": f"/labs/{NODE}/printers/p1/upkeep",
    "maker:given": f"/labs/{NODE}/given", "maker:leave": "/leave", "new:waiting": "/waiting",
    "new:lab": "/my-lab", "new:given": "/labs/lab-new/given", "new:leave": "/leave",
    "steward:designs": "/designs", "steward:told": "/told", "steward:list": "/orders/list",
    "steward:recalls": "/recalls", "steward:bed": "/beds/lab-hand/p1", "maker:told": "/told",
    "silent:waiting": "/waiting", "steward:personal": "/personal",
    "inspector:hub-step": "/hub/steps/hold",
}  # fmt: skip


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Serve a world until the block ends."""
    site = Site(World(folder), folder)
    try:
        yield site
    finally:
        site.stop()


def live_through(site: Site) -> dict[str, str]:
    """Let the network live; return the addresses of its pages by the name of their picture."""
    world = site.world
    _sign_up(world)
    order = site.busy_order()
    _named(world, NODE, "Fablab Ancenis", "Prusa MK3S de gauche")
    enrolment.invite(world.ledger, "Atelier Sud", "camille", world.now)
    site.joins("Atelier Nord")
    add = replace(a_request(world.revision, 30), place="CHU de Nantes, réanimation chirurgicale")
    asked = orders.place(world.ledger, add, world.revision, world.now)
    counted = next(a for a in world.attempts() if a.state is AttemptState.HARVESTED)
    offer, by_hand = site.offer(), site.by_hand()
    _labs_say(world)
    received, recalled = _received(site), _received(site)
    called = next(a.lot for a in world.attempts() if a.order_id == recalled and a.lot)
    cause = Cause(kind=RecallKind.LOT, value=called)
    recall = recalls.begin(
        world.ledger, cause, "une arête coupante à l’intérieur", "camille", world.now
    )
    parcels = _parcels(site)
    _named(world, "lab-hand", "Chez Malo", "Prusa Mini", link="manual")
    _named(world, site.out_of_sight(), "Fablab de Rezé", "Anycubic i3 Mega S")
    join = f"/join/{enrolment.invite(world.ledger, 'Atelier Ouest', 'camille', world.now)}"
    lot = harvests.harvest(world.ledger, site.printed(), 2, 0, "", "camille", world.now)
    lot_photos.add(world.ledger, counted.lot, [_photo()], "nour", world.now)
    pickup, run = _fetched(site)
    sewn = _sewn(site)
    return ALWAYS | {
        "sewer:make": f"/harvest/{sewn}", "run": run, "steward:pickup": f"/pickups/{pickup}",
        "inspector:hub-lot-held": f"/l/{_at_hub(site)}", "maker:pickup": f"/pickups/{pickup}",
        "steward:what-if": f"/orders/{order}/what-if?many=2&preset=prusa-mini",
        "design": f"/designs/{world.revision.id}", "follow": "/o/" + orders.link_of(world.ledger, order),
        "follow-asked": "/o/" + asked.link,
        "follow-received": "/o/" + orders.link_of(world.ledger, received),
        "inspector:lot-photos": f"/l/{counted.lot}/photos", "lot": f"/l/{counted.lot}", **parcels,
        "steward:order": f"/orders/{order}", "steward:order-asked": f"/orders/{asked.order_id}",
        "steward:order-received": f"/orders/{received}", "steward:lot-to-inspect": f"/l/{lot}",
        "steward:offer": f"/offers/{offer}", "steward:by-hand": f"/harvest/{by_hand}",
        "maker:stop": f"/attempts/{site.attempt}/stop", "maker:counted": f"/harvest/{counted.ref}",
        "maker:harvest": f"/harvest/{site.attempt}", "label": f"/l/{counted.lot}/label",
        "join": join, "join-phone": f"{join}?with=phone", "join-hands": f"{join}?with=hands",
        "join-computer": f"{join}?with=computer",
        "told-stop": f"/told/stop/{stop_token(b'k' * 32, Reader(login='camille', to='c@example.org'))}",
        "steward:design": f"/designs/{world.revision.id}", "steward:recall": f"/recalls/{recall}",
        "steward:recall-ask": f"/l/{counted.lot}/recall",
        "follow-recalled": "/o/" + orders.link_of(world.ledger, recalled),
    }  # fmt: skip


def _sign_up(world: World) -> None:
    hashed = hash_password(PASSWORD)
    for login, name, role, node in (
        ("nour", "Nour", Role.MAKER, NODE),
        ("noa", "Noa", Role.INSPECTOR, ""),
        ("leo", "Léo", Role.MAKER, "lab-new"),
        ("mila", "Mila", Role.MAKER, "lab-silent"),
        ("lea", "Léa", Role.MAKER, SEWS),
    ):
        add_person(world.ledger, login, name, role, hashed, node, world.now)


def _labs_say(world: World) -> None:
    _named(world, "lab-asked", "Lycée Livet, atelier de productique", "Ender-3", asks=True,
           preset="creality-ender-3")  # fmt: skip
    for node, printer, text, out in (
        (NODE, "p1", "Buse de 0,4 changée", None),
        (
            "lab-hand",
            "p1",
            "Courroie détendue",
            OutOfService(printer="p1", out=True, until="2026-12-04"),
        ),
    ):
        upkeep.note(world.ledger, node, printer, text, out, "nour", world.now)
    nodes.configure(world.ledger, NODE, Config(weekly_h=40.0), "nour", world.now)
    nodes.enrol(world.ledger, "lab-new", "Chez Léo", "", world.now)
    world.says(
        PrinterChange(printer="p1", state=PrinterState.FAULT, clear=False, fault="MINTEMP"),
        "lab-asked",
    )


def _named(
    world: World, node: str, lab: str, title: str, *, asks: bool = False, **facts: str
) -> None:
    printer = replace(some_facts(), title=title, **facts)
    told = Capabilities(
        lab=lab, printers=(printer,), place=(47.35, -1.2), attended="Mon-Fri 08:00-22:00, Sat 09:00-17:00",
        asks=asks,
    )  # fmt: skip
    world.says(told, node)


def _parcels(site: Site) -> dict[str, str]:
    """A parcel with a volunteer, one that waits for a signature; return the addresses."""
    world = site.world
    batches = [_packed(site), _packed(site)]
    reviews.choose_profile(
        world.ledger, world.revision, "fr-anti-projection-2020-05", "Camille", world.now
    )
    for each in views.batch(world.ledger.reading, batches[0]).lots:
        hub.sign(world.ledger, each.lot, "noa", world.now)
    run = runs.leave(
        world.ledger, driver="Dominique", day=date(2026, 11, 25), start=time(14), end=time(16),
        zone=ZoneInfo("Europe/Paris"), batches=batches[:1], by="camille", now=world.now,
    )  # fmt: skip
    complaints.complain(
        world.ledger, batches[0], text="Une arête coupante dans le serre-tête", lot_code="",
        pieces=1, photos=[_photo()], now=world.now,
    )  # fmt: skip
    db = world.ledger.reading
    return {
        "parcel": f"/d/{batches[0]}/{links.key_of(db, 'parcel', batches[0])}",
        "run": f"/r/{run}/{links.key_of(db, 'run', run)}", "steward:deliveries": "/deliveries",
        "inspector:complaints": "/complaints",
        "steward:design": f"/designs/{world.revision.id}",
    }  # fmt: skip


def _photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "#8a9").save(out, "JPEG")
    return out.getvalue()


def _received(site: Site) -> str:
    batch = _packed(site)
    world = site.world
    deliveries.dispatch(world.ledger, batch, "camille", world.now)
    words = "Merci à vous tous, les visières sont arrivées juste à temps pour la garde de nuit.\nL’équipe"
    deliveries.receive(world.ledger, batch, deliveries.Count(thanks=words), "requester", world.now)
    return views.batch(world.ledger.reading, batch).order_id


def _packed(site: Site) -> str:
    world = site.world
    order = world.order(2)
    world.plan()
    world.tick()
    for found in [a for a in world.attempts() if a.order_id == order]:
        world.take(found.ref)
        world.ready(found.ref)
        world.report(found.ref, ReportState.PRINTING)
        world.report(found.ref, ReportState.PRINTED)
        code = harvests.harvest(world.ledger, found.ref, 2, 1, "warped", "nour", world.now)
        lots.inspect(world.ledger, str(code), 2, 0, "", "camille", world.now)
    return deliveries.pack(world.ledger, order, "camille", world.now)


def _sewn(site: Site) -> AttemptRef:
    """A sewing machine has pieces to make; return them."""
    world = site.world
    add_machine(world)
    _named(world, SEWS, "Chez Léa", "Machine à coudre", preset="", bed_x_mm=0.0, bed_y_mm=0.0, height_mm=0.0,
           margin_mm=0.0, nozzle_mm=0.0, spool=None, link="manual", process="SEW", rate_per_h=6.0)  # fmt: skip
    kit = world.library.add_design(CATALOGUE / "door-hook-pouch")
    placed = orders.place(world.ledger, a_request(kit, 4), kit, world.now)
    orders.confirm(world.ledger, placed.order_id, "camille", world.now)
    world.plan()
    world.tick()
    found = next(a.ref for a in world.attempts() if a.node == SEWS)
    world.take(found)
    world.ready(found)
    world.report(found, ReportState.PRINTING)
    return found


def _at_hub(site: Site) -> str:
    """Bags stand at several steps of the hub, and one is held; return the code of that one."""
    world = site.world
    kit = world.library.add_design(CATALOGUE / "visor-kit")
    placed = orders.place(world.ledger, a_request(kit, 40), kit, world.now)
    orders.confirm(world.ledger, placed.order_id, "camille", world.now)
    hub.count_stock(world.ledger, "Elastic, 20 mm wide, 40 cm", 25, "noa", world.now)
    for rule in (
        Rule(scope=Scope.MATERIAL, value="PETG", hold_h=72),
        Rule(scope=Scope.REVISION, value=kit.id, second=True),
    ):
        hub.set_rule(world.ledger, rule, "camille", world.now)
    lying = world.ledger.reading.execute(
        "select code, good from lot where state = 'waiting' and place like 'lab:%'"
    ).fetchall()
    code = ""
    for code, good in lying[:2]:
        first_mile.arrive(world.ledger, code, "noa", world.now - timedelta(hours=30))
        first_mile.count_in(world.ledger, code, good, "", "noa", world.now)
    return code


def _fetched(site: Site) -> tuple[str, str]:
    """Bags wait at two doors, one of them since the day before yesterday; return a pick-up and its run."""
    world = site.world
    found = []
    for node in ("lab-asked", "lab-hand", NODE):
        for bag in bags.bags_at(world.ledger.reading, node)[:1]:
            at = world.now + timedelta(hours=6)
            spot = "12 rue des Lilas, 2e étage, code A1B2\n06 00 00 00 00"
            found.append(
                first_mile.announce(world.ledger, node, [bag.code], at, spot, "nour", world.now)
            )
    elastic = Goods(text="Élastique, 20 mm", quantity=40)
    petg = Goods(text="Filament", quantity=1, material="PETG", grams=750)
    for goods in (elastic, petg):
        first_mile.add_goods(world.ledger, found[-1], goods, "camille", world.now)
    return found[-1], "/run/" + first_mile.give(world.ledger, found[-1], "Sam", world.now)


LOGINS = {
    "": "",
    "steward": "camille",
    "inspector": "noa",
    "maker": "nour",
    "new": "leo",
    "silent": "mila",
    "sewer": "lea",
}


def take(only: str = "") -> int:
    """Take the pictures whose name holds `only`; return how many."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as site:
        pages = {name: path for name, path in live_through(site).items() if only in name}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**CHROMIUM)
            for language, locale in (("fr", "fr-FR"), ("en", "en-GB")):
                for who, login in LOGINS.items():
                    mine = {n: p for n, p in pages.items() if n.rpartition(":")[0] == who}
                    if mine:
                        context = browser.new_context(base_url=site.url, locale=locale)
                        _visit(context.new_page(), login, language, mine)
                        context.close()
            browser.close()
    return len(pages) * len(WIDTHS) * 2


def _visit(page: Page, login: str, language: str, mine: dict[str, str]) -> None:
    if login:
        page.goto("/sign-in?lang=en")
        page.get_by_label("Login").fill(login)
        page.locator("#password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/waiting")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for name, path in mine.items():
            page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
            if name.endswith(":what-if"):  # it looks again by itself until it is reckoned
                page.wait_for_selector("#answer", timeout=60_000)
            file = f"{name.replace(':', '-')}-{width}-{language}.png"
            page.screenshot(path=OUT / file, full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                print(f"{file}: {wide} px too wide", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    print(f"{take(*sys.argv[1:2])} pictures in {OUT}/")  # noqa: T201
