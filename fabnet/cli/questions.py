"""What `fabnet node setup` asks a person, and how her answers are understood. Answers are never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from firmware_profiles.loader import all_machines
from firmware_profiles.profile import MachinePreset
from jobs.errors import InvalidFieldError
from jobs.hours import parse

if TYPE_CHECKING:
    from fabnet.node.setup import Safety

_NUMBER = re.compile(r"(\d+(?:[.,]\d+)?)\s*(k?g)?")


def machine_meant(told: str, machines: Sequence[MachinePreset]) -> MachinePreset | None:
    """Return the machine that a person means, None where that is none or several.

    Args:
        told: its number in the list from 1 on, its name or its title, or a part of them that only one
            has; capitals, spaces and hyphens do not matter.
        machines: in the order in which she saw them.
    """
    if told.strip().isascii() and told.strip().isdigit() and int(told) <= len(machines):
        return machines[int(told) - 1] if int(told) else None
    words = _plain(told)
    if not words:
        return None
    names = [(machine, (_plain(machine.name), _plain(machine.title))) for machine in machines]
    for fits in (str.__eq__, str.endswith, str.__contains__):
        found = [machine for machine, both in names if any(fits(name, words) for name in both)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _plain(words: str) -> str:
    return re.sub(r"[^a-z0-9]", "", words.lower())


def grams_meant(told: str) -> float | None:
    """Return the grams of "750", "750 g", "0,75 kg"; None for anything else."""
    found = _NUMBER.fullmatch(told.strip().lower())
    if found is None:
        return None
    return float(found[1].replace(",", ".")) * (1000.0 if found[2] == "kg" else 1.0)


def ask_machine(proposed: str) -> str:
    """Show the machines, and ask which one it is; return its preset's name.

    Args:
        proposed: the preset to take where she only presses enter, "" for none.
    """
    machines = all_machines()
    for number, machine in enumerate(machines, start=1):
        click.echo(f"  {number:3}  {machine.title}  ({machine.name})", err=True)
    if not proposed:
        words = "Yours is not there? Take the generic printer with its bed, or with the next smaller one"
        click.echo(words, err=True)

    def understood(told: str) -> str:
        meant = machine_meant(told, machines)
        if meant is None:
            raise click.BadParameter(f"{told!r} is none of them, or several: give its number")
        return meant.name

    found: str = click.prompt(
        "Which machine is it (number or name)", proposed or None, value_proc=understood, err=True
    )
    return found


def ask_grams(proposed: float) -> float:
    """Ask how much is left on a spool; 0 proposes nothing."""
    if not proposed:
        words = "A new spool has mostly 1000 g. Else weigh it, and take some 200 g off for the empty reel"
        click.echo(words, err=True)

    def understood(told: str) -> float:
        grams = grams_meant(told)
        if grams is None:
            raise click.BadParameter(f"{told!r} is no weight: write grams, as 750")
        return grams

    shown = f"{proposed:g}" if proposed else None
    found: float = click.prompt(
        "Grams of filament left on that spool", shown, value_proc=understood, err=True
    )
    return found


def ask_material(known: Sequence[str], proposed: str) -> str:
    """Ask what is on a spool; return one of `known`, or "none"; "" proposes nothing."""
    kind = click.Choice(["none", *known], case_sensitive=False)
    found: str = click.prompt("What is on its spool", proposed or None, type=kind, err=True)
    if found == "none":
        words = (
            "It gets no work until you have put a spool on, and said so on your lab's page or here"
        )
        click.echo(words, err=True)
    return found


def ask_safety(preset: MachinePreset, given: Mapping[str, bool | None], *, yes: bool) -> Safety:
    """Ask what has to be true before a printer may work alone.

    Args:
        preset: of the printer.
        given: by the names of `Safety`, what was answered already; None is asked for.
        yes: nothing is asked, and nothing is confirmed by that.
    """
    from fabnet.node.setup import QUESTIONS, Safety, safety_words

    known = dict(given)
    if not yes and None in known.values():
        click.echo(safety_words(preset), err=True)
    for name, words in QUESTIONS.items():
        if known[name] is None:
            # One no settles it; what was not asked is not confirmed.
            ask = not yes and False not in known.values()
            known[name] = ask and click.confirm(words, default=False, err=True)
    return Safety(**{name: bool(told) for name, told in known.items()})


def ask_hours(proposed: str) -> str:
    """Ask when somebody is there, until the answer is hours of a week."""

    def understood(told: str) -> str:
        try:
            parse(told)
        except InvalidFieldError as error:
            raise click.BadParameter(error.why) from error
        return told

    words = "When is somebody there (as Mon-Fri 18:00-23:00, Sat 09:00-19:00)"
    found: str = click.prompt(words, proposed, value_proc=understood, err=True)
    return found


def address_meant(told: str) -> str:
    """Return an OctoPrint's address with its scheme, which people leave out."""
    told = told.strip().rstrip("/")
    return told if not told or "://" in told else f"http://{told}"
