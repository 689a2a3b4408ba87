"""A node, and what tests of pages share: a world that is made once, and two things that would cost seconds.

Passwords are kept by the same argon2id with the least work, and a page's template is compiled once for
all the applications of a process. What is kept and what is shown is the same.
"""

import shutil

import flask
import pytest
from argon2 import PasswordHasher
from jinja2 import BytecodeCache

from tests.doubles.idle_node import Node
from tests.doubles.pages import PASSWORD, Site
from tests.doubles.world import World
from web import auth


class Compiled(BytecodeCache):
    """The compiled templates of all applications whose Jinja knows the same names."""

    def __init__(self):
        self._codes = {}

    def load_bytecode(self, bucket):
        bucket.code = self._codes.get(self._key(bucket))

    def dump_bytecode(self, bucket):
        self._codes[self._key(bucket)] = bucket.code

    def _key(self, bucket):
        jinja = bucket.environment
        names = (jinja.filters, jinja.tests, jinja.extensions)
        return bucket.key, bucket.checksum, jinja.trim_blocks, *map(frozenset, names)


flask.Flask.jinja_options = {"bytecode_cache": Compiled()}
auth._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


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


@pytest.fixture(scope="session")
def hashed():
    """What is kept of everybody's password."""
    return auth.hash_password(PASSWORD)


@pytest.fixture
def site(world, hashed):
    """The pages over a world, with somebody of each role."""
    return Site(world, hashed)


@pytest.fixture
def node(tmp_path):
    """An agent without a network; who restarts it has the next one closed, too."""
    made = Node(tmp_path)
    yield made
    while made is not None:
        made.journal.close()
        made = made.next


@pytest.fixture
def order(site):
    """A planned order with two printed plates; its id."""
    world = site.world
    world.add_lab()
    order_id = world.order(4)
    world.plan()
    world.tick()
    for attempt in world.attempts():
        world.print(attempt.ref)
    return order_id
