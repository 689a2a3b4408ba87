"""Many requests at once: a hospital's own list, as a spreadsheet."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
from flask import Blueprint, Response, render_template, request

from designs.model import Revision
from jobs import intake
from jobs.called import meant
from jobs.coordinator import orders
from jobs.doubles import Sign, doubles
from jobs.errors import InvalidFieldError, RefusedError
from jobs.intake import Listed, Table
from jobs.ledger import views
from jobs.list_columns import COLUMNS, EXAMPLE
from jobs.list_line import Line, Wrong
from jobs.model import Order
from web.context import here
from web.forms import Form
from web.language import Lazy, language, lazy_gettext
from web.language import gettext as _
from web.language import number as in_digits
from web.sentences import said_here
from web.sheets import XLSX, UnreadableSheetError, read_book, write_csv, write_xlsx
from web.titles import own_title

pages = Blueprint("lists", __name__)

#: Of a file's name, so many letters are said.
_MOST_NAME = 80
#: And of what stands in a cell.
_MOST_CELL = 40

_WHY: Mapping[str, Lazy] = MappingProxyType(
    {
        "missing": lazy_gettext("is empty; fill it in"),
        "no-number": lazy_gettext("is no number; write it in digits alone: 50"),
        "not-whole": lazy_gettext("is no whole number; write how many pieces"),
        "too-many": lazy_gettext("is not between 1 and 100,000"),
        "no-day": lazy_gettext("is no day; write it as 31/12/2026"),
        "passed": lazy_gettext("has passed; write a later day"),
        "no-contact": lazy_gettext("telephone or e-mail is needed"),
        "no-design": lazy_gettext("is no design of this network; write the name of one"),
        "which-pack": lazy_gettext("counts boxes; write how many pieces"),
        "which-design": lazy_gettext(
            "may be several designs; write its whole name, and the version"
        ),
        "which-number": lazy_gettext(
            "may be one or a thousand; write it without a comma or a point"
        ),
        "two-numbers": lazy_gettext("may be two numbers; write one, without spaces"),
        "which-day": lazy_gettext("may be two days; write it as 31/12/2026"),
        "far": lazy_gettext("is more than two years away; write it as 31/12/2026"),
        "too-long": lazy_gettext("is too long"),
        "too-wide": lazy_gettext(
            "has more cells than there are columns; a cell that holds the separator stands in quotation marks"
        ),
        "same-as": lazy_gettext("the same as line"),
        "hidden": lazy_gettext("is in a row that is hidden; show it, or send this line again"),
        "struck": lazy_gettext(
            "holds something struck through; take the line away, or send it again without"
        ),
        "no-result": lazy_gettext("is a formula without its result; open the list, save it again"),
    }
)


#: What columns are called on pages; a list that calls them so is understood.
_COLUMNS: Mapping[str, Lazy] = MappingProxyType(
    {
        "etablissement": lazy_gettext("hospital"),
        "service": lazy_gettext("ward"),
        "contact": lazy_gettext("contact"),
        "telephone": lazy_gettext("phone"),
        "email": lazy_gettext("e-mail"),
        "article": lazy_gettext("item"),
        "quantite": lazy_gettext("quantity"),
        "date_besoin": lazy_gettext("due date"),
        "consignes": lazy_gettext("remarks"),
    }
)


def _words(wrong: Wrong) -> str:
    """Return what is wrong with a line, in one sentence."""
    why = str(_WHY[wrong.why])
    if wrong.why == "same-as":
        return f"{why} {wrong.cell}"
    cell = " ".join(wrong.cell.split())[:_MOST_CELL]
    if cell and wrong.why != "too-long":
        why = _("“%(cell)s” %(why)s", cell=cell, why=why)
    column = str(_COLUMNS.get(wrong.column, wrong.column))
    return _("%(column)s: %(why)s", column=column, why=why) if column else why


def _designs() -> dict[str, tuple[str, ...]]:
    """Return the names by which a list may call each revision."""
    return {r.id: _called(r) for r in here().orderable()}


def _called(revision: Revision) -> tuple[str, ...]:
    titles = dict.fromkeys((revision.title, own_title(revision.title), revision.design))
    named = [each for name in titles for each in (name, f"{name} {revision.version}")]
    return (*named, revision.id[:12])


@pages.get("/orders/list")
def show() -> str:
    """Choose a file."""
    return render_template("list.html", trouble="", file="", form=Form(), **_help())


#: What a steward may know of all lines of a list that does not say it.
_KNOWN = ("etablissement", "contact", "telephone", "date_besoin")


def _help() -> dict[str, object]:
    return {"columns": tuple(COLUMNS), "most": intake.MOST_LINES, "today": here().today()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One sheet of a list, and what became of its lines."""

    name: str  # "" where the file has one
    found: Listed
    wrong: list[tuple[Line, str]]
    bad: str  # the lines that were not taken, for a file


