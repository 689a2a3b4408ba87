"""Which language and time a page speaks; every string that people read goes through here.

The one module that knows flask-babel, which has no types. Strings are in English in the source;
`web/babel.cfg` says how they get into `web/translations`.
"""

from __future__ import annotations

from flask import Flask, request
from flask_babel import (  # type: ignore[import-untyped]
    Babel,
    format_decimal,
    get_locale,
)
from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext

#: The first is spoken when nobody asks for another.
LANGUAGES = ("fr", "en")


def gettext(words: str, **figures: object) -> str:
    """Return words in the reader's language, with figures put in for `%(name)s`."""
    return str(_gettext(words, **figures))


class Lazy:
    """Words that are translated when they are shown, not when they are written down."""

    def __init__(self, words: str) -> None:
        self._words = _lazy_gettext(words)

    def __str__(self) -> str:
        return str(self._words)


def lazy_gettext(words: str) -> Lazy:
    """Return words for a table that is made before anybody reads it."""
    return Lazy(words)


def number(value: float) -> str:
    """Return a number as the reader writes it."""
    return str(format_decimal(value))


def language() -> str:
    """Return the code of the reader's language."""
    return str(get_locale())


def _choose() -> str:
    for named in (request.args.get("lang"), request.cookies.get("lang")):
        if named in LANGUAGES:
            return named
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def register(app: Flask, timezone: str) -> None:
    """Let the app speak; times are shown as clocks in `timezone` show them."""
    Babel(app, locale_selector=_choose, timezone_selector=lambda: timezone)
