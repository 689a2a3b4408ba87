"""Regulatory profiles: what ships is whole and sourced; what is wrong names its file and key."""

import re
from datetime import date
from pathlib import Path

import pytest

from designs import regulation
from designs.errors import ProfileError
from designs.model import ReviewState
from designs.regulation import load, profiles

VISOR, MASK = "fr-anti-projection-2020-05", "afnor-spec-s76-001-2020"
GOOD = """
title = { fr = "Une règle", en = "A rule" }
source = { fr = "lue dans un journal", en = "read in a newspaper" }
dated = 2026-01-01
forbidden = ["covid"]
required_acceptance = "draft"
signed_release = false
label = ["product"]
statements = [{ fr = "Oui.", en = "Yes." }]
product = { fr = "Sac", en = "Thing" }
cleaning = { fr = "Eau.", en = "Water." }
skin = { fr = "Non.", en = "No." }
"""


@pytest.mark.parametrize("name", sorted(profiles()))
def test_each_profile_that_ships_is_sourced_dated_and_says_it_is_no_advice(name):
    found = profiles()[name]
    assert found.id == name
    assert "not read" in found.source.en, "nobody has read the texts themselves: it must say so"
    assert re.search("n’a pas été lue|n’ont pas été lus", found.source.fr)
    assert found.dated < date(2026, 1, 1)
    assert found.statements
    assert found.label
    text = (Path(regulation.__file__).parent / "profiles" / f"{name}.toml").read_text()
    assert "Not legal advice" in text.splitlines()[0]


def test_a_profile_ends_with_its_last_day(tmp_path):
    path = tmp_path / "a-rule.toml"
    path.write_text(GOOD)
    assert not load(path).is_over(date(2126, 6, 30))
    path.write_text("valid_to = 2026-06-30\n" + GOOD)
    assert not load(path).is_over(date(2026, 6, 30))
    assert load(path).is_over(date(2026, 7, 1))


def test_the_visor_of_may_2020_is_anti_splash_and_signed_for():
    visor = profiles()[VISOR]
    assert visor.product.in_language("fr") == "Équipement anti-projection"
    assert visor.product.in_language("de") == visor.product.fr
    assert visor.signed_release
    assert visor.is_reached(ReviewState.TRIED)
    assert visor.is_reached(ReviewState.ACCEPTED)
    assert not visor.is_reached(ReviewState.DRAFT)
    assert not visor.is_reached(ReviewState.WITHDRAWN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Visière de protection Covid-19", ("visière de protection", "covid", "covid-19")),
        ("VISIERE  DE PROTECTION", ("visière de protection",)),
        ("covid_stop", ("covid",)),
        ("Visor frame", ()),
        ("Episode", ()),  # holds EPI, and is another word
        ("Cadre de visière, contre les projections", ()),
    ],
)
def test_forbidden_words_are_found_as_words_with_and_without_accents(text, words):
    assert profiles()[VISOR].forbidden_in(text) == words


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (('source = { fr = "lue dans un journal", en = "read in a newspaper" }', ""), "source"),
        (('fr = "Une règle"', 'fr = ""'), "title"),
        (('fr = "lue dans un journal"', 'fr = ""'), "source"),
        (("signed_release = false", 'signed_release = "no"'), "signed_release"),
        (('required_acceptance = "draft"', 'required_acceptance = "withdrawn"'), "required_acc"),
        (('required_acceptance = "draft"', 'required_acceptance = "x"'), "required_acceptance"),
        (('label = ["product"]', 'label = ["colour"]'), "label"),
        (('en = "Thing"', 'en = " "'), "product"),
        (('fr = "Sac"', 'fr = "Masque covid"'), "product"),
        (("dated = 2026-01-01", 'dated = 2026-01-01\ncolor = "red"'), "color"),
        (("title", "title = = "), "cannot be read"),
    ],
)
def test_a_wrong_profile_names_its_file_and_key(tmp_path, change, key):
    path = tmp_path / "a-rule.toml"
    path.write_text(GOOD)
    assert load(path).title.in_language("fr") == "Une règle"
    path.write_text(GOOD.replace(*change, 1))
    with pytest.raises(ProfileError, match=rf"a-rule\.toml.*{key}"):
        load(path)


def test_a_profile_that_is_not_there_or_badly_named_is_refused(tmp_path):
    with pytest.raises(ProfileError, match="cannot be read"):
        load(tmp_path / "gone.toml")
    with pytest.raises(ProfileError, match="small letters"):
        load(tmp_path / "A Rule.toml")
