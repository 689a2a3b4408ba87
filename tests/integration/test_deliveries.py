"""A parcel from the hub's hand to the hospital's word: paper, its own page, what may leave and how."""

import re
from dataclasses import replace
from datetime import timedelta

import pypdfium2
import pytest

from designs.regulation import profiles
from jobs.coordinator import deliveries, first_mile, harvests, hub, lots, orders, reviews
from jobs.errors import InvalidFieldError, RefusedError
from jobs.hub import Rule, Scope, kit_of
from jobs.ledger import parcels, views
from jobs.lifecycle import AttemptState
from jobs.model import BatchState
from tests.doubles.lots import accepts, makes_a_lot, makes_all
from tests.doubles.pages import Site, sections
from tests.doubles.parcels import address, order_of, packed
from tests.doubles.world import CATALOGUE, a_request

VISOR, MASK = "fr-anti-projection-2020-05", "afnor-spec-s76-001-2020"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def site(world, hashed):
    world.add_lab()
    return Site(
        world, hashed, hub_contact="Camille, 02 40 00 00 00", hub_address="La Halle, Nantes"
    )


@pytest.fixture
def batch(site):
    return packed(site.world)


def dispatch(world, batch, by="steward"):
    deliveries.dispatch(world.ledger, batch, by, world.now)


def text_of(pdf):
    with pypdfium2.PdfDocument(pdf) as document:
        return " ".join(document[0].get_textpage().get_text_bounded().split())


# --- paper


def test_the_note_says_what_the_ledger_says(site, batch):
    world = site.world
    reviews.choose_profile(world.ledger, world.revision, VISOR, "Ada", world.now)
    answer = site.person("inspector").get(f"/batches/{batch}/note.pdf")
    assert answer.mimetype == "application/pdf"
    text = text_of(answer.data)
    lot = views.batch(world.ledger.reading, batch).lots[0].lot
    for words in (
        batch, order_of(world, batch), lot, "CHU, urgences", "Ada Infirmière", "La Halle, Nantes",
        "Camille, 02 40 00 00 00", "Équipement anti-projection", "Serre-tête de visière / Visor frame",
        world.revision.id[:8], f"https://fabnet.example{address(world, batch)}",
    ):  # fmt: skip
        assert words in text, words
    assert re.search(r"Serre-tête / Frame 4 0 4 0", text)