@pages.post("/orders/list")
def read() -> str | tuple[str, int]:
    """Make orders of the good lines; say of every other one what is wrong with it."""
    context = here()
    file = request.files.get("file")
    data = file.read() if file else b""
    name = ((file.filename if file else "") or "")[-_MOST_NAME:]
    if not data:
        empty = _("This file is empty: save the list again, then choose it again.")
        return _refused(empty if name else _("Please choose a file."), name)
    designs = _designs()
    try:
        tables = read_book(data, lambda name: bool(meant(name, designs)))
    except UnreadableSheetError as error:
        return _refused(_unreadable(error), name)
    form = Form(request.form)
    for_all = {name: text for name in _KNOWN if (text := form[name].strip())}
    today = context.today()
    listed = [
        (_title(t), intake.read(t.rows, designs, today, language(), t.hidden, t.struck, for_all))
        for t in tables
    ]
    lists = [each for each in listed if not each[1].missing]
    if not lists:
        return _refused(_missing(listed[0][1]), name)
    made: list[Order] = []
    known: list[Order] = []
    sheets: list[_Read] = []
    for title, found in lists:
        wrong = _place(found, made, known)
        shown = title if len(listed) > 1 else ""
        sheets.append(_Read(name=shown, found=found, wrong=wrong, bad=_pack(found, wrong)))
    of_design = {r.id: r.design for r in context.library.revisions()}
    all_orders = views.orders(context.ledger.reading)
    new = {order.id for order in made}
    return render_template(
        "list_read.html",
        file=name,
        # One person asks for many wards: that says nothing inside her own list.
        twice={
            order.id
            for order in made
            for each in doubles(order, all_orders, of_design)
            if each.sign is not Sign.CONTACT or each.order.id not in new
        },
        made=made,
        known=known,
        sheets=sheets,
        aside=[(title, _missing(found)) for title, found in listed if found.missing],
    )


def _refused(trouble: str, name: str) -> tuple[str, int]:
    form = Form(request.form)
    return render_template("list.html", trouble=trouble, file=name, form=form, **_help()), 422


def _title(table: Table) -> str:
    """Return what a table is called: its sheet, and its line where it stands below another."""
    line = _("from line %(number)s", number=table.first) if table.first > 1 else ""
    return " · ".join(filter(None, (table.name, line)))


def _missing(found: Listed) -> str:
    return _(
        "These columns are missing: %(names)s. Above the lines stand the names of the columns. What is"
        " the same for all lines can be written below.",
        names=", ".join(str(_COLUMNS[name]) for name in found.missing),
    )


