"""Which texts are addresses of mail, and which are telephone numbers. Pure."""

from __future__ import annotations

import re

#: Plain letters only: what else mail servers might take is not worth a second way to write it.
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_WORD}(\.{_WORD})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MOST_LOCAL = 64
_MOST_ADDRESS = 254
_TELEPHONE = re.compile(r"(?:\+|00)?\d(?:[ .\-/()]*\d){7,14}")
#: A telephone number that a spreadsheet has spoilt: its last digits are gone.
_SPOILT = re.compile(r"\d[.,]\d+e\+?\d+", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Return whether a text can be an address of mail."""
    if len(text) > _MOST_ADDRESS or text.find("@") > _MOST_LOCAL:
        return False
    return _ADDRESS.fullmatch(text) is not None


def mail_in(contact: str) -> str:
    """Return the address of mail in what a requester gave, a telephone number beside it or not; "" for none."""
    words = re.split(
        r"[\s/:;,<>()\[\]\"]+", contact
    )  # a link in a spreadsheet is mailto:ada@example.org
    return next((each for word in words if is_address(each := word.strip(".'"))), "")


def number_in(text: str) -> str:
    """Return the first telephone number in a text; "" for none."""
    found = _TELEPHONE.search(text)
    return found[0] if found else ""


def as_dialled(text: str) -> str:
    """Return a number with the zero or the plus that a spreadsheet took from it; nothing of a spoilt one."""
    if _SPOILT.fullmatch(text):
        return ""
    if re.fullmatch(r"33[1-9]\d{8}", text):
        return f"+{text}"
    return f"0{text}" if re.fullmatch(r"[1-9]\d{8}", text) else text
