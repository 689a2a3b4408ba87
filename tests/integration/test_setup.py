"""`fabnet node setup` on real ptys and a real OctoPrint: asked in words, or told by options."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from fabnet.config import load_node
from printers.errors import OctoPrintError
from printers.octoprint_api import OctoPrintApi
from printers.octoprint_keys import ask_for_key, can_ask_for_key
from printers.serial_driver import SerialDriver
from tests.doubles.commands import fabnet
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.sim_printer import SimPrinter
from tests.integration.test_discover import ENDER, HOLDER

FILE = """\
# Ask Awa before changing anything.
id = "lab-nord"
lab = "Atelier Nord"
coordinator = "http://127.0.0.1:1"
broker = "mqtt://127.0.0.1:1"
data_dir = "data"
password_file = "mqtt.password"
key_file = "node.key"
"""


def setup(folder, *arguments, said=""):
    return fabnet("node", "setup", folder / "node.toml", "--no-network", *arguments, said=said)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "lab"
    made.mkdir()
    (made / "node.toml").write_text(FILE)
    return made


@pytest.fixture
def printer(tmp_path):
    made = SimPrinter(tmp_path, "--m115", ENDER, "--baudrate", "115200").start()
    yield made
    made.kill()


def test_a_maker_answers_in_words(folder, printer):
    # set it up? preset, name, material, grams, three safety questions, another? and once more,
    # card?, hours, try?
    said = ["y", "", "", "PLA", "640", "y", "y", "y", "127.0.0.1:1", "", "n", "Mon-Fri 18:00-22:00",
            "n"]  # fmt: skip
    answer = setup(folder, "--look-at", printer.port, said="\n".join(said) + "\n")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    config = load_node(folder / "node.toml")
    (found,) = config.printers
    assert (found.id, found.preset, found.port) == (
        "ender-3",
        "creality-ender-3",
        str(printer.port),
    )
    assert (found.material, found.grams, found.unattended) == ("PLA", 640.0, True)
    assert config.attended == "Mon-Fri 18:00-22:00"
    assert "sold without thermal protection" in answer.stderr
    assert "OctoPrint at http://127.0.0.1:1: it does not answer" in answer.stderr
    assert f"  fabnet node test-print ender-3 --config {folder / 'node.toml'}\n" in answer.stderr
    text = (folder / "node.toml").read_text()
    assert text.startswith("# Ask Awa before changing anything.\n")
    (kept,) = folder.glob("*.old")
    assert kept.read_text() == FILE
    assert printer.executed() == []


def test_a_test_print_is_offered_at_the_end(folder, printer):
    (folder / "mqtt.password").write_text("x")
    (folder / "node.key").write_text("A" * 43 + "=")
    # as above; try it? is its bed empty? may it print for the network now?
    said = ["y", "", "", "PLA", "640", "n", "", "n", "", "y", "y", "y"]
    answer = setup(folder, "--look-at", printer.port, said="\n".join(said) + "\n")
    assert answer.returncode == 0, answer.stderr
    assert "ender-3 is clear" in answer.stderr
    assert next(each.event for each in printer.events() if each.name) == "begin"
    assert "M104 S0" in printer.executed()


@pytest.mark.parametrize("no", range(3))
def test_one_no_leaves_unattended_work_off(folder, no):
    asked = ["n" if n == no else "y" for n in range(no + 1)]
    said = ["prusa-mini", "shelf", "none", *asked, ""]
    answer = setup(folder, "--manual", said="\n".join(said) + "\n")
    assert answer.returncode == 0, answer.stderr
    (found,) = load_node(folder / "node.toml").printers
    assert (found.id, found.manual, found.material, found.unattended) == ("shelf", True, "", False)
    assert "prints while somebody is there" in answer.stderr


def test_answers_that_do_not_fit_are_asked_again(folder):
    said = ["", "no-machine", "prusa", "Mini", "Not A Name", "mini", "", "ABS", "petg", "", "-3", "full",
            "500 g", "n", "noon", "18:00-20:00"]  # fmt: skip
    answer = setup(folder, "--manual", said="\n".join(said) + "\n")
    assert answer.returncode == 0, answer.stderr
    for words in ("nothing tells which", "write one of none, PETG, PLA", "write grams, as 750"):
        assert words in answer.stderr
    config = load_node(folder / "node.toml")
    assert (config.printers[0].id, config.printers[0].material) == ("mini", "PETG")
    assert (config.printers[0].grams, config.attended) == (500.0, "18:00-20:00")


def test_who_has_set_up_nothing_is_not_told_to_go_on(folder):
    answer = setup(folder, said="\nn\n\n")
    assert answer.returncode == 0, answer.stderr
    assert "--port /dev/ttyUSB0" in answer.stderr
    assert "node install" not in answer.stderr


def test_whoever_stops_answering_has_changed_nothing(folder):
    answer = setup(folder, "--manual", said="prusa-mini\nmini\n")
    assert answer.returncode != 0
    assert "Traceback" not in answer.stderr
    assert [each.name for each in folder.iterdir()] == ["node.toml"]
    assert (folder / "node.toml").read_text() == FILE


def test_a_script_gives_every_answer(folder, printer):
    answer = setup(
        folder, "--port", printer.port, "--material", "petg", "--grams", "500", "--id", "one",
        "--title", "Number one", "--protection-tested", "--smoke-alarm", "--surroundings-clear",
        "--attended", "09:00-17:00", "--yes", "--json",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    (found,) = load_node(folder / "node.toml").printers
    assert told["printers"][0] | {"unattended": True} == told["printers"][0]
    assert (found.id, found.title, found.preset) == ("one", "Number one", "creality-ender-3")
    assert (found.material, found.grams, found.unattended) == ("PETG", 500.0, True)


def test_yes_confirms_no_safety_question(folder):
    answer = setup(folder, "--manual", "--preset", "prusa-mini", "--yes")
    assert answer.returncode == 0, answer.stderr
    (found,) = load_node(folder / "node.toml").printers
    assert (found.id, found.unattended) == ("mini", False)


def test_a_held_port_is_told_and_left_alone(folder, printer):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(True), str(printer.port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout.readline() == b"held\n"
        alone = setup(folder, "--port", printer.port, "--yes")
        among = setup(folder, "--look-at", printer.port, "--yes", "--json")
        holder.stdin.close()
    assert alone.returncode == 1
    assert f"(process {holder.pid}) holds it; close that first" in alone.stderr
    assert str(holder.pid) in json.loads(among.stdout)["left_out"][0]
    assert (folder / "node.toml").read_text() == FILE


def test_looking_writes_nothing(folder, printer):
    answer = setup(folder, "--find", "--look-at", printer.port, "--json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)["ports"]
    here = [each for each in found if each["port"]["named"]]
    assert [(each["preset"], each["baudrate"]) for each in here] == [("creality-ender-3", 115200)]
    assert (folder / "node.toml").read_text() == FILE


def test_a_printer_that_is_there_is_not_asked_again(folder, printer):
    assert setup(folder, "--look-at", printer.port, "--yes").returncode == 0
    before = (folder / "node.toml").read_text()
    again = setup(folder, "--look-at", printer.port, "--yes")
    assert "is in the file already" in again.stderr
    assert (folder / "node.toml").read_text() == before


def test_wrong_options_are_told(folder):
    for wrong, words in (
        (("--manual", "--yes"), "--preset"),
        (("--manual", "--port", "x"), "one of --port"),
        (("--manual", "--preset", "prusa-mini", "--material", "ABS", "--yes"), "PETG, PLA"),
        (("--manual", "--preset", "prusa-mini", "--id", "A B", "--yes"), "--id"),
        (("--manual", "--preset", "prusa-mini", "--attended", "noon", "--yes"), "--attended"),
    ):
        answer = setup(folder, *wrong)
        assert answer.returncode == 2, answer.stderr
        assert words in answer.stderr
    missing = setup(folder / "none", "--yes")
    assert missing.returncode == 1
    assert "fabnet node join" in missing.stderr
    assert (folder / "node.toml").read_text() == FILE


@pytest.fixture(scope="module")
def octo(tmp_path_factory):
    one = OctoPrinter(tmp_path_factory.mktemp("octo"))
    one.start()
    yield one
    one.stop()


def decide(octo, accept):
    """Do as the person at OctoPrint's page does, once the question is there."""
    until = time.monotonic() + 1000
    while time.monotonic() < until:
        pending = octo.ask("GET", "/api/plugin/appkeys").json()["pending"]
        if pending:
            (token,) = [each["user_token"] for each in pending.values()]
            octo.ask("POST", f"/plugin/appkeys/decision/{token}", json={"decision": accept})
            return
        time.sleep(0.1)


