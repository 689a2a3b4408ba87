"""Under which words and conditions a thing is given to people: dated data files in `profiles/`.

A profile is what somebody read in a rule on a day, and no legal advice. Leaves which revision goes
by which profile to the ledger, and what a page makes of it to `web`.
"""

from __future__ import annotations

import enum
import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from designs.errors import ProfileError
from designs.model import ReviewState

_FOLDER = Path(__file__).parent / "profiles"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: How much a review state says; a profile asks for at least one of them.
_RANK = (ReviewState.DRAFT, ReviewState.TRIED, ReviewState.ACCEPTED)


class LabelField(enum.StrEnum):
    """What a profile wants on the bag beyond what is on every label."""

    PRODUCT = "product"
    MAKER = "maker"  # name of the network, and the hub's address
    STATEMENTS = "statements"
    CLEANING = "cleaning"
    SKIN = "skin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One sentence in both languages."""

    fr: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the sentence for a reader; French for one whose language is neither."""
        return self.en if language == "en" else self.fr


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One rule as it was read on a day."""

    id: str  # file stem
    title: Words  # for those who choose it
    source: Words  # where it was read
    dated: date
    forbidden: tuple[str, ...]  # words that a title or a description must not have
    required_acceptance: ReviewState  # the least that a revision must have reached to leave a hub
    signed_release: bool  # somebody who did not inspect a bag releases it before it leaves
    label: tuple[LabelField, ...]
    product: Words  # what it is called on paper
    statements: tuple[Words, ...]
    cleaning: Words
    skin: Words
    valid_to: date | None = None  # the last day; None: it was not said

    def is_over(self, today: date) -> bool:
        """Whether it has run out."""
        return self.valid_to is not None and self.valid_to < today

    def is_reached(self, state: ReviewState) -> bool:
        """Whether a revision in this state may leave a hub under it."""
        return state in _RANK and _RANK.index(state) >= _RANK.index(self.required_acceptance)

    def forbidden_in(self, text: str) -> tuple[str, ...]:
        """Return the forbidden words that a text has, in the profile's order.

        Small letters are as good as capitals, and a letter without its accent as one with it.
        """
        bare = _plain(text)
        return tuple(
            word
            for word in self.forbidden
            if re.search(rf"(?<!\w){re.escape(_plain(word))}(?!\w)", bare)
        )


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.replace("_", " "))
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())


def load(path: Path) -> Profile:
    """Read one profile.

    Raises:
        ProfileError: the file cannot be read, or a key is missing or wrong; names both.
    """
    if not _ID.fullmatch(path.stem):
        raise ProfileError(path.name, "", "must be named in small letters, digits and hyphens")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert({"id": path.stem, **data}, Profile)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(path.name, "", f"cannot be read: {error}") from error
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise ProfileError(path.name, where.strip("`$."), text) from error
    unknown = sorted(data.keys() - set(Profile.__slots__))
    if unknown:
        raise ProfileError(path.name, unknown[0], "is no key of a profile")
    if found.required_acceptance not in _RANK:
        raise ProfileError(path.name, "required_acceptance", "must be draft, tried or accepted")
    for key, words in (
        ("title", found.title),
        ("source", found.source),
        ("product", found.product),
        ("cleaning", found.cleaning),
        ("skin", found.skin),
        *(("statements", each) for each in found.statements),
    ):
        if not words.fr.strip() or not words.en.strip():
            raise ProfileError(path.name, key, "must be said in fr and in en")
    if found.forbidden_in(found.product.fr) or found.forbidden_in(found.product.en):
        raise ProfileError(path.name, "product", "has a word that the profile forbids")
    return found


@functools.cache
def profiles() -> dict[str, Profile]:
    """Return all profiles by id.

    Raises:
        ProfileError: one of the files is wrong.
    """
    return {path.stem: load(path) for path in sorted(_FOLDER.glob("*.toml"))}
