"""What a node's slicer said of a plate is known to the next plan; a withdrawn plate's is not lost."""

import contextlib

import pytest

from jobs.errors import JobError
from jobs.ledger.figures import PlateFigures, PlateKind, known
from jobs.lifecycle import AttemptState
from jobs.messages import Ready
from printers.model import OWN_SLICE


@pytest.fixture
def attempts(world):
    world.add_lab()
    world.order(4)
    world.plan()
    world.tick()
    return [a for a in world.attempts() if a.state is AttemptState.OFFERED]


def ready(world, attempt, seconds, grams, slicer="PrusaSlicer-2.5.0"):
    world.take(attempt.ref)
    world.says(
        Ready(
            attempt=attempt.ref, nonce="n", gcode_key="k", seconds=seconds, grams=grams,
            slicer=slicer,
        )
    )  # fmt: skip


def kind_of(world, attempt):
    return PlateKind(
        mesh_sha256=world.revision.parts[0].facts.mesh_sha256, copies=attempt.pieces,
        preset="generic-250x210", material="PETG",
    )  # fmt: skip


def test_the_newest_figures_of_a_kind_of_plate_are_known(world, attempts):
    first, second = attempts[:2]
    assert known(world.ledger.reading) == {}
    ready(world, first, 6400, 33)
    expected = PlateFigures(seconds=6400, grams=33, slicer="PrusaSlicer-2.5.0")
    assert known(world.ledger.reading) == {kind_of(world, first): expected}
    ready(world, second, 6300, 32)
    assert first.pieces == second.pieces
    assert known(world.ledger.reading)[kind_of(world, second)].seconds == 6300


def test_figures_of_gcode_that_its_maker_brought_are_hers_alone(world, attempts):
    ready(world, attempts[0], 6400, 33, slicer=f"{OWN_SLICE}, Cura_SteamEngine 4.6.1")
    assert known(world.ledger.reading) == {}
    (made,) = [a for a in world.attempts() if a.ref == attempts[0].ref]
    assert (made.gcode_key, made.slicer) == ("k", "own slice, Cura_SteamEngine 4.6.1")


@pytest.mark.parametrize(
    ("seconds", "grams"), [(0, 33), (6400, -1), (float("inf"), 33), (1e-9, 33), (6400, 1e-9)]
)
def test_figures_that_cannot_be_are_not_believed(world, attempts, seconds, grams):
    with contextlib.suppress(JobError):  # which the inbox keeps aside
        ready(world, attempts[0], seconds, grams)
    assert known(world.ledger.reading) == {}
