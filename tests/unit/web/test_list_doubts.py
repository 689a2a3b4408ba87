"""What may be read in two ways in a list is never read in the wrong one: no number is guessed.

Each is said what it orders (ward, kits, day of December 2026), by line, and what is wrong with the rest.
"""

import io
import re
import zipfile
from datetime import date, time

import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from jobs.called import meant
from jobs.intake import read
from tests.doubles.lists import HEADER, book, line, saved, sheets, text
from web.sheets import UnreadableSheetError, read_book

TODAY = date(2026, 11, 29)
DESIGNS = {"r1": ("Visor frame",), "r2": ("Ear saver", "Protège-oreilles")}
SHORT = ["Article", "Quantité", "Date souhaitée"]
GOOD = "2 Urgences 50 15"


def one(value, shape="", change=None):
    """A workbook of one line, whose quantity has a format."""
    made = Workbook()
    made.active.append(HEADER)
    made.active.append(line())
    made.active["F2"] = value
    if shape:
        made.active["F2"].number_format = shape
    if change:
        change(made.active)
    return saved(made)


def csv_of(*rows, **how):
    return text(*rows, **how).encode()


def called(name, many="2"):
    """A list whose quantities stand under a name."""
    return csv_of([*HEADER[:5], name, HEADER[6]], line(many=many))


def beside(name, cell, many="2"):
    """A list with a column more."""
    return csv_of([*HEADER, name], [*line(many=many), cell])


def of(article, many="2"):
    return csv_of(HEADER, [*line()[:4], article, many, "15/12/2026"])


def hidden_column(sheet):
    sheet.column_dimensions["F"].hidden = True


def struck_cell(sheet):
    sheet["F2"].font = Font(strike=True)


def struck_inside(sheet):
    sheet["F2"] = CellRichText([TextBlock(InlineFont(strike=True), "50"), "60"])


def locked(sheet):
    sheet.protection.sheet = True
    sheet.protection.set_password("x")


def block(place, number, many):
    return [[f"Établissement : {place}"], ["Contact : Ada"], [f"Tél : {number}"], SHORT,
            ["Visor frame", many, "15/12/2026"]]  # fmt: skip


