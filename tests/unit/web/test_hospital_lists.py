"""Lists that hospitals might send, held out while the reader was written: read as a person would, or refused.

Each is said what it orders (service, kits, day of December 2026) and what is wrong, by line.
"""

import io
import zipfile
from datetime import date

import pytest
from openpyxl.utils.datetime import MAC_EPOCH

from jobs.intake import read
from tests.doubles.lists import (
    HEADER,
    a_libreoffice_file,
    book,
    counted,
    line,
    ods,
    ods_row,
    quoted,
    sheets,
    text,
)
from web.sheets import UnreadableSheetError, read_book

TODAY = date(2026, 11, 29)
DESIGNS = {"r1": ("Visor frame", "Serre-tête de visière"), "r2": ("Ear saver", "Protège-oreilles")}
OLE = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(504)


TWICE = [*HEADER, "Quantité", "Date souhaitée"]
RESULTS = {"25*2": 50, "TODAY()+16": 46371}
READ = {
    "a title over groups of columns": (
        book(
            ["Demandeur", None, None, None, "Besoin"],
            HEADER, line(), line("Réa", 120), merged=("A1:D1", "E1:G1"),
        ),
        ["3 Urgences 50 15", "4 Réa 120 15"],
    ),
    "sums at the end, far to the right": (
        book(HEADER, line(), [None] * 4 + ["TOTAL", 50], ["Total général", *[None] * 4, "50 pièces"]),
        ["2 Urgences 50 15", "3 left", "4 left"],
    ),
    "units beside numbers": (
        text(
            HEADER, line(many="50 pcs"), line("Réa", "1 200 unités"), line("A", "50 (urgent)"),
            line("B", "50 à 60"), line("C", "2 x 25"), line("D", "50 (60 si possible)"),
        ).encode(),
        ["2 Urgences 50 15", "3 Réa 1200 15", "4 A 50 15", "5 quantite no-number",
         "6 quantite no-number", "7 quantite no-number"],
    ),
    "days of 1904": (
        book(HEADER, line(day=date(2026, 12, 15)), line("Réa", day=44909), epoch=MAC_EPOCH),
        ["2 Urgences 50 15", "3 date_besoin passed"],
    ),
    "days as a spreadsheet counts": (
        text(HEADER, line(day="46371"), line("A", day="46371,5"), line("B", day="46371.75")).encode(),
        ["2 Urgences 50 15", "3 A 50 15", "4 B 50 15"],
    ),
    "days as people say them": (
        text(
            HEADER, line(day="ASAP"), line(day="dès que possible"), line(day="semaine 51"),
            line("A", day="15/12 au plus tard"), line("B", day="15 déc. 2026 à 14h30"),
            line("C", day="2026-12-15T10:00:00+01:00"), line("D", day="15/12/2026 (impératif)"),
            line(day="12/15/2026"), line(day="entre le 10 et le 15/12"), line(day="31/02/2027"),
        ).encode(),
        ["2 date_besoin no-day", "3 date_besoin no-day", "4 date_besoin no-day", "5 A 50 15",
         "6 B 50 15", "7 C 50 15", "8 D 50 15", "9 date_besoin no-day", "10 date_besoin no-day",
         "11 date_besoin no-day"],
    ),
    "the day on which it was written beside the day of need": (
        text(["Date", *HEADER], ["28/11/2026", *line()]).encode(), ["2 Urgences 50 15"],
    ),
    "two sheets that ask": (
        sheets(
            Accueil=[["Bonjour"]], Adultes=[HEADER, line()],
            Enfants=[HEADER, line("Néonat", 20), line("Réa", "?")],
        ),
        ["Adultes", "2 Urgences 50 15", "Enfants", "2 Néonat 20 15", "3 quantite no-number"],
    ),
    "a hidden sheet": (
        sheets(Ancien=[HEADER, line(many=9999)], Demande=[HEADER, line()]), ["2 Urgences 50 15"],
    ),
    "a hidden row": (
        book(HEADER, line(), line("Caché", 777), hidden=(3,)), ["2 Urgences 50 15", "3  hidden"],
    ),
    "a row that is struck through": (
        book(HEADER, line(), line("Barré", 777), [*line("Corrigé")[:5], 60, "15/12"], struck=(3,)),
        ["2 Urgences 50 15", "3  struck", "4 Corrigé 60 15"],
    ),
    "a column a ward, with sums": (
        book(
            ["Etablissement", "Contact", "Tel", "Article", "Urgences", "Réanimation", "Total", "Date"],
            ["CH de Cholet", "Luc Petit", "0241", "Visor frame", 50, 120, 170, date(2026, 12, 15)],
            ["CH de Cholet", "Luc Petit", "0241", "Ear saver", None, 20, 20, date(2026, 12, 16)],
            ["CH de Cholet", "Luc Petit", "0241", "Ear saver", 0, "-", 0, date(2026, 12, 16)],
            ["TOTAL", None, None, None, 50, 140, 190],
        ),
        ["2 Réanimation 120 15", "2 Urgences 50 15", "3 Réanimation 20 16", "4 left", "5 left"],
    ),
    "a column an article": (
        text(
            [*HEADER[:4], "Visor frame", "Ear saver", "N°", HEADER[6]],
            [*line()[:4], "50", "20", "1", "15/12"], [*line("Réa")[:4], "", "beaucoup", "2", "15/12"],
        ).encode(),
        ["2 Urgences 20 15", "2 Urgences 50 15", "3 quantite no-number"],
    ),
    "a column a size": (
        text(
            [*HEADER[:5], "Qté S", "Qté M", "Qté livrée", HEADER[6]], [*line()[:5], "50", "20", "9", "15/12"],
        ).encode(),
        ["2 Urgences 20 15", "2 Urgences 50 15"],
    ),
    "lines that were delivered or cancelled": (
        text(
            [*HEADER, "État"], [*line(), "en attente"], [*line("A"), "Livrée le 2/11"], [*line("B"), "ANNULÉ"],
            [*line("C"), "non livré"], [*line("D"), "livré partiellement"],
        ).encode(),
        ["2 Urgences 50 15", "3 left", "4 left", "5 C 50 15", "6 D 50 15"],
    ),
    "a form filled in from top to bottom": (
        book(
            ["BON DE DEMANDE"], [], ["Établissement", "CH de Cholet"], ["Service :", "Urgences"],
            ["Contact", "Luc Petit"], ["Téléphone", "02 41 00 00 00"], ["Article", "Visor frame"],
            ["Quantité", 50], ["Date souhaitée", date(2026, 12, 15)],
        ),
        ["1 Urgences 50 15"],
    ),
    "abbreviations": (
        text(["Étab.", "Serv.", "Cadre de santé", "Tél", "Désignation", "Qté", "Délai"], line()).encode(),
        ["2 Urgences 50 15"],
    ),
    "UTF-8 that was opened as something else, and saved": (
        text(HEADER, line("Réa"), end="\r\n").encode().decode("cp1252").encode(), ["2 Réa 50 15"],
    ),
    "an apostrophe before a day": (book(HEADER, line(day="'15/12/2026")), ["2 Urgences 50 15"]),
    "days with the time of day": (
        text(
            HEADER, line(day="15/12/26 matin"), line("A", day="15/12 avant 10h"),
            line("B", day="d'ici au 15/12"),
            line("C", day="mardi 15 décembre après-midi"),
        ).encode(),
        ["2 Urgences 50 15", "3 A 50 15", "4 B 50 15", "5 C 50 15"],
    ),
    "numbers with words": (
        text(
            HEADER, line(many="au moins 50"), line("A", "50 minimum"), line("B", "50 serre-têtes"),
            line("C", "Qté : 50"), line("D", "10 paires"), line("E", "5 douzaines"), line("F", "1,000"),
            line("G", "> 50"),
        ).encode(),
        ["2 Urgences 50 15", "3 A 50 15", "4 B 50 15", "5 C 50 15", "6 quantite which-pack",
         "7 quantite which-pack", "8 quantite which-number", "9 quantite no-number"],
    ),
    "formulas that nobody has counted": (
        book(HEADER, line(many="=25*2"), line("Réa"), [None] * 5 + ["=SUM(F2:F3)"]),
        ["2 quantite no-result", "3 Réa 50 15", "4 left"],
    ),
    "formulas": (
        counted(book(HEADER, line(many="=25*2", day="=TODAY()+16")), **RESULTS), ["2 Urgences 50 15"],
    ),
    "codes kept as text": (
        text(HEADER, [*line()[:3], '"=""0241000000"""', *line()[4:]]).encode(), ["2 Urgences 50 15"],
    ),
    "numbers as text": (
        book(
            HEADER, line(many="1\N{NO-BREAK SPACE}200\N{NO-BREAK SPACE}"),
            line("A", "\N{NARROW NO-BREAK SPACE}150"), line("B", "'75"), line("C", "１２０"),
        ),
        ["2 Urgences 1200 15", "3 A 150 15", "4 B 75 15", "5 C 120 15"],
    ),
    "columns that are there twice": (
        text(
            TWICE, [*line(), "", ""], [*line("Réa", "", ""), "60", "16/12/2026"],
            [*line("Pédiatrie", "40"), "60", "16/12/2026"],
        ).encode(),
        ["2 Urgences 50 15", "3 Réa 60 16", "4 quantite no-number, date_besoin no-day"],
    ),
    "notes below": (
        (
            text(HEADER, line(), end="\r\n")
            + "\r\n;;;;;;\r\n* à confirmer;;\r\nLogistique : M. Durand;02 41 11 11 11"
            + "\r\nMis à jour le;28/11/2026"
        ).encode("cp1252"),
        ["2 Urgences 50 15", "4 left", "5 left", "6 left"],
    ),
    "lines and quotation marks in cells, latin-1": (
        quoted(HEADER, line('Urgences\n"bâtiment B"; 2e'), line("Réa")).encode("latin-1"),
        ['2 Urgences "bâtiment B"; 2e 50 15', "3 Réa 50 15"],
    ),
    "the same in UTF-16 without a mark": (
        quoted(HEADER, line('Urgences\n"bâtiment B"; 2e'), line("Réa")).encode("utf-16-le"),
        ['2 Urgences "bâtiment B"; 2e 50 15', "3 Réa 50 15"],
    ),
    "UTF-16 the other way round, with tabs": (
        text(HEADER, line(), cut="\t").encode("utf-16-be"), ["2 Urgences 50 15"],
    ),
    "LibreOffice": (a_libreoffice_file(), ["2 Urgences 1200 15", "3 Réa 60 15", "4  hidden"]),
    "LibreOffice, with a formula that has failed": (
        ods(f'<table:table>{ods_row(HEADER)}{ods_row(line("#3", "#N/A"))}</table:table>'),
        ["2 quantite missing"],
    ),
    "thousands as in English": (
        text(HEADER, line(many='"1,200"'), cut=",").encode(), ["2 quantite which-number"],
    ),
}  # fmt: skip
REFUSED = {
    "an Excel of 1997 that calls itself XLSX": (OLE + bytes(512), "old-book", 0),
    "a workbook with a password": (OLE + "EncryptedPackage".encode("utf-16-le"), "locked", 0),
    "a page that calls itself XLS": (b"\n<html><table><tr><td>50</td></tr></table>", "no-sheet", 0),
    "a PDF": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj", "no-sheet", 0),
    "a quotation mark without an end": (
        text(HEADER, line(), line('"Réa'), line()).encode(),
        "quotes",
        3,
    ),
    "an ODS file with entities": (
        ods().replace(b"<office:document-content", b'<!DOCTYPE x [<!ENTITY a "a">]><office:docu'),
        "no-sheet",
        0,
    ),
}


