"""The protocol under hypothesis: no order of events, however hostile, breaks a law.

The same 200 runs of fifty steps each time; `FABNET_SIM_EXAMPLES=5000` tries as many new ones, and tells
the steps of the first that fails.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from jobs.errors import LawBrokenError
from tests.sim.mutants import MUTANTS
from tests.sim.rules import Protocol
from tests.sim.scenarios import SCENARIOS
from tests.sim.world import simulated

ASKED = os.environ.get("FABNET_SIM_EXAMPLES")
SETTINGS = settings(
    max_examples=int(ASKED or 200),
    derandomize=ASKED is None,
    stateful_step_count=50,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # a run is told step by step as it is: to shrink it takes minutes
)


@pytest.mark.timeout(1200)
def test_no_law_is_broken():
    run_state_machine_as_test(Protocol, settings=SETTINGS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_mutant_is_found(mutant):
    """A test of the test: what each of these breaks must not go unseen."""

    class Mutated(Protocol):
        fault = staticmethod(mutant)

    tried = settings(SETTINGS, max_examples=1200, derandomize=True)
    # A broken law is an assertion; which of the laws, is chance.
    with pytest.raises((AssertionError, LawBrokenError, FlakyFailure)):
        run_state_machine_as_test(Mutated, settings=tried)


@pytest.mark.parametrize(("mutant", "scenario"), SCENARIOS, ids=lambda each: each.__name__)
def test_a_mutant_is_found_where_it_does_harm(mutant, scenario):
    with simulated() as world:
        scenario(world)
        world.settle()
    with simulated(mutant) as world, pytest.raises((AssertionError, LawBrokenError)):
        _play(scenario, world)


def _play(scenario, world):
    scenario(world)
    world.settle()
