"""The code of a bag, from the plate that it came off: workshop and coordinator write the same. Pure."""

from __future__ import annotations

import re

from stdnum.iso7064 import mod_37_36

from jobs.model import AttemptRef

_BARE = re.compile(r"([A-Z0-9]{10})([0-9]{1,6}[A-Z0-9])")
_SHAPE = re.compile(r"[A-Z0-9]+-[0-9]+[A-Z0-9]")


def lot_code(ref: AttemptRef) -> str:
    """Return the code for the bag: job, attempt and an ISO 7064 mod 37,36 check character.

    At most 20 characters of [A-Z0-9-], as GS1's AI (10) would take it.
    """
    body = f"{ref.job}{ref.number}".upper()
    check = mod_37_36.calc_check_digit(body)
    return f"{ref.job}-{ref.number}{check}".upper()


def code_in(text: str) -> str:
    """Return the code in what was typed or scanned: small letters, spaces, a label's whole address."""
    code = "".join(text.rstrip("/ ").rpartition("/")[2].split()).upper()
    bare = _BARE.fullmatch(code)  # the stroke is left out
    return f"{bare[1]}-{bare[2]}" if bare else code


def is_misread(code: str) -> bool:
    """Return whether a code has another check character than its letters ask for: one was misread."""
    return not _SHAPE.fullmatch(code) or not mod_37_36.is_valid(code.replace("-", ""))
