"""Commands for the owner of a running node, also while it is cut off from the network."""

from __future__ import annotations

import getpass
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fabnet.cli.common import FILE, NODE_FILE, chosen_printer, fitted
from fabnet.cli.language import day_and_hour, gettext
from fabnet.cli.trial import state_words
from fabnet.config import load_node
from jobs.errors import RefusedError
from jobs.lifecycle import AttemptState
from jobs.model import AttemptRef
from jobs.owner import (
    BedView,
    Begin,
    Clear,
    Count,
    GiveBack,
    Look,
    NodeView,
    PlateView,
    StopPrint,
    Wish,
)
from printers.model import PrinterState

#: Nothing is known to have gone wrong with what lies on the bed.
_WHOLE = (AttemptState.PRINTED, AttemptState.PRINTING)
#: While it prints, its bed is no question.
_AT_WORK = (PrinterState.PRINTING, PrinterState.PAUSED)

if TYPE_CHECKING:
    from fabnet.node.own_slices import OwnSlices

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the whole state as JSON.")


@click.command("status")
@NODE_FILE
@click.option("--told", is_flag=True, help="Say what the network learns of this lab instead.")
@_JSON
def status(config: Path, told: bool, as_json: bool) -> None:
    """Show link, beds and plates of the node that runs here.

    \b
    Example: fabnet node status
             fabnet node status --json
             fabnet node status --told
    """
    if told:
        from fabnet.cli.told import lines

        click.echo(fitted("\n".join(lines(load_node(config))), sys.stdout))
        return
    _ask(config, Look(), as_json=as_json)


@click.command("harvest")
@click.argument("plate")
@click.option("--good", type=click.IntRange(min=0), required=True, help="Good pieces.")
@click.option("--scrap", type=click.IntRange(min=0), default=0, help="Bad pieces.")
@click.option("--reason", default="", help="What happened to those that are not good.")
@click.option("--by", default="", help="Who counts; your login on this machine by default.")
@NODE_FILE
@_JSON
def harvest(
    plate: str, good: int, scrap: int, reason: str, by: str, config: Path, as_json: bool
) -> None:
    """Count what came off a bed: the bed is clear then, and the next plate may start.

    PLATE is its name as `fabnet node status` shows it.

    \b
    Example: fabnet node harvest k3f8m2q7xw-a1 --good 2
             fabnet node harvest k3f8m2q7xw-a1 --good 1 --scrap 1 --reason warped
    """
    wish = Count(
        attempt=_ref(plate), good=good, scrap=scrap, reason=reason, by=by or getpass.getuser()
    )
    _ask(config, wish, as_json=as_json)


@click.command("ready")
@click.argument("printer", required=False)
@NODE_FILE
@_JSON
def ready(printer: str | None, config: Path, as_json: bool) -> None:
    """Say that a bed is clear: this printer may heat and move.

    PRINTER is its name in this lab; it may be left out where there is one only.

    \b
    Example: fabnet node ready
             fabnet node ready mk3-left
    """
    _ask(config, Clear(printer=_printer(config, printer)), as_json=as_json)


@click.command("start")
@click.argument("plate")
@NODE_FILE
@_JSON
def start(plate: str, config: Path, as_json: bool) -> None:
    """Print a plate that was granted before the node was started again.

    Within the time of its grant only; without a restart, plates start by themselves.

    \b
    Example: fabnet node start k3f8m2q7xw-a1
    """
    _ask(config, Begin(attempt=_ref(plate)), as_json=as_json)


@click.command("give-back")
@click.argument("plate")
@click.option("--reason", required=True, help="Why; the network plans by it.")
@NODE_FILE
@_JSON
def give_back(plate: str, reason: str, config: Path, as_json: bool) -> None:
    """Let others make a plate that no printer here was told of.

    \b
    Example: fabnet node give-back k3f8m2q7xw-a1 --reason "no time"
    """
    _ask(config, GiveBack(attempt=_ref(plate), reason=reason), as_json=as_json)


@click.command("stop")
@click.argument("printer", required=False)
@click.option("--now", is_flag=True,
              help="Emergency stop (M112): motors and heaters off at once, whatever it does. The"
              " printer must be reset by hand afterwards.")  # fmt: skip
