"""A maker's first hour on a phone, in French: from the invitation to the first bag, and to what comes next.

One coordinator's process with its broker and slicer; one maker prints from an SD card, one sews.
"""

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from designs.library import Library
from fabnet import clock
from jobs.coordinator import orders
from jobs.ledger import labs, views
from jobs.ledger.books import audit
from tests.doubles.network_of_one import PASSWORD as STEWARDS
from tests.doubles.network_of_one import Coordinator
from tests.doubles.waiting import until
from tests.doubles.world import CATALOGUE, a_request
from tests.e2e.conftest import WAIT_MS, WCAG

PASSWORD = "quatre mots faciles"
POUCH = CATALOGUE / "door-hook-pouch"
pytestmark = pytest.mark.skipif(
    shutil.which("prusa-slicer") is None, reason="needs PrusaSlicer: nobody else slices the hook"
)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    found = Coordinator(tmp_path_factory.mktemp("first-hour"))
    found.fabnet("design", "add", str(POUCH))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def ledger(network):
    found = network.ledger()
    yield found
    audit(found.reading)
    found.close()


@pytest.fixture
def phone(chromium, network):
    """Open a phone of its own, in French."""
    contexts, complaints = [], []

    def opened(width=360):
        context = chromium.new_context(
            viewport={"width": width, "height": 740}, locale="fr-FR", base_url=network.url
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def looks_finished(page):
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert Axe().run(page, options=WCAG).response["violations"] == []


def words(page):
    return page.get_by_role("main").inner_text()


def press(page, name):
    page.get_by_role("button", name=name).click()


def follow(page, name):
    page.get_by_role("link", name=name).first.click()


def invited(steward, lab):
    """The steward makes an invitation; return its link."""
    steward.goto("/members")
    steward.get_by_label("Nom de l’atelier").fill(lab)
    press(steward, "Créer une invitation")
    return steward.get_by_label("Lien de l’invitation").input_value()


def joins(page, steward, login):
    """She says the rest of her form, sends it, and is let in; until she stands before her list."""
    page.get_by_label("Quelle commune").fill("Brest")
    page.get_by_label("Choisissez un identifiant").fill(login)
    page.get_by_label("Choisissez un mot de passe").fill(PASSWORD)
    page.locator("#from").fill("00:00")
    page.locator("#to").fill("00:00")
    press(page, "Rejoindre le réseau")
    page.wait_for_url("**/welcome")
    made = re.compile(r"^[0-9A-F ]{24}$")
    expect(page.locator(".lot-code")).to_have_text(made)
    # Before she is let in, no page of hers is an error.
    follow(page, "Mon atelier")
    page.wait_for_url("**/welcome")
    steward.goto("/members")
    press(steward, "l’admettre")
    is_in = page.get_by_role("heading", name="Vous faites partie du réseau")
    expect(is_in).to_be_visible()
    page.locator("#main").get_by_role("link", name="Ce qui m’attend").click()


def is_ready(page, button):
    """The list asks whether she is ready, not for a computer that she has not got; she is."""
    expect(page.get_by_role("button", name=button)).to_be_visible()
    assert "ordinateur" not in words(page)
    assert "Demander" not in words(page)
    press(page, button)
    expect(page.get_by_text("C’est noté : vous êtes prêt·e.")).to_be_visible()
    looks_finished(page)


def asks_in_vain(page, button):
    """She asks for work where there is none, and reads that she was heard."""
    follow(page, re.compile("^Demander"))
    press(page, button)
    expect(page.get_by_text("C’est noté : vous êtes prêt·e.")).to_be_visible()
    looks_finished(page)


def bags(page, part):
    """She counts one as bad, says why, and reads what to write on the bag, and where it goes."""
    press(page, "une de moins : Bonnes")
    press(page, "une de plus : Ratées")
    page.locator(".chip").first.click()
    press(page, "Compter les pièces")
    expect(page.get_by_role("heading", name="C’est compté")).to_be_visible()
    code = page.locator(".lot-code").last.inner_text()
    assert f"1 × {part}" in words(page)
    follow(page, "étiquette à code QR")
    expect(page.get_by_role("img", name="Code QR")).to_be_visible()
    follow(page, "Page de ce lot")
    assert code in words(page)
    assert "–" not in page.locator(".facts").inner_text().split()
    page.goto("/waiting")
    follow(page, "Le faire chercher")
    expect(page.get_by_label(re.compile(code))).to_be_checked()
    page.goto("/waiting")


def sign_in(steward):
    steward.goto("/sign-in")
    steward.get_by_label("Identifiant").fill("camille")
    steward.locator("#password").fill(STEWARDS)
    press(steward, "Se connecter")
    steward.wait_for_url("**/waiting")


def prints_from_a_card(page, steward):
    page.goto(invited(steward, "Chez Awa"))
    follow(page, "Je n’ai qu’un téléphone")
    page.get_by_text("Creality", exact=True).first.click()
    page.get_by_label("Creality Ender-3").first.check()
    page.get_by_label("Ce qui est chargé").first.select_option("PETG")
    page.get_by_label("Grammes restants").first.fill("640")
    page.get_by_label("Je reste près de l’imprimante").check()
    joins(page, steward, "awa")


def sews(page, steward):
    page.goto(invited(steward, "Chez Léa"))
    follow(page, "Je couds, découpe ou assemble")
    # What a laser asks for is asked of nobody else.
    page.get_by_label("Je découpe : une découpeuse laser").check()
    expect(page.get_by_label("je ne découpe jamais de PVC")).to_be_visible()
    page.get_by_label("Je couds : une machine à coudre").check()
    expect(page.get_by_label("je ne découpe jamais de PVC")).to_be_hidden()
    page.get_by_label("Pièces par heure").fill("12")
    joins(page, steward, "lea")


def reads_of_herself(page):
    """Her workshop's page has no word of printing."""
    page.goto("/my-lab")
    assert "Machine à coudre" in words(page)
    assert not re.search("tirage|filament|imprim", words(page).partition("Ce que le réseau")[0])
    looks_finished(page)


def ordered(ledger, network, kits):
    (revision,) = Library(ledger.database, network.folder / "data" / "files").revisions()
    now = clock.now()
    order_id = orders.place(ledger, a_request(revision, kits, now), revision, now).order_id
    orders.confirm(ledger, order_id, "camille", now)
    return order_id


@pytest.mark.timeout(600)  # two people, a slicer, and a browser that waits for both
def test_from_the_invitation_to_the_first_bag(phone, network, ledger):
    steward, awa, lea = phone(1280), phone(), phone()
    sign_in(steward)
    prints_from_a_card(awa, steward)
    sews(lea, steward)
    is_ready(awa, "Je peux recevoir un tirage")
    is_ready(lea, "Je suis prêt·e")
    until(lambda: all(p.clear for n in labs.fleet(ledger.reading) for p in n.printers))
    asks_in_vain(lea, "Donnez-moi du travail")
    assert not re.search("tirage|imprim", words(lea))
    reads_of_herself(lea)
    awa.goto("/my-lab")
    assert "sans personne à côté" not in words(awa)
    awa.goto("/waiting")
    lea.goto("/waiting")
    order_id = ordered(ledger, network, kits=2)

    # Nobody loads a page again: what comes, comes by itself.
    coming = awa.get_by_role("heading", name="Un tirage est en route pour Creality Ender-3")
    expect(coming).to_be_visible(timeout=3 * WAIT_MS)  # it is sliced before
    follow(lea, "Faire et compter")
    expect(lea.get_by_role("heading", name="À faire : Machine à coudre")).to_be_visible()
    with lea.expect_download() as pattern:
        follow(lea, "Télécharger le patron")
    assert re.fullmatch(r"POCHETTE-2x-\w+-1\.svg", pattern.value.suggested_filename)
    assert "Déchiré ou mal coupé" in words(lea)
    bags(lea, "Pochette en tissu")

    follow(awa, "Imprimer et compter")
    shown = awa.locator(".card-name").inner_text()
    with awa.expect_download() as card:
        follow(awa, "Télécharger le fichier")
    assert card.value.suggested_filename == shown
    assert re.fullmatch(r"CROCHET-2x-\w+-1\.gcode", shown)
    looks_finished(awa)
    bags(awa, "Crochet")

    made = [each for each in views.attempts_of(ledger.reading, order_id) if each.lot]
    assert {each.part_id: (each.good, each.scrap) for each in made} == {
        "hook": (1, 1), "pouch": (1, 1),
    }  # fmt: skip
    # What was bad is planned again, and comes to whoever is ready.
    follow(lea, "Faire et compter")
    expect(lea.get_by_text("1 × Pochette en tissu")).to_be_visible()
