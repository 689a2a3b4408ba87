"""What axe, the keyboard and a narrow screen find on every page."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator import (
    deliveries,
    enrolment,
    first_mile,
    harvests,
    lot_photos,
    lots,
    orders,
)
from jobs.coordinator.people import add_person
from jobs.first_mile import Goods
from jobs.lifecycle import AttemptState
from jobs.model import Role
from tests.doubles.world import CATALOGUE, PRINTER, a_request
from tests.e2e.conftest import CAMILLE, PASSWORD, WCAG
from tests.integration.test_processes import SEWS, add_machine
from tests.unit.web.test_photos import a_photo
from web import photos
from web.auth import hash_password
from web.letters import stop_token

PUBLIC = [
    "/",
    "/ask",
    "/sign-in",
    "/designs",
    "{design}",
    "{follow}",
    "{asked}",
    "{lot}",
    "{stop}",
    "{join}",
    "{join}?with=computer",
    "{join}?with=phone",
    "{join}?with=hands",
    "/nothing-here",
]


SIGNED_IN = [
    "/waiting",
    "/orders",
    "/orders/list",
    "/recalls",
    "/personal",
    "/orders/{order}",
    "/orders/{unconfirmed}",
    "{harvest}",
    "{harvested}",
    "/fleet",
    "/estimates",
    "/labs/lab-a",
    "/labs/lab-a/printers/p1/upkeep",
    "/labs/lab-a/given",
    f"/labs/{SEWS}",
    f"/labs/{SEWS}/printers/{PRINTER}/rate",
    "/members",
    "{offer}",
    "{by_hand}",
    "/told",
    "{stop_print}",
    "/beds/lab-hand/p1",
    "{lot}/recall",
    "{lot}/label",
    "{lot}/photos",
    "/hub",
    "/hub/steps/arrive",
    "/hub/steps/count",
    "/hub/rules",
    "/hub/stock",
    "/depot",
    "/labs/lab-bag/pickups",
    "{pickup}",
]


COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


#: Of a maker whose lab fell silent while it prints.
MAKERS = ["/waiting", "/my-lab", "/fleet", "/leave", "/told", "/labs/lab-silent/given", "/designs"]


VISITS = ((PUBLIC, False), (SIGNED_IN, True), (MAKERS, "mila"))


#: What the keyboard has to get to (of radio buttons of one name, one is enough), and a note of each that
#: it got to, with whether a person sees that. Days and times are four stops of the tabulator.
CONTROLS = """() => {
  const known = new Map(), key = each => each.type === "radio" ? each.name : each;
  for (const each of document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"))
    if (!each.disabled && each.checkVisibility({visibilityProperty: true}))
      known.set(key(each), [each.outerHTML.slice(0, 90), ["date", "time"].includes(each.type) ? 4 : 1]);
  window.missed = new Map(known);
  window.unseen = [];
  addEventListener("focusin", event => {
    const drawn = [null, "::after"].some(part => {
      const style = getComputedStyle(event.target, part);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    });
    if (!drawn) unseen.push(event.target.outerHTML.slice(0, 90));
    missed.delete(key(event.target));
  });
  return [...known.values()].reduce((stops, [, more]) => stops + more, 0);
}"""


@pytest.fixture
def address(site):
    """Fill a path's names with things of a network in the middle of its work."""
    order = site.busy_order()
    world = site.world
    placed = orders.place(world.ledger, a_request(world.revision, 30), world.revision, world.now)
    invited = enrolment.invite(world.ledger, "Atelier Sud", "camille", world.now)
    site.joins("Atelier Nord")
    add_machine(world)
    world.library.add_design(CATALOGUE / "door-hook-pouch")
    counted = next(a for a in world.attempts() if a.state is AttemptState.HARVESTED)
    names = {
        "order": order,
        "unconfirmed": placed.order_id,
        "design": f"/designs/{world.revision.id}",
        "follow": "/o/" + orders.link_of(world.ledger, order),
        "asked": "/o/" + placed.link,
        "lot": f"/l/{counted.lot}",
        "harvested": f"/harvest/{counted.ref}",
        "harvest": f"/harvest/{site.printed()}",
        "offer": f"/offers/{site.offer()}",
        "by_hand": f"/harvest/{site.by_hand()}",
        "stop": f"/told/stop/{stop_token(b'k' * 32, CAMILLE)}",
        "stop_print": f"/attempts/{site.attempt}/stop",
        "join": f"/join/{invited}",
    }
    lot_photos.add(world.ledger, counted.lot, [photos.clean(a_photo())], "camille", world.now)
    silent = site.out_of_sight()
    add_person(world.ledger, "mila", "Mila", Role.MAKER, hash_password(PASSWORD), silent, world.now)
    bag = [site.bag()]
    pickup = first_mile.announce(world.ledger, "lab-bag", bag, world.now, "ici", "nour", world.now)
    foil = Goods(text="Film", quantity=40)
    first_mile.add_goods(world.ledger, pickup, foil, "camille", world.now)
    names["pickup"] = f"/pickups/{pickup}"
    names["run"] = "/run/" + first_mile.give(world.ledger, pickup, "Sam", world.now)
    return lambda path: path.format(**names)


def test_an_inspection_is_accessible(open_page, site):
    site.busy_order()
    code = harvests.harvest(site.world.ledger, site.printed(), 2, 0, "", "camille", site.world.now)
    page = open_page(f"/l/{code}", signed_in=True)
    assert Axe().run(page, options=WCAG).response["violations"] == []
    page.get_by_role("button", name="une de moins : Acceptées").click()
    expect(page.get_by_label("Rejetées", exact=True)).to_have_value("1")


def not_by_keyboard(page):
    """Return the controls of a page that the keyboard does not get to, or gets to unseen."""
    for _ in range(page.evaluate(CONTROLS) + 2):
        page.keyboard.press("Tab")
    return page.evaluate("[...[...missed.values()].map(([html]) => html), ...unseen]")


#: Controls lower than a finger is broad. A link amid a sentence may be: more would cover its neighbours.
LOW = """
() => [...document.querySelectorAll(
  'a, button, summary, select, textarea, input:not([type=hidden])')].filter(each => {
  const around = each.matches('[type=radio], [type=checkbox]') && each.closest('label') || each;
  const box = around.getBoundingClientRect();
  const amid = each.matches('a') && [...each.parentElement.childNodes].some(
    beside => beside !== each && beside.textContent.trim());
  const shown = box.width > 1 && box.height > 1 && !each.closest('.skip, .unseen, .cover, .code');
  return shown && !amid && box.height < 43.5;
}).map(each => each.outerHTML.slice(0, 120))
"""


@pytest.mark.timeout(600)  # forty pages, each read by axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_telephone(open_page, address, scheme):
    found = []
    for paths, signed_in in VISITS:
        page = open_page(signed_in=signed_in, color_scheme=scheme, expect=["404"])
        for path in paths:
            page.goto(address(path))
            # The dark of a page differs by its colours alone.
            result = Axe().run(page, options=WCAG if scheme == "light" else COLOURS)
            found += [
                (path, v["id"], [node["html"][:120] for node in v["nodes"]])
                for v in result.response["violations"]
            ]
            low = page.evaluate(LOW) if scheme == "light" else ()
            found += [(path, "too low for a finger", each) for each in low]
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, path
            assert page.locator("h1").count() == 1, path
    assert found == []


def test_the_keyboard_gets_to_every_control_and_shows_where_it_is(open_page, address):
    found = []
    for paths, signed_in in VISITS:
        page = open_page(signed_in=signed_in, expect=["404"])
        for path in paths:
            page.goto(address(path))
            found += [(path, each) for each in not_by_keyboard(page)]
    assert found == []


def test_a_refusal_of_the_ledger_is_french_and_accessible(open_page, site):
    world = site.world
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    page = open_page(f"/orders/{placed.order_id}", signed_in=True, expect=["409"])
    # The page would change by itself: what somebody sends at that very moment is kept.
    page.evaluate("window.kept = document.querySelector('form[action$=confirm]').cloneNode(true)")
    orders.confirm(world.ledger, placed.order_id, "camille", world.now)
    page.evaluate("document.body.append(kept); kept.submit()")
    expect(page.get_by_text("Rien n’a été modifié : la commande")).to_be_visible()
    assert "nothing was changed" not in page.content()
    assert Axe().run(page, options=WCAG).response["violations"] == []


def test_a_recall_is_accessible_and_answered_on_a_telephone(open_page, site):
    world, order_id = site.world, site.busy_order()
    code = harvests.harvest(world.ledger, site.printed(), 2, 0, "", "camille", world.now)
    lots.inspect(world.ledger, code, 2, 0, "", "camille", world.now)
    batch = deliveries.pack(world.ledger, order_id, "camille", world.now)
    deliveries.dispatch(world.ledger, batch, "camille", world.now)
    page = open_page(f"/l/{code}", signed_in=True)
    page.get_by_role("link", name="Un défaut ? Trouver les sachets semblables…").click()
    assert Axe().run(page, options=WCAG).response["violations"] == []
    page.get_by_label("Imprimante", exact=False).check()
    page.get_by_label("Quel est le défaut ?").fill("une arête coupante")
    page.get_by_role("button", name="Rappeler").click()
    expect(page.get_by_text("pas encore de réponse")).to_be_visible()
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    nurse = open_page("/o/" + orders.link_of(world.ledger, order_id))
    assert Axe().run(nurse, options=WCAG).response["violations"] == []
    nurse.get_by_role("button", name="Nous l’avons lu et les avons mises de côté").click()
    expect(nurse.get_by_text("Vous avez mis 4 pièces de côté. Merci.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("a répondu")).to_be_visible()
    page.goto("/recalls")
    assert Axe().run(page, options=WCAG).response["violations"] == []
