"""Everybody presses any button at any time: no law is broken, nothing is stuck, every order is delivered.

The same runs each time; `FABNET_SIM_EXAMPLES=5000` tries so many, and tells the steps of the first that fails.
"""

import os

import pytest

from tests.sim.desk import Desk
from tests.sim.desk_rules import Day

SEEDS = int(os.environ.get("FABNET_SIM_EXAMPLES") or 60)


@pytest.mark.timeout(1200)
def test_no_page_breaks_a_law():
    for seed in range(SEEDS):
        desk = Desk()
        day = Day(desk, seed)
        try:
            day.run()
        except Exception as error:
            error.add_note(f"seed {seed}:\n  " + "\n  ".join(day.told))
            raise
        finally:
            desk.close()
