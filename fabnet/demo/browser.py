"""Somebody with a browser, without the browser: opens pages, fills in their forms, sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from fabnet.errors import FabnetError

_TIMEOUT_S = 20


class PageError(FabnetError):
    """A page did not do what its form promised."""


@dataclass(slots=True, kw_only=True)
class Form:
    """A form of a page, with what is filled in already."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """Finds the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `html.parser.HTMLParser`."""
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(action=told.get("action", "")))
        elif tag in ("input", "textarea") and self.forms and "name" in told:
            loose = told.get("type") in ("radio", "checkbox") and "checked" not in told
            if loose:
                self.forms[-1].fields.setdefault(told["name"], "")
                self.forms[-1].fields[told["name"]] = self.forms[-1].fields[
                    told["name"]
                ] or told.get("value", "")
            else:
                self.forms[-1].fields[told["name"]] = told.get("value", "")


class Person:
    """Somebody with a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Accept-Language"] = "fr"

    def get(self, path: str) -> requests.Response:
        """Open a page."""
        answer = self._session.get(urljoin(self._url, path), timeout=_TIMEOUT_S)
        if answer.status_code >= requests.codes.bad_request:
            raise PageError(f"{path} answered {answer.status_code}")
        return answer

    def press(self, path: str, ending: str, values: Mapping[str, str]) -> bool:
        """Fill in such a form and send it; return whether the page has it still.

        What a list of things to do has named may be done, or no longer asked, when the page is opened.
        """
        form = self.find(path, ending)
        if form is not None:
            self.send(form.action, {**form.fields, **values})
        return form is not None

    def submit(self, path: str, ending: str, values: Mapping[str, str]) -> str:
        """Fill in the form of a page whose action ends so, and send it; return where it leads."""
        form = self.form(path, ending)
        return self.send(form.action, {**form.fields, **values})

    def form(self, path: str, ending: str) -> Form:
        """Return a form of a page."""
        found = self.find(path, ending)
        if found is None:
            raise PageError(f"{path} has no form for {ending}")
        return found

    def find(self, path: str, ending: str) -> Form | None:
        """Return a form of a page, None where it has none such now."""
        for form in self.forms(path):
            if form.action.partition("?")[0].endswith(ending) and "csrf_token" in form.fields:
                return form
        return None

    def send(self, action: str, fields: Mapping[str, str]) -> str:
        """Send a form; return the address of the page that follows."""
        answer = self._session.post(action, data=fields, timeout=_TIMEOUT_S)
        # Somebody else was quicker, or this was sent before the line broke: the page shows it.
        if (
            answer.status_code >= requests.codes.bad_request
            and answer.status_code != requests.codes.conflict
        ):
            raise PageError(f"{action} answered {answer.status_code}")
        return answer.url

    def sign_in(self, login: str, password: str) -> None:
        """Sign in."""
        self.submit("/sign-in", "/sign-in", {"login": login, "password": password})

    def forms(self, path: str) -> list[Form]:
        """Return all forms of a page, with whole addresses."""
        answer = self.get(path)
        parser = Forms()
        parser.feed(answer.text)
        return [
            Form(action=urljoin(answer.url, form.action), fields=form.fields)
            for form in parser.forms
        ]

    def json(self, path: str) -> Any:
        """Read what a page's JSON twin says."""
        return self.get(path).json()
