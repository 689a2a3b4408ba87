"""Spreadsheets through the page: files as offices write them, hostile ones, and the same one again."""

import io
import re
import zipfile
from datetime import date

import pytest
from openpyxl import Workbook

from jobs.coordinator import deliveries, harvests, lots, reviews
from jobs.ledger import given, views
from tests.doubles.world import NODE
from web.sheets import XLSX, UnreadableSheetError, read_book, write_csv


def read_sheet(data):
    return read_book(data)[0].rows


HEADER = "Établissement;Contact;Téléphone;Quantité;Date besoin;Code postal\r\n"
GOOD = "CHU de Nantes;Ada Martin;02 40 00 00 00;1 200;01/12/2026;01000\r\n"
BAD = "EHPAD;Zoé;;12,5;01/01/2020;2A004\r\n"


def sends(site, data, name="liste.csv", who="steward"):
    person = site.person(who)
    return person.send("/orders/list", at="/waiting", file=(io.BytesIO(data), name))


def placed(site):
    return [order.request for order in views.orders(site.world.ledger.reading)]


def book(*rows):
    made = Workbook()
    for row in rows:
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_csv_file_however_it_was_saved(site, encoding, delimiter):
    text = (HEADER + GOOD).replace(";", delimiter)
    assert sends(site, text.encode(encoding)).status_code == 200
    (asked,) = placed(site)
    assert (asked.place, asked.kits, asked.due) == ("CHU de Nantes", 1200, date(2026, 12, 1))
    assert "code_postal: 01000" in asked.note


def test_an_xlsx_file(site):
    data = book(
        ("Établissement", "Contact", "Téléphone", "Quantité", "Date besoin", "FINESS"),
        ("CHU", "Ada", "0240000000", 400, date(2026, 12, 1), "2A0000014"),
    )
    assert sends(site, data, "liste.xlsx").status_code == 200
    (asked,) = placed(site)
    assert (asked.kits, asked.note) == (400, "finess: 2A0000014")


def test_a_list_that_names_no_hospital_is_read_when_the_steward_says_it(site):
    data = "Service;Nom;Tel;Quantité;Date\r\nUrgences;Ada;0240000000;40;01/12/2026\r\n".encode()
    answer = sends(site, data)
    assert answer.status_code == 422
    assert "<details open>" in answer.text
    assert "colonnes\N{NO-BREAK SPACE}: établissement." in answer.text
    steward = site.person("steward")
    file = (io.BytesIO(data), "liste.csv")
    said = {"etablissement": "CHU de Nantes", "contact": "Zoé"}
    assert steward.send("/orders/list", at="/waiting", file=file, **said).status_code == 200
    (asked,) = placed(site)
    assert (asked.place, asked.requester) == ("CHU de Nantes, Urgences", "Ada")


def test_one_person_may_ask_for_many_wards_in_one_list_but_not_twice_for_one(site):
    other = GOOD.replace("CHU de Nantes", "CHU de Nantes, réa")
    answer = sends(site, (HEADER + GOOD + other).encode())
    assert "peut-être demandée deux fois" not in answer.text
    more = GOOD.replace("1 200", "90") + GOOD.replace("CHU", "CHU nord").replace("02 40", "02 41")
    answer = sends(site, (HEADER + more).encode())
    assert answer.text.count("peut-être demandée deux fois") == 1


def test_good_lines_are_kept_and_bad_ones_come_back(site):
    answer = sends(site, (HEADER + GOOD + BAD).encode())
    assert "1 demande faite" in answer.text
    assert "Ligne 3" in answer.text
    assert "quantité\N{NO-BREAK SPACE}: «\N{NO-BREAK SPACE}12,5\N{NO-BREAK SPACE}»" in answer.text
    assert len(placed(site)) == 1
    lines = re.search(r'name="lines" value="([^"]+)"', answer.text)[1]
    steward = site.person("steward")
    file = steward.send("/orders/list/wrong.csv", at="/waiting", lines=lines)
    rows = read_sheet(file.data)
    assert rows[1][:3] == ["EHPAD", "Zoé", ""]
    assert "12,5" in rows[1][-1]
    assert "2A004" in rows[1]
    assert steward.send("/orders/list/wrong.csv", at="/waiting", lines="no").status_code == 422


