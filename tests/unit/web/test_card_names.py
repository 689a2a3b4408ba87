"""What a file is called on an SD card: short, plain, and one of its kind."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from jobs.model import AttemptRef
from web.pages.harvests import card_name

JOB = "abcdefb7k2"


def attempt(job=JOB, number=1, pieces=12):
    return AttemptView(
        ref=AttemptRef(job=job, number=number), order_id="o", part_id="p", pieces=pieces,
        material="PLA", node="n", lab="Lab", printer="p1", state=AttemptState.PRINTING, reason="",
        seconds=1, grams=1, slicer="", spool="", mesh_sha256="", plate_sha256="", gcode_key="",
        granted_at=datetime(2026, 1, 1, tzinfo=UTC), started_at=None, ended_at=None, good=None,
        scrap=None, lot=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("Visor", "VISOR-12x-B7K2-1.gcode"),
        ("Visor frame", "VISOR-FRAME-12x-B7K2-1.gcode"),
        ("Visor frame, large", "VISOR-FRAME-12x-B7K2-1.gcode"),
        ("Pochette en tissu", "POCHETTE-12x-B7K2-1.gcode"),
        ("Set in its bag", "SET-12x-B7K2-1.gcode"),
        ("Clip no 2", "CLIP-NO-2-12x-B7K2-1.gcode"),
        ("Élastique d’été", "ELASTIQUE-12x-B7K2-1.gcode"),
        ("Incomprehensibilities", "INCOMPREHENS-12x-B7K2-1.gcode"),
        ("面罩", "PART-12x-B7K2-1.gcode"),
        ("../../etc/passwd", "ETC-PASSWD-12x-B7K2-1.gcode"),
    ],
)
def test_a_name_says_what_it_is(part, name):
    assert card_name(attempt(), part) == name


def test_another_job_of_the_same_end_makes_the_name_longer():
    others = ("xxxxxxb7k2", "xxxxxfb7k2", JOB)
    assert card_name(attempt(), "Visor", others) == "VISOR-12x-EFB7K2-1.gcode"
    assert card_name(attempt(), "Visor", (JOB,)) == "VISOR-12x-B7K2-1.gcode"


@given(st.text(), st.integers(1, 999), st.integers(1, 99))
def test_every_name_is_good_on_fat_and_short(part, pieces, number):
    name = card_name(attempt(number=number, pieces=pieces), part)
    assert re.fullmatch(r"[A-Z0-9][A-Z0-9-]*-\d+x-[A-Z0-9]+-\d+\.gcode", name)
    assert len(name) <= 12 + 1 + 4 + 1 + 4 + 1 + 2 + 6


@given(st.lists(st.text("abk27", min_size=10, max_size=10), unique=True, max_size=12))
def test_no_two_files_of_a_lab_have_one_name(jobs):
    """Each is named by those before it: a name that a maker has read never changes."""
    names = [card_name(attempt(job), "Visor", jobs[:at]) for at, job in enumerate(jobs)]
    assert len(set(names)) == len(names)
