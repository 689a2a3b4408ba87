"""Lists as hospitals send them: CSV and workbooks, made of rows."""

import csv
import io
import zipfile

from openpyxl import Workbook
from openpyxl.styles import Font

HEADER = ["Etablissement", "Service", "Contact", "Tel", "Article", "Quantité", "Date souhaitée"]


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
