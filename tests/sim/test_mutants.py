"""Tests of the test: what each of the mutants breaks is found by the simulation."""

import pytest
from hypothesis import settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from jobs.errors import LawBrokenError
from tests.sim.mutants import MUTANTS
from tests.sim.rules import SETTINGS, Protocol
from tests.sim.scenarios import SCENARIOS
from tests.sim.world import simulated


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_mutant_is_found(mutant):
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
