import shutil

import pytest

from tests.doubles.world import World


@pytest.fixture(scope="session")
def fresh_world(tmp_path_factory):
    """A ledger with the visor in it and its nest made: copied for each test, since both take seconds."""
    folder = tmp_path_factory.mktemp("fresh-world")
    made = World(folder)
    made.add_lab("nester")
    made.order(1)
    made.plan()
    with made.ledger.transaction() as db:
        for table in (
            "job",
            "plan_row",
            "line",
            "event",
            "orders",
            "printer",
            "outbox",
            "stream_out",
            "node",
        ):
            db.execute(f"delete from {table}")
    made.ledger.close()
    return folder


@pytest.fixture
def world(fresh_world, tmp_path):
    shutil.copytree(fresh_world, tmp_path / "world")
    found = World(tmp_path / "world")
    yield found
    found.ledger.close()
