"""How fast a person says she is at a machine: pieces an hour, of all and of single parts, as a form's fields.

Leaves what becomes of them to the coordinator's page and the node's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from printers.model import LEAST_RATE_PER_H, MOST_RATE_PER_H, PartRate
from web.forms import Form
from web.language import gettext as _
from web.language import language

_NUMBER = re.compile(r"[0-9]{1,6}(?:[.,][0-9]{1,4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedPart:
    """A part that may have a rate of its own."""

    part: str  # its id in its design
    source_sha256: str  # of its pattern
    title: str
    of: str = ""  # the design's title, "" where nobody here knows it
    per_h: float = 0.0  # 0: as all others

    @property
    def field(self) -> str:
        """The name of its field."""
        return f"rate_{self.source_sha256}"


def rates_form(rate_per_h: float, parts: Iterable[RatedPart]) -> Form:
    """Return what holds now as the fields of the form."""
    own = {part.field: _written(part.per_h) for part in parts if part.per_h}
    return Form({"rate": _written(rate_per_h), **own})


def rates_from(form: Form, parts: Iterable[RatedPart]) -> tuple[float, tuple[PartRate, ...]]:
    """Read pieces an hour of all, and of the parts with a number of their own.

    Use them only if the form is good. An empty field is no number of its own.
    """
    own = tuple(
        PartRate(
            part=part.part, source_sha256=part.source_sha256, per_h=rate_from(form, part.field)
        )
        for part in parts
        if form[part.field].strip()
    )
    return rate_from(form, "rate"), own


def rate_from(form: Form, name: str) -> float:
    """Read pieces an hour, also half of one, with a comma or a point; use it only if the form is good."""
    typed = re.sub(r"\s", "", form[name])
    found = float(typed.replace(",", ".")) if _NUMBER.fullmatch(typed) else 0.0
    if not LEAST_RATE_PER_H <= found <= MOST_RATE_PER_H:
        least, most = _written(LEAST_RATE_PER_H), _written(MOST_RATE_PER_H)
        form.wrong(
            name, _("Please write a number from %(least)s to %(most)s.", least=least, most=most)
        )
        return LEAST_RATE_PER_H
    return found


def _written(number: float) -> str:
    text = f"{number:.4f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if language() == "fr" else text
