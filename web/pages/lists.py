"""Many requests at once: a hospital's own list, as a spreadsheet."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from flask import Blueprint, Response, render_template, request

from designs.model import Revision
from jobs import intake
from jobs.coordinator import orders
from jobs.doubles import doubles
from jobs.errors import InvalidFieldError, RefusedError
from jobs.intake import Line, Listed, Wrong
from jobs.ledger import views
from jobs.list_columns import COLUMNS, EXAMPLE
from jobs.model import Order
from web.context import here
from web.language import Lazy, language, lazy_gettext
from web.language import gettext as _
from web.sentences import said_here
from web.sheets import XLSX, UnreadableSheetError, read_sheet, write_csv, write_xlsx
from web.titles import own_title

pages = Blueprint("lists", __name__)

_WHY: Mapping[str, Lazy] = MappingProxyType(
    {
        "missing": lazy_gettext("is empty"),
        "no-number": lazy_gettext("is no number"),
        "not-whole": lazy_gettext("is no whole number"),
        "too-many": lazy_gettext("is not between 1 and 100,000"),
        "no-day": lazy_gettext("is no day; write it as 31/12/2026"),
        "passed": lazy_gettext("has passed"),
        "no-contact": lazy_gettext("telephone or e-mail is needed"),
        "no-design": lazy_gettext("is no design of this network"),
        "which-pack": lazy_gettext("counts boxes; write how many pieces"),
        "which-design": lazy_gettext("may be several designs; add the version"),
        "too-long": lazy_gettext("is too long"),
        "same-as": lazy_gettext("the same as line"),
    }
)


def _words(wrong: Wrong) -> str:
    """Return what is wrong with a line, in one sentence."""
    why = str(_WHY[wrong.why])
    if wrong.why == "same-as":
        return f"{why} {wrong.cell}"
    told = f"{wrong.column}: " if wrong.column else ""
    cell = f"“{wrong.cell[:40]}” " if wrong.cell and wrong.why != "too-long" else ""
    return f"{told}{cell}{why}"


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
    return render_template("list.html", trouble="", **_help())


def _help() -> dict[str, object]:
    return {"columns": tuple(COLUMNS), "most": intake.MOST_LINES}


@pages.post("/orders/list")
def read() -> str | tuple[str, int]:
    """Make orders of the good lines; say of every other one what is wrong with it."""
    context = here()
    file = request.files.get("file")
    data = file.read() if file else b""
    if not data:
        return render_template("list.html", trouble=_("Please choose a file."), **_help()), 422
    try:
        rows = read_sheet(data)
    except UnreadableSheetError as error:
        trouble = {
            "no-sheet": _("This is no list: save it as CSV or as XLSX, then choose it again."),
            "too-long": _(
                "This list has more than %(most)s lines: cut it in two.", most=intake.MOST_LINES
            ),
        }[error.why]
        return render_template("list.html", trouble=trouble, **_help()), 422
    found = intake.read(rows, _designs(), context.today(), language())
    if found.missing:
        trouble = _(
            "These columns are missing: %(names)s. The first line holds the names of the columns.",
            names=", ".join(found.missing),
        )
        return render_template("list.html", trouble=trouble, **_help()), 422
    made, known, wrong = _place(found)
    designs = {r.id: r.design for r in context.library.revisions()}
    all_orders = views.orders(context.ledger.reading)
    return render_template(
        "list_read.html",
        twice={order.id for order in made if doubles(order, all_orders, designs)},
        made=made,
        known=known,
        wrong=wrong,
        unknown=found.unknown,
        left=found.left,
        bad=_pack(found, wrong),
    )


def _place(found: Listed) -> tuple[list[Order], list[Order], list[tuple[Line, str]]]:
    """Make orders of the good lines; return those that are new, those known before, and the others."""
    context = here()
    revisions = {r.id: r for r in context.library.revisions()}
    made: list[Order] = []
    known: list[Order] = []
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
    return made, known, wrong


def _pack(found: Listed, wrong: list[tuple[Line, str]]) -> str:
    """Return the lines that were not taken, for a file; nothing is kept on the server."""
    rows = [[*found.header, _("what is wrong")], *([*line.cells, why] for line, why in wrong)]
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