def what_it_says(data):
    said = []
    tables = read_book(data)
    for table in tables:
        found = read(table.rows, DESIGNS, TODAY, "fr", table.hidden, table.struck)
        assert found.missing == ()
        lines = [(number, "left") for number, _ in found.left]
        for each in found.lines:
            asked = each.request
            words = ", ".join(f"{wrong.column} {wrong.why}" for wrong in each.wrong)
            if asked is not None:
                assert (asked.due.year, asked.due.month) == (2026, 12)
                words = f"{asked.place.partition(', ')[2]} {asked.kits} {asked.due.day}"
            lines.append((each.number, words))
        said += [table.name] if len(tables) > 1 else []
        said += [f"{number} {words}" for number, words in sorted(lines)]
    return said


@pytest.mark.parametrize("name", READ)
def test_it_is_read_as_a_person_would(name):
    data, expected = READ[name]
    assert what_it_says(data) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason(name):
    data, why, number = REFUSED[name]
    with pytest.raises(UnreadableSheetError) as refused:
        read_book(data)
    assert (refused.value.why, refused.value.line) == (why, number)


def test_what_stood_in_brackets_is_not_lost():
    data = text(HEADER, line(many="50 (stériles)")).encode()
    (asked,) = read(read_book(data)[0].rows, DESIGNS, TODAY, "fr").lines
    assert asked.request.note == "quantite: 50 (stériles)"


