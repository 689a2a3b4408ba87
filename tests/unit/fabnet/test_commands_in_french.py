"""What a maker reads in her terminal is there in French, whole; and what she answers is understood."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from click.testing import CliRunner

import fabnet
from fabnet.broker_attacks import ATTACKS
from fabnet.cli import fabnet as command_line
from fabnet.cli.help_words import speak_help, words
from fabnet.cli.language import days, decimal, gettext, speak, sure
from fabnet.cli.said_below import SENTENCES, in_language

FOLDER = Path(fabnet.__file__).parent
FRENCH = FOLDER / "translations" / "fr" / "LC_MESSAGES"


@pytest.fixture(scope="module")
def strings():
    found = extract_from_dir(
        FOLDER / "cli",
        method_map=[("**.py", "python")],
        keywords={"gettext": None, "_": None, "ngettext": (1, 2)},
    )
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def helps():
    return set(words(command_line)) - {""}


@pytest.fixture(scope="module")
def catalogue():
    with (FRENCH / "messages.po").open("rb") as file:
        return read_po(file, locale="fr")


@pytest.fixture
def french(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "fr")
    speak()


def without_french(catalogue, strings):
    return [each for each in strings if not (catalogue.get(each) and catalogue.get(each).string)]


def test_every_string_has_its_french(catalogue, strings):
    assert len(strings) > 100
    assert without_french(catalogue, strings) == []


def test_every_help_has_its_french(catalogue, helps):
    assert len(helps) > 150
    assert without_french(catalogue, helps) == []


def test_no_french_is_left_of_strings_that_are_gone(catalogue, strings, helps):
    # What click itself says differs from one release of it to the next.
    ours = [each.id for each in catalogue if each.id and each.auto_comments != ["click"]]
    assert [each for each in ours if each not in strings | helps] == []


def pairs(catalogue):
    """Yield each English with its French, singular and plural alone."""
    for each in catalogue:
        if each.id:
            yield from zip(*map(of_one, (each.id, each.string)), strict=True)


def of_one(text):
    return (text,) if isinstance(text, str) else text


def test_every_figure_of_the_english_is_in_the_french(catalogue):
    def slots(text):
        return sorted(re.findall(r"%\(\w+\)s|\{\w+(?:!r)?\}", text))

    assert [each for each, french in pairs(catalogue) if slots(each) != slots(french)] == []


def test_no_french_mark_begins_a_line_and_no_command_is_lost(catalogue):
    said = list(pairs(catalogue))
    assert [each for each, french in said if re.search(r" [?!:;»]|« ", french)] == []
    assert [each for each, french in said if each.count("\n") != french.count("\n")] == []


def test_what_is_shipped_is_compiled_from_the_catalogue(catalogue):
    with (FRENCH / "messages.mo").open("rb") as file:
        assert sorted(pairs(read_mo(file))) == sorted(pairs(catalogue))


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


#: What is wrong with what was typed, as it is said in French.
WRONG = {
    "nod": "Il n’y a pas de commande 'nod'. Vouliez-vous dire 'node'\u202f?",
    "node ready --nope": "Il n’y a pas d’option '--nope'.",
    "person add": "Il manque l’argument 'IDENTIFIANT'.",
    "person add x": "Il manque l’option '--role'.",
    "person add x --role": "L’option '--role' demande une valeur.",
    "node harvest x --good x": "'x' n’est pas du type\xa0: entier.",
}

#: Says what is wrong with what is typed; then the help of every command, as a wide terminal shows it.
EVERY_HELP = """
import os
import sys
import click
from fabnet.__main__ import main
from fabnet.cli import fabnet, speak, speak_help
def show(command, above=None):
    context = click.Context(command, above, command.name, terminal_width=10_000)
    print(command.get_help(context))
    for each in getattr(command, "commands", {}).values():
        show(each, context)
for typed in sys.argv[1:]:
    if not (child := os.fork()):
        sys.argv = ["fabnet", *typed.split()]
        main()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, end="\\0", file=sys.stderr, flush=True)
