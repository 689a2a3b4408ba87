"""In which language a command speaks with a maker: her terminal's, by LANGUAGE, LC_ALL, LC_MESSAGES or LANG.

French and English, as the pages; `fabnet/translations` holds the French, and `make words` compiles it.
JSON and logs stay in English; of `--help` see `fabnet.cli.help_words`, of faults from below
`fabnet.cli.said_below`.
"""

from __future__ import annotations

import gettext as catalogues
import re
from datetime import datetime
from pathlib import Path

import click

from jobs.hours import DAYS

_CATALOGUES = str(Path(__file__).parents[1] / "translations")
#: Understood in either language: who has set her machine to English may still think in French.
_ANSWERS = {"y": True, "yes": True, "o": True, "oui": True, "n": False, "no": False, "non": False}


def speak() -> None:
    """Let words of ours, and click's own between them, be looked up in the catalogue."""
    catalogues.bindtextdomain("messages", _CATALOGUES)


def gettext(words: str, /, **figures: object) -> str:
    """Return words in the language of the terminal, with figures put in for `%(name)s`."""
    found = catalogues.gettext(words)
    return found % figures if figures else found


def ngettext(one: str, many: str, num: int) -> str:
    """Return the words for one thing or for many, with `num` put in for `%(num)s`."""
    return catalogues.ngettext(one, many, num) % {"num": num}


def language() -> str:
    """Return the code of the terminal's language, as pages know it."""
    return "fr" if catalogues.find("messages", _CATALOGUES) else "en"


def decimal(value: float, places: int) -> str:
    """Return a number as people of the terminal's language write it."""
    return f"{value:.{places}f}".replace(".", gettext("."))


def days(text: str) -> str:
    """Return hours of a week, as `jobs.hours` reads them, with the days' names of the language."""
    names = dict(zip(DAYS, gettext("Mon Tue Wed Thu Fri Sat Sun").split(), strict=True))
    return re.sub("|".join(DAYS), lambda found: names[found[0]], text)


def day_and_hour(at: datetime) -> str:
    """Return a moment of this week, as "Mon 08:00"."""
    return days(f"{DAYS[at.weekday()]} {at:%H:%M}")


def sure(words: str, *, default: bool = False, abort: bool = False) -> bool:
    """Ask until the answer is yes or no; enter alone is `default`.

    Raises:
        Abort: the answer is no, and `abort` is set.
    """
    shown = gettext("[Y/n]") if default else gettext("[y/N]")

    def understood(told: str) -> bool:
        if told.strip().lower() not in _ANSWERS:
            raise click.BadParameter(gettext("write yes or no"))
        return _ANSWERS[told.strip().lower()]

    proposed = "yes" if default else "no"
    found: bool = click.prompt(
        f"{words} {shown}", proposed, show_default=False, value_proc=understood, err=True
    )
    if abort and not found:
        raise click.Abort
    return found
