"""Configuration errors name the file, the key, and what to do."""

import pytest

from fabnet.config import load_coordinator, load_node
from fabnet.errors import ConfigError

NODE = """
id = "lab-nord"
lab = "Atelier Nord"
coordinator = "http://127.0.0.1:8080"
broker = "mqtt://127.0.0.1:1883"
data_dir = "data"
password_file = "mqtt.password"
key_file = "node.key"
"""
PRINTER = '[[printers]]\nid = "p1"\npreset = "generic-250x210"\nport = "/dev/ttyUSB0"\n'
UNTIED = '[[printers]]\nid = "p2"\npreset = "generic-250x210"\n'
OCTOPRINT = 'octoprint = "http://octopi.local"\n'
SPOOLMAN = 'spoolman = "http://octopi.local:7912"\n'
KEY = '\napi_key_file = "octopi.key"\n'


SEWS = '\n[[printers]]\nid = "m1"\nmanual = true\nprocess = "SEW"\nrate_per_h = 12\n'


def write(tmp_path, text):
    path = tmp_path / "file.toml"
    path.write_text(text)
    return path


def test_defaults_fill_a_coordinators_file(tmp_path):
    config = load_coordinator(write(tmp_path, 'data_dir = "data"'))
    assert (config.port, config.broker) == (8080, "mosquitto")


def test_a_nodes_file_with_a_printer(tmp_path):
    config = load_node(write(tmp_path, NODE + PRINTER))
    assert config.printers[0].preset == "generic-250x210"
    assert not config.printers[0].unattended
    assert config.slicer == "auto"


def test_a_spool_of_spoolman_is_named_by_its_number(tmp_path):
    text = 'spoolman = "http://octopi.local:7912"\n' + PRINTER + "spoolman_spool = 12"
    config = load_node(write(tmp_path, NODE + text))
    assert config.spoolman == "http://octopi.local:7912"
    assert config.printers[0].spool_name == "spoolman-12"


def test_a_machine_that_a_person_works_has_a_rate_and_no_preset(tmp_path):
    (machine,) = load_node(write(tmp_path, NODE + SEWS)).printers
    assert (machine.process, machine.rate_per_h, machine.preset) == ("SEW", 12, "")
    assert machine.link == "manual"


def test_a_printer_has_a_port_an_octoprint_or_a_person(tmp_path):
    config = load_node(
        write(
            tmp_path,
            NODE
            + PRINTER
            + UNTIED
            + OCTOPRINT
            + KEY
            + UNTIED.replace("p2", "p3")
            + "manual = true",
        )
    )
    assert [printer.link for printer in config.printers] == ["serial", "octoprint", "manual"]
    # The key lies beside the file that names it, wherever the node is started from.
    assert config.printers[1].api_key_file == str(tmp_path / "octopi.key")


