"""Sentences of the ledger, the gate for designs, nodes and printers, in the reader's language.

They come as English text: over the wire from nodes of any age, out of a file's check, from an error.
A known one is recognised by its words, its figures are taken out and put into the French. What is
not known, a maker's own words above all, stays as it is. What can be said stands in
`web.said_by_ledger`, `web.said_by_gate` and `web.said_by_machines`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from markupsafe import Markup

from web import said_by_gate, said_by_ledger, said_by_machines
from web.language import Lazy, Speech, language, lazy_gettext
from web.states import ATTEMPT_STATES, BATCH_STATES, ORDER_STATES, PRINTER_STATES, REVIEW_STATES

#: Longer texts are no sentences of ours, and would take long to look through.
_LONGEST = 600
#: The figures that hold further words, which are translated if they are known.
_WORDS = ("head", "what")
#: Fields of forms, as they stand before what is wrong with them.
FIELDS: Mapping[str, Lazy] = MappingProxyType(
    {
        "reason": lazy_gettext("reason"),
        "pieces": lazy_gettext("pieces"),
        "hours": lazy_gettext("hours"),
        "until": lazy_gettext("day"),
        "release": lazy_gettext("day"),
        "note": lazy_gettext("note"),
        "material": lazy_gettext("material"),
        "grams": lazy_gettext("grams"),
        "login": lazy_gettext("login"),
        "lot": lazy_gettext("bag"),
        "photos": lazy_gettext("photos"),
        "text": lazy_gettext("text"),
        "tracking": lazy_gettext("tracking number"),
        "bags": lazy_gettext("bags"),
        "driver": lazy_gettext("driver"),
        "spot": lazy_gettext("where they stand"),
        "item": lazy_gettext("item"),
        "profile": lazy_gettext("rule"),
        "stops": lazy_gettext("stops"),
        "to": lazy_gettext("end"),
        "goods": lazy_gettext("goods"),
        "ready": lazy_gettext("day"),
        "arrives": lazy_gettext("day"),
        "due": lazy_gettext("day"),
        "value": lazy_gettext("for what"),
    }
)
_STANDINGS: Mapping[str, Lazy] = MappingProxyType(
    {
        "pending": lazy_gettext("waits to be let in"),
        "confirmed": lazy_gettext("let in"),
        "revoked": lazy_gettext("shut out"),
    }
)
#: The figures that are states, with what these are called.
_STATES: Mapping[str, Mapping[str, Lazy]] = MappingProxyType(
    {
        "attempt_state": ATTEMPT_STATES,
        "batch_state": BATCH_STATES,
        "order_state": ORDER_STATES,
        "printer_state": PRINTER_STATES,
        "standing": _STANDINGS,
        "review_state": REVIEW_STATES,
        "at_least": REVIEW_STATES,
    }
)
#: What was asked for and is not there.
_KINDS: Mapping[str, Lazy] = MappingProxyType(
    {
        "order": lazy_gettext("order"),
        "lab": lazy_gettext("workshop"),
        "node": lazy_gettext("workshop"),
        "sending": lazy_gettext("sending"),
    }
)
_UNITS = ("_mm", "_g", "_h", "_c", "_s", "_cm3")
_NUMBER = r"-?[0-9][0-9.,e+]*"
#: How a figure is known by its name; others may be any words.
_SHAPES: Mapping[str, str] = MappingProxyType(
    {
        "ref": r"[0-9a-z]{1,32}-a[0-9]+",
        # A name with an ending, or one in quotation marks: else many a maker's words would be one.
        "file": r".+\.[0-9A-Za-z]{1,5}|'.*'",
        "what": r".*",
        "day": r"[^:]+",
        "url": r"\S+",
        "host": r"[\w.:\[\]-]+",
        **{name: "|".join(map(re.escape, table)) for name, table in _STATES.items()},
        **dict.fromkeys(
            (
                "accepted", "all", "copies", "edges", "free", "gaps", "good", "high", "line", "long",
                "many", "number", "rejected", "scrap", "size", "status", "told", "wide",
            ),
            _NUMBER,
        ),
    }
)  # fmt: skip
_FIGURE = re.compile(r"%\((\w+)\)s")
_HEAD_AND_WORDS = lazy_gettext("%(head)s: %(what)s")


def _pattern(sentence: str) -> re.Pattern[str]:
    found = ""
    for number, piece in enumerate(_FIGURE.split(sentence)):
        if number % 2:
            shape = _NUMBER if piece.endswith(_UNITS) else _SHAPES.get(piece, r".+?")
            found += f"(?P<{piece}>{shape})"
        else:
            found += re.escape(piece.replace("%%", "%"))
    return re.compile(found)


def _own_letters(sentence: str) -> int:
    return len(_FIGURE.sub("", sentence))


@cache  # with the first text: it takes a tenth of a second, and many a process is asked for none
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return all, the one with most letters of its own first: it says more than one that is mostly figures."""
    modules = (said_by_ledger, said_by_gate, said_by_machines)
    sentences = {each.source for module in modules for each in module.SENTENCES}
    ordered = sorted(sentences, key=lambda sentence: (-_own_letters(sentence), sentence))
    return tuple((_pattern(sentence), sentence) for sentence in ordered)


@lru_cache(maxsize=2048)
def find(text: str) -> tuple[str, Mapping[str, str]] | None:
    """Return which sentence a text is, as it stands in the code, with its figures; None: none of ours."""
    if not text or len(text) > _LONGEST:
        return None
    for pattern, sentence in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            return sentence, found.groupdict()
    # A file, a port or a field, then what is wrong with it.
    for colon in re.finditer(": ", text):
        head, words = text[: colon.start()], text[colon.end() :]
        if find(words) is not None:
            return _HEAD_AND_WORDS.source, {"head": head, "what": words}
    return None


def say(text: str, speech: Speech) -> str:
    """Return a text in a language, if it is a sentence of ours; any other as it is."""
    found = None if speech.language == "en" else find(text)
    if found is None:
        return text
    sentence, figures = found
    return speech.gettext(
        sentence, **{name: _figure(name, each, speech) for name, each in figures.items()}
    )


def _figure(name: str, text: str, speech: Speech) -> str:
    if name in _STATES:
        return speech.gettext(_STATES[name][text].source)
    if name == "kind" and text in _KINDS:
        return speech.gettext(_KINDS[text].source)
    if name in _WORDS:
        field = FIELDS.get(text) if name == "head" else None
        return say(text, speech) if field is None else speech.gettext(field.source)
    if name.endswith(_UNITS):
        try:
            return speech.number(float(text))
        except ValueError:
            return text
    return text


@lru_cache
def _speech(code: str) -> Speech:
    return Speech(code)


def said_here(text: str) -> str:
    """As `say`, in the language of the page."""
    return say(text, _speech(language()))


def said(text: str) -> Markup:
    """Return a text in the language of the page; one that is not known is marked as English."""
    words = said_here(text)
    if language() == "en" or find(text) is not None:
        return Markup.escape(words)
    return Markup('<span lang="en">{}</span>').format(words)
