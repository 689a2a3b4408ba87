"""The pages in a real browser: telephone width, keyboard, without JavaScript, by themselves."""

import re
import threading

import pytest
import trimesh
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
from jobs.joining import read_code
from jobs.ledger import members, views
from jobs.lifecycle import AttemptState
from jobs.messages import Config, Decide, PrinterChange
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.world import CATALOGUE, NODE, PRINTER, a_request
from tests.e2e.conftest import PASSWORD
from tests.integration.test_processes import SEWS, add_machine
from tests.unit.web.test_photos import a_photo
from web import photos
from web.auth import hash_password
from web.letters import Reader, stop_token

CAMILLE = Reader(login="camille", to="camille@example.org")
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}

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


def test_a_nurse_asks_on_her_telephone(open_page, site):
    page = open_page("/", expect=["422"])
    page.get_by_role("link", name="Demander de l’aide").last.click()
    page.get_by_label("Combien ?").fill("400")
    page.get_by_label("Pour quand ?").fill("2026-11-27")
    page.get_by_label("Quel hôpital, quel service ?").fill("CHU, urgences")
    page.get_by_label("Votre nom").fill("Ada Infirmière")
    page.get_by_label("Téléphone ou e-mail").fill("non")
    page.get_by_role("button", name="Envoyer ma demande").click()
    contact = page.get_by_label("Téléphone ou e-mail")
    expect(contact).to_be_focused()
    expect(contact).to_have_value("non")
    expect(page.get_by_label("Combien ?")).to_have_value("400")
    contact.fill("01 23 45 67 89")
    page.get_by_role("button", name="Envoyer ma demande").click()
    page.wait_for_url("**/o/*")
    expect(page.get_by_role("heading", name="Gardez ce lien")).to_be_visible()
    shown = page.get_by_label("Lien vers cette page").input_value()
    assert shown.removeprefix("http://127.0.0.1") == re.sub(r"^.*?(?=/o/)", "", page.url)
    (order,) = views.orders(site.world.ledger.reading)
    assert order.request.kits == 400


