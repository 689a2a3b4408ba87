"""What somebody does with the pages, whatever does it for her: requests over HTTP, or a browser that is seen.

The story is told in these deeds alone, so it is the same story in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fabnet.demo.browser import Person
from tests.chaos.people import person_from


class Hands(Protocol):
    """Somebody who opens pages, fills in their forms and sends them.

    Every deed raises `fabnet.demo.browser.PageError` where a page does not do what it promises.
    """

    def read(self, path: str) -> str:
        """Open a page; return its HTML."""

    def filled(self, path: str, ending: str) -> Mapping[str, str]:
        """Open a page; return what is filled in already in the form whose address ends so."""

    def submit(self, path: str, ending: str, values: Mapping[str, str]) -> str:
        """Open a page, fill in the form whose address ends so, and send it; return where it leads."""

    def json(self, path: str) -> Any:
        """Read what a page's JSON twin says."""

    def sign_in(self, login: str, password: str) -> None:
        """Sign in."""

    def leave(self) -> None:
        """Put the telephone away."""


#: Gives somebody her hands: by what she is (a key of `browser.SCREENS`), and by a number, for she has an
#: address of her own on the network.
Hire = Callable[[str, int], Hands]


class OverHttp:
    """Sends what the form of a page would send."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.submit = person.submit
        self.json = person.json
        self.sign_in = person.sign_in

    def read(self, path: str) -> str:
        """See `Hands`."""
        return self._person.get(path).text

    def filled(self, path: str, ending: str) -> Mapping[str, str]:
        """See `Hands`."""
        return self._person.form(path, ending).fields

    def leave(self) -> None:
        """See `Hands`."""


def over_http(url: str) -> Hire:
    """Return what gives everybody a connection of her own."""
    return lambda _role, number: OverHttp(person_from(url, number))
