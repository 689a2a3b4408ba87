"""What the system says of files and databases, in words that say what to do."""

import errno
import os
import sqlite3

import pytest

from fabnet.cli.common import book_words, file_words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "sudo -u"),
        (errno.ENOENT, "is the name right"),
        (errno.ENOSPC, "disk is full"),
    ],
)
def test_a_file_that_cannot_be_used(number, words):
    assert words in file_words(OSError(number, os.strerror(number), "x"))


def test_a_database_that_cannot_be_written(tmp_path):
    path = tmp_path / "books.db"
    sqlite3.connect(path).execute("create table book (a)").connection.close()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as refused:
        db.execute("insert into book values (1)")
    assert "sudo -u" in book_words(refused.value)
    with pytest.raises(sqlite3.OperationalError) as ours:
        db.execute("select b from book")
    assert book_words(ours.value) is None
    db.close()
