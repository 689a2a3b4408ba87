"""The code of a bag, from the plate that it came off: workshop and coordinator write the same. Pure."""

from __future__ import annotations

from stdnum.iso7064 import mod_37_36

from jobs.model import AttemptRef


def lot_code(ref: AttemptRef) -> str:
    """Return the code for the bag: job, attempt and an ISO 7064 mod 37,36 check character.

    At most 20 characters of [A-Z0-9-], as GS1's AI (10) would take it.
    """
    body = f"{ref.job}{ref.number}".upper()
    check = mod_37_36.calc_check_digit(body)
    return f"{ref.job}-{ref.number}{check}".upper()
