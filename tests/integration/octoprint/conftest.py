"""What tests of OctoPrint share: one of them for all of a file, and files to print at it."""

import pytest

from printers.connect import connect
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.octo_prints import NAMES, a_file


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    printer = OctoPrinter(tmp_path_factory.mktemp("octo"))
    yield printer
    printer.stop()


@pytest.fixture
def octo(one):
    """The same OctoPrint for all, ready: restarted when the test before left it otherwise."""
    if one.pid is None or not one.ready():
        one.kill()
        one.start()
    return one


@pytest.fixture
def driver(octo):
    made = connect(octo.connection)
    made.open()
    yield made
    made.close()


@pytest.fixture
def name():
    return next(NAMES)


@pytest.fixture
def plate(tmp_path):
    return a_file(tmp_path, 1500)


@pytest.fixture
def long_plate(tmp_path):
    return a_file(tmp_path, 100_000)