def test_the_file_of_bad_lines_is_read_again_and_no_doubt_is_lost_in_it(site):
    told = "Contact : Ada\r\nTél : 0240000000\r\n"
    names = "Établissement;Article;Quantité;Date souhaitée\r\n"
    lines = (
        "CHU;visor-frame;50;30/12/2026",
        "idem;visor-frame;50;12/30/2026",
        "CHU B;visor-frame;60;01/12/2027",
    )
    answer = sends(site, (told + names + "\r\n".join(lines)).encode())
    assert len(placed(site)) == 1
    packed = re.search(r'name="lines" value="([^"]+)"', answer.text)[1]
    file = site.person("steward").send("/orders/list/wrong.csv", at="/waiting", lines=packed)
    text = file.data.decode("utf-8-sig")
    assert "01/12/2027 ?" in text
    again = sends(site, file.data)
    assert "colonnes n’ont pas été comprises" not in again.text
    assert len(placed(site)) == 1  # nothing was mended
    mended = text.replace("01/12/2027 ?", "12/01/2027").replace("12/30/2026", "30/12/2026")
    assert sends(site, mended.encode()).status_code == 200
    assert sorted((each.place, each.kits, each.due.isoformat()) for each in placed(site)) == [
        ("CHU", 50, "2026-12-30"),
        ("CHU B", 60, "2027-01-12"),
    ]


def test_an_empty_file_is_called_empty(site):
    assert "Ce fichier est vide" in sends(site, b"").text


def test_a_list_sent_twice_orders_nothing_twice(site):
    data = (HEADER + GOOD).encode()
    sends(site, data)
    site.world.pass_time(hours=1)
    answer = sends(site, data)
    assert "Déjà connues" in answer.text
    assert len(placed(site)) == 1


def test_the_template_can_be_filled_and_sent(site):
    steward = site.person("steward")
    file = steward.get("/orders/list/template.csv")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert sends(site, file.data).status_code == 200
    assert placed(site) == []  # its example is nobody's request
    assert sends(site, file.data.replace(b";400;", b";30;")).status_code == 200
    assert len(placed(site)) == 1


def a_letter():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\0\0\0",
        b"PK\x03\x04 no archive",
        b"Nom;Prix\nvisor;3\n",
        b"\n\n",
        a_letter(),
    ],
    ids=["empty", "picture", "no-zip", "other-columns", "blank", "letter"],
)
def test_what_is_no_list_is_refused_in_words(site, data):
    answer = sends(site, data)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert placed(site) == []


def test_a_list_that_unpacks_to_too_much_or_has_entities_is_refused():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (33 << 20))
    with pytest.raises(UnreadableSheetError):
        read_sheet(bomb.getvalue())
    laughs = io.BytesIO()
    good = zipfile.ZipFile(io.BytesIO(book(("a", "b"))))
    with zipfile.ZipFile(laughs, "w") as archive:
        for name in good.namelist():
            text = good.read(name)
            if name.endswith("sheet1.xml"):
                text = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + text.split(b"?>", 1)[-1]
            archive.writestr(name, text)
    with pytest.raises(UnreadableSheetError):
        read_sheet(laughs.getvalue())
    with pytest.raises(UnreadableSheetError):
        read_sheet(b"a;b\n" * 3000)


def test_no_cell_becomes_a_formula():
    assert read_sheet(write_csv([["=1+1", "+33 2", "-", "@x", "ok"]])) == [
        ["'=1+1", "'+33 2", "'-", "'@x", "ok"]
    ]


def test_a_withdrawn_design_is_none_of_this_network(site):
    world = site.world
    reviews.withdraw(world.ledger, world.revision.id, "it breaks", "steward", world.now)
    answer = sends(site, (HEADER + GOOD).encode())
    assert "0 demande" in answer.text
    assert placed(site) == []


