"""A ledger that is copied at random moments, a few of them; `tests.chaos.copies` makes more."""

import secrets

import pytest

from tests.chaos.copies import LABS, copies_while_worked, faults_of, journals_of


@pytest.mark.timeout(180)
def test_a_copy_of_any_moment_loses_nothing_acknowledged_and_makes_nothing_again(tmp_path):
    copies = list(copies_while_worked(tmp_path, 8, secrets.randbelow(1_000_000)))
    journals = journals_of(tmp_path / "coordinator")
    early, sound = copies[:3], copies[3:]
    assert [faults_of(copy, known, journals) for copy, known in sound] == [[]] * 5
    # Whoever judges can find something: an order that was never taken, and what is made again where
    # the labs are silent.
    silent = dict.fromkeys(LABS, ())
    found = [faults_of(copy, [*known, "order x"], journals, silent) for copy, known in early]
    assert all("it has lost: order x" in each for each in found)
    assert any("was begun" in fault for each in found for fault in each)