def test_octoprint_gives_a_key_after_a_person_has_accepted(octo):
    assert can_ask_for_key(octo.url)
    told = []
    person = threading.Thread(target=decide, args=(octo, True))
    person.start()
    key = ask_for_key(octo.url + "/", told.append, threading.Event())
    person.join()
    assert told == [octo.url]
    assert OctoPrintApi(octo.url, key).version()
    refused = requests.get(octo.url + "/api/job", headers={"X-Api-Key": key + "x"}, timeout=60)
    assert refused.status_code == 403


def test_octoprint_gives_no_key_when_a_person_refuses(octo):
    person = threading.Thread(target=decide, args=(octo, False))
    person.start()
    with pytest.raises(OctoPrintError, match="refused"):
        ask_for_key(octo.url, lambda _: None, threading.Event())
    person.join()


def test_octoprint_gives_its_key_to_the_wizard(folder, octo):
    person = threading.Thread(target=decide, args=(octo, True))
    person.start()
    answer = setup(folder, "--octoprint", octo.url, "--preset", "prusa-mini", "--yes")
    person.join()
    assert answer.returncode == 0, answer.stderr
    assert f"Open {octo.url} in a browser" in answer.stderr
    (found,) = load_node(folder / "node.toml").printers
    key = Path(found.api_key_file).read_text().strip()
    assert OctoPrintApi(octo.url, key).version()
    assert key not in (folder / "node.toml").read_text() + answer.stderr + answer.stdout