@pytest.mark.parametrize(
    ("load", "text", "words"),
    [
        (load_coordinator, 'data_dir = "d"\nprot = 80', ["prot", "did you mean 'port'"]),
        (load_coordinator, 'data_dir = "d"\nport = "80"', ["port: has to be a whole number"]),
        (load_coordinator, "data_dir = 1", ["data_dir", "words in quotes", "a whole number"]),
        (load_coordinator, 'data_dir = "d"\nhub_place = [1.0]', ["hub_place", "list of 2 values"]),
        (
            load_coordinator,
            'data_dir = "d"\nhub_place = "Nantes"',
            ["hub_place", "square brackets"],
        ),
        (load_coordinator, 'data_dir = "d"\ntimezone = "Paris"', ["timezone", '"Europe/Paris"']),
        (load_coordinator, 'data_dir = "d"\ntimezone = "../x"', ["timezone", "no time zone"]),
        (load_node, NODE + 'paused = "no"', ["paused", "true or false"]),
        (load_coordinator, 'data_dir = "d"\nport = 99999', ["port", "65535"]),
        (load_coordinator, "", ["data_dir is missing"]),
        (load_coordinator, "data_dir = ", ["no TOML"]),
        (load_node, NODE.replace("lab-nord", "Lab Nord"), ["id", "a-z"]),
        (load_node, NODE + 'attended = "8-20"', ["attended", "08:00-20:00"]),
        (load_node, NODE + 'slicer = "cura"', ["slicer", "auto, local, coordinator, owner"]),
        (load_node, NODE + 'spoolman = "octopi.local"', ["spoolman", "http://host:port"]),
        (load_node, NODE + PRINTER + "spoolman_spool = 12", ["p1.spoolman_spool", "where is"]),
        (
            load_node,
            NODE + SPOOLMAN + PRINTER + "spoolman_spool = -1",
            ["p1.spoolman_spool", "-1 is no number"],
        ),
        (
            load_node,
            NODE
            + SPOOLMAN
            + PRINTER
            + "spoolman_spool = 1\n"
            + UNTIED
            + "manual = true\nspoolman_spool = 1",
            ["p1.spoolman_spool", "in two printers"],
        ),
        (
            load_node,
            NODE + SPOOLMAN + PRINTER + 'spoolman_spool = 12\nspool = "p1-1"',
            ["p1.spool", "spoolman-12"],
        ),
        (load_node, NODE + PRINTER + 'spool = "spoolman-3"', ["p1.spool", "leave it out"]),
        (load_node, NODE + PRINTER + 'colour = "red"', ["printers.colour"]),
        (load_node, NODE + PRINTER + PRINTER, ["printers.id", "twice"]),
        (load_node, NODE + PRINTER + "grams = -1", ["grams", "below 0"]),
        (load_node, NODE + UNTIED, ["printers.p2", "port, octoprint", "manual = true"]),
        (load_node, NODE + PRINTER + "manual = true", ["printers.p1", "one of"]),
        (load_node, NODE + PRINTER + OCTOPRINT + KEY, ["printers.p1", "one of"]),
        (load_node, NODE + UNTIED + OCTOPRINT, ["printers.p2.api_key_file", "a file with"]),
        (load_node, NODE + PRINTER + KEY, ["printers.p1.api_key_file", "belongs to octoprint"]),
        (load_node, NODE + UNTIED + 'octoprint = "octopi.local"' + KEY, ["p2.octoprint", "http"]),
        (load_node, NODE + SEWS.replace("SEW", "BUY"), ["m1.process", "3DP, LAS, SEW, ASM"]),
        (load_node, NODE + SEWS.replace("12", "0"), ["m1.rate_per_h", "between 0.1 and 1000"]),
        (
            load_node,
            NODE + SEWS.replace("manual = true", 'port = "/dev/x"'),
            ["m1.process", "manual"],
        ),
        (load_node, NODE + SEWS + 'material = "PLA"', ["m1.material", "is for printers"]),
        (load_node, NODE + SEWS + "unattended = true", ["m1.unattended", "is for printers"]),
        (load_node, NODE + SEWS.replace('process = "SEW"', ""), ["m1.preset", "is needed"]),
        (load_node, NODE + PRINTER + "rate_per_h = 3", ["p1.rate_per_h", "LAS, SEW or ASM"]),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, load, text, words):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    for word in [*words, "file.toml"]:
        assert word in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file here"):
        load_node(tmp_path / "none.toml")


def test_a_files_time_zone_is_kept(tmp_path):
    text = 'data_dir = "d"\ntimezone = "America/Montreal"'
    assert load_coordinator(write(tmp_path, text)).timezone == "America/Montreal"


MAIL = '\n[mail]\nhost = "mail.example.org"\nsender = "fabnet Nantes <fabnet@example.org>"\n'


def test_a_mail_server_is_named_and_its_password_lies_beside(tmp_path):
    path = write(tmp_path, f'data_dir = "data"{MAIL}user = "f"\npassword_file = "mail.password"')
    mail = load_coordinator(path).mail
    assert (mail.port, mail.security) == (587, "starttls")
    assert mail.password_file == str(tmp_path / "mail.password")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('security = "ssl"', "mail.security"),
        ('security = "none"', "mail.security"),
        ("port = 70000", "mail.port"),
        ('pasword_file = "x"', "mail.pasword_file"),
    ],
)
def test_what_is_wrong_of_a_mail_server_is_named(tmp_path, line, field):
    with pytest.raises(ConfigError) as caught:
        load_coordinator(write(tmp_path, f'data_dir = "data"{MAIL}{line}'))
    assert caught.value.field == field


@pytest.mark.parametrize("sender", ["fabnet", "a@b", ""])
def test_a_sender_is_an_address(tmp_path, sender):
    text = MAIL.replace("fabnet Nantes <fabnet@example.org>", sender)
    with pytest.raises(ConfigError) as caught:
        load_coordinator(write(tmp_path, f'data_dir = "data"{text}'))
    assert caught.value.field == "mail.sender"