def test_a_libreoffice_file_that_unpacks_to_too_much_or_has_no_end_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", 0)
        archive.writestr("content.xml", b" " * (9 << 20))
    for data in (out.getvalue(), a_libreoffice_file()[:-30], ods("<table:table>")):
        with pytest.raises(UnreadableSheetError):
            read_book(data)


def test_who_asks_is_reached_however_the_cell_is_filled():
    header = [*HEADER, "E-mail"]
    rows = [
        [*line(), "mailto:luc@ch-cholet.fr"],
        ["CH de Cholet", "A", "", "Mme Roy 02 41 00 00 00", "Visor frame", "50", "15/12", ""],
        [
            "CH de Cholet",
            "B",
            "Luc\nPetit",
            "33241000000",
            "Visor frame",
            "50",
            "15/12",
            "<luc@ch.fr>",
        ],
    ]
    found = read([header, *rows], DESIGNS, TODAY, "fr").lines
    said = [(each.request.requester, each.request.contact) for each in found]
    assert said == [
        ("Luc Petit", "02 41 00 00 00 / luc@ch-cholet.fr"),
        ("Mme Roy", "Mme Roy 02 41 00 00 00"),
        ("Luc Petit", "+33241000000 / luc@ch.fr"),
    ]


def test_what_a_person_knows_of_all_lines_fills_what_they_leave_empty():
    rows = [["Service", "Article", "Qté"], ["Urgences", "Visor frame", "50"], ["Signature", ""]]
    known = {
        "etablissement": "CH de Cholet", "contact": "Luc", "telephone": "0241", "date_besoin": "2026-12-15",
    }  # fmt: skip
    assert read(rows, DESIGNS, TODAY, "fr").missing == ("etablissement", "contact", "date_besoin")
    found = read(rows, DESIGNS, TODAY, "fr", known=known)
    (asked,) = [each.request for each in found.lines]
    assert (asked.place, asked.due) == ("CH de Cholet, Urgences", date(2026, 12, 15))
    assert found.left == ((3, "Signature"),)
