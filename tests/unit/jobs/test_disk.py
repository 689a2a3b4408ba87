"""What SQLite's errors tell of the disk."""

import sqlite3

import pytest

from jobs.ledger.disk import DiskTrouble, trouble_of


def error(code):
    made = sqlite3.OperationalError("no")
    made.sqlite_errorcode = code
    return made


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_FULL, DiskTrouble.FULL),
        (sqlite3.SQLITE_IOERR_WRITE, DiskTrouble.FAILS),
        (sqlite3.SQLITE_READONLY, DiskTrouble.FAILS),
        (sqlite3.SQLITE_CANTOPEN, DiskTrouble.FAILS),
        (sqlite3.SQLITE_BUSY, DiskTrouble.NONE),
        (sqlite3.SQLITE_CONSTRAINT, DiskTrouble.NONE),
    ],
)
def test_what_an_error_tells_of_a_disk_with_room(tmp_path, code, told):
    assert trouble_of(error(code), tmp_path) is told


def test_what_is_no_error_of_the_book_tells_nothing(tmp_path):
    assert trouble_of(ValueError("full"), tmp_path) is DiskTrouble.NONE
