"""A disk that is full where plates are sliced: no word on the plate, which is sliced once there is room."""

import contextlib
import time

import pytest

from fabnet.errors import FileFetchError
from jobs.lifecycle import AttemptState
from printers import slicing
from printers.errors import NoRoomError, SlicingError
from printers.slicing import PrusaSlicer
from tests.integration.test_slicing_service import Site, patiently


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """A slicer that fails; every disk counts as full."""
    if not isinstance(slicing.find_slicer(), PrusaSlicer):
        pytest.skip("prusa-slicer is not installed")
    program = tmp_path / "bin" / "prusa-slicer"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = --help ] && echo PrusaSlicer-2.5.0 && exit\nexit 1\n')
    program.chmod(0o700)
    monkeypatch.setattr(slicing, "_LEAST_FREE_BYTES", 1 << 62)
    return program


@pytest.fixture
def site(world, tmp_path, failing):
    opened = Site(world, tmp_path, lambda: PrusaSlicer(failing))
    with contextlib.closing(opened):
        yield opened


def answer_of(site, out):
    """Return what a node hears once the slicer has done what it can."""
    end = time.monotonic() + 60
    while True:
        with pytest.raises(FileFetchError) as caught:
            site.remote.slice(site.request(), out)
        if "still slicing" not in str(caught.value) or time.monotonic() > end:
            return caught.value
        time.sleep(0.1)


def test_no_lab_hands_a_plate_back_because_the_coordinators_disk_is_full(
    site, tmp_path, monkeypatch
):
    told = answer_of(site, tmp_path / "node")
    assert "answered 503" in str(told)
    assert told.again
    # With room it is the slicer's own word.
    monkeypatch.setattr(slicing, "_LEAST_FREE_BYTES", 0)
    with pytest.raises(SlicingError, match="cannot slice this plate"):
        patiently(lambda: site.remote.slice(site.request(), tmp_path / "node"))


def test_a_lab_whose_own_disk_is_full_tries_again(site, failing, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(failing.parent))
    node = site.a_node(tmp_path / "node", slicer="local")
    end = time.monotonic() + 60
    with contextlib.closing(node.journal):
        while not node.agent._preparer._again_at_s and time.monotonic() < end:
            node.agent._preparer.take_done()
            node.agent._preparer.start_next()
            time.sleep(0.05)
        assert node.agent._preparer._again_at_s
        assert node.state(site.attempt.ref) is AttemptState.PREPARING


def test_a_slicer_that_asks_whether_the_disk_is_full_is_believed(
    site, failing, tmp_path, monkeypatch
):
    monkeypatch.setattr(slicing, "_LEAST_FREE_BYTES", 0)
    failing.write_text(
        failing.read_text().replace("exit 1", 'echo "failed. Is the disk full?"; exit 1')
    )
    request = site.request(plate=site.world.library.file(site.attempt.plate_sha256))
    with pytest.raises(NoRoomError, match="the disk is full"):
        PrusaSlicer(failing).slice(request, tmp_path / "slices")


def test_a_folder_that_cannot_be_written_is_no_word_on_a_plate(site, failing, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NoRoomError, match="cannot be kept here"):
        PrusaSlicer(failing).slice(site.request(), tmp_path / "file" / "slices")
