"""Files of lists as hospitals save them: text, workbooks of Excel, sheets of LibreOffice."""

import csv
import io
import zipfile

from openpyxl import Workbook
from openpyxl.styles import Font

HEADER = ["Etablissement", "Service", "Contact", "Tel", "Article", "Quantité", "Date souhaitée"]


ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:automatic-styles>'
    '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
    "</office:automatic-styles><office:body><office:spreadsheet>%s</office:spreadsheet></office:body>"
    "</office:document-content>"
)


def line(ward="Urgences", many="50", day="15/12/2026"):
    return ["CH de Cholet", ward, "Luc Petit", "02 41 00 00 00", "Visor frame", many, day]


def text(*rows, cut=";", end="\n"):
    return end.join(cut.join(row) for row in rows)


def quoted(*rows):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()


def saved(book):
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def book(*rows, epoch=None, merged=(), hidden=(), struck=()):
    made = Workbook()
    made.epoch = epoch or made.epoch
    for row in rows:
        made.active.append(row)
    for each in merged:
        made.active.merge_cells(each)
    for each in hidden:
        made.active.row_dimensions[each].hidden = True
    for each in struck:
        for cell in made.active[each]:
            cell.font = Font(strike=True)
    return saved(made)


def sheets(**titled):
    made = Workbook()
    made.remove(made.active)
    for title, rows in titled.items():
        sheet = made.create_sheet(title)
        sheet.sheet_state = "hidden" if title == "Ancien" else "visible"
        for row in rows:
            sheet.append(row)
    return saved(made)


def counted(data, **results):
    """As Excel would have saved it: formulas with their results."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            for formula, result in results.items():
                for empty in (b"<v></v>", b"<v />", b"<v/>"):
                    was = b"<f>%s</f>%s" % (formula.encode(), empty)
                    part = part.replace(was, was.replace(empty, b"<v>%d</v>" % result))
            new.writestr(name, part)
    return out.getvalue()


def ods(*tables):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS % "".join(tables))
    return out.getvalue()


def ods_row(cells, kind=""):
    made = "".join(each if each[0] == "<" else ods_cell(each) for each in cells)
    return f"<table:table-row{kind}>{made}</table:table-row>"


def ods_cell(shown, kind="string", more=""):
    return f'<table:table-cell office:value-type="{kind}"{more}><text:p>{shown}</text:p></table:table-cell>'


def a_libreoffice_file():
    """A hidden sheet; a merged cell, a postcode, a day, a filtered row, a million empty rows at the end."""
    unseen = ods_row(HEADER) + ods_row(line("X"))
    old = f'<table:table table:name="Ancien" table:style-name="ta2">{unseen}</table:table>'
    place = ods_cell("CH de Cholet", more=' table:number-rows-spanned="2"')
    day = ods_cell("mar. 15 déc.", "date", ' office:date-value="2026-12-15"')
    code = ods_cell("01000", "float", ' office:value="1000"')
    many = ods_cell("1 200,00", "float", ' office:value="1200"')
    rows = (
        ods_row([*HEADER, "CP"]),
        ods_row([place, *line()[1:5], many, day, code]),
        ods_row(["<table:covered-table-cell/>", *line("Réa", "60")[1:]]),
        ods_row(line("Filtré"), ' table:visibility="filter"'),
        '<table:table-row table:number-rows-repeated="1048570">'
        '<table:table-cell table:number-columns-repeated="1024"/></table:table-row>',
    )
    return ods(old, f'<table:table table:name="Demande">{"".join(rows)}</table:table>')
