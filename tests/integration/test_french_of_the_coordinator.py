"""What the coordinator's commands say of plans, filament and the machine is French where the terminal is."""

import json
import re
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.broker import free_port
from tests.doubles import commands

A, B = "lab-a", "lab-b"


@pytest.fixture
def french(world, tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")

    def run(*words, status=0):
        done = commands.fabnet(*words, "--config", config, LANGUAGE="fr")
        assert done.returncode == status, done.stderr
        return done.stderr if status else done.stdout

    return run


@pytest.fixture
def order_id(world):
    world.add_lab(A, grams=60.0)
    world.add_lab(B, material="ABS")
    found = world.order(6)
    world.plan()
    return found


def test_a_plan(french, order_id):
    told = french("plan", order_id, "--explain")
    assert told.startswith(f"Commande {order_id} (")
    assert re.search(
        r"frame\xa0: 6 demandées, 0 utilisables, 0 en cours, \d prévues, \d sans place", told
    )
    assert re.search(r"Lab lab-a, Printer\xa0: 3 pièces en 2 tirages \(\d+ g, fini le ", told)
    assert "    pas plus, car\xa0: " in told
    assert "Lab lab-b, Printer\xa0: rien\xa0: ABS est chargé\u202f; il faut du PETG ou PLA" in told
    assert re.search(r"  PETG ou PLA\xa0: il manque \d+ g d’ici le ", told)
    for english in ("Order", "piece", "plate", "nothing", "because", "likely", "done", " by "):
        assert english not in told


def test_scripts_read_english_everywhere(french, order_id):
    report = json.loads(french("plan", order_id, "--json"))
    words = [reason["words"] for row in report["printers"] for reason in row["reasons"]]
    assert "ABS is loaded; PETG or PLA is asked for" in words
    assert json.loads(french("stock", "--json"))["materials"]


def test_what_would_be(french, order_id):
    told = french("plan", order_id, "--plus", "3xprusa-mini")
    assert re.search(r"^ +maintenant +alors\nfini le +\d", told)
    assert re.search(r"\npièces sans place +\d +0\n", told)
    assert told.endswith("Rien n’a été changé.\n")
    # Both figures stand below their heads, however long the words are.
    assert len({len(line) for line in told.splitlines()[:10]}) == 1
    unknown = french("plan", order_id, "--plus", "3xnope", status=1)
    assert "'nope' n’est pas une machine que fabnet connaît\u202f; il y a anet-a8, " in unknown
    assert "prusa-mini, " in unknown


def test_filament(french, world, order_id):
    world.can(A, grams=20.0)
    told = french("stock", "--depot", "PETG=1000")
    assert re.search(
        r"^PETG\xa0: \d+ g à imprimer ; il manque \d+ g\n", told.replace("\u202f", " ")
    )
    assert re.search(r"\n  \d{4}-\d\d-\d\d Lab lab-a, p1\xa0: il manque \d+ g de PETG\n", told)
    assert re.search(r"\nDu dépôt\xa0:\n  d’ici le \S+ à Lab lab-a\xa0: \d+ g de PETG\n", told)
    assert re.search(r" g de PETG, il en reste \d+ g\n", told)


def test_the_day_before_which_an_order_waits(french, order_id):
    day, late = (clock.now().date() + timedelta(days=n) for n in (0, 300))
    told = french("begin", order_id, "--not-before", str(day), "--by", "ada")
    assert told == f"la commande {order_id} n’est pas commencée avant le {day}\n"
    assert "n’attend plus aucun jour" in french("begin", order_id, "--at-once", "--by", "ada")
    refused = french("begin", order_id, "--not-before", str(late), "--by", "ada", status=1)
    assert refused.startswith(f"fabnet\xa0: jour\xa0: {late} est après le ")
    passed = french("begin", order_id, "--not-before", "2020-03-01", "--by", "ada", status=1)
    assert passed == "fabnet\xa0: jour\xa0: le 2020-03-01 est passé\n"
    assert "Donnez soit un jour avec --not-before" in french(
        "begin", order_id, "--by", "ada", status=2
    )
    gone = french("begin", "nope", "--at-once", "--by", "ada", status=1)
    assert gone.startswith("fabnet\xa0: Il n’y a pas de commande 'nope' ici.")


def test_the_depot(french, order_id):
    by = ("--by", "ada")
    day = ("--arrives", str(clock.now().date() + timedelta(days=2)))
    told = french("depot", "count", "PETG", "500", *by)
    assert told == "500 g de PETG sont au dépôt\n"
    send = ("depot", "send", A, "PETG", "90", *day, *by, "--id", "aaaaaaaaaa")
    assert french(*send) == f"aaaaaaaaaa\xa0: 90 g de PETG sont en route vers {A}\n"
    assert french(*send) == "aaaaaaaaaa était déjà parti\u202f; rien n’a été changé\n"
    assert french("depot", "end", "aaaaaaaaaa", "--back", *by) == (
        "aaaaaaaaaa est de retour au dépôt\n"
    )
    again = french("depot", "end", "aaaaaaaaaa", "--came", *by, status=1)
    assert again == "fabnet\xa0: C’était déjà réglé.\n"
    more = french("depot", "send", A, "PETG", "9000", *day, *by, status=1)
    assert more.startswith(
        "fabnet\xa0: grammes\xa0: il n’y a que 500 g de PETG au dépôt\xa0: n’en envoyez"
    )
    nobody = french("depot", "send", "nope", "PETG", "90", *day, *by, status=1)
    assert nobody == "fabnet\xa0: Il n’y a ici rien de tel\xa0: atelier 'nope'.\n"
    past = french("depot", "send", A, "PETG", "9", "--arrives", "2020-03-01", *by, status=1)
    assert past == "fabnet\xa0: jour\xa0: ce jour est passé\n"
    unread = french("stock", "--depot", "FOO", status=1)
    assert unread.startswith("fabnet\xa0: --depot 'FOO' ne se lit pas")


def test_what_the_doctor_finds(tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_text(
        f'data_dir = "data"\nport = {free_port()}\nbroker_port = {free_port()}\n'
        '[mail]\nhost = "127.0.0.1"\nport = 9\nsender = "a@b.fr"\n'
    )
    looked = commands.fabnet("doctor", config, cwd=tmp_path, LANGUAGE="fr")
    assert looked.returncode == 1
    assert re.search(
        r"\nNON courriel: Le serveur de courriel 127\.0\.0\.1:9 ne peut pas servir\xa0: ",
        looked.stdout,
    )
    assert re.search(r"\nok  données: .+, \d+ Mio libres\n", looked.stdout)
    assert re.search(r"\nok  port des pages: .+ est libre\n", looked.stdout)
    plain = json.loads(
        commands.fabnet("doctor", config, "--json", cwd=tmp_path, LANGUAGE="fr").stdout
    )
    assert any("MiB free" in each["words"] for each in plain)
    assert {"mail", "data", "page port"} <= {each["check"] for each in plain}