def _unreadable(error: UnreadableSheetError) -> str:
    """Return why a file is no list, and what to do."""
    match error.why:
        case "too-long":
            return _(
                "This list has more than %(most)s lines: cut it into several files.",
                most=in_digits(intake.MOST_LINES),
            )
        case "too-wide":
            return _(
                "Line %(number)s has more than 60 cells: cut the list in two.", number=error.line
            )
        case "many-sheets":
            return _("This workbook has more than 60 sheets: cut it into several files.")
        case "old-book":
            return _(
                "This workbook is of an older Excel, whatever its name says: open it, save it as XLSX,"
                " then choose it again."
            )
        case "locked":
            return _("This workbook has a password: save it without one, then choose it again.")
        case "quotes":
            return _(
                "Line %(number)s: a quotation mark begins a cell, and none ends it where the cell ends.",
                number=error.line,
            )
        case _:
            return _("This is no list: save it as CSV, as XLSX or as ODS, then choose it again.")


def _place(found: Listed, made: list[Order], known: list[Order]) -> list[tuple[Line, str]]:
    """Make orders of the good lines, the new ones in `made`, the others in `known`; return the bad lines."""
    context = here()
    revisions = {r.id: r for r in context.library.revisions()}
    wrong: list[tuple[Line, str]] = []
    for line in found.lines:
        if line.request is None:
            wrong.append((line, "; ".join(map(_words, line.wrong))))
            continue
        try:
            now = context.now()
            placed = orders.place(
                context.ledger, line.request, revisions[line.request.revision_id], now
            )
        except (InvalidFieldError, RefusedError) as error:
            wrong.append((line, said_here(str(error))))
            continue
        order = views.order(context.ledger.reading, placed.order_id)
        (made if order.created_at == now else known).append(order)
    return wrong


#: What can be read in one way once it stands alone, and must not be: its cell is marked in the file.
_DOUBTS: Mapping[str, str] = MappingProxyType(
    {
        "hidden": "quantite",
        "struck": "quantite",
        "too-wide": "quantite",
        "which-number": "quantite",
        "which-day": "date_besoin",
    }
)


def _pack(found: Listed, wrong: list[tuple[Line, str]]) -> str:
    """Return the lines that were not taken, for a file; nothing is kept on the server.

    What stood above the header for all lines is a column of the file.
    """
    rows = [[*found.header, *found.told, _("what is wrong")]]
    for line, why in wrong:
        cells = [*line.cells, *[""] * (len(found.header) - len(line.cells))]
        marked = {_DOUBTS[each.why] for each in line.wrong if each.why in _DOUBTS}
        for place, column in enumerate(found.columns[: len(cells)]):
            if column in marked and cells[place]:
                cells[place] += " ?"
        width = len(found.header)
        rows.append([*cells[:width], *found.told.values(), why, *cells[width:]])
    return base64.b64encode(msgspec.json.encode(rows)).decode()


@pages.get("/orders/list/template.csv")
def template() -> Response:
    """An empty list with the names of all columns and one example."""
    return _file(write_csv(_template()), "fabnet-liste.csv")


@pages.get("/orders/list/template.xlsx")
def template_xlsx() -> Response:
    """The same as a workbook, whose cells keep the zeros of codes as they are typed."""
    return _file(write_xlsx(_template()), "fabnet-liste.xlsx", XLSX)


def _template() -> list[tuple[str, ...]]:
    design = next(iter(_designs().values()), ("",))[0]
    example = {**EXAMPLE, "article": design}
    return [tuple(COLUMNS), tuple(example.get(name, "") for name in COLUMNS)]


@pages.post("/orders/list/wrong.csv")
def wrong_lines() -> Response | tuple[str, int]:
    """The lines that were not taken, as a file to mend and send again."""
    try:
        rows = msgspec.json.decode(
            base64.b64decode(request.form.get("lines", ""), validate=True), type=list[list[str]]
        )
    except (binascii.Error, msgspec.DecodeError):
        return show(), 422
    return _file(write_csv(rows), "fabnet-a-corriger.csv")


def _file(data: bytes, name: str, kind: str = "text/csv") -> Response:
    return Response(
        data,
        mimetype=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
