"""What tests share: a node, people who are told, and a world that is made once, with pages in front of it.

Passwords are kept by the same argon2id with the least work, and a page's template is compiled once for
all the applications of a process. What is kept and what is shown is the same.
"""

import contextlib
import shutil

import flask
import pytest
from argon2 import PasswordHasher
from jinja2 import BytecodeCache

from designs.model import Bed
from fabnet import clock
from fabnet.broker import COORDINATOR_USER, Broker, free_port, password_line
from jobs.coordinator.people import add_person
from jobs.model import Role
from printers.slicing import PrusaSlicer, find_slicer
from tests.doubles import spoilt
from tests.doubles.idle_node import Node
from tests.doubles.mail_server import MailServer
from tests.doubles.pages import PASSWORD, Site
from tests.doubles.served import Served
from tests.doubles.telling import AWA, CAMILLE, chosen
from tests.doubles.visor_slices import Visors
from tests.doubles.world import NODE, World
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
    """A ledger with the visor in it, nest and plates made: copied for each test, since they take seconds."""
    folder = tmp_path_factory.mktemp("fresh-world")
    made = World(folder)
    made.add_lab("nester")
    made.order(1)
    made.plan()
    bed = Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0)
    for part in made.revision.parts:
        layout = made.library.max_layout(part.facts.mesh_sha256, bed)
        for copies in range(1, len(layout.placements) + 1):
            made.library.plate(part.facts.mesh_sha256, layout, copies)
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
def network(fresh_world, tmp_path, hashed):
    """A network in the midst of its work, of which cells are to be spoilt."""
    shutil.copytree(fresh_world, tmp_path / "world")
    found = spoilt.network_in(tmp_path / "world", hashed)
    yield found
    found.ledger.close()


@pytest.fixture(scope="session")
def slicer():
    """PrusaSlicer; without it a test is skipped."""
    found = find_slicer()
    if not isinstance(found, PrusaSlicer):
        pytest.skip("prusa-slicer is not installed")
    return found


@pytest.fixture(scope="session")
def request_of(tmp_path_factory):
    """Requests for a number of visors to be sliced."""
    return Visors(tmp_path_factory.mktemp("plates"))


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
def order(world):
    """A planned order with two printed plates; its id."""
    world.add_lab()
    order_id = world.order(4)
    world.plan()
    world.tick()
    for attempt in world.attempts():
        world.print(attempt.ref)
    return order_id


@pytest.fixture
def server():
    """Where letters go."""
    found = MailServer().start()
    yield found
    found.stop()


@pytest.fixture
def people(world):
    """Awa prints at lab-a, Camille coordinates; both are told all, at any hour, and were greeted."""
    world.now = clock.now()
    add_person(world.ledger, "awa", "Awa", Role.MAKER, "x", NODE, world.now)
    add_person(world.ledger, "camille", "Camille", Role.STEWARD, "x", "", world.now)
    chosen(world, "awa", address=AWA)
    chosen(world, "camille", address=CAMILLE, language="en")
    with world.ledger.transaction() as db:
        db.execute("delete from notice")
    return world


@pytest.fixture
def serve(world, hashed, tmp_path):
    with contextlib.ExitStack() as stack:

        def serve(**options):
            found = Served(world, hashed, tmp_path, stack, **options)
            served.append(found)
            return found

        served = []
        yield serve
    for each in served:
        each.server.close()
        each.thread.join(60)
        assert not each.thread.is_alive()


@pytest.fixture(params=["plain", "tls"])
def either(request, serve):
    return serve(tls=request.param == "tls")


@pytest.fixture
def served(serve):
    return serve()


@pytest.fixture
def links():
    """Links that a test begins; all are stopped."""
    made = []
    yield made
    for link in made:
        link.stop()


@pytest.fixture
def broker(tmp_path):
    """A real broker with the logins of a coordinator and two labs."""
    made = Broker(tmp_path / "broker", "127.0.0.1", free_port(), kind="mosquitto")
    made.set_users(
        {user: password_line(user, f"{user}-pw") for user in (COORDINATOR_USER, "lab-a", "lab-b")}
    )
    made.start()
    yield made
    made.stop()