PACK, MANY, NONE = "2 quantite which-pack", "2 quantite which-number", "2 quantite no-number"
READ = {
    # numbers
    "a number in two lines": (csv_of(HEADER, line(many='"50\n20"')), ["2 quantite two-numbers"]),
    "two numbers": (csv_of(HEADER, line(many="12 50")), ["2 quantite two-numbers"]),
    "a space that cuts no thousands": (csv_of(HEADER, line(many="1 50")), ["2 quantite two-numbers"]),
    "thousands with a space": (csv_of(HEADER, line(many="12 500")), ["2 Urgences 12500 15"]),
    "three decimals after nothing": (csv_of(HEADER, line(many="0.200")), ["2 quantite not-whole"]),
    "three decimals of a store's program": (csv_of(HEADER, line(many="50.000")), [MANY]),
    "the same beside numbers without a point": (
        csv_of(HEADER, line(many="50"), line("Réa", "1.000")), [GOOD, "3 Réa 1000 15"],
    ),
    "and beside one of which a point cuts thousands": (
        csv_of(HEADER, line(many="1.250"), line("Réa", "1.000")),
        ["2 Urgences 1250 15", "3 Réa 1000 15"],
    ),
    "and beside decimals": (
        csv_of(HEADER, line(many="12.500"), line("Réa", "7.000"), line("A", "3.000")),
        ["2 Urgences 12500 15", "3 Réa 7000 15", "4 A 3000 15"],
    ),
    "a power of ten that has lost its last digits": (csv_of(HEADER, line(many="1,2E+05")), [NONE]),
    "a letter for a digit": (csv_of(HEADER, line(many="5O")), [NONE]),
    "boxes of so many": (csv_of(HEADER, line(many="2 boîtes de 50")), [PACK]),
    "boxes in short": (
        csv_of(HEADER, line(many="2 bte"), line("A", "3 ctn"), line("B", "1 dz")),
        [PACK, "3 quantite which-pack", "4 quantite which-pack"],
    ),
    "about so many": (csv_of(HEADER, line(many="~200")), ["2 Urgences 200 15"]),
    "so many a day": (csv_of(HEADER, line(many="50/jour")), [NONE]),
    "marks that have no width": (csv_of(HEADER, line(many="\u200e50\u200f")), [GOOD]),
    # numbers of a workbook
    "a number with three decimals": (one(1.234), ["2 quantite not-whole"]),
    "an eighth": (one(0.125), ["2 quantite not-whole"]),
    "what a formula has missed by a hair": (one(50.00000000000001), [GOOD]),
    "boxes in the format of a number": (one(2, '0" boîtes de 50"'), [PACK]),
    "pieces in the format of a number": (one(50, '0" pcs"'), [GOOD]),
    "a letter of the format": (one(50, "0\\k"), [NONE]),
    "money": (one(50, "#,##0.00\\ [$€-40C]"), [NONE]),
    "a share": (one(1, "0%"), [NONE]),
    "thousands as the format shows them": (one(12000, "# ##0"), ["2 Urgences 12000 15"]),
    "a day in place of a number": (one(date(2026, 2, 1)), [NONE]),
    "a time in place of a number": (one(time(2, 0)), [NONE]),
    "yes": (one(True), [NONE]),
    "what is struck through alone": (one(50, change=struck_cell), ["2  struck"]),
    "what is struck through within a cell": (one(50, change=struck_inside), ["2  struck"]),
    "a column of quantities that nobody sees": (
        one(50, change=hidden_column), ["missing quantite"],
    ),
    "a sheet that is protected": (one(50, change=locked), [GOOD]),
    # what the numbers count
    "boxes in the name": (called("Quantité (boîtes)"), [PACK]),
    "boxes for a name": (called("Nb de boîtes"), [PACK]),
    "a factor in the name": (called("Quantité (x100)"), [NONE]),
    "thousands in the name": (called("Qté en milliers"), [PACK]),
    "so many a week": (called("Quantité par semaine"), ["missing quantite"]),
    "beds": (called("Nombre de lits"), ["missing quantite"]),
    "need": (called("Besoin", "50"), [GOOD]),
    "boxes in a column of their own": (beside("Conditionnement", "boîte de 50"), [PACK]),
    "their unit": (beside("UM", "BTE"), [PACK]),
    "pieces for a unit": (beside("UM", "PCE", "50"), [GOOD]),
    "what one box holds": (beside("Qté par boîte", "50"), [PACK]),
    "the same as a number": (beside("Colisage", "100"), [NONE]),
    "a unit in a column of wards": (
        csv_of(["Etablissement", "Unité", *HEADER[2:]], line("B/50")),
        ["2 quantite no-number"],
    ),
    "boxes in the article": (of("Visor frame (boîte de 50)"), ["2 article which-pack"]),
    "so many in one": (of("Visor frame x50"), ["2 article which-pack"]),
    "a size in the article": (of("Visor frame taille 3", "50"), [GOOD]),
    "boxes in a note above": (
        csv_of(["Quantités exprimées en boîtes de 50"], HEADER, line()), ["3 quantite which-pack"],
    ),
    "boxes in a note below": (csv_of(HEADER, line(), ["* quantités en cartons"]), [PACK, "3 left"]),
    # columns
    "two articles in a line": (
        csv_of(
            [*HEADER[:5], "Qté", "Article", "Qté", HEADER[6]],
            [*line()[:5], "50", "Ear saver", "50", "15/12/2026"],
        ),
        ["2 article which-design"],
    ),
    "asked and granted": (
        csv_of([*HEADER[:5], "Qté demandée", "Qté validée", HEADER[6]], [*line()[:5], "50", "20", "15/12"]),
        [NONE],
    ),
    "a comma that nobody protected": (
        csv_of([*HEADER[:5], HEADER[6], HEADER[5]], [*line()[:5], "15/12/2026", "1,200"], cut=","),
        ["2  too-wide"],
    ),
    "a separator within a cell": (
        csv_of(HEADER, line("Réa; bât. B"), line()), ["2  too-wide", "3 Urgences 50 15"],
    ),
    "each row in one cell": (
        "\n".join(f'"{text(row)}"' for row in (HEADER, line())).encode(), [GOOD],
    ),
    "a quantity that is merged over two rows, as text": (
        book(HEADER, line(), [*line("Réa")[:5], None, "15/12/2026"], merged=("F2:F3",)),
        [GOOD, "3 quantite missing"],
    ),
    "codes of programs that take them for numbers": (
        csv_of(HEADER, [*line()[:3], "241000000.0", "Visor frame", "50.0", "46371.0"]), [GOOD],
    ),
    # tables
    "a second table with other columns": (
        csv_of(
            HEADER, line(), [], ["Service", "Article", "Stock", "Date", "Etab", "Nom", "Tel", "Qté"],
            ["Réa", "Visor frame", "9", "16/12/2026", "CHU", "Ada", "0241000000", "30"],
        ),
        [GOOD, "5 Réa 30 16"],
    ),
    "two tables side by side": (
        book([*HEADER, None, *HEADER], [*line(), None, *line("Réa", "60")]), [GOOD, "2 Réa 60 15"],
    ),
    "a table for each hospital": (
        csv_of(*block("CHU A", "0241000001", "50"), ["Total", "50"], *block("CHU B", "0241000002", "20")),
        ["5 CHU A 50 15", "6 left", "11 CHU B 20 15"],
    ),
    "a hospital that only a title names": (
        csv_of(*block("CHU A", "0241000001", "50"), ["CHU B"], SHORT, ["Visor frame", "20", "15/12/2026"]),
        ["5 CHU A 50 15", "missing etablissement contact"],
    ),
    "the title on each page": (
        csv_of(
            ["Besoins CHU"], HEADER, line(), ["Besoins CHU"], ["Page 2"], HEADER, line("Réa"),
        ),
        ["3 Urgences 50 15", "4 left", "5 left", "6 left", "7 Réa 50 15"],
    ),
    "sheets whose articles are columns, beside others": (
        sheets(A=[HEADER, line()], B=[[*HEADER[:4], "Visor frame", HEADER[6]], [*line("Réa")[:4], 7, "15/12"]]),
        [GOOD, "2 Réa 7 15"],
    ),
    # lines
    "a sum that is filled in like a line": (
        csv_of(HEADER, line(), line("TOTAL", "50")), [GOOD, "3 left"],
    ),
    "an example": (
        csv_of(HEADER, ["Exemple : CHU X", *line()[1:]], line()), ["2 left", "3 Urgences 50 15"],
    ),
    "a line that a remark calls off": (
        csv_of(
            [*HEADER, "Remarques"], [*line(), "ANNULÉ"], [*line("A"), "ne pas livrer"],
            [*line("B"), "annulé en réa"],
        ),
        ["2 left", "3 left", "4 B 50 15"],
    ),
    "rows far apart": (book(HEADER, *[[None]] * 2100, line()), ["2102 Urgences 50 15"]),
    # days
    "the wrong day of the week": (csv_of(HEADER, line(day="lundi 15/12/2026")), ["2 date_besoin which-day"]),
    "a day of the month without the month": (csv_of(HEADER, line(day="vendredi 12")), ["2 date_besoin no-day"]),
    "a week": (csv_of(HEADER, line(day="S14")), ["2 date_besoin no-day"]),
    "a slip in the year": (csv_of(HEADER, line(day="15/12/2062")), ["2 date_besoin far"]),
    "days of an American": (
        csv_of(HEADER, line(day="12/15/2026"), line("A", day="01/12/2027"), line("B", day="12/12/2026")),
        ["2 date_besoin no-day", "3 date_besoin which-day", "4 B 50 12"],
    ),
    "a month first, in English": (csv_of(HEADER, line(day='"Dec 15, 2026"')), [GOOD]),
    "other hyphens": (csv_of(HEADER, line(day="15\u20111\u20132026".replace("1\u2013", "12\u2013"))), [GOOD]),
}  # fmt: skip
REFUSED = {
    "more columns than are read": (csv_of([*HEADER, *"x" * 70], line()), "too-wide"),
    "the same in a workbook": (book([*HEADER, *"x" * 70], line()), "too-wide"),
    "twenty thousand lines": (csv_of(HEADER, *[line()] * 20_000), "too-long"),
    "lines below what is read": (book(HEADER, *[[None]] * 10_100, line()), "too-long"),
    "more sheets than are read": (sheets(**{f"S{n}": [HEADER] for n in range(61)}), "many-sheets"),
}


