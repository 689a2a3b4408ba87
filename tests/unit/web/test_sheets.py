"""Files as hospitals save them, to rows."""

import io
from datetime import date

import pytest
from openpyxl import Workbook

from jobs.intake import read
from web.sheets import UnreadableSheetError, read_book, write_xlsx

TODAY = date(2020, 3, 24)
DESIGNS = {"r1": ("Visor frame", "visor-frame")}
HEADER = [
    "Établissement",
    "Contact",
    "Téléphone",
    "Article",
    "Quantité",
    "Date besoin",
    "CP",
    "FINESS",
]
LINE = ["CHU", "Ada", "0240000000", "visor frame", "400", "12/04/2020", "01000", "2A0000014"]


def read_sheet(data):
    return read_book(data)[0].rows


def one(data):
    (line,) = read(read_sheet(data), DESIGNS, TODAY, "fr").lines
    assert line.request is not None, line.wrong
    return line.request


def saved(book):
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text(*rows, cut=";"):
    return "\r\n".join(cut.join(row) for row in rows) + "\r\n"


@pytest.mark.parametrize("cut", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_title_with_other_marks_does_not_hide_what_cuts_the_cells(cut, encoding):
    title = (
        "Besoins, en visières; semaine 13" if cut not in ",;" else "Besoins en visières, semaine 13"
    )
    quoted = f'"{title}"' if cut in title else title
    data = (f"{quoted}\r\n\r\n" + text(HEADER, LINE, cut=cut)).encode(encoding)
    asked = one(data)
    assert (asked.kits, asked.place, asked.due) == (400, "CHU", date(2020, 4, 12))
    assert asked.note == "finess: 2A0000014\ncode_postal: 01000"


def test_a_comma_in_every_place_is_no_end_of_a_cell():
    rows = [
        LINE,
        ["EHPAD, Nantes, 2e étage", *LINE[1:]],
        ["CH, Rezé, a, b, c, d, e, f, g", *LINE[1:]],
    ]
    found = read(read_sheet(text(HEADER, *rows).encode()), DESIGNS, TODAY, "fr")
    assert [line.request.kits for line in found.lines] == [400] * 3


def test_excels_word_on_the_separator():
    asked = one(("sep=,\r\n" + text(HEADER, LINE, cut=",")).encode())
    assert asked.kits == 400


def test_cells_with_lines_and_quotes_in_them():
    row = ['"CHU\nUrgences ""Nord"""', *LINE[1:]]
    assert one(text(HEADER, row).encode()).place == 'CHU Urgences "Nord"'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_of_every_system(end):
    assert one(text(HEADER, LINE).replace("\r\n", end).encode()).kits == 400


@pytest.mark.parametrize(
    ("value", "shape", "expected"),
    [
        (1000, "00000", "01000"),
        (1000, "00000;@", "01000"),
        (1000.0, "00000", "01000"),
        (44000, "General", "44000"),
        (240000000, '0#" "##" "##" "##" "##', "02 40 00 00 00"),
        (240000000, r"0#\ ##\ ##\ ##\ ##", "02 40 00 00 00"),
        (240000000, "0000000000", "0240000000"),
        (10000024, "000000000", "010000024"),
        (1200, "#,##0", "1200"),
        (1200, "0.00", "1200"),
        (1200, "# ##0", "1 200"),
        (7, "0", "7"),
        (-5, "00000", "-5"),
        (12, "0%", "1200 %"),
    ],
)
def test_a_number_cell_is_read_as_its_format_shows_a_code(value, shape, expected):
    book = Workbook()
    cell = book.active.cell(row=1, column=1, value=value)
    cell.number_format = shape
    ((found,),) = read_sheet(saved(book))
    assert str(int(found) if isinstance(found, float) else found) == expected


def test_a_workbook_with_all_habits_at_once():
    book = Workbook()
    book.active.title = "Lisez-moi"
    book.active.append(["Remplir l'onglet Commande, puis l'envoyer."])
    old = book.create_sheet("Ancien")
    old.append(HEADER)
    old.append(["VIEUX", *LINE[1:]])
    old.sheet_state = "hidden"
    gone = book.create_sheet("Listes")
    gone.append(HEADER)
    gone.sheet_state = "veryHidden"
    sheet = book.create_sheet("Commande")
    sheet.append([None, "CHU de Nantes"])
    sheet.merge_cells("B1:I1")
    sheet.append([])
    sheet.append([None, "Demandeur", None, None, "Besoin", None, None, "Adresse"])
    sheet.merge_cells("B3:D3")
    sheet.append([None, *HEADER])
    sheet.append(
        [None, "CHU", "Ada", 240000000, "visor frame", 1200, date(2020, 4, 12), 1000, "2A0000014"]
    )  # fmt: skip
    sheet["D5"].number_format = '0#" "##" "##" "##" "##'
    sheet["H5"].number_format = "00000"
    sheet.append([None, "TOTAL", None, None, None, 1200])
    for row in range(7, 60):
        sheet.cell(row=row, column=2).number_format = "@"
    found = read(read_sheet(saved(book)), DESIGNS, TODAY, "fr")
    (line,) = found.lines
    assert (line.request.place, line.request.kits, line.number) == ("CHU", 1200, 5)
    assert line.request.contact == "02 40 00 00 00"
    assert line.request.note == "finess: 2A0000014\ncode_postal: 01000"
    assert [number for number, _ in found.left] == [6]


def test_errors_of_a_workbook_are_nothing_and_not_their_words():
    book = Workbook()
    book.active.append(["a", "#N/A", True])
    assert read_sheet(saved(book)) == [["a", None, "True"]]


def test_a_workbook_with_nothing_that_shows_is_empty():
    book = Workbook()
    book.active.append(HEADER)
    book.create_sheet("blank")
    book.worksheets[0].sheet_state = "hidden"
    assert read_sheet(saved(book)) == []


def test_rows_that_are_only_formatted_are_no_lines():
    book = Workbook()
    book.active.append(HEADER)
    book.active.append(LINE)
    book.active.cell(row=9000, column=1).number_format = "@"
    assert len(read_sheet(saved(book))) == 2


def test_a_long_list_is_refused_and_a_title_is_not_counted():
    title = "Besoins\r\n"
    body = text(HEADER, *([LINE] * 2000))
    assert len(read_sheet((title + body).encode())) == 2002
    with pytest.raises(UnreadableSheetError):
        read_sheet(text(HEADER, *([LINE] * 2100)).encode())


def test_what_we_write_keeps_zeros_and_is_no_formula():
    assert read_sheet(write_xlsx([["01000", "2A004", "=1+1"]])) == [["01000", "2A004", "'=1+1"]]


@pytest.mark.parametrize("page", ["cp1252", "mac_roman", "cp850", "utf-16-le", "utf-16-be"])
def test_code_pages_of_other_machines_and_times(page):
    rows = [["Établissement", "Quantité"], ["CHU de Nîmes", "12 à 14 « pièces »"]]
    text = "\r\n".join(map(";".join, rows))
    assert read_sheet(text.encode(page)) == rows


def test_what_is_merged_downwards_stands_in_each_of_its_rows_and_a_number_once():
    book = Workbook()
    for row in (["CHU", 400, "Réa"], [None, None, "Soins"], ["EHPAD", 5, "Aile"]):
        book.active.append(row)
    for cells in ("A1:A2", "B1:B2", "C3:D3"):
        book.active.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    assert read_sheet(out.getvalue()) == [
        ["CHU", 400, "Réa"],
        ["CHU", None, "Soins"],
        ["EHPAD", 5, "Aile"],
    ]


def test_a_sheet_whose_wards_are_columns_is_read_beside_one_with_a_quantity():
    book = Workbook()
    book.active.append(HEADER)
    book.active.append(LINE)
    wards = book.create_sheet("Services")
    wards.append(["Article", "Urgences", "Réanimation"])
    wards.append(["visor frame", 10, 20])
    book.create_sheet("Annuaire").append(["Service", "Nom", "Tél"])
    assert [table.name for table in read_book(saved(book))] == ["Sheet", "Services"]
