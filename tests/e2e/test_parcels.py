"""A parcel on telephones: the hub's, the driver's without JavaScript, the nurse's; accessible all the way."""

import io

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from jobs.coordinator import reviews
from jobs.ledger import links, runs, views
from jobs.model import BatchState
from tests.doubles.parcels import packed
from tests.e2e.conftest import WCAG
from tests.e2e.test_newcomers import read_qr


def look(page):
    """Check what every page must be; open what is folded first."""
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert Axe().run(page, options=WCAG).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def release_bags(hub, world, *batches):
    """As a second person who comes from the page of parcels."""
    for batch in batches:
        lot = views.batch(world.ledger.reading, batch).lots[0].lot
        hub.get_by_role("link", name=lot).click()
        hub.get_by_role("button", name="Je le libère").click()
        hub.goto("/deliveries")


def test_from_the_hub_by_a_driver_to_the_ward_and_back_with_a_complaint(open_page, site):
    world = site.world
    world.add_lab()
    first, second = packed(world, 2), packed(world, 2)
    reviews.choose_profile(
        world.ledger, world.revision, "fr-anti-projection-2020-05", "Camille", world.now
    )
    hub = open_page("/deliveries", signed_in=True, color_scheme="dark")
    look(hub)
    release_bags(hub, world, first, second)
    hub.get_by_label("Livreur").fill("Dominique")
    hub.get_by_label("Jour").fill("2026-11-25")
    hub.get_by_label("À l’hôpital à partir de").fill("14:00")
    hub.get_by_label("Jusqu’à").fill("16:00")
    hub.get_by_label(f"· {second}").fill("1")
    hub.get_by_role("button", name="Le livreur les a").click()
    (run,) = runs.open_runs(world.ledger.reading)
    path = f"/r/{run.id}/{links.key_of(world.ledger.reading, 'run', run.id)}"
    hub.get_by_text("La page du livreur…").click()
    assert read_qr(hub.get_by_role("img", name="Code QR")) == [f"http://127.0.0.1{path}"]
    look(hub)
    driver = open_page(path, java_script_enabled=False)
    driver.get_by_role("button", name="Remis").click()
    expect(driver.get_by_text("Cette tournée est finie. Merci !")).to_be_visible()
    expect(driver.get_by_text("CHU")).to_have_count(0)
    key = links.key_of(world.ledger.reading, "parcel", second)
    nurse = open_page(f"/d/{second}/{key}")
    look(nurse)
    nurse.get_by_label("Abîmées", exact=True).fill("1")
    nurse.get_by_role("button", name="Nous l’avons reçu").click()
    expect(nurse.get_by_text("Merci d’avoir compté.")).to_be_visible()
    nurse.get_by_text("Le dire, avec des photos…").click()
    nurse.get_by_label("Quel est le défaut ?").fill("une arête coupante")
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(out, "PNG")
    photo = {"name": "p.png", "mimeType": "image/png", "buffer": out.getvalue()}
    nurse.get_by_label("Photos (3 au plus)").set_input_files([photo])
    nurse.get_by_role("button", name="Envoyer").click()
    expect(nurse.get_by_text("1 photo")).to_be_visible()
    look(nurse)
    assert views.batch(world.ledger.reading, second).state is BatchState.RECEIVED
    hub.goto("/complaints")
    look(hub)
    hub.get_by_label("Conseil à ceux qui les ont faites").fill("Limez l’arête.")
    hub.get_by_role("button", name="Transmettre avec ce conseil").click()
    expect(hub.get_by_text("transmise à ceux qui les ont faites")).to_be_visible()
    hub.goto("/labs/lab-a/given")
    expect(hub.get_by_text("Limez l’arête.")).to_be_visible()
    look(hub)
    hub.goto(f"/designs/{world.revision.id}")
    look(hub)
