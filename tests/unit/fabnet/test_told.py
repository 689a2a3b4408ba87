"""What a node says that the network learns: all that it sends, and with this lab's own values."""

from dataclasses import fields, replace
from typing import get_args

from fabnet.config import NodeConfig
from fabnet.node.told import WORDS, lines
from fabnet.printer_config import PrinterConfig
from jobs.messages import Capabilities, PrinterTele, Telemetry, Up
from printers.model import PartRate, PrinterFacts, Spool

CONFIG = NodeConfig(
    id="lab-nord", lab="Atelier Nord", coordinator="https://c.example", broker="mqtts://b",
    data_dir="d", password_file="p", key_file="k", attended="Mon-Fri 18:00-22:00", weekly_h=20.0,
    place=(47.21837, -1.55362),
    printers=(
        PrinterConfig(id="left", preset="prusa-mk3s", port="/dev/ttyACM0", material="PETG",
                      grams=700.0, spool_lot="L-77"),
        PrinterConfig(id="right", preset="creality-ender-3", octoprint="http://octopi",
                      api_key_file="octopi.key", unattended=True),
    ),
)  # fmt: skip


def test_nothing_is_sent_that_is_not_said():
    sent = {
        f"{kind.__name__}.{field.name}"
        for kind in (Capabilities, PrinterFacts, PartRate, Spool, PrinterTele)
        for field in fields(kind)
    }
    sent |= {kind.__name__ for kind in get_args(Up) if kind is not Capabilities}
    assert {field.name for field in fields(Telemetry)} == {"printers"}
    assert set(WORDS) == sent


def test_every_word_is_said():
    text = "\n".join(lines(CONFIG))
    for words in set(WORDS.values()) - {"the hours it gives a week"}:
        assert words in text, words
    assert "20 h a week" in text


def test_this_labs_own_values_stand_there_and_what_is_not_sent_does_not():
    text = "\n".join(lines(CONFIG))
    for value in ("https://c.example", "Atelier Nord", "Mon-Fri 18:00-22:00", "L-77", "right"):
        assert value in text
    for value in ("47.21837", "/dev/ttyACM0", "octopi"):
        assert value not in text


def test_a_spool_of_spoolman_is_said_to_be_told_on():
    left = replace(CONFIG.printers[0], material="", spool_lot="", spoolman_spool=12)
    text = "\n".join(lines(replace(CONFIG, printers=(left,))))
    assert "its spools: material, grams left and lot of spool 12, as Spoolman has them" in text
