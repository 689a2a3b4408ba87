"""Which language and time a page speaks; every string that people read goes through here.

The one module that knows flask-babel, which has no types. Strings are in English in the source;
`web/babel.cfg` says how they get into `web/translations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from babel import dates, numbers
from babel.support import Translations
from flask import Flask, request
from flask_babel import (  # type: ignore[import-untyped]
    Babel,
    format_date,
    format_datetime,
    format_decimal,
    get_locale,
)
from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext
from flask_babel import ngettext as _ngettext

from jobs.ledger import cells
from jobs.model import UNKNOWN

#: The first is spoken when nobody asks for another.
LANGUAGES = ("fr", "en")


def gettext(words: str, **figures: object) -> str:
    """Return words in the reader's language, with figures put in for `%(name)s`."""
    return str(_gettext(words, **figures))


def ngettext(one: str, many: str, num: int, **figures: object) -> str:
    """Return the words for one thing or for many, with `num` put in for `%(num)s`."""
    return str(_ngettext(one, many, num, **figures))


class Lazy:
    """Words that are translated when they are shown, not when they are written down."""

    def __init__(self, words: str) -> None:
        self.source = words  # as it stands in the code, in English
        self._words = _lazy_gettext(words)

    def __str__(self) -> str:
        return str(self._words)


def lazy_gettext(words: str) -> Lazy:
    """Return words for a table that is made before anybody reads it."""
    return Lazy(words)


class Speech:
    """One language without a reader at hand, for letters: the same catalogues as the pages."""

    def __init__(self, language: str) -> None:
        self.language = language
        folder = Path(__file__).parent / "translations"
        self._catalogue = Translations.load(str(folder), [language])

    def gettext(self, words: str, /, **figures: object) -> str:
        """As `gettext`."""
        return str(self._catalogue.gettext(words)) % figures

    def ngettext(self, one: str, many: str, num: int, /, **figures: object) -> str:
        """As `ngettext`."""
        return str(self._catalogue.ngettext(one, many, num)) % (figures | {"num": num})

    def number(self, value: float) -> str:
        """As `number`."""
        return str(numbers.format_decimal(value, locale=self.language))

    def day(self, text: str) -> str:
        """As `day_words`."""
        day = cells.day(text)
        if day == UNKNOWN.date():
            return self.gettext("unknown date")
        words = str(dates.format_date(day, "EEEE d MMMM", self.language))
        return _first_of_month(words, self.language)


def _first_of_month(words: str, code: str) -> str:
    """Return a day in words as French has it: its first of a month is no plain number."""
    return re.sub(r"\b1 (?=[^\W\d])", "1er ", words) if code == "fr" else words


def date_words(day: date | datetime, form: str) -> str:
    """Return a day in words; `form` is a pattern of Unicode's CLDR."""
    if (day.date() if isinstance(day, datetime) else day) == UNKNOWN.date():
        return gettext("unknown date")
    return _first_of_month(str(format_date(day, form)), language())


def datetime_words(at: datetime, form: str) -> str:
    """Return a moment in words, by the clock of the pages; `form` is a pattern of Unicode's CLDR."""
    if at == UNKNOWN:
        return gettext("unknown date")
    return _first_of_month(str(format_datetime(at, form)), language())


def number(value: float) -> str:
    """Return a number as the reader writes it."""
    return str(format_decimal(value))


def day_words(text: str) -> str:
    """Return a day, written as 2026-12-07, in words."""
    return date_words(cells.day(text), "EEEE d MMMM")


def month_words(text: str, form: str = "MMMM y") -> str:
    """Return a month, written as 2026-12, in words; `form` is a pattern of Unicode's CLDR."""
    return date_words(cells.day(f"{text}-01"), form)


def moment_words(at: datetime) -> str:
    """Return day and time, by the clock of the pages, in words."""
    return datetime_words(at, "EEEE d MMMM, HH:mm")


def weekday(number: int, width: Literal["wide", "abbreviated"] = "wide") -> str:
    """Return the name of a day of the week; 0 is Monday."""
    return str(get_locale().days["format"][width][number])


def local_days(text: str, days: Sequence[str]) -> str:
    """Return text with the reader's short names of days in place of `days`, Monday first."""
    return re.sub(
        "|".join(days), lambda found: weekday(days.index(found[0]), "abbreviated").strip("."), text
    )


def plain_days(text: str, days: Sequence[str]) -> str:
    """Return text with `days` in place of the reader's long or short names of days."""
    for number, plain in enumerate(days):
        names = (weekday(number), weekday(number, "abbreviated").strip("."))
        text = re.sub(rf"\b({'|'.join(names)})\b\.?", plain, text, flags=re.IGNORECASE)
    return text


def language() -> str:
    """Return the code of the reader's language."""
    return str(get_locale())


def _choose() -> str:
    for named in (request.args.get("lang"), request.cookies.get("lang")):
        if named in LANGUAGES:
            return named
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Let all that is said meanwhile be said in a language, where no page is asked for."""
    app = Flask(__name__)
    Babel(app, default_locale=code)
    with app.app_context():
        yield


def register(app: Flask, timezone: str) -> None:
    """Let the app speak; times are shown as clocks in `timezone` show them."""
    Babel(app, locale_selector=_choose, timezone_selector=lambda: timezone)
    app.jinja_env.filters.update(dateformat=date_words, datetimeformat=datetime_words)