@NODE_FILE
@_JSON
def stop(printer: str | None, now: bool, config: Path, as_json: bool) -> None:
    """Stop what a printer prints: heaters off, and what lies on the bed is counted as always.

    PRINTER is its name in this lab; it may be left out where there is one only. While a printer homes
    or levels its bed (G28, G29) most boards hear neither: then only its own switch stops it.

    \b
    Example: fabnet node stop mk3-left
             fabnet node stop --now mk3-left
    """
    _ask(config, StopPrint(printer=_printer(config, printer), at_once=now), as_json=as_json)


@click.command("plate")
@click.argument("plate")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@NODE_FILE
def plate_file(plate: str, out: Path, config: Path) -> None:
    """Write a plate that this node has taken as 3MF, to slice it yourself.

    \b
    Example: fabnet node plate k3f8m2q7xw-a1 plate.3mf
    """
    ref = _ref(plate)
    shutil.copyfile(_own_slices(config).plate_file(ref), out)
    click.echo(f"{out}: slice it, then: fabnet node bring {ref} FILE.gcode")


@click.command("bring")
@click.argument("plate")
@click.argument("gcode", type=FILE)
@click.option("--sure", is_flag=True, help="It is the whole plate, whatever it weighs.")
@NODE_FILE
@_JSON
def bring(plate: str, gcode: Path, sure: bool, config: Path, as_json: bool) -> None:
    """Print a plate from G-code that you have sliced yourself.

    It is checked like any other: moves, temperatures and commands; then the height of the parts and
    what they weigh. The same plate on the same printer is printed from it from now on.

    \b
    Example: fabnet node bring k3f8m2q7xw-a1 plate.gcode
    """
    view = _own_slices(config).bring(_ref(plate), gcode, sure=sure)
    _show(view, as_json=as_json)


OWNER_COMMANDS = (status, harvest, ready, start, give_back, stop, plate_file, bring)


def _printer(config: Path, given: str | None) -> str:
    """Return the printer that is meant, by its name."""
    return given or chosen_printer(load_node(config), config, None).id


def _own_slices(config: Path) -> OwnSlices:
    from fabnet.node.door import ask
    from fabnet.node.own_slices import OwnSlices

    node = load_node(config)
    return OwnSlices(node, partial(ask, node))


def _ref(text: str) -> AttemptRef:
    job, found, number = text.removeprefix("fabnet-").rpartition("-a")
    if not found or not number.isascii() or not number.isdigit():
        raise RefusedError(
            f"There is no plate {text!r} here: `fabnet node status` shows those that are, as"
            " k3f8m2q7xw-a1."
        )
    return AttemptRef(job=job, number=int(number))


def _ask(config: Path, wish: Wish, *, as_json: bool) -> None:
    from fabnet.node.door import ask

    _show(ask(load_node(config), wish), as_json=as_json)


