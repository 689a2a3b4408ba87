"""What a node says that the network learns: all that it sends, and with this lab's own values."""

import io
from dataclasses import fields, replace
from typing import get_args

from fabnet.cli.common import fitted
from fabnet.cli.language import speak
from fabnet.cli.told import WORDS, lines
from fabnet.config import NodeConfig
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


def test_a_french_terminal_reads_it_in_french_with_the_same_values(monkeypatch):
    english = lines(CONFIG)
    monkeypatch.setenv("LANGUAGE", "fr")
    speak()
    french = lines(CONFIG)
    assert len(french) == len(english)
    assert not set(french) & set(english)
    text = "\n".join(french)
    for value in (
        "https://c.example",
        "Atelier Nord",
        "lun-ven 18:00-22:00",
        "L-77",
        "700 g",
        "20 h",
    ):
        assert value in text


def test_on_a_terminal_no_word_is_broken_at_its_edge(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "60")
    words = "\n".join(lines(CONFIG))
    told = fitted(words, Terminal())
    assert max(map(len, told.splitlines())) <= 60
    assert told.split() == words.split()
    # What belongs to a hyphen stands to its right.
    assert "\n- its hours" in told
    assert (
        "\n  " in told[told.index("\n- its printers: left") : told.index("\n- its printers: right")]
    )
    assert fitted(words, io.StringIO()) == words
