"""Spools that are kept in Spoolman: read one, and say how much of it is used. REST API v1.

Only absolute grams are written, never "use so many more": whatever is sent twice counts once. Leaves
what is told when, and what a crash means, to `fabnet.node.stock`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from designs.errors import UnknownMaterialError
from designs.materials import material, materials
from printers.errors import SpoolmanError
from printers.model import Spool

#: Seconds to connect and seconds without a byte.
_TIMEOUT_S = (1.5, 4.0)
_REDIRECTS = range(300, 400)
_NO_KEY = {401, 403}
_MOST_WORDS = 200
_MOST_G = 20_000.0  # more than any spool that is sold


class _Vendor(msgspec.Struct, frozen=True):
    name: str | None = None


class _Filament(msgspec.Struct, frozen=True):
    name: str | None = None
    material: str | None = None
    weight: float | None = None
    vendor: _Vendor | None = None


class SpoolmanSpool(msgspec.Struct, frozen=True, kw_only=True):
    """One spool, with Spoolman's own names; grams. Spoolman leaves out what is not known."""

    id: int
    filament: _Filament
    used_weight: float
    initial_weight: float | None = None
    remaining_weight: float | None = None
    lot_nr: str | None = None
    archived: bool = False
    first_used: str | None = None

    @property
    def full_g(self) -> float | None:
        """What was on it when it was new, None where Spoolman does not know."""
        return self.filament.weight if self.initial_weight is None else self.initial_weight

    @property
    def title(self) -> str:
        """How its owner knows it: "Prusament PETG Orange"."""
        vendor = self.filament.vendor.name if self.filament.vendor is not None else None
        return " ".join(filter(None, (vendor, self.filament.name))) or f"spool {self.id}"


class Spoolman:
    """One Spoolman. Its methods raise SpoolmanError where it is away, or says no.

    Args:
        url: http(s)://host[:port][/path].
        key: one that its owner has made there, where it asks for one; "" for none.

    Raises:
        SpoolmanError: this is no address.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SpoolmanError(url, "write its address as http://host:port")
        self._session = requests.Session()
        if key:
            self._session.headers["X-API-Key"] = key

    def spool(self, number: int) -> SpoolmanSpool:
        """Return a spool as it stands there now."""
        return self._ask("GET", number, None)

    def put_right(
        self, found: SpoolmanSpool, used_g: float, full_g: float | None, used_at: datetime | None
    ) -> SpoolmanSpool:
        """Set what is used of a spool, and return it as it stands then.

        Args:
            found: as it was read.
            used_g: all that was ever used of it.
            full_g: what was on it when it was new; None leaves that as it is.
            used_at: when a print took from it; None: nothing was printed, it was weighed.
        """
        told: dict[str, Any] = {"used_weight": used_g}
        if full_g is not None:
            told["initial_weight"] = full_g
        if used_at is not None:
            told["last_used"] = used_at.isoformat()
            if not found.first_used:
                told["first_used"] = used_at.isoformat()
        return self._ask("PATCH", found.id, told)

    def _ask(self, method: str, number: int, told: dict[str, Any] | None) -> SpoolmanSpool:
        try:
            answer = self._session.request(
                method, f"{self.url}/api/v1/spool/{number}", json=told, timeout=_TIMEOUT_S,
                allow_redirects=False,
            )  # fmt: skip
        except (requests.ConnectionError, requests.Timeout) as error:
            why = "it does not answer; is it started, and is the network there?"
            raise SpoolmanError(self.url, why) from error
        except requests.RequestException as error:
            raise SpoolmanError(self.url, f"it cannot be asked: {error}") from error
        self._check(answer, number)
        try:
            return msgspec.json.decode(answer.content, type=SpoolmanSpool)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            why = f"something answers there, but not as Spoolman does: {error}"
            raise SpoolmanError(self.url, why, answer.status_code) from error

    def _check(self, answer: requests.Response, number: int) -> None:
        status = answer.status_code
        if status in _NO_KEY:
            why = (
                "it asks for a login, or does not take this key: make an API key there that"
                " may write, and name its file in node.toml as spoolman_key_file"
            )
            raise SpoolmanError(self.url, why, status)
        if status in _REDIRECTS:
            there = answer.headers.get("Location", "another address")
            raise SpoolmanError(self.url, f"it is at {there}; write that address", status)
        if status == requests.codes.not_found:
            why = f"it has no spool {number}; is the number in node.toml right?"
            raise SpoolmanError(self.url, why, status)
        if not answer.ok:
            words = " ".join(answer.text.split())[:_MOST_WORDS]
            raise SpoolmanError(self.url, f"spool {number}: {words or f'HTTP {status}'}", status)


def loaded(found: SpoolmanSpool, name: str, url: str) -> Spool:
    """Return a spool as a printer's; `name` is what it is called in the network. Pure.

    Raises:
        SpoolmanError: it is archived, of a material that the vocabulary has not, or of no known weight.
    """
    which = f"spool {found.id} ({found.title})"
    if found.archived:
        raise SpoolmanError(url, f"{which} is archived; is another one in the printer?")
    code = (found.filament.material or "").strip()
    if not code:
        why = f"{which} has no material; write one there: {', '.join(materials())}"
        raise SpoolmanError(url, why)
    try:
        material(code)
    except UnknownMaterialError as error:
        why = (
            f"{which} is of {code!r}, which fabnet does not know. If it is one of these, write that as"
            f" the filament's material there: {', '.join(materials())}"
        )
        raise SpoolmanError(url, why) from error
    grams = found.remaining_weight
    if grams is None:
        why = f"{which} has no weight; write there what a full spool of this filament holds"
        raise SpoolmanError(url, why)
    if not 0 <= grams <= _MOST_G:
        raise SpoolmanError(url, f"{which} cannot hold {grams:.0f} g; put its weight right there")
    lot = "".join(letter for letter in found.lot_nr or "" if letter.isprintable())
    return Spool(id=name, material=code, grams=grams, maker_lot=lot.strip()[:64])
