"""What commands ask a person, and how her answers are understood. Answers are never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from fabnet.cli.common import say
from fabnet.cli.language import days, gettext, sure
from firmware_profiles.loader import all_machines
from firmware_profiles.profile import MachinePreset
from jobs.errors import InvalidFieldError
from jobs.hours import DAYS, parse
from jobs.joining import LEAST_PASSWORD

if TYPE_CHECKING:
    from fabnet.node.setup import Safety

_T = TypeVar("_T")
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)?)\s*(k?g)?")
#: Long and short names of days that people write, whatever their terminal speaks.
_DAY_NAMES = {
    name: day
    for day, names in zip(
        DAYS,
        (
            ("mon", "monday", "lun", "lundi"),
            ("tue", "tuesday", "mar", "mardi"),
            ("wed", "wednesday", "mer", "mercredi"),
            ("thu", "thursday", "jeu", "jeudi"),
            ("fri", "friday", "ven", "vendredi"),
            ("sat", "saturday", "sam", "samedi"),
            ("sun", "sunday", "dim", "dimanche"),
        ),
        strict=True,
    )
    for name in names
}
_TIME = re.compile(r"\b(\d{1,2})\s?(?:h\s?(\d{2})?\b|:(\d{2})\b)", re.IGNORECASE)
_TILL = re.compile(r"\s*(?:[-\u2013]|\b(?:to|until|à|au)\b)\s*", re.IGNORECASE)


def machines_meant(told: str, machines: Sequence[MachinePreset]) -> Sequence[MachinePreset]:
    """Return the machines that a person may mean; it is understood where that is one.

    Args:
        told: its number in the list from 1 on, its name or its title, or a part of them that only one
            has; capitals, spaces and hyphens do not matter.
        machines: in the order in which she saw them.
    """
    if told.strip().isascii() and told.strip().isdigit() and int(told) <= len(machines):
        return [machines[int(told) - 1]] if int(told) else []
    words = _plain(told)
    if not words:
        return []
    names = [(machine, (_plain(machine.name), _plain(machine.title))) for machine in machines]
    for fits in (str.__eq__, str.endswith, str.__contains__):
        found = [machine for machine, both in names if any(fits(name, words) for name in both)]
        if found:
            return found
    return []


def _plain(words: str) -> str:
    return re.sub(r"[^a-z0-9]", "", words.lower())


def grams_meant(told: str) -> float | None:
    """Return the grams of "750", "750 g", "0,75 kg"; None for anything else."""
    found = _NUMBER.fullmatch(told.strip().lower())
    if found is None:
        return None
    return float(found[1].replace(",", ".")) * (1000.0 if found[2] == "kg" else 1.0)


def hours_meant(told: str) -> str | None:
    """Return hours as `jobs.hours` reads them, of "lun-ven 18h-23h" or "Monday to Friday, 9:00-17:00".

    None where that is no hours of a week.
    """
    text = _TILL.sub("-", re.sub(r"\b(?:de|from)\b", " ", told.strip().replace(";", ",")))
    text = re.sub(r"[^\W\d_]{3,}", lambda found: _DAY_NAMES.get(found[0].lower(), found[0]), text)
    text = _TIME.sub(lambda t: f"{int(t[1]):02}:{t[2] or t[3] or '00'}", text)
    text = re.sub(r"([A-Z][a-z]{2})[.:]?\s+(?=\d)", r"\1 ", text)
    text = re.sub(r"\s*,\s*", ", ", text)
    try:
        parse(text)
    except InvalidFieldError:
        return None
    return text


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
            gettext(
                "Yours is not there? Take the generic printer with its bed, or with the next smaller one"
            )
        )

    def understood(told: str) -> str:
        meant = machines_meant(told, machines)
        if len(meant) == 1:
            return meant[0].name
        if meant:
            like = ", ".join(str(machines.index(each) + 1) for each in meant)
            why = gettext("several are like %(told)s: %(numbers)s", told=repr(told), numbers=like)
        elif told:
            why = gettext("%(told)s is none of them", told=repr(told))
        else:
            why = gettext("nothing tells which it is")
        raise click.BadParameter(gettext("%(why)s; give its number", why=why))

    found: str = _asked(gettext("Which machine is it (number or name)"), proposed, understood)
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
            gettext(
                "A new spool has mostly 1000 g. Else weigh it, and take some 200 g off for the empty reel;"
                " or guess, rather too little: you can weigh it later"
            )
        )

    def understood(told: str) -> float:
        grams = grams_meant(told)
        if grams is None:
            how = gettext("write grams, as 750")
            raise click.BadParameter(
                gettext("%(told)s is no weight: %(how)s", told=repr(told), how=how) if told else how
            )
        return grams

    shown = f"{proposed:g}" if proposed else ""
    return _asked(gettext("Grams of filament left on that spool"), shown, understood)


def ask_material(known: Sequence[str], proposed: str) -> str:
    """Ask what is on a spool; return one of `known`, or "none"; "" proposes nothing."""
    nothing = gettext("none")
    shown = ", ".join((nothing, *known))
    choices = {nothing.lower(): "none", "none": "none"} | {each.lower(): each for each in known}

    def understood(told: str) -> str:
        if told.strip().lower() not in choices:
            how = gettext("write one of %(materials)s", materials=shown)
            why = gettext(
                "%(told)s is nothing that this machine prints: %(how)s", told=repr(told), how=how
            )
            raise click.BadParameter(why if told else how)
        return choices[told.strip().lower()]

    words = gettext("What is on its spool (%(materials)s)", materials=shown)
    found: str = _asked(words, proposed, understood)
    if found == "none":
        say(
            gettext(
                "It gets no work until you have put a spool on, and said so on your lab's page or here"
            )
        )
    return found


def safety_words(preset: MachinePreset) -> str:
    """Return what the owner has to know before she is asked."""
    words = gettext(
        "May it print while nobody is there? Three questions; unless all are yes, it prints only in"
        " the hours with somebody there. You may say yes later, on your lab's page.\n"
        "The test, cold to begin with, and you beside it: plug out, take the nozzle's heater off the"
        " board, plug in, set the nozzle to 150 C. Within two minutes the printer has to stop by itself"
        " with an error. Then the same with the bed's heater. Never take one off with the plug in."
    )
    if preset.ships_without_protection:
        words += "\n" + gettext(
            "Note: the %(machine)s is known to have been sold without thermal protection: what"
            " heats then does not stop by itself. Test it, do not trust the label.",
            machine=preset.title,
        )
    return words


def _safety_questions() -> dict[str, str]:
    """Return what is asked, in this order, by the names of `Safety`."""
    return {
        "protection_tested": gettext(
            "Have you TESTED that it stops by itself when a heater comes loose?"
        ),
        "smoke_alarm": gettext("Is there a smoke alarm in the room, that somebody will hear?"),
        "surroundings_clear": gettext(
            "Is nothing that burns within reach of it: paper, curtains, spray cans?"
        ),
    }


def ask_safety(preset: MachinePreset, given: Mapping[str, bool | None], *, yes: bool) -> Safety:
    """Ask what has to be true before a printer may work alone.

    Args:
        preset: of the printer.
        given: by the names of `Safety`, what was answered already; None is asked for.
        yes: nothing is asked, and nothing is confirmed by that.
    """
    from fabnet.node.setup import Safety

    known = dict(given)
    if not yes and None in known.values():
        say(safety_words(preset))
    for name, words in _safety_questions().items():
        if known[name] is None:
            # One no settles it; what was not asked is not confirmed.
            known[name] = not yes and False not in known.values() and sure(words)
    return Safety(**{name: bool(told) for name, told in known.items()})


def ask_hours(proposed: str) -> str:
    """Ask when somebody is there, until the answer is hours of a week."""
    example = "Mon-Fri 18:00-23:00, Sat 09:00-19:00"

    def understood(told: str) -> str:
        meant = hours_meant(told)
        if meant is None:
            how = gettext("write them like the example, or as 08:00-20:00 for every day")
            raise click.BadParameter(
                gettext("%(told)s is no hours: %(how)s", told=repr(told), how=how)
            )
        return meant

    say(
        gettext(
            "A plate is only started where it can be printed to its end while somebody is there"
        )
    )
    words = gettext("When is that, as %(example)s", example=days(example))
    return _asked(words, days(proposed), understood)


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
            told = hours_meant(told) or told
            parse(told)
        except InvalidFieldError as error:
            raise click.UsageError(f"--attended: {error.why}") from error
    return "" if told == attended else told


def new_password() -> str:
    """Ask twice for a password that is long enough, unseen."""
    words = gettext(
        "Choose a password: ten characters or more, four or five words are easy to keep\n"
        "It is not shown"
    )
    told: str = click.prompt(
        words, hide_input=True, err=True,
        confirmation_prompt=gettext("Once more"), value_proc=_long_enough,
    )  # fmt: skip
    return told


def _long_enough(password: str) -> str:
    if len(password) < LEAST_PASSWORD:
        # click keeps what is wrong with a hidden answer to itself.
        say(gettext("That has %(many)s characters", many=len(password)))
        raise click.BadParameter(gettext("at least %(many)s are needed", many=LEAST_PASSWORD))
    return password
