"""What a maker reads in her terminal is there in French, whole; and what she answers is understood."""

import ast
import inspect
import json
import re
from pathlib import Path

import click.termui
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from click.testing import CliRunner

import fabnet
from fabnet.cli.language import days, decimal, gettext, speak, sure
from fabnet.cli.said_below import SENTENCES, in_language

FOLDER = Path(fabnet.__file__).parent
FRENCH = FOLDER / "translations" / "fr" / "LC_MESSAGES"


@pytest.fixture(scope="module")
def strings():
    found = extract_from_dir(
        FOLDER / "cli", method_map=[("**.py", "python")], keywords={"gettext": None, "_": None}
    )
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def catalogue():
    with (FRENCH / "messages.po").open("rb") as file:
        return read_po(file, locale="fr")


@pytest.fixture
def french(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "fr")
    speak()


def test_every_string_has_its_french(catalogue, strings):
    assert len(strings) > 100
    assert [
        each for each in strings if not (catalogue.get(each) and catalogue.get(each).string)
    ] == []


def test_no_french_is_left_of_strings_that_are_gone(catalogue, strings):
    left = [message.id for message in catalogue if message.id and message.id not in strings]
    clicks = inspect.getsource(click.termui)
    assert [each for each in left if json.dumps(each) not in clicks] == []


def test_every_figure_of_the_english_is_in_the_french(catalogue):
    def slots(text):
        return sorted(re.findall(r"%\(\w+\)s|\{\w+\}", text))

    assert [each.id for each in catalogue if each.id and slots(each.id) != slots(each.string)] == []


def test_no_french_mark_begins_a_line_and_no_command_is_lost(catalogue):
    said = [each for each in catalogue if each.id]
    assert [each.id for each in said if re.search(r" [?!:;»]|« ", each.string)] == []
    lines = [each.id for each in said if each.id.count("\n") != each.string.count("\n")]
    assert lines == []


def test_what_is_shipped_is_compiled_from_the_catalogue(catalogue):
    with (FRENCH / "messages.mo").open("rb") as file:
        shipped = {each.id: each.string for each in read_mo(file) if each.id}
    assert shipped == {each.id: each.string for each in catalogue if each.id}


def test_no_string_hides_in_another(strings):
    # Of a call inside of an f-string nothing is found above, and a maker would read English.
    for file in (FOLDER / "cli").glob("*.py"):
        for call in re.findall(r"f(?:\"[^\"\n]*|'[^'\n]*)\{gettext\(", file.read_text()):
            raise AssertionError(f"{file.name}: {call}")


def test_a_terminal_that_speaks_no_french_gets_english(french, monkeypatch):
    assert gettext("printed") == "imprimé"
    for language in ("en", "de", "C"):
        monkeypatch.setenv("LANGUAGE", language)
        assert gettext("printed") == "printed"


def sentences_of(*folders):
    """Return every text of the code, with a mark where a figure stands."""
    for file in (file for folder in folders for file in (FOLDER.parent / folder).rglob("*.py")):
        if file.name == "said_below.py" or file.parent.name == "web":
            continue
        for each in ast.walk(ast.parse(file.read_text())):
            if isinstance(each, ast.JoinedStr):
                yield "".join(
                    str(p.value) if isinstance(p, ast.Constant) else "\0" for p in each.values
                )
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def test_what_is_known_of_below_is_still_said_there():
    said = set(sentences_of("fabnet", "jobs", "printers"))
    known = {re.sub(r"%\(\w+\)s", "\0", sentence) for sentence in SENTENCES}
    assert known - said == set()


def test_a_fault_from_below_is_french_with_its_figures(french, monkeypatch):
    fault = (
        "left/node.toml: there is no such file here; yours is fabnet-node/node.toml: name that one"
    )
    told = in_language(fault)
    assert told.startswith("left/node.toml\xa0: il n’y a pas de tel fichier ici")
    assert "fabnet-node/node.toml" in told
    assert in_language("its own words: none of ours") == "its own words: none of ours"
    monkeypatch.setenv("LANGUAGE", "en")
    assert in_language(fault) == fault


def test_figures_and_days(french):
    assert decimal(0.5, 1) == "0,5"
    assert days("Mon-Fri 18:00-23:00, Sat 09:00-19:00") == "lun-ven 18:00-23:00, sam 09:00-19:00"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("oui", True), ("O", True), ("y", True), ("", False), ("non", False), ("peut-être\nn", False)],
)
def test_yes_and_no_in_either_language(typed, meant, french):
    @click.command()
    def ask():
        click.echo(f"meant {sure('Chauffer ?')}")

    told = CliRunner().invoke(ask, input=f"{typed}\n")
    assert f"meant {meant}" in told.output
    assert "Chauffer ? [o/N]: " in told.output
    assert ("Erreur\xa0: écrivez oui ou non" in told.output) is ("\n" in typed)
