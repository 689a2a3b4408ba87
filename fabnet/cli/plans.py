"""The commands that look ahead: a plan, what it would be otherwise, and the filament it takes."""

from __future__ import annotations

import difflib
import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fabnet.cli.common import COORDINATOR_FILE, Day, coordinator, ledger_of
from fabnet.cli.language import gettext, language
from fabnet.errors import FabnetError
from jobs.errors import NotFoundError
from jobs.model import Priority

if TYPE_CHECKING:
    from jobs.ledger.store import Ledger


@click.command()
@click.argument("order")
@click.option("--explain", is_flag=True, help="Say of every printer why it got nothing.")
@click.option("--without", multiple=True, metavar="LAB", help="What if this lab were gone?")
@click.option(
    "--plus",
    multiple=True,
    metavar="[N x]PRESET",
    help="What if there were more printers? 3xprusa-mini",
)
@click.option(
    "--due", type=Day(), metavar="YYYY-MM-DD", help="What if it were needed by another day?"
)
@click.option(
    "--not-before",
    type=Day(),
    metavar="YYYY-MM-DD",
    help="What if nothing of it were begun before this day?",
)
@click.option(
    "--priority",
    type=click.Choice([str(each) for each in Priority]),
    help="What if it had this one?",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@COORDINATOR_FILE
def plan(
    order: str,
    explain: bool,
    without: tuple[str, ...],
    plus: tuple[str, ...],
    due: datetime | None,
    not_before: datetime | None,
    priority: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Show who makes what of an order, by when, and why.

    With --without, --plus, --due, --not-before or --priority, show what would be otherwise; nothing is
    changed by asking.

    \b
    Example: fabnet plan 4k2m9x1vnt --explain
    Example: fabnet plan 4k2m9x1vnt --without "Fablab Rezé" --plus 3xprusa-mini
    """
    from designs.library import Library
    from fabnet.cli.ahead import plan_lines
    from fabnet.reports import plan_report
    from web.language import speaking

    with ledger_of(config) as ledger:
        _known(ledger, order)
    if without or plus or due or not_before or priority:
        day, first = (None if each is None else each.date() for each in (due, not_before))
        other = None if priority is None else Priority(priority)
        report, lines = _what_if(config, order, without, plus, day, other, first)
    else:
        with ledger_of(config) as ledger, speaking("en" if as_json else language()):
            library = Library(ledger.database, Path(coordinator(config).data_dir) / "files")
            report = plan_report(ledger, library, order)
        lines = list(plan_lines(report, explain=explain))
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else "\n".join(lines))


def _known(ledger: Ledger, order: str) -> None:
    """Look whether there is such an order.

    Raises:
        NotFoundError: there is none; names those that may have been meant.
        FabnetError: there is none like it; says where its number stands.
    """
    from jobs.ledger import views

    known = [each.id for each in views.orders(ledger.reading)]
    if order in known:
        return
    near = difflib.get_close_matches(order, known, n=3)
    if near:
        raise NotFoundError("order", order, near)
    raise FabnetError(
        gettext(
            "There is no order '%(order)s' here. Its number is the end of its page's address:"
            " /orders/NUMBER.",
            order=order,
        )
    )


def _what_if(
    config: Path,
    order: str,
    without: tuple[str, ...],
    plus: tuple[str, ...],
    due: date | None,
    priority: Priority | None,
    first: date | None,
) -> tuple[dict[str, Any], list[str]]:
    from fabnet import clock
    from fabnet.cli.ahead import difference_lines
    from fabnet.what_if import report_of
    from jobs.coordinator.whatif import difference
    from jobs.ledger import labs

    with ledger_of(config) as ledger:
        settings = coordinator(config)
        files = Path(settings.data_dir) / "files"
        found = difference(
            ledger,
            files,
            order,
            without,
            plus,
            due,
            clock.now(),
            settings.hub_place,
            priority,
            first,
        )
        names = {node.id: node.lab for node in labs.fleet(ledger.reading)}
    return report_of(found), list(difference_lines(found, names))


@click.command()
@click.argument("order")
@click.option(
    "--not-before", type=Day(), metavar="YYYY-MM-DD", help="The first day on which it may be begun."
)
@click.option("--at-once", is_flag=True, help="It waits for no day any more.")
@click.option("--reason", default="", help="For the history of the order.")
@click.option("--by", required=True, help="Who decides it.")
@COORDINATOR_FILE
def begin(
    order: str, not_before: datetime | None, at_once: bool, reason: str, by: str, config: Path
) -> None:
    """Say before which day nothing of an order is begun.

    Nothing of it is offered to a workshop before. What a workshop has been offered stays with it.

    \b
    Example: fabnet begin 4k2m9x1vnt --not-before 2026-12-03 --by "A. Martin"
    """
    from fabnet import clock
    from jobs.coordinator import claims, orders

    if at_once == (not_before is not None):
        raise click.UsageError(gettext("Name either a day with --not-before, or --at-once."))
    day = None if not_before is None else not_before.date()
    with ledger_of(config) as ledger:
        _known(ledger, order)
        if orders.set_release(ledger, order, day, by, clock.now(), reason):
            claims.plan_anew(ledger, clock.now(), order)
    click.echo(
        gettext("order %(order)s waits for no day", order=order)
        if day is None
        else gettext("order %(order)s is not begun before %(day)s", order=order, day=day)
    )


@click.command()
@click.option(
    "--depot", multiple=True, metavar="MATERIAL=GRAMS", help="What if this lay in store: PETG=12000"
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@COORDINATOR_FILE
def stock(depot: tuple[str, ...], as_json: bool, config: Path) -> None:
    """Show the filament that all plans use, by day and lab, and which spools do not reach.

    Also what of the depot should go to which lab by which day; with --depot, of what would be there.

    \b
    Example: fabnet stock --depot PETG=12000 --depot PLA=3000
    """
    from fabnet.cli.ahead import stock_lines
    from fabnet.what_if import depot_of, stock_report

    in_store = depot_of(depot)
    with ledger_of(config) as ledger:
        report = stock_report(ledger, in_store)
    click.echo(
        json.dumps(report, ensure_ascii=False) if as_json else "\n".join(stock_lines(report))
    )