def what_it_says(data):
    said = []
    for table in read_book(data, lambda name: bool(meant(name, DESIGNS))):
        found = read(table.rows, DESIGNS, TODAY, "fr", table.hidden, table.struck)
        lines = [(number, "left") for number, _ in found.left]
        for each in found.lines:
            asked = each.request
            words = ", ".join(f"{wrong.column} {wrong.why}" for wrong in each.wrong)
            if asked is not None:
                assert (asked.due.year, asked.due.month) == (2026, 12)
                words = f"{re.sub('.*, ', '', asked.place)} {asked.kits} {asked.due.day}"
            lines.append((each.number, words))
        said += [f"{number} {words}" for number, words in sorted(lines)]
        said += [f"missing {' '.join(found.missing)}"] if found.missing else []
    return said


@pytest.mark.parametrize("name", READ)
def test_no_number_is_guessed(name):
    data, expected = READ[name]
    assert what_it_says(data) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_read_in_part_is_not_read(name):
    data, why = REFUSED[name]
    with pytest.raises(UnreadableSheetError) as refused:
        read_book(data)
    assert refused.value.why == why


def test_a_libreoffice_file_with_a_password_is_called_so():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", bytes(range(256)))
        archive.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    with pytest.raises(UnreadableSheetError) as refused:
        read_book(out.getvalue())
    assert refused.value.why == "locked"


def test_a_remark_without_a_name_above_it_is_not_lost():
    (table,) = read_book(book(HEADER, [*line(), "plutôt demain"]))
    (asked,) = read(table.rows, DESIGNS, TODAY, "fr").lines
    assert asked.request.note == "plutôt demain"


def test_what_is_as_above_is_written_out_in_a_line_that_comes_back():
    again = ['"', '"', '"', '"', '"', '"', "ASAP"]
    _, bad = read([HEADER, line(), again], DESIGNS, TODAY, "fr").lines
    assert bad.cells == (*line()[:6], "ASAP")
