"""The pages in a real browser: telephone width, keyboard, without JavaScript."""

import re

import pytest
import trimesh
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from jobs.coordinator import enrolment, orders
from jobs.coordinator.people import add_person
from jobs.joining import read_code
from jobs.ledger import members, views
from jobs.messages import Config, Decide
from jobs.model import Role
from tests.doubles.world import NODE, a_request
from tests.e2e.conftest import CAMILLE, PASSWORD, WCAG
from web.auth import hash_password
from web.letters import stop_token


def test_a_nurse_asks_on_her_telephone(open_page, site):
    page = open_page("/", expect=["422"])
    page.get_by_role("link", name="Demander de l’aide").last.click()
    page.get_by_label("Combien ?").fill("400")
    # The browser may write 12/01/2026, whatever the page speaks.
    page.get_by_label("Pour quand ?").fill("2026-12-01")
    expect(page.get_by_text("mardi 1er décembre 2026")).to_be_visible()
    page.get_by_label("Pour quand ?").fill("2026-11-27")
    expect(page.get_by_text("vendredi 27 novembre 2026")).to_be_visible()
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


def test_who_reads_am_and_pm_sees_the_hours_of_the_page_too(open_page, site):
    token = enrolment.invite(site.world.ledger, "Atelier Nord", "camille", site.world.now)
    page = open_page(f"/join/{token}?with=phone", locale="en-US")
    until = page.get_by_label("to", exact=True)
    expect(until.locator("+ output")).to_have_text("20:00")
    until.fill("22:30")
    expect(until.locator("+ output")).to_have_text("22:30")
    page = open_page(f"/join/{token}?with=phone")
    expect(page.get_by_label("à", exact=True).locator("+ output")).to_be_hidden()


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