def test_every_sheet_that_asks_is_read_and_what_is_wrong_names_its_sheet(site):
    made = Workbook()
    made.active.title = "Adultes"
    children, sums = made.create_sheet("Enfants"), made.create_sheet("Récapitulatif")
    header = HEADER.strip().split(";")
    for sheet, row in (
        (made.active, GOOD),
        (children, GOOD.replace("1 200", "30")),
        (children, BAD),
    ):
        if sheet.max_row == 1:
            sheet.append(header)
        sheet.append(row.strip().split(";"))
    for row in (("Établissement", "Article", "Quantité"), ("CHU de Nantes", "visor", 1230)):
        sums.append(row)
    out = io.BytesIO()
    made.save(out)
    answer = sends(site, out.getvalue(), "besoins décembre.xlsx")
    assert sorted(asked.kits for asked in placed(site)) == [30, 1200]
    assert "Enfants · 1 ligne n’a pas été prise" in answer.text
    assert "Récapitulatif\N{NO-BREAK SPACE}» a été laissée de côté." in answer.text
    assert "Adultes ·" not in answer.text  # nothing is wrong there
    assert "besoins décembre.xlsx" in answer.text


def test_what_cannot_be_read_is_refused_by_its_name_with_the_line(site):
    answer = sends(site, f'{HEADER}{GOOD}"CHU;Ada\r\n'.encode(), "besoins.csv")
    assert answer.status_code == 422
    assert "besoins.csv" in answer.text
    assert "3\N{NO-BREAK SPACE}: un guillemet ouvre une cellule" in answer.text
    old = sends(site, bytes.fromhex("D0CF11E0A1B11AE1") + bytes(512), "besoins.xlsx")
    assert "ancien Excel" in old.text


def test_only_a_steward_reads_lists(site):
    assert sends(site, (HEADER + GOOD).encode(), who="maker").status_code == 403
    assert placed(site) == []


def test_the_workbook_to_fill_in_is_read_again(site):
    steward = site.person("steward")
    answer = steward.get("/orders/list/template.xlsx")
    assert answer.mimetype == XLSX
    rows = read_sheet(answer.data)
    assert rows[1][rows[0].index("code_postal")] == "44000"
    assert sends(site, answer.data, "liste.xlsx").status_code == 200
    assert placed(site) == []


def test_a_line_like_an_open_order_is_marked_for_the_steward(site):
    sends(site, (HEADER + GOOD).encode())
    other = GOOD.replace("1 200", "300")
    answer = sends(site, (HEADER + other).encode())
    assert "peut-être demandée deux fois" in answer.text
    (first, second) = views.orders(site.world.ledger.reading)
    page = site.person("steward").get(f"/orders/{first.id}?lang=en").text
    assert "Perhaps it was asked twice" in page
    assert f"/orders/{second.id}" in page
    assert (
        "Perhaps it was asked twice"
        not in site.person("inspector").get(f"/orders/{first.id}?lang=en").text
    )


def test_a_trial_is_flagged_and_counted_nowhere(site):
    world = site.world
    world.add_lab()
    order_id = world.order(2)
    world.plan()
    world.tick()
    (plate,) = (a.ref for a in world.attempts())
    world.print(plate)
    code = harvests.harvest(world.ledger, plate, 2, 0, "", "maker", world.now)
    lots.inspect(world.ledger, code, 2, 0, "", "noa", world.now)
    batch = deliveries.pack(world.ledger, order_id, "noa", world.now)
    deliveries.dispatch(world.ledger, batch, "noa", world.now)
    said = deliveries.Count(thanks="Merci")
    deliveries.receive(world.ledger, batch, said, "requester", world.now)
    steward = site.person("steward")
    counted = r"pieces received</dt><dd>(\d+)"
    assert re.search(counted, steward.get("/?lang=en").text)[1] == "2"
    assert given.months(world.ledger.reading, NODE) != ()
    assert [each.pieces for each in given.thanks_to(world.ledger.reading, NODE)] == [2]
    path = f"/orders/{order_id}"
    assert steward.send(f"{path}/trial", at=path, trial="yes").status_code == 303
    assert "trial" in steward.get("/orders?lang=en").text
    assert re.search(counted, steward.get("/?lang=en").text)[1] == "0"
    assert given.months(world.ledger.reading, NODE) == ()
    assert given.thanks_to(world.ledger.reading, NODE) == ()
    steward.send(f"{path}/trial", at=path, trial="no")
    assert re.search(counted, steward.get("/?lang=en").text)[1] == "2"
