"""A ledger that is copied at random moments, a few of them; `tests.chaos.copies` makes more."""

import secrets
import time

import pytest

from tests.chaos.copies import LABS, copies_while_worked, faults_of, journals_of


def wait_for_more(done):
    """Wait until the labs have made some plates that the copies so far know nothing of."""
    before, until_s = done.read_text().count("printed"), time.monotonic() + 60
    while done.read_text().count("printed") < before + 8:
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_a_copy_of_any_moment_loses_nothing_acknowledged_and_makes_nothing_again(tmp_path):
    copies = []
    for each in copies_while_worked(tmp_path, 8, secrets.randbelow(1_000_000)):
        copies.append(each)
        if len(copies) == 3:
            wait_for_more(tmp_path / "coordinator" / "done")
    journals = journals_of(tmp_path / "coordinator")
    early, sound = copies[:3], copies[3:]
    assert [faults_of(copy, known, journals) for copy, known in sound] == [[]] * 5
    # Whoever judges can find something: an order that was never taken, and what is made again where
    # the labs are silent.
    silent = dict.fromkeys(LABS, ())
    found = [faults_of(copy, [*known, "order x"], journals, silent) for copy, known in early]
    assert all("it has lost: order x" in each for each in found)
    assert any("was begun" in fault for each in found for fault in each)