speak()
speak_help(fabnet)
show(fabnet)
"""


def every_help(language, *typed):
    """Return the help, and for each line that is typed what is said of it with the exit code behind."""
    asked = subprocess.run(
        [sys.executable, "-c", EVERY_HELP, *typed],
        env=os.environ | {"LANGUAGE": language, "PYTHONIOENCODING": "utf-8"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return asked.stdout, asked.stderr.split("\0")[:-1]


@pytest.fixture(scope="module")
def in_french():
    return every_help("fr", *WRONG)


def test_help_of_every_command_is_french_whole(catalogue, helps, in_french):
    told, _ = in_french
    sentences = [each for each in helps if each.endswith((".", "?"))]
    assert len(sentences) > 150
    assert [each for each in sentences if each in told] == []
    # Of a command's first paragraph a list shows the first sentence; the command itself all of it.
    assert [each for each in sentences if catalogue.get(each).string not in told] == []
    for clicks in ("Usage", "Options:", "Commands", "Show this", "required", "default", "TEXT "):
        assert clicks not in told
    for clicks in (
        "Utilisation",
        "Options\xa0:",
        "Commandes\xa0:",
        "[obligatoire]",
        "ENTIER",
        "[NOM]",
    ):
        assert clicks in told


def test_help_in_english_is_as_it_is_written(helps):
    told, _ = every_help("en")
    assert [each for each in helps if each.endswith((".", "?")) and each not in told] == []
    # A list shows the sentence whole, where click would cut it.
    assert re.search("\n  revoke +Shut a node out for good: .* taken from it any more\n", told)


def test_what_is_to_be_copied_stands_below_one_another_in_french(french):
    @click.command()
    def command():
        """Say.

        \b
        Example: fabnet one --reason "a"
                 fabnet two
        """

    speak_help(command)
    assert command.help.endswith('\b\nExemple\xa0: fabnet one --reason "a"\n          fabnet two')


def test_what_is_wrong_with_what_was_typed_is_said_in_french(in_french):
    for (typed, told), said in zip(WRONG.items(), in_french[1], strict=True):
        assert told in said, typed
        assert said.endswith("\n2"), typed


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


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_what_an_attack_tries_and_what_to_mend_is_french(french, attack):
    held, lost = (replace(attack, act=lambda _, now=now: now).run(None) for now in (True, False))
    assert in_language(held.words) != held.words
    told = in_language(lost.words)
    assert told.startswith(f"{in_language(held.words)}\xa0: ")
    for english in (held.words, lost.words.removeprefix(f"{held.words}: "), " and nothing more"):
        assert english not in told


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


def test_whatever_the_doctor_finds_is_known():
    known = {re.sub(r"%\(\w+\)s", "\0", sentence) for sentence in SENTENCES}
    text = (FOLDER / "doctor.py").read_text()
    tree = ast.parse(text)
    # A broker is attacked by those who run one, with the English document beside them.
    tree.body = [each for each in tree.body if getattr(each, "name", "") != "attack_broker"]
    notes = {
        ast.get_docstring(each, clean=False)
        for each in ast.walk(tree)
        if isinstance(each, ast.Module | ast.FunctionDef | ast.ClassDef)
    }
    said, within = set(), set()
    for each in ast.walk(tree):  # what is joined comes before its parts
        if isinstance(each, ast.JoinedStr):
            parts = [part for part in each.values if isinstance(part, ast.Constant)]
            within |= set(map(id, parts))
            said.add("".join(part.value if part in parts else "\0" for part in each.values))
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            said |= {each.value} if id(each) not in within else set()
    sentences = {each for each in said - notes if len(re.findall(r"[a-z]{2,}", each)) > 2}
    assert len(sentences) > 20
    assert sorted(sentences - known) == []


def test_whatever_the_doctor_looks_at_has_its_french():
    table = (
        Path("docs/running.md")
        .read_text(encoding="utf-8")
        .partition("## When the doctor says NO")[2]
    )
    checks = set(re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE)) - {"check"}
    assert checks >= {"data", "plans", "page port"}
    # The names of programs are the same in every language.
    assert checks - {"python", "sqlite"} <= {*SENTENCES}
    assert in_language("p1: port") == "p1: port"
