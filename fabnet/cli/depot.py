"""Commands for the filament in the depot: what lies there, what is sent, and that it came or is back."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import click

from fabnet.cli.common import COORDINATOR_FILE, Day, ledger_of
from fabnet.cli.language import gettext


@click.group()
def depot() -> None:
    """Keep the book of the filament that waits in the depot."""


@depot.command("count")
@click.argument("material")
@click.argument("grams", type=click.IntRange(min=0))
@click.option("--lot", default="", help="Of its maker's, as it stands on the label.")
@click.option("--by", required=True, help="Who has counted.")
@COORDINATOR_FILE
def depot_count(material: str, grams: int, lot: str, by: str, config: Path) -> None:
    """Say how many grams of a material and lot lie in the depot now.

    \b
    Example: fabnet depot count PETG 12000 --lot L42 --by "A. Martin"
    """
    from fabnet import clock
    from jobs.coordinator import depot as deeds

    with ledger_of(config) as ledger:
        deeds.count(ledger, material.upper(), grams, by, clock.now(), lot)
    click.echo(
        gettext(
            "%(grams)s g of %(material)s lie in the depot", grams=grams, material=material.upper()
        )
    )


@depot.command("send")
@click.argument("lab")
@click.argument("material")
@click.argument("grams", type=click.IntRange(min=1))
@click.option(
    "--arrives", type=Day(), required=True, metavar="YYYY-MM-DD", help="When it should be there."
)
@click.option("--by", required=True, help="Who sends it.")
@click.option("--id", "sending", default="", help="Its number: the same again changes nothing.")
@COORDINATOR_FILE
def depot_send(
    lab: str, material: str, grams: int, arrives: datetime, by: str, sending: str, config: Path
) -> None:
    """Say that filament has left the depot for a workshop.

    \b
    Example: fabnet depot send lab-a PETG 750 --arrives 2026-12-03 --by "A. Martin"
    """
    from fabnet import clock
    from jobs.coordinator import depot as deeds
    from jobs.ledger.rows import new_id

    if sending and not re.fullmatch(r"[0-9a-z]{10}", sending):
        raise click.UsageError(gettext("A number of --id has ten small letters and digits."))
    number = sending or new_id()
    with ledger_of(config) as ledger:
        new = deeds.send(
            ledger, number, lab, material.upper(), grams, arrives.date(), by, clock.now()
        )
    click.echo(
        gettext(
            "%(sending)s: %(grams)s g of %(material)s are on their way to %(lab)s",
            sending=number, grams=grams, material=material.upper(), lab=lab,
        )
        if new
        else gettext("%(sending)s was sent before; nothing was changed", sending=number)
    )  # fmt: skip


@depot.command("end")
@click.argument("sending")
@click.option("--came/--back", required=True, help="It has come, or lies in the depot again.")
@click.option("--by", required=True, help="Who says so.")
@COORDINATOR_FILE
def depot_end(sending: str, came: bool, by: str, config: Path) -> None:
    """Say that what was sent has come, or is back in the depot.

    \b
    Example: fabnet depot end 4k2m9x1vnt --came --by "A. Martin"
    """
    from fabnet import clock
    from jobs.coordinator import depot as deeds

    with ledger_of(config) as ledger:
        deeds.end(ledger, sending, by, clock.now(), came=came)
    click.echo(
        gettext("%(sending)s has come", sending=sending)
        if came
        else gettext("%(sending)s is back in the depot", sending=sending)
    )
