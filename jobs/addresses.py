"""Which texts are addresses of mail. Pure."""

from __future__ import annotations

import re

#: Plain letters only: what else mail servers might take is not worth a second way to write it.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MOST_ADDRESS = 254


def is_address(text: str) -> bool:
    """Return whether a text can be an address of mail."""
    return len(text) <= _MOST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def mail_in(contact: str) -> str:
    """Return the address of mail in what a requester gave, a telephone number beside it or not; "" for none."""
    words = re.split(r"[\s/;,<>()]+", contact)
    return next((word for word in words if is_address(word)), "")