def test_the_note_says_how_long_bags_lay_and_who_looked_at_them(site):
    world = site.world
    for scope, hold_h in ((Scope.MATERIAL, 72), (Scope.ALL, None)):
        rule = Rule(
            scope=scope, value="PETG" if hold_h else "", hold_h=hold_h, second=hold_h is None
        )
        hub.set_rule(world.ledger, rule, "steward", world.now)
    order_id = world.order(2)
    code = makes_a_lot(world)
    first_mile.arrive(world.ledger, code, "inspector", world.now)
    world.pass_time(hours=72)
    accepts(world, code)
    hub.sign(world.ledger, code, "steward", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    text = text_of(site.person("inspector").get(f"/batches/{batch}/note.pdf").data)
    for words in ("Rested until", "27/11/2026 13:00", "Inspected by: Inspector",
                  "Released by: Steward"):  # fmt: skip
        assert words in text, words
    longer = Rule(scope=Scope.MATERIAL, value="PETG", hold_h=200)
    hub.set_rule(world.ledger, longer, "steward", world.now)
    text = text_of(site.person("inspector").get(f"/batches/{batch}/note.pdf").data)
    assert "Rested" not in text, "it had not to rest so long when it was packed"


def test_what_was_sent_before_stands_on_the_next_note(site, batch):
    world = site.world
    dispatch(world, batch)
    deliveries.receive(world.ledger, batch, deliveries.Count(damaged=1), "requester", world.now)
    world.pass_time(hours=1)
    world.plan()
    world.tick()
    world.print(ref := world.first(AttemptState.OFFERED))
    code = harvests.harvest(world.ledger, ref, 1, 0, "", "maker", world.now)
    lots.inspect(world.ledger, str(code), 1, 0, "", "inspector", world.now)
    second = deliveries.pack(world.ledger, order_of(world, batch), "inspector", world.now)
    text = text_of(site.person("steward").get(f"/batches/{second}/note.pdf").data)
    assert re.search(r"Serre-tête / Frame 4 3 1 0", text)


def test_only_the_hub_and_who_holds_the_address_have_the_note(site, batch):
    nobody, path = site.person(), address(site.world, batch)
    assert nobody.get(f"/batches/{batch}/note.pdf").status_code == 303
    assert site.person("maker").get(f"/batches/{batch}/note.pdf").status_code == 403
    answer = nobody.get(f"{path}/note.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    other = packed(site.world)
    for wrong in (
        path[:-1],
        path[:-1] + "é",
        f"/d/{other}/{path.rpartition('/')[2]}",
        f"/d/x/{'a' * 32}",
    ):
        for end in ("", "/note.pdf"):
            assert nobody.get(wrong + end).status_code == 404, wrong


# --- the hospital's word


def test_the_hospital_counts_it_in_on_the_parcels_own_page(site, batch):
    world, nurse, path = site.world, site.person(), address(site.world, batch)
    assert "has not left the hub yet" in nurse.get(path, headers=ENGLISH).text
    dispatch(world, batch)
    page = nurse.get(path, headers=ENGLISH).text
    assert "What has arrived?" in page
    assert f"/orders/{order_of(world, batch)}" not in page
    assert "/o/" not in page, "the parcel's address does not lead to the order"
    sent = {"damaged": "1", "refused": "1", "lost": "1"}
    for wrong in (sent, sent | {"reason": "sharp", "lost": "3"}, sent | {"reason": "x" * 201}):
        assert nurse.send(f"{path}/received", at=path, **wrong).status_code == 422
    answer = nurse.send(f"{path}/received", at=path, **sent, reason="a sharp edge", thanks="Merci")
    assert answer.status_code == 303
    books = world.books(order_of(world, batch))
    assert (books.delivered, books.refused, books.lost) == (1, 2, 1)
    found = parcels.parcel(world.ledger.reading, batch)
    assert (found.batch.damaged, found.refuse_reason) == (1, "a sharp edge")
    assert found.batch.state is BatchState.RECEIVED
    again = nurse.send(f"{path}/received", at="/ask", damaged="4")
    assert again.status_code == 303
    assert world.books(order_of(world, batch)).refused == 2
    page = nurse.get(path, headers=ENGLISH).text
    assert "Thank you for counting" in page
    assert "1 received, 1 damaged, 1 refused, 1 missing" in page
    assert "What is missing or refused will be made again." in page
    assert "a sharp edge" in page
    assert "Merci" in page


def test_the_use_case_takes_no_refusal_without_a_reason(site, batch):
    world = site.world
    dispatch(world, batch)
    for count in (
        deliveries.Count(refused=1),
        deliveries.Count(refused=1, reason="  "),
        deliveries.Count(damaged=-1),
        deliveries.Count(damaged=3, lost=2),
        deliveries.Count(reason="x" * 201),
    ):
        with pytest.raises(InvalidFieldError):
            deliveries.receive(world.ledger, batch, count, "requester", world.now)
    assert views.batch(world.ledger.reading, batch).state is BatchState.DISPATCHED


def test_who_packs_reads_which_bought_parts_go_along_and_who_receives_which_came(site):
    world, inspector = site.world, site.person("inspector")
    clips = world.library.add_design(CATALOGUE / "visor-kit")
    asked = a_request(clips, 2)
    order_id = orders.place(world.ledger, asked, clips, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    sheet, elastic = (part.title for part in clips.others)
    hub.count_stock(world.ledger, sheet, 1, "inspector", world.now)
    world.plan()
    world.tick()
    makes_all(world)
    page = sections(inspector.get(f"/orders/{order_id}?lang=en").text)
    page = page[page.index("And from the bought parts:") : page.index("It is packed")]
    assert f"1 × {sheet} 1 is missing 2 × {elastic}" in page.replace("&#39;", "'")
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now, kit_of(clips))
    page = sections(site.person().get(f"{address(world, batch)}?lang=en").text)
    assert f"1 × {sheet}" in page
    assert elastic not in page, "nobody has counted them"
    text = text_of(inspector.get(f"/batches/{batch}/note.pdf").data)
    assert "Bought parts in it: 1 × Feuille A4 transparente, 0,2 mm" in text
    page = sections(inspector.get("/hub/stock?lang=en").text)
    assert "0 here · 1 for what is ordered" in page


# --- what may leave


def test_a_parcel_waits_until_its_design_has_been_looked_at_as_far_as_its_rule_asks(
    site, batch, monkeypatch
):
    world = site.world
    reviews.choose_profile(world.ledger, world.revision, MASK, "Ada", world.now)
    with pytest.raises(RefusedError, match="must be at least accepted"):
        dispatch(world, batch)
    assert views.batch(world.ledger.reading, batch).state is BatchState.PACKED
    reviews.accept(
        world.ledger, world.revision.id, body="CHU", use="masks", document="n.pdf",
        document_sha256="ab" * 32, until=world.now.date(), by="Ada", now=world.now,
    )  # fmt: skip
    ended = replace(profiles()[MASK], valid_to=world.now.date() - timedelta(days=1))
    with monkeypatch.context() as later:
        later.setattr(deliveries, "profiles", lambda: {MASK: ended})
        with pytest.raises(RefusedError, match="chooses another"):
            dispatch(world, batch)
    dispatch(world, batch)
    reviews.choose_profile(world.ledger, world.revision, "", "Ada", world.now)
    assert parcels.parcel(world.ledger.reading, batch).profile == MASK, "it keeps its rule"
    assert (
        profiles()[MASK].product.en
        in site.person().get(address(world, batch), headers=ENGLISH).text
    )