def _show(view: NodeView, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        click.echo(msgspec.json.encode(view))
        return
    for line in _lines(view):
        click.echo(line)


def _disk_line(trouble: str) -> str:
    if trouble == "full":
        return gettext(
            "the disk of this machine is full: what prints goes on, and nothing new begins; make room, and"
            " it goes on by itself"
        )
    return gettext(
        "the disk of this machine cannot be written: what prints goes on, and nothing new begins; let the"
        " prints end, then restart the machine; if that does not help, replace its disk or memory card"
    )


def _lines(view: NodeView) -> list[str]:
    link = (
        gettext("reaches the network since %(hour)s")
        if view.linked
        else gettext("no link to the network since %(hour)s")
    )
    parts = [link % {"hour": f"{view.link_since.astimezone():%H:%M}"}]
    if view.unsent:
        waits = (
            gettext("1 message waits") if view.unsent == 1 else gettext("%(many)s messages wait")
        )
        parts.append(waits % {"many": view.unsent})
    if view.paused:
        parts.append(gettext("takes a pause"))
    lab = f"{view.lab} ({view.node})"
    lines = [gettext("%(lab)s: %(link)s", lab=lab, link=", ".join(parts))]
    if view.disk:
        lines.append(_disk_line(view.disk))
    if view.clock_behind:
        lines.append(
            gettext(
                "the clock is behind: it shows %(now)s; until a time server or you have set it (date),"
                " nobody is taken to be there, and what needs hours does not begin",
                now=f"{view.at.astimezone():%Y-%m-%d %H:%M}",
            )
        )
    plates = {plate.attempt: plate for plate in view.plates}
    for bed in view.beds:
        lines.append(_bed_line(bed))
        if bed.spool_fault:
            left = gettext("%(material)s, %(grams)s g left")
            holds = (
                left % {"material": bed.material, "grams": f"{bed.grams:.0f}"}
                if bed.material
                else gettext("none")
            )
            spool = gettext("spool: %(holds)s; %(why)s", holds=holds, why=bed.spool_fault)
            lines.append(f"    {spool}")
        if bed.attempt in plates:
            lines.append(f"    {_plate_line(plates.pop(bed.attempt))}")
        lines += [
            f"    {_plate_line(plates.pop(plate.attempt))}"
            for plate in view.plates
            if plate.printer == bed.printer and plate.attempt in plates
        ]
    return lines


def _bed_line(bed: BedView) -> str:
    parts = [gettext("%(printer)s: %(state)s", printer=bed.printer, state=state_words(bed.state))]
    if bed.fraction_done is not None:
        parts.append(f"{100 * bed.fraction_done:.0f} %")
    if bed.nozzle_c is not None:
        parts.append(gettext("nozzle %(heat)s C", heat=f"{bed.nozzle_c:.0f}"))
    if bed.clear:
        parts.append(gettext("bed clear"))
    elif bed.attempt is not None or bed.state in _AT_WORK:
        parts.append(gettext("bed not clear"))
    else:
        command = f"fabnet node ready {bed.printer}"
        parts.append(gettext("bed not clear; when it is empty: %(command)s", command=command))
    if bed.waits_to_heat:
        parts.append(gettext("waits while others heat up"))
    if bed.fault:
        parts.append(bed.fault)
    return ", ".join(parts)


def _plate_line(plate: PlateView) -> str:
    words = gettext(
        "%(plate)s: %(pieces)s x %(part)s, %(material)s, %(state)s",
        plate=plate.attempt, pieces=plate.pieces, part=plate.part, material=plate.material,
        state=_plate_state(plate.state),
    )  # fmt: skip
    next_words = _next_of(plate)
    words += f"; {next_words}" if next_words else ""
    return f"{words} ({plate.reason})" if plate.reason else words


def _next_of(plate: PlateView) -> str:
    """Return what a person does with a plate now, or what it waits for."""
    if plate.countable and plate.state not in _WHOLE:
        command = f"fabnet node harvest {plate.attempt} --good G --scrap S --reason stopped-halfway"
        return gettext(
            "look at the bed and count it, G good and S scrap: %(command)s", command=command
        )
    if plate.countable:
        command = f"fabnet node harvest {plate.attempt} --good {plate.pieces}"
        return gettext("count it: %(command)s", command=command)
    if plate.to_slice:
        command = f"fabnet node plate {plate.attempt} plate.3mf"
        return gettext("slice it yourself: %(command)s", command=command)
    if plate.starts_until is not None:
        until = f"{plate.starts_until.astimezone():%H:%M}"
        return gettext("granted till %(hour)s, starts by itself on a clear bed", hour=until)
    if plate.opens_until is not None:
        return gettext(
            "granted till %(hour)s, begins by your word: %(command)s",
            hour=f"{plate.opens_until.astimezone():%H:%M}",
            command=f"fabnet node start {plate.attempt}",
        )
    if plate.fits_from is not None:
        at = day_and_hour(plate.fits_from.astimezone())
        return gettext("waits until %(at)s: only then it can end while somebody is there", at=at)
    return ""


def _plate_state(state: AttemptState) -> str:
    """Return how a plate stands, in the language of the terminal."""
    words = {
        AttemptState.TAKEN: gettext("taken"),
        AttemptState.PREPARING: gettext("preparing"),
        AttemptState.READY: gettext("ready"),
        AttemptState.GRANTED: gettext("granted"),
        AttemptState.PRINTING: gettext("printing"),
        AttemptState.PRINTED: gettext("printed"),
        AttemptState.CANCELLED: gettext("cancelled"),
        AttemptState.FAILED: gettext("failed"),
        AttemptState.INTERRUPTED: gettext("interrupted"),
    }
    return words.get(state, str(state))
