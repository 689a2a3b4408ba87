"""`fabnet node test-print`: a small part of ours on one printer, while its owner looks on.

A node that runs is asked to print it; where none runs, this command is the node for so long, without
the network. What may be printed and what is checked is decided by the node, see `fabnet.node.trial`.
"""

from __future__ import annotations

import os
import pwd
import signal
import sys
import termios
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from designs.model import PRINTED
from fabnet.cli.common import (
    ERRORS,
    NODE_FILE,
    chosen_printer,
    named,
    say,
    stop_on_signals,
    talk,
)
from fabnet.cli.language import decimal, gettext, sure
from fabnet.cli.said_below import in_language
from fabnet.config import NodeConfig, load_node
from fabnet.errors import ConfigError, FabnetError, TrialError
from fabnet.printer_config import PrinterConfig
from firmware_profiles.loader import load_machine
from jobs.errors import JobError
from jobs.owner import Clear, Halt, Look, Try
from printers.model import PrinterState, PrintResult

if TYPE_CHECKING:
    from fabnet.cli.common import Ask
    from jobs.owner import BedView, NodeView, TrialView
    from printers.slices import Slice, Slicer

_LOOK_S = 0.5
_STOPS_S = 1800.0
_PATIENCE_S = 3.0


@click.command("test-print")
@click.argument("printer", required=False)
@NODE_FILE
@click.option("--yes", is_flag=True,
              help="Its bed is clear, it may heat and move, and somebody stands beside it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def test_print(printer: str | None, config: Path, yes: bool, as_json: bool) -> None:
    """Print a small square frame (20 mm, half a gram, a few minutes) to see that all works.

    It is nobody's order and is never counted. Stay beside the printer: Ctrl-C stops the print and
    switches the heaters off. Afterwards the printer takes work only when you have said that its bed
    is clear.

    \b
    Example: fabnet node test-print
             fabnet node test-print mk3-left --config lab-nord/node.toml
    """
    told = run(load_node(config), config, printer, yes=yes)
    if as_json and told is not None:
        import msgspec

        click.echo(msgspec.json.encode(told))


def run(config: NodeConfig, path: Path, printer: str | None, *, yes: bool) -> TrialView | None:
    """Make the part, ask whether it may be printed, and look on until it is; None for a manual one.

    Args:
        config: checked.
        path: of it, for words to a person.
        printer: its name in this lab; None where there is one only.
        yes: nothing is asked.

    Raises:
        TrialError: it was not printed to its end.
        FabnetError, JobError, PrinterError, DesignError: it was not begun, with the reason.
    """
    _need_owner(path)
    chosen = chosen_printer(config, path, printer)
    if chosen.manual:
        made = _made(config, chosen, chosen.material)
        words = gettext(
            "%(printer)s: nobody but you feeds it. Copy this file to its card and print it:",
            printer=chosen.id,
        )
        say(f"{words}\n  {made.gcode}")
        return None
    with talk(config, linked=False) as ask:
        bed = _awake(ask, chosen.id)
        say(gettext("The test part is made for this printer, some seconds"))
        made = _made(config, chosen, bed.material)
        say(
            gettext(
                "A frame of 20 mm, %(grams)s g of %(material)s, about %(minutes)s min and the time to heat",
                grams=decimal(made.grams, 1), material=bed.material,
                minutes=max(1, round(made.seconds / 60)),
            )
        )  # fmt: skip
        say(
            gettext(
                "%(printer)s heats and moves now: is its bed empty, and do you stay beside it?",
                printer=bed.title,
            )
        )
        if not yes and not _sure_now(gettext("Yes to both")):
            why = gettext("you did not say that its bed is empty; nothing was heated")
            raise TrialError(bed.title, why)
        told = _look_on(ask, Try(printer=chosen.id, slice=made.key))
        if told.result is not PrintResult.DONE:
            raise TrialError(bed.title, told.reason or str(told.result))
        say(_look_at_it())
        _end(ask, path, chosen.id, bed.title, asks=not yes)
        return told


def _look_at_it() -> str:
    return gettext(
        "It is done. Look at it before the network's parts are printed:\n"
        "- the first layer does not hold: clean the bed, bring the nozzle a little nearer (Live Z, Z offset)\n"
        "- a side is more than 0.3 mm off 20 mm: the belt of that axis slips or is loose\n"
        "- layers are shifted: a belt or a pulley's screw is loose\n"
        "- threads, holes: wet filament, or it is not the one that you said"
    )


def offer(path: Path, printers: Sequence[PrinterConfig]) -> None:
    """Offer a test print on each of these printers that can make one now.

    What becomes of one is said, and is no error: the printers are in the file.
    """
    for printer in printers:
        if printer.manual or not printer.material:
            continue
        words = gettext(
            "Print a small test part on %(printer)s now (half a gram, a few minutes)?",
            printer=printer.id,
        )
        if not sure(words):
            at = named(path, "--config")
            say(gettext("later:"))
            say(f"  fabnet node test-print {printer.id}{at}")
            continue
        try:
            run(load_node(path), path, printer.id, yes=False)
        except ERRORS as error:
            say(gettext("fabnet: %(words)s", words=in_language(str(error))))


def _sure_now(words: str) -> bool:
    """Ask what heats a printer: nothing typed or pasted ahead of the question answers it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    return sure(words)


def _need_owner(path: Path) -> None:
    """Refuse root in somebody else's folder: what root made there, the node could not use any more.

    Raises:
        ConfigError: the folder is another user's.
    """
    owner = path.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        name = next((each.pw_name for each in pwd.getpwall() if each.pw_uid == owner), f"#{owner}")
        raise ConfigError(
            str(path), "", f"belongs to {name}: run this as that user (sudo -u {name})"
        )


def _made(config: NodeConfig, printer: PrinterConfig, material: str) -> Slice:
    from fabnet.node.trial import TRIALS
    from printers.trial_part import make_trial_part

    if printer.process != PRINTED:
        why = f"is {printer.process}: only a printer makes a trial part"
        raise ConfigError("node.toml", f"printers.{printer.id}.process", why)
    if not material:
        why = "is empty: say what is on its spool, or load one on the lab's page"
        raise ConfigError("node.toml", f"printers.{printer.id}.material", why)
    preset = load_machine(printer.preset)
    return make_trial_part(_slicer(config), preset, material, Path(config.data_dir) / TRIALS)


def _slicer(config: NodeConfig) -> Slicer:
    """Return who slices on this machine; the coordinator is not troubled with it."""
    from printers.errors import SlicingError
    from printers.ready_slices import ReadySlices
    from printers.slicing import find_slicer

    if config.slicer in ("coordinator", "owner"):
        return ReadySlices()
    try:
        return find_slicer()
    except SlicingError as error:
        if config.slicer == "local":
            raise
        say(gettext("%(why)s; a ready-made test part is taken", why=error))
        return ReadySlices()


def _bed(view: NodeView, printer: str) -> BedView:
    found = next((bed for bed in view.beds if bed.printer == printer), None)
    if found is None:
        why = gettext("the node that runs does not know it yet: start it again first")
        raise TrialError(printer, why)
    return found


def _awake(ask: Ask, printer: str) -> BedView:
    """Wait until the printer was asked once who it is."""
    from fabnet.node.bench import NOT_OPENED

    waited = threading.Event()
    while True:
        bed = _bed(ask(Look()), printer)
        if bed.state is not PrinterState.OFFLINE:
            return bed
        if bed.fault != NOT_OPENED:
            raise TrialError(bed.title, bed.fault)
        waited.wait(_LOOK_S)


def _look_on(ask: Ask, wish: Try) -> TrialView:
    """Begin, and show how it goes until it is over; whatever ends this command stops the print."""
    stop = stop_on_signals(signal.SIGHUP)  # the terminal was closed
    told = _trial(ask(wish), wish.printer)
    try:
        say(gettext("It heats. Ctrl-C stops it and switches the heaters off"))
        with click.progressbar(
            length=100, label=wish.printer, file=sys.stderr, show_eta=False
        ) as bar:
            while told.result is None and not stop.wait(_LOOK_S):
                view = ask(Look())
                told, bed = _trial(view, wish.printer), _bed(view, wish.printer)
                bar.label = _words(bed)
                # Once it is done the bed tells of no print any more: a bar does not go back.
                bar.update(max(0, round(100 * (bed.fraction_done or 0.0)) - bar.pos))
                if sys.stderr.isatty():
                    bar.render_progress()  # while it heats, only the temperatures change
            if told.result is PrintResult.DONE:
                # A short print is over before anybody has asked how far it is.
                bar.label = gettext("printed")
                bar.update(100 - bar.pos)
    finally:
        if told.result is None:
            told = _halted(ask, wish.printer)
    return told


def _halted(ask: Ask, printer: str) -> TrialView:
    """Stop the print, and wait until the heaters are off, however long the printer takes to listen.

    Most firmware reads nothing while it heats: who left now would leave it hot. The terminal may be
    gone by then.
    """
    with suppress(FabnetError, JobError):  # it has ended by itself meanwhile
        ask(Halt(printer=printer))
    waited = threading.Event()
    for turn in range(round(_STOPS_S / _LOOK_S)):
        told = _trial(ask(Look()), printer)
        if told.result is not None:
            return told
        if turn == round(_PATIENCE_S / _LOOK_S):
            with suppress(OSError):
                say(
                    gettext(
                        "It is told to stop, and may listen only once it is hot. At once: switch it off"
                    )
                )
        waited.wait(_LOOK_S)
    why = gettext("it does not stop. The printer may still be hot: switch it off")
    raise TrialError(printer, why)


def _words(bed: BedView) -> str:
    parts = [state_words(bed.state)]
    if bed.nozzle_c is not None:
        parts.append(gettext("nozzle %(heat)s C", heat=f"{bed.nozzle_c:.0f}"))
    if bed.bed_c is not None:
        parts.append(gettext("bed %(heat)s C", heat=f"{bed.bed_c:.0f}"))
    return ", ".join(parts)


def state_words(state: PrinterState) -> str:
    """Return what a printer is doing, in the language of the terminal."""
    return {
        PrinterState.OFFLINE: gettext("offline"),
        PrinterState.IDLE: gettext("idle"),
        PrinterState.PRINTING: gettext("printing"),
        PrinterState.PAUSED: gettext("paused"),
        PrinterState.FAULT: gettext("fault"),
    }[state]


def _trial(view: NodeView, printer: str) -> TrialView:
    found = next((each for each in view.trials if each.printer == printer), None)
    if found is None:
        why = gettext(
            "the node was started again in mid-print. The printer may still be hot: switch it off"
        )
        raise TrialError(printer, why)
    return found


def _end(ask: Ask, path: Path, printer: str, title: str, *, asks: bool) -> None:
    words = gettext(
        "Have you taken it off, and may %(printer)s print for the network now?", printer=title
    )
    if asks and _sure_now(words):
        ask(Clear(printer=printer))
        say(gettext("%(printer)s is clear: the next plate may heat it", printer=printer))
    else:
        say(
            gettext(
                "%(printer)s takes no work until you say that its bed is clear, while the node runs:",
                printer=printer,
            )
        )
        say(f"  fabnet node ready {printer}{named(path, '--config')}")