def test_a_steward_chooses_what_she_is_told_and_ends_it_without_signing_in(open_page, site):
    page = open_page("/waiting", signed_in=True, java_script_enabled=False, expect=["422"])
    page.get_by_role("link", name="Être prévenu par courriel").click()
    address = page.get_by_label("Adresse électronique")
    address.fill("camille")
    page.get_by_label("Une fois par jour").check()
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Écrivez une adresse comme")).to_be_visible()
    expect(address).to_have_value("camille")
    address.fill("camille@example.org")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Enregistré.")).to_be_visible()
    expect(page.get_by_label("Une fois par jour")).to_be_checked()
    expect(page.get_by_text("premier message à une adresse")).to_be_visible()
    token = stop_token(b"k" * 32, CAMILLE)
    other = open_page(f"/told/stop/{token}", java_script_enabled=False)
    other.get_by_role("button", name="Ne plus rien m’envoyer").click()
    expect(other.get_by_role("heading", name="Vous ne recevrez plus rien")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Vous ne recevez rien actuellement.")).to_be_visible()


def test_a_steward_lets_a_workshop_in_on_her_telephone(open_page, site):
    node = site.joins("Atelier Nord")
    page = open_page("/waiting", signed_in=True)
    expect(
        page.get_by_role("heading", name="Atelier Nord veut rejoindre le réseau")
    ).to_be_visible()
    page.get_by_role("link", name="Comparer").click()
    found = members.member(site.world.ledger.reading, node)
    expect(page.get_by_text(found.fingerprint, exact=True)).to_be_visible()
    page.get_by_role("button", name="C’est la même : l’admettre").click()
    expect(page.get_by_role("heading", name="Membres")).to_be_visible()
    assert members.is_confirmed(site.world.ledger.reading, node)
    page.get_by_label("Nom de l’atelier").fill("Atelier Sud")
    page.get_by_role("button", name="Créer une invitation").click()
    page.get_by_text("Ou la commande, pour qui a déjà installé fabnet").click()
    command = page.get_by_label("La commande pour l’ordinateur de l’atelier").input_value()
    code = read_code(command.removeprefix("fabnet node join").strip().strip('"'))
    assert (code.url, code.pin) == ("http://127.0.0.1", "none")
    page.get_by_text("L’exclure…").click()
    page.get_by_label("Pourquoi ? L’historique le garde.").fill("volé")
    page.get_by_role("button", name="L’exclure – Atelier Nord").click()
    expect(page.get_by_role("heading", name="Exclus")).to_be_visible()
    assert not members.is_confirmed(site.world.ledger.reading, node)


def test_a_maker_counts_with_her_thumb(open_page, site):
    site.busy_order()
    ref = site.printed()
    page = open_page(f"/harvest/{ref}", signed_in=True)
    page.get_by_role("button", name="une de moins : Bonnes").click()
    page.get_by_role("button", name="une de plus : Ratées").click()
    page.get_by_label("Gondolé").check()
    page.get_by_role("button", name="Compter et libérer l’imprimante").click()
    code = views.attempt(site.world.ledger.reading, ref).lot
    expect(page.get_by_text(code, exact=True)).to_be_visible()
    box = page.get_by_text(code, exact=True).bounding_box()
    assert box["height"] < 60, "the code stands on one line"


def test_forms_work_without_javascript(open_page, site):
    site.busy_order()
    ref = site.printed()
    page = open_page(f"/harvest/{ref}", signed_in=True, java_script_enabled=False)
    expect(page.get_by_role("button", name="une de moins : Bonnes")).to_be_hidden()
    page.get_by_label("Bonnes", exact=True).fill("1")
    page.get_by_label("Ratées", exact=True).fill("1")
    page.get_by_label("Autre chose").check()
    page.get_by_label("Avec vos mots").fill("le chat")
    page.get_by_role("button", name="Compter et libérer l’imprimante").click()
    expect(page.get_by_role("heading", name="C’est compté. Merci !")).to_be_visible()


def tab_to(page, name):
    for _ in range(30):
        page.keyboard.press("Tab")
        here = page.evaluate("document.activeElement.textContent")
        if here.strip().replace("\u00a0", " ") == name:
            return
    pytest.fail(f"the keyboard does not get to {name!r}")


def test_the_keyboard_is_enough_to_confirm_an_order(open_page, site):
    world = site.world
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    page = open_page("/waiting", signed_in=True)
    tab_to(page, "Voir la demande")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/orders/{placed.order_id}")
    tab_to(page, "Confirmer et fabriquer")
    page.keyboard.press("Enter")
    expect(page.get_by_text("confirmée, pas encore de place")).to_be_visible()
    assert views.order(world.ledger.reading, placed.order_id).state == "confirmed"


def test_the_keyboard_is_enough_to_look_at_a_design(open_page, site):
    page = open_page("/designs")
    picture = page.locator("img.picture").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 320)
    tab_to(page, "Serre-tête de visière")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/designs/{site.world.revision.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Serre-tête de visière")


@pytest.mark.parametrize("width", [360, 1440])
def test_plates_are_drawn_to_scale_on_every_screen(open_page, site, width):
    site.world.add_lab()
    page = open_page(f"/designs/{site.world.revision.id}", width=width)
    expect(page.get_by_text("2 par plateau")).to_be_visible()
    bed, copies = (page.locator(f".plate .{name}").bounding_box() for name in ("bed", "copies"))
    assert bed["width"] / bed["height"] == pytest.approx(250 / 210, rel=0.01)
    assert bed["x"] < copies["x"]
    assert copies["x"] + copies["width"] < bed["x"] + bed["width"]
    assert copies["width"] > 0.8 * bed["width"]
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_a_tired_maker_says_when_she_is_there(open_page, site):
    world = site.world
    world.add_lab()
    page = open_page(f"/labs/{NODE}", signed_in=True)
    monday = page.get_by_role("group", name="Lundi").get_by_label("de", exact=True)
    expect(monday).to_be_hidden()
    page.get_by_label("Jour par jour").check()
    for day in ("Lundi", "Samedi"):
        page.get_by_role("group", name=day).get_by_label("de", exact=True).fill("18:00")
        page.get_by_role("group", name=day).get_by_label("à", exact=True).fill("01:00")
    page.get_by_role("button", name="Enregistrer les heures").click()
    expect(page.get_by_text("Envoyé : lun 18:00-01:00, sam 18:00-01:00.")).to_be_visible()
    assert Config(attended="Mon 18:00-01:00, Sat 18:00-01:00") in world.told()


def test_a_no_and_a_spool_without_javascript(open_page, site):
    world, ref = site.world, site.offer()
    page = open_page("/waiting", signed_in=True, java_script_enabled=False)
    page.get_by_text("Non, pour une autre raison…").click()
    page.get_by_label("Pas le temps").check()
    page.get_by_role("button", name="Dire non").click()
    page.wait_for_url("**/waiting")
    assert Decide(attempt=ref, taken=False, reason="no-time") in world.told("lab-asked")
    page.goto("/labs/lab-asked")
    page.get_by_text("Peser, ou changer").click()
    page.get_by_label("Matière").select_option("PLA")
    page.get_by_label("Grammes restants").fill("640")
    page.get_by_role("button", name="Enregistrer – Printer").click()
    expect(page.get_by_text("Envoyé : PLA, 640 g.")).to_be_visible()


def test_the_keyboard_is_enough_to_pause(open_page, site):
    world = site.world
    world.add_lab()
    page = open_page(f"/labs/{NODE}", signed_in=True)
    tab_to(page, "Faire une pause")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cet atelier fait une pause")).to_be_visible()
    assert Config(paused=True) in world.told()


def test_a_maker_leaves_on_her_telephone(open_page, site):
    world = site.world
    world.add_lab()
    add_person(world.ledger, "nour", "Nour", Role.MAKER, hash_password(PASSWORD), NODE, world.now)
    page = open_page("/sign-in?next=/leave", expect=["422"])
    page.get_by_label("Identifiant").fill("nour")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    found = []
    for button in ("Passer à la dernière question…", "Effacer définitivement", None):
        found += [v["id"] for v in Axe().run(page, options=WCAG).response["violations"]]
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        if button == "Effacer définitivement":
            page.get_by_role("button", name=button).click()
            expect(page.get_by_text("Dites que vous en êtes sûr")).to_be_visible()
            page.get_by_label("Oui : effacer mon compte").check()
            page.locator("#password").fill(PASSWORD)
        if button:
            page.get_by_role("button", name=button).click()
    expect(page.get_by_role("heading", name="C’est fait. Merci.")).to_be_visible()
    assert found == []


def test_what_is_being_entered_outlives_the_nodes_answer(open_page, site):
    world = site.world
    world.add_lab()
    page = open_page(f"/labs/{NODE}", signed_in=True)
    page.get_by_label("Pareil tous les jours").check()
    page.get_by_label("de", exact=True).first.fill("07:30")
    page.get_by_text("Peser, ou changer").click()
    page.get_by_label("Matière").select_option("PLA")
    page.get_by_label("une autre bobine").check()
    world.can(paused=True)
    expect(page.get_by_role("heading", name="Cet atelier fait une pause")).to_be_visible()
    expect(page.get_by_label("Pareil tous les jours")).to_be_checked()
    expect(page.get_by_label("de", exact=True).first).to_have_value("07:30")
    expect(page.get_by_label("Matière")).to_have_value("PLA")
    expect(page.get_by_label("une autre bobine")).to_be_checked()


def test_a_bed_fills_by_itself(open_page, site):
    site.busy_order()
    page = open_page("/fleet", signed_in=True)
    expect(page.get_by_role("img", name="42 %")).to_be_visible()
    site.progress(0.77)
    expect(page.get_by_role("img", name="77 %")).to_be_visible()


def follow(site, order):
    return "/o/" + orders.link_of(site.world.ledger, order)


def count_one(site):
    harvests.harvest(site.world.ledger, site.printed(), 2, 0, "", "camille", site.world.now)


def made(page):
    return page.locator(".strip li").nth(2).locator(".step-count")


def test_an_open_page_moves_by_itself_and_keeps_what_was_typed(open_page, site):
    page = open_page(follow(site, site.busy_order()))
    expect(made(page)).to_contain_text("2 / 8")
    page.get_by_text("Il manque quelque chose").click()
    lost = page.get_by_label("Manquantes dans le colis", exact=True)
    lost.fill("1")
    lost.focus()
    page.evaluate("window.stayed = true")
    count_one(site)
    expect(made(page)).to_contain_text("4 / 8")
    expect(lost).to_have_value("1")
    expect(lost).to_be_focused()
    assert page.evaluate("window.stayed"), "the page was not loaded anew"


def test_a_page_without_a_stream_asks_for_itself(open_page, site, monkeypatch):
    monkeypatch.setattr("web.streams.MOST_STREAMS", 0)
    page = open_page(follow(site, site.busy_order()), expect=["503"])
    expect(made(page)).to_contain_text("2 / 8")
    count_one(site)
    expect(made(page)).to_contain_text("4 / 8")
    expect(page.locator("#offline")).to_be_hidden()


LOST = ["net::ERR_"]


def test_a_page_says_since_when_it_is_offline_and_recovers(open_page, site):
    page = open_page(follow(site, site.busy_order()), expect=LOST)
    page.get_by_text("Il manque quelque chose").click()
    lost = page.get_by_label("Manquantes dans le colis", exact=True)
    lost.fill("1")
    notice = page.locator("#offline")
    expect(notice).to_be_hidden()
    site.stop()
    expect(notice).to_contain_text(re.compile(r"Hors ligne depuis \d\d:\d\d\s: "))
    expect(page.get_by_role("status")).to_contain_text("Hors ligne")
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert Axe().run(page, options=WCAG).response["violations"] == []
    count_one(site)
    site.start()
    expect(notice).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text("De nouveau en ligne.")
    expect(made(page)).to_contain_text("4 / 8")
    expect(lost).to_have_value("1")
    settles(site, 1)


def test_a_page_in_english_is_offline_in_english(open_page, site):
    page = open_page(follow(site, site.busy_order()) + "?lang=en", expect=LOST)
    expect(made(page)).to_contain_text("2 / 8")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_contain_text(re.compile(r"Offline since \d\d:\d\d"))
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()


def settles(site, count):
    pause = threading.Event()
    for _ in range(3000):
        if site.streams.count == count:
            return
        pause.wait(0.02)
    assert site.streams.count == count


def test_a_hidden_page_reads_nothing_and_catches_up(open_page, site):
    page = open_page(follow(site, site.busy_order()))
    settles(site, 1)
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    settles(site, 0)
    count_one(site)
    page.wait_for_timeout(500)
    expect(made(page)).to_contain_text("2 / 8")
    page.evaluate(hide, False)
    expect(made(page)).to_contain_text("4 / 8")


def test_who_signs_out_elsewhere_reads_that_her_page_stands_still(open_page, site):
    site.world.add_lab()
    page = open_page("/fleet", signed_in=True, expect=["MIME", "EventSource"])
    settles(site, 1)
    other = page.context.new_page()
    other.goto("/designs")
    other.get_by_role("button", name="Se déconnecter").click()
    expect(page.locator("#offline")).to_contain_text("ne se met plus à jour")
    other.close()


def test_parts_change_alone_with_buttons_that_work_and_the_focus_stays(open_page, site):
    world = site.world
    world.add_lab()
    world.add_lab("lab-b")
    page = open_page("/fleet", signed_in=True)
    settles(site, 1)
    page.evaluate("document.querySelector('[data-part=lab-b]').mark = true")
    hours = page.locator("[data-part=lab-a]").get_by_role("link", name="Heures et stock")
    hours.focus()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    button = page.get_by_role("button", name="Le plateau est libre")
    expect(button).to_be_visible()
    expect(hours).to_be_focused()
    assert page.evaluate("document.querySelector('[data-part=lab-b]').mark"), "untouched"
    button.click()
    expect(page.get_by_text("plateau libre").first).to_be_visible()
    expect(button).to_be_hidden()


def pixels_of(canvas):
    """Return how many pixels of a canvas show something, and a sum that changes with the picture."""
    return canvas.evaluate(
        """canvas => new Promise(done => requestAnimationFrame(() => {
          const copy = document.createElement("canvas");
          [copy.width, copy.height] = [160, 120];
          const pen = copy.getContext("2d");
          canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
          pen.drawImage(canvas, 0, 0, 160, 120);
          const data = pen.getImageData(0, 0, 160, 120).data;
          let shown = 0, sum = 0;
          for (let i = 0; i < data.length; i += 4) { shown += data[i + 3] > 128; sum += i * data[i]; }
          done([shown, sum]);
        }))"""
    )


def test_a_part_is_turned_in_3d_when_somebody_asks(open_page, site):
    page = open_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/designs/{site.world.revision.id}")
    assert not [url for url in asked if "/meshes/" in url], "nothing heavy before"
    page.get_by_role("button", name="Le tourner en 3D").click()
    canvas = page.locator("canvas")
    expect(canvas).to_be_focused()
    assert len([url for url in asked if "/meshes/" in url]) == 1
    assert all(url.startswith(site.url) for url in asked)
    (shown, one), (_, other) = pixels_of(canvas), pixels_of(canvas)
    assert shown > 500
    assert one != other, "a key turns it"
    assert Axe().run(page, options=WCAG).response["violations"] == []


def test_a_steward_adds_a_model_on_her_telephone(open_page, site, tmp_path):
    mesh = trimesh.creation.box((30, 20, 5))
    mesh.export(tmp_path / "good.stl")
    mesh.update_faces([False] + [True] * 11)
    mesh.export(tmp_path / "open.stl")
    page = open_page("/designs", signed_in=True, expect=["422"])
    page.get_by_text("Ajouter un modèle").click()
    page.get_by_label("Modèle ou archive").set_input_files(tmp_path / "open.stl")
    page.get_by_label("Son nom", exact=True).fill("Cale")
    page.get_by_role("button", name="Vérifier et ajouter").click()
    gaps = page.get_by_alt_text("Le modèle, ses trous en", exact=False)
    expect(gaps).to_be_visible()
    expect(page.get_by_text("3 arêtes sur 18 bordent un trou")).to_be_visible()
    expect(page.get_by_label("Son nom", exact=True)).to_have_value("Cale")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert Axe().run(page, options=WCAG).response["violations"] == []
    page.get_by_label("Modèle ou archive").set_input_files(tmp_path / "good.stl")
    page.evaluate(
        "new MutationObserver(([seen]) => sessionStorage.setItem('told', seen.target.textContent)).observe("
        "document.querySelector('[data-checking]'), {attributes: true})"
    )
    page.get_by_role("button", name="Vérifier et ajouter").click()
    heading = page.get_by_role("heading", name="Cale", level=1)
    expect(heading).to_be_visible()
    assert "est arrivé, il est en cours de vérification" in page.evaluate("sessionStorage.told")


def test_a_steward_withdraws_a_design_without_javascript(open_page, site):
    page = open_page("/", signed_in=True, java_script_enabled=False)
    page.goto(f"/designs/{site.world.revision.id}")
    page.get_by_text("Retirer ce modèle…").click()
    page.get_by_label("Pourquoi ? Tous ceux qui").fill("le crochet casse")
    page.get_by_role("button", name="Le retirer partout").click()
    expect(page.get_by_text("Ce modèle a été retiré.")).to_be_visible()
    expect(page.get_by_text("le crochet casse")).to_be_visible()
