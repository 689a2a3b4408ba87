"""The folder of slices: whole slices are used again, old ones go, needed ones never."""

import os

import pytest

from printers.slices import Figures, keep, kept, prune, sha256_of


@pytest.fixture
def make(tmp_path):
    """Keep a slice of so many bytes that was last used at a time."""

    def make_slice(key, used_at, size=100):
        gcode = tmp_path / "work.gcode"
        gcode.write_bytes(b"G" * size)
        figures = Figures(sha256=sha256_of(gcode), seconds=1, grams=2, layers=3, slicer="s")
        made = keep(tmp_path, key, gcode, figures)
        os.utime(made.gcode, (used_at, used_at))
        return made

    return make_slice


def keys_in(folder):
    assert {p.stem for p in folder.glob("*.gcode")} == {p.stem for p in folder.glob("*.json")}
    return {p.stem for p in folder.glob("*.gcode")}


def test_a_kept_slice_comes_back_whole(make, tmp_path):
    made = make("a", 1)
    assert kept(tmp_path, "a") == made
    assert kept(tmp_path, "b") is None
    made.gcode.write_bytes(b"damaged")
    assert kept(tmp_path, "a") is None


def test_those_not_used_for_longest_go(make, tmp_path):
    for at, key in enumerate("abcd", start=1):
        make(key, at)
    kept(tmp_path, "a")  # used now
    prune(tmp_path, (), most_bytes=250)
    assert keys_in(tmp_path) == {"a", "d"}


def test_what_is_still_to_be_printed_is_never_deleted(make, tmp_path):
    for at, key in enumerate("abcd", start=1):
        make(key, at)
    prune(tmp_path, {"a", "b"}, most_bytes=0)
    assert keys_in(tmp_path) == {"a", "b"}


def test_what_a_killed_slicer_left_behind_goes(make, tmp_path):
    make("a", 1)
    (tmp_path / "slicing-x").mkdir()
    (tmp_path / "slicing-x" / "plate.gcode").write_text("G28")
    prune(tmp_path, ())
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.gcode", "a.json"]


def test_a_folder_with_room_is_left_alone(make, tmp_path):
    make("a", 1)
    prune(tmp_path, ())
    assert keys_in(tmp_path) == {"a"}
