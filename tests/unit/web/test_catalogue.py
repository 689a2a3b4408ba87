"""The catalogue of French: whole, compiled, with the figures of the English."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import web

HERE = Path(web.__file__).parent
FRENCH = HERE / "translations" / "fr" / "LC_MESSAGES"


@pytest.fixture(scope="module")
def strings():
    found = extract_from_dir(
        HERE,
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")],
        keywords={"_": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None},
    )
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def catalogue():
    with (FRENCH / "messages.po").open("rb") as file:
        return read_po(file, locale="fr")


def test_every_string_has_its_french(catalogue, strings):
    assert len(strings) > 200
    left = [s for s in strings if catalogue.get(s[0] if isinstance(s, tuple) else s) is None]
    assert left == []
    empty = [
        m.id for m in catalogue if m.id and not (all(m.string) if m.pluralizable else m.string)
    ]
    assert empty == []


def test_no_french_is_left_of_strings_that_are_gone(catalogue, strings):
    assert [m.id for m in catalogue if m.id and m.id not in strings] == []


def test_translations_keep_their_figures(catalogue):
    errors = [(m.id, str(e)) for m in catalogue for e in m.check(catalogue)]
    assert errors == []


def pairs(catalogue):
    def flat(words):
        return words if isinstance(words, str) else tuple(words)

    return {flat(m.id): flat(m.string) for m in catalogue if m.id}


def test_what_is_shipped_is_compiled_from_the_catalogue(catalogue):
    with (FRENCH / "messages.mo").open("rb") as file:
        assert pairs(read_mo(file)) == pairs(catalogue)


def test_a_missing_translation_would_be_found(catalogue):
    assert isinstance(catalogue, Catalog)
    assert catalogue.get("a string that nobody wrote") is None


def test_no_entry_of_the_catalogue_runs_into_the_next():
    # The reader of catalogues takes the rest of such a line for a part of the French.
    lines = (FRENCH / "messages.po").read_text().splitlines()
    assert [line for line in lines if re.search(r".msg(id|str)\b", line)] == []


def test_no_french_mark_begins_a_line(catalogue):
    said = [s for m in catalogue if m.id for s in (m.string if m.pluralizable else (m.string,))]
    assert [s for s in said if re.search(r" [?!:;»]|« ", s)] == []


def test_nothing_is_guessed(catalogue):
    assert [m.id for m in catalogue if m.fuzzy] == []


def slots(text):
    return set(re.findall(r"%\((\w+)\)[sd]", text))


def wrong_figures(message):
    """Return the forms whose figures are not those of the English."""
    many = message.pluralizable
    english = message.id if many else (message.id,)
    french = message.string if many else (message.string,)
    known = set().union(*map(slots, english))
    # One of a thing may be said without its number.
    free = {"num"} if many else set()
    return [said for meant, said in zip(english, french, strict=True)
            if not slots(meant) - free <= slots(said) <= known]  # fmt: skip


def test_every_figure_of_the_english_is_in_the_french(catalogue):
    assert {m.id: w for m in catalogue if m.id and (w := wrong_figures(m))} == {}


def test_a_wrong_figure_would_be_found():
    assert wrong_figures(Message("by %(day)s", "le %(jour)s")) == ["le %(jour)s"]
    assert wrong_figures(Message("by %(day)s", "bientôt")) == ["bientôt"]
    plural = Message(("%(num)s of %(all)s", "%(num)s of %(all)s"), ("une de %(all)s", "%(num)s"))
    assert wrong_figures(plural) == ["%(num)s"]