def test_a_simulated_printer_for_who_has_none(tmp_path):
    """`fabnet sim-printer` says where its port is; the driver finds a printer there."""
    port = tmp_path / "left.tty"
    command = [sys.executable, "-m", "fabnet", "sim-printer", "--port", str(port)]
    with subprocess.Popen([*command, "--firmware", "prusa-mk3"], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline().decode().strip() == str(port)
            told = [child.stdout.readline().decode() for _ in range(5)]
            assert f"  fabnet node setup --port {port}\n" in told
            until = time.monotonic() + 100
            while not port.exists() and time.monotonic() < until:
                time.sleep(0.02)
            driver = SerialDriver(str(port))
            assert driver.open().profile == "prusa-mk3"
            driver.close()
        finally:
            child.terminate()
    assert child.returncode == 0
    assert not port.exists()


def test_a_simulated_printer_overwrites_no_file(tmp_path):
    (tmp_path / "mine").write_text("mine")
    command = [sys.executable, "-m", "fabnet", "sim-printer", "--port", str(tmp_path / "mine")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_maker_is_asked_and_answers_in_french(folder, printer):
    said = [
        "oui",
        "",
        "mk3 gauche",
        "mk3-gauche",
        "pla",
        "0,64 kg",
        "non",
        "",
        "non",
        "lun-ven 18h-22h",
        "n",
    ]
    answer = fabnet(
        "node", "setup", folder / "node.toml", "--no-network", "--look-at", printer.port,
        said="\n".join(said) + "\n", LANGUAGE="fr",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    config = load_node(folder / "node.toml")
    (found,) = config.printers
    assert (found.id, found.material, found.grams) == ("mk3-gauche", "PLA", 640.0)
    assert (found.unattended, config.attended) == (False, "Mon-Fri 18:00-22:00")
    for words in (
        "vendue sans protection thermique",
        "Avez-vous ESSAYÉ",
        "plus tard\xa0:",
        "ensuite, ",
    ):
        assert words in answer.stderr
    assert " the " not in answer.stderr
