"""What `fabnet node setup` asks a person, and how her answers are understood. Answers are never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from fabnet.cli.common import say
from firmware_profiles.loader import all_machines
from firmware_profiles.profile import MachinePreset
from jobs.errors import InvalidFieldError
from jobs.hours import parse

if TYPE_CHECKING:
    from fabnet.node.setup import Safety

_T = TypeVar("_T")
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
        say(
            "Yours is not there? Take the generic printer with its bed, or with the next smaller one"
        )

    def understood(told: str) -> str:
        meant = machine_meant(told, machines)
        if meant is None:
            why = f"{told!r} is none of them, or several" if told else "nothing tells which it is"
            raise click.BadParameter(f"{why}: give its number")
        return meant.name

    found: str = _asked("Which machine is it (number or name)", proposed, understood)
    say(f"    {next(machine.title for machine in machines if machine.name == found)}")
    return found


def _asked(words: str, proposed: str, understood: Callable[[str], _T]) -> _T:
    """Ask until it is understood; enter alone is what is proposed, or else an answer like others."""
    found: _T = click.prompt(
        words, proposed, show_default=bool(proposed), value_proc=understood, err=True
    )
    return found


def ask_grams(proposed: float) -> float:
    """Ask how much is left on a spool; 0 proposes nothing."""
    if not proposed:
        say(
            "A new spool has mostly 1000 g. Else weigh it, and take some 200 g off for the empty reel;"
            " or guess, rather too little: you can weigh it later"
        )

    def understood(told: str) -> float:
        grams = grams_meant(told)
        if grams is None:
            why = f"{told!r} is no weight: " if told else ""
            raise click.BadParameter(f"{why}write grams, as 750")
        return grams

    shown = f"{proposed:g}" if proposed else ""
    return _asked("Grams of filament left on that spool", shown, understood)


def ask_material(known: Sequence[str], proposed: str) -> str:
    """Ask what is on a spool; return one of `known`, or "none"; "" proposes nothing."""
    choices = {each.lower(): each for each in ("none", *known)}

    def understood(told: str) -> str:
        if told.strip().lower() not in choices:
            why = f"{told!r} is nothing that this machine prints: " if told else ""
            raise click.BadParameter(f"{why}write one of {', '.join(choices.values())}")
        return choices[told.strip().lower()]

    words = f"What is on its spool ({', '.join(choices.values())})"
    found: str = _asked(words, proposed, understood)
    if found == "none":
        say("It gets no work until you have put a spool on, and said so on your lab's page or here")
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
        say(safety_words(preset))
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

    say("A plate is only started where it can be printed to its end while somebody is there")
    return _asked("When is that, as Mon-Fri 18:00-23:00, Sat 09:00-19:00", proposed, understood)


def address_meant(told: str) -> str:
    """Return an OctoPrint's address: with its scheme, which people leave out, and without the page.

    A browser shows more than the address: "http://octopi.local/?#temp", or the page for signing in.
    """
    told = re.split(r"[?#]", told.strip())[0].rstrip("/")
    told = told.removesuffix("/login").rstrip("/")
    return told if not told or "://" in told else f"http://{told}"


def hours_to_write(attended: str, given: str | None, *, yes: bool) -> str:
    """Return the hours to write into node.toml, "" to leave those of the file.

    Args:
        attended: those of the file.
        given: what was told on the command line; None is asked for.
        yes: nothing is asked.

    Raises:
        UsageError: what was given is no hours.
    """
    told = given
    if told is None:
        told = "" if yes else ask_hours(attended)
    elif told:
        try:
            parse(told)
        except InvalidFieldError as error:
            raise click.UsageError(f"--attended: {error.why}") from error
    return "" if told == attended else told
