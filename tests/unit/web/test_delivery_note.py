"""The delivery note as a reader of PDF sees it: text, pages, QR code, letters of any script."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2
import pytest
import zxingcpp

from designs.regulation import Words, profiles
from web.documents import address_label, paper
from web.documents.delivery_note import Note, NoteLine, PartSum, draw
from web.language import Speech

RULE = profiles()["fr-anti-projection-2020-05"]
FRAME = Words(fr="Cadre de visière", en="Visor frame")
URL = "https://fabnet.example/d/k3v9xq2m/Zk3f9QxT1m0aVb7cYp2LrWsD"
needs_dejavu = pytest.mark.skipif(
    not paper._PLAIN.is_file(), reason="needs the font DejaVu: apt-get install fonts-dejavu-core"
)


def line(number, **changes):
    facts = {
        "lot": f"V-{number:04}", "part": FRAME, "made": "24/11/2026",
        "inspected": "25/11/2026, 12/12", "pieces": 12, "material": "PETG",
    }  # fmt: skip
    return NoteLine(**(facts | changes))


def note(lots=3, **changes):
    facts = {
        "number": "k3v9xq2m", "network": "Makers de Loire-Atlantique",
        "hub_address": "La Halle, 3 quai Ouest, 44000 Nantes", "call": "Camille, 02 40 00 00 00",
        "order": "a1b2c3d4e5", "asked": "24/11/2026", "place": "CHU de Nantes, réanimation",
        "requester": "Ada Infirmière", "finess": "", "purchase_order": "", "date": "29/11/2026 14:05",
        "at": datetime(2026, 11, 29, 13, tzinfo=UTC), "design": FRAME, "revision": "1.0.0 (3f2a9c1d)",
        "carried": "", "inspected": "", "released": "", "lines": tuple(map(line, range(lots))),
        "sums": (PartSum(part=FRAME, ordered=400, before=120, here=12 * lots),),
        "product": RULE.product, "statements": RULE.statements, "cleaning": RULE.cleaning,
        "skin": RULE.skin, "url": URL,
    }  # fmt: skip
    return Note(**(facts | changes))


def pages(data):
    with pypdfium2.PdfDocument(data) as document:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


@pytest.fixture(scope="module")
def plain():
    return draw(note(carried="Chronopost XY1", inspected="Iris", released="Camille, Sam"))


@pytest.fixture(scope="module")
def full():
    """Return the text of a note on which stands what most have not."""
    elastic = Words(fr="Élastique, 40 cm", en="Elastic, 40 cm")
    told = note(
        finess="2A0000014", purchase_order="BC-2026-118", address="1 place Ricordeau, 44000 Nantes",
        lines=(line(1, lot="ZE0B524BWE-11C", hold="26/11/2026 14:00"),),
        bought=((4, elastic, ""), (2, FRAME, "A12")),
        sums=(PartSum(part=FRAME, ordered=30, before=0, here=36),),
    )  # fmt: skip
    (text,) = pages(draw(told))
    return text


def test_one_page_says_all_in_both_languages(plain):
    (text,) = pages(plain)
    for words in (
        "Bon de livraison", "Delivery note", "k3v9xq2m", "a1b2c3d4e5", "29/11/2026 14:05",
        "Makers de Loire-Atlantique", "La Halle, 3 quai Ouest", "Camille, 02 40 00 00 00",
        "Cadre de visière / Visor frame · PETG", "Sachets / Bags: 3 · Nombre / Pieces: 36",
        "CHU de Nantes, réanimation", "Ada Infirmière", "V-0002", "25/11/2026, 12/12",
        "1.0.0 (3f2a9c1d)", "Équipement anti-projection / Anti-splash equipment",
        "Aucune capacité de protection", "No protective capacity", "pas d’autoclave", "no autoclave",
        "touchent la peau", "touch the skin", "Contrôlé par / Inspected by: Iris",
        "Libéré par / Released by: Camille, Sam", "Chronopost XY1", "Reçu par", "1/1",
    ):  # fmt: skip
        assert words in text, words
    assert "400 120 36 244" in text
    assert "Rested" not in text
    assert "None" not in text


def test_the_hospitals_own_numbers_stand_on_it_where_they_are_known(plain, full):
    assert "FINESS" not in pages(plain)[0]
    assert "Votre commande" not in pages(plain)[0]
    assert "FINESS 2A0000014" in full
    assert "Votre commande / Your order" in full
    assert "BC-2026-118" in full


def test_its_qr_code_is_read_from_the_paper_in_black_and_white(plain):
    with pypdfium2.PdfDocument(plain) as document:
        picture = document[0].render(scale=2, grayscale=True).to_pil().convert("1").convert("L")
    (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == URL


def test_forty_lots_go_on_and_the_signature_stays_with_the_words():
    found = pages(draw(note(40, lines=tuple(line(n, hold="26/11/2026 14:00") for n in range(40)))))
    assert len(found) == 2
    assert all(f"{number}/2" in text for number, text in enumerate(found, 1))
    assert all("Rested until" in text for text in found), "the heads stand on both pages"
    together = "".join(found)
    assert all(f"V-{number:04}" in together for number in range(40))
    assert "26/11/2026 14:00" in found[0]
    assert "Aucune capacité" in found[1]
    assert "Reçu par" in found[1]
    assert "Aucune capacité" not in found[0]


@needs_dejavu
def test_long_names_wrap_and_other_scripts_are_there():
    place = "Centre hospitalier universitaire, " * 6 + "porte 412"
    (text,) = pages(draw(note(place=place, requester="Łukasz Żółć, Ελένη, Щербакова")))
    assert "porte 412" in text
    assert "Łukasz Żółć, Ελένη, Щербакова" in text


@needs_dejavu
def test_a_long_name_of_a_network_ends_before_the_number_of_the_page():
    name = "Association des makers solidaires et des tiers-lieux de Loire-Atlantique et de Vendée réunis"
    (text,) = pages(draw(note(network=name)))
    assert re.search(r"… · Bon de livraison / Delivery note k3v9xq2m 1/1", text)
    endless = pages(draw(note(network="W" * 300)))
    assert endless[-1].endswith(f"Delivery note k3v9xq2m {len(endless)}/{len(endless)}")


def test_a_lot_stands_on_one_line_beside_all_other_columns(full):
    assert "ZE0B524BWE-11C" in full


@needs_dejavu
def test_a_letter_that_no_font_has_shows_as_a_box():
    (text,) = pages(draw(note(requester="\U00016d40 Ada\x00\u202e")))
    assert "□ Ada" in text
    assert "\u202e" not in text


def test_without_dejavu_it_is_set_in_the_font_that_every_reader_has(monkeypatch, tmp_path):
    monkeypatch.setattr(paper, "_PLAIN", tmp_path / "gone.ttf")
    (text,) = pages(draw(note(requester="Élise Щ")))
    assert "Élise ?" in text
    assert "Aucune capacité" in text


def test_without_a_rule_or_anybody_to_call_nothing_empty_is_printed():
    bare = replace(
        note(), product=None, statements=(), cleaning=None, skin=None, call="", hub_address=""
    )
    (text,) = pages(draw(bare))
    assert "Nettoyage" not in text
    assert "Questions" not in text
    assert "Cadre de visière / Visor frame" in text


def test_bought_parts_that_go_along_are_named_with_their_pieces(full):
    elastic = Words(fr="Élastique, 40 cm", en="Elastic, 40 cm")
    said = "Bought parts in it: 4 × Élastique, 40 cm / Elastic, 40 cm; 2 × Cadre de visière"
    assert said in full
    assert "Visor frame (Lot A12)" in full
    (text,) = pages(
        draw(note(bought=((30, elastic, "24/113"), (9, elastic, "B"), (1, elastic, ""))))
    )
    assert "40 × Élastique, 40 cm / Elastic, 40 cm (Lot 24/113: 30, B: 9)" in text


def test_what_is_more_than_was_ordered_is_said_and_words_that_are_the_same_are_said_once(full):
    assert "car un sachet n’est jamais ouvert" in full
    assert ": 6 × Cadre de visière / Visor frame" in full
    assert "Questions: Camille" in full


@pytest.mark.parametrize(
    ("before", "left", "more"), [(0, 364, 0), (380, 0, 16), (400, 0, 36), (500, 0, 36)]
)
def test_a_part_is_still_to_come_or_more_than_was_ordered(before, left, more):
    part = PartSum(part=FRAME, ordered=400, before=before, here=36)
    assert (part.left, part.more) == (left, more)


def an_address(**changes):
    facts = {
        "number": "k3v9xq2m", "network": "Makers de Loire-Atlantique", "hub_address": "La Halle, Nantes",
        "call": "Camille, 02 40 00 00 00", "place": "CHU de Nantes, réanimation",
        "street": "1 place Alexis-Ricordeau", "town": "44000 Nantes", "requester": "Ada Infirmière",
        "contact": "02 40 08 33 33", "order": "a1b2c3d4e5", "purchase_order": "BC-1", "carrier": "Chronopost",
        "tracking": "XY1", "bags": 3, "pieces": 36, "at": datetime(2026, 11, 29, 13, tzinfo=UTC),
    }  # fmt: skip
    return address_label.Address(**(facts | changes))


def test_the_address_of_a_parcel_is_one_page_of_a6_however_long_it_is():
    for changes in (
        {},
        {"place": "Centre hospitalier universitaire " * 6, "requester": "Ελένη مستشفى " * 5},
    ):
        data = address_label.draw(an_address(**changes), Speech("fr"))
        (text,) = pages(data)
        for words in ("44000 Nantes", "02 40 08 33 33", "Chronopost XY1", "Sachets : 3", "BC-1"):
            assert words in text.replace("\u00a0", " "), words
        with pypdfium2.PdfDocument(data) as document:
            wide, high = document[0].get_size()
            assert (round(wide / 72 * 25.4), round(high / 72 * 25.4)) == (105, 148)
            # Whoever carries it cannot say for the ward what has arrived.
            assert zxingcpp.read_barcodes(document[0].render(scale=2).to_pil()) == []


def test_the_address_of_the_hospital_is_on_the_note(full):
    assert "1 place Ricordeau, 44000 Nantes" in full
