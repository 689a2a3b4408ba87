"""A ledger that is copied at random moments, a few of them; `tests.chaos.copies` makes more."""

import secrets
import time
from contextlib import closing
from itertools import islice

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
    """And whoever judges can find something, where an order was never taken and the labs are silent.

    Not with every copy: where all that it knows of was printed already, nothing is made again.
    """
    data, silent = tmp_path / "coordinator", dict.fromkeys(LABS, ())
    with closing(copies_while_worked(tmp_path, 40, secrets.randbelow(1_000_000))) as copies:
        sound = list(islice(copies, 5))
        for copy, known in copies:
            wait_for_more(data / "done")
            found = faults_of(copy, [*known, "order x"], journals_of(data), silent)
            assert "it has lost: order x" in found
            if any("was begun" in fault or "are made of" in fault for fault in found):
                break
        else:
            pytest.fail("in none of 35 copies was anything made again")
        journals = journals_of(data)
    assert [faults_of(copy, known, journals) for copy, known in sound] == [[]] * 5
