"""A ledger that is backed up, put back, or copied away while it is written to."""

import fcntl
import itertools
import shutil
import sqlite3
import tarfile
import threading
import time
from contextlib import closing, contextmanager

import pytest

from fabnet import backup
from fabnet.backup import make, put_back
from fabnet.errors import BackupError
from jobs.coordinator import orders, restoring
from jobs.ledger import store
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import KeptAttempt, OfferedAttempt, Restate, Restated, Withdraw
from jobs.model import Role
from tests.doubles.waiting import until
from tests.doubles.world import CATALOGUE, NODE, NOON, PRINTER, World, a_request


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "coordinator"
    folder.mkdir()
    return folder


@pytest.fixture
def world(data):
    made = World(data)
    made.add_lab()
    yield made
    made.ledger.close()


@pytest.fixture
def restored(data):
    made = []

    def restore(backup):
        put_back(backup, data, "machine", NOON, replace=True)
        made.append(World(data))
        return made[-1]

    yield restore
    for world in made:
        world.ledger.close()


def test_a_backup_is_whole_and_holds_no_mark_and_no_cache(world, data, tmp_path):
    world.order()
    (data / "slices").mkdir()
    (data / "slices" / "x.gcode").write_text("G28")
    (data / "web.key").write_bytes(b"secret")
    made = make(data, tmp_path / "b.tar", NOON)
    assert made.orders == 1
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    with tarfile.open(tmp_path / "b.tar") as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert {"ledger.db", "web.key"} <= names
    assert not {n for n in names if n.endswith((".mark", "-wal", ".lock")) or "slices" in n}


def test_a_design_that_is_added_meanwhile_is_in_the_copy_with_its_files_or_not_at_all(
    world, data, tmp_path, monkeypatch, restored
):
    copied = []

    def while_one_uploads(source, target):
        if source == half:
            half.unlink()  # a plate was being written, and is done
        real(source, target)
        if not copied:
            world.library.add_design(CATALOGUE / "ear-saver")
        copied.append(source)

    real = backup._copy
    half = data / "files" / "new-plate"
    half.write_bytes(b"half")
    monkeypatch.setattr(backup, "_copy", while_one_uploads)
    make(data, tmp_path / "b.tar", NOON)
    again = restored(tmp_path / "b.tar")
    for revision in again.library.revisions():
        for part in revision.made:
            assert again.library.file(part.source_sha256), revision.title


def test_it_comes_back_with_all_orders_and_knows_that_it_was_put_back(
    world, data, tmp_path, restored
):
    placed = world.order()
    make(data, tmp_path / "b.tar", NOON)
    later = world.order()
    world.ledger.close()
    again = restored(tmp_path / "b.tar")
    known = {r[0] for r in again.ledger.reading.execute("select id from orders")}
    assert placed in known
    assert later not in known
    assert restoring.is_restored(again.ledger.reading)
    aside = list(data.glob("replaced-*"))
    assert len(aside) == 1
    with closing(Ledger(aside[0] / "ledger.db")) as kept:
        assert later in {r[0] for r in kept.reading.execute("select id from orders")}


def test_nothing_is_offered_before_the_nodes_have_spoken(world, data, tmp_path, restored):
    world.order()
    world.plan()
    make(data, tmp_path / "b.tar", NOON)
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    row = world.ledger.reading.execute("select * from job where id = ?", (ref.job,)).fetchone()
    world.ledger.close()
    again = restored(tmp_path / "b.tar")
    with again.ledger.transaction() as db:
        restoring.begin(db, NOON)
    again.tick()
    assert again.attempts() == []
    assert again.told()[0] == Restate()
    offered = OfferedAttempt(
        attempt=ref, printer=PRINTER, part=row["part_id"], pieces=row["pieces"],
        material=row["material"], mesh_sha256=row["mesh_sha256"],
        plate_sha256=row["plate_sha256"], seconds=1.0, grams=1.0, order=row["order_id"],
    )  # fmt: skip
    kept = KeptAttempt(offered=offered, state=AttemptState.PRINTING, begun=True, spool="s1")
    again.says(Restated(attempts=(kept,), last=True))
    assert again.state(ref) is AttemptState.PRINTING
    again.tick()
    # What the node prints is not offered again; the other jobs go out, with numbers that leap.
    fresh = [a.ref for a in again.attempts() if a.state is AttemptState.OFFERED]
    assert ref.job not in {each.job for each in fresh}
    assert all(each.number > 1000 for each in fresh)
    again.ledger.close()


def test_what_nobody_knows_any_more_is_taken_back(world, data, tmp_path, restored):
    make(data, tmp_path / "b.tar", NOON)
    world.order()
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.ledger.close()
    again = restored(tmp_path / "b.tar")
    with again.ledger.transaction() as db:
        restoring.begin(db, NOON)
    again.told()
    offered = OfferedAttempt(
        attempt=ref, printer=PRINTER, part="frame", pieces=2, material="PETG", mesh_sha256="m",
        plate_sha256="p", seconds=1.0, grams=1.0, order="forgotten",
    )  # fmt: skip
    kept = KeptAttempt(offered=offered, state=AttemptState.READY, begun=False)
    again.says(Restated(attempts=(kept,), last=True))
    assert again.told() == [Withdraw(attempt=ref, reason="the network does not know it")]
    assert restoring.unheard(again.ledger.reading) == ()
    again.ledger.close()


def test_a_steward_goes_on_without_a_lab_that_is_gone(world, data, tmp_path, restored):
    world.order()
    world.plan()
    make(data, tmp_path / "b.tar", NOON)
    world.ledger.close()
    again = restored(tmp_path / "b.tar")
    with again.ledger.transaction() as db:
        restoring.begin(db, NOON)
    assert restoring.unheard(again.ledger.reading) == (NODE,)
    restoring.go_on_without(again.ledger, NODE, "steward", NOON)
    again.is_there()
    again.tick()
    assert again.attempts()
    again.ledger.close()


@pytest.mark.parametrize("what", ["running", "in the way", "damaged", "no backup"])
def test_what_cannot_be_is_said_and_nothing_is_touched(world, data, tmp_path, what):
    world.order()
    backup = tmp_path / "b.tar"
    make(data, backup, NOON)
    lock = (data / "ledger.lock").open("w")
    if what == "running":
        fcntl.flock(lock, fcntl.LOCK_EX)
    elif what == "damaged":
        raw = bytearray(backup.read_bytes())
        at = raw.index(b"SQLite format 3") + 5000
        raw[at : at + 8] = b"\xff" * 8
        backup.write_bytes(raw)
    elif what == "no backup":
        backup.write_bytes(b"hello")
    before = (data / "ledger.db").read_bytes()
    with pytest.raises(BackupError):
        put_back(backup, data, "machine", NOON, replace=what != "in the way")
    assert (data / "ledger.db").read_bytes() == before
    lock.close()


def test_where_there_is_no_ledger_there_is_nothing_to_back_up(tmp_path):
    with pytest.raises(BackupError, match="no ledger"):
        make(tmp_path, tmp_path / "c.tar", NOON)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def customers(world, rest_s=0.0):
    """Orders come in all the time; gives those that were acknowledged."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            placed = orders.place(
                world.ledger, a_request(world.revision, 2), world.revision, world.now
            )
            acknowledged.append(placed.order_id)
            stop.wait(rest_s)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        thread.join()


def test_a_copy_of_ledger_and_log_at_any_moment_holds_what_was_acknowledged(world, data, tmp_path):
    """File by file, as a person copies, while orders come in: each opens, and loses none."""
    copies = []
    with customers(world, 0.004) as acknowledged:
        for number in range(25):
            until(lambda number=number: len(acknowledged) * 2 > number)
            known = len(acknowledged)
            folder = tmp_path / f"copy-{number}"
            folder.mkdir()
            for name in ("ledger.db", "ledger.db-wal"):
                shutil.copy(data / name, folder)
            copies.append((folder, acknowledged[:known]))
            time.sleep(0.02)
    assert len(acknowledged) > 10
    for folder, known in copies:
        with closing(Ledger(folder / "ledger.db", audit=audit)) as ledger:
            found = {r[0] for r in ledger.reading.execute("select id from orders")}
            assert set(known) <= found
            assert restoring.is_restored(ledger.reading)
            with ledger.transaction() as db:
                restoring.begin(db, NOON)
        with closing(sqlite3.connect(folder / "ledger.db")) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_log_that_begins_anew_while_it_is_copied_takes_nothing_along(
    world, data, tmp_path, monkeypatch
):
    """A slow copy, and a log that is short: it begins anew between the two files again and again."""
    monkeypatch.setattr(store, "_LOG_LEAST_BYTES", 200_000)
    monkeypatch.setattr(store, "_LOG_EVERY_S", 0.0)
    copies = []
    salts = set()
    with customers(world) as acknowledged:
        for number in itertools.count():
            if number >= 25 and len(salts) > 2:
                break
            assert number < 400, "it does not begin anew"
            known = len(acknowledged)
            folder = tmp_path / f"copy-{number}"
            folder.mkdir()
            names = ("ledger.db", "ledger.db-wal")
            for name in names if number % 2 else reversed(names):
                shutil.copy(data / name, folder)
                time.sleep(0.05)
            salts.add((folder / "ledger.db-wal").read_bytes()[16:24])
            copies.append((folder, acknowledged[:known]))
            time.sleep(number % 7 / 50)
    for folder, known in copies:
        with closing(Ledger(folder / "ledger.db", audit=audit)) as ledger:
            found = {r[0] for r in ledger.reading.execute("select id from orders")}
            assert set(known) <= found
            assert ledger.reading.execute("pragma integrity_check").fetchone()[0] == "ok"


def test_a_log_is_written_back_once_it_is_long_and_not_again(world, monkeypatch):
    """Nobody may write for a moment then: not with each transaction that follows."""
    monkeypatch.setattr(store, "_LOG_LEAST_BYTES", 400_000)
    monkeypatch.setattr(store, "_LOG_EVERY_S", 0.0)
    monkeypatch.setattr(store, "_STILL_S", 0.05)
    with world.ledger.transaction() as db:
        db.execute("create table filler (words text)")
    log, salts = world.ledger.path.with_name("ledger.db-wal"), []
    for _ in range(60):
        with world.ledger.transaction() as db:
            db.execute("insert into filler values (?)", ("x" * 20_000,))  # 24 kB and more
        with log.open("rb") as file:
            salts.append(file.read(24)[16:])
    # After each time it begins anew, under other salts.
    assert 2 <= len(set(salts)) <= 11
    assert log.stat().st_size < 500_000


def test_a_second_copy_that_knows_more_than_the_first_has_gone_back_too(world, data, tmp_path):
    """Who has put the wrong copy back puts back another: it has seen more, and not what came since."""
    older, newer = tmp_path / "older.db", tmp_path / "newer.db"
    for copy in (older, newer):
        for _ in range(5):
            world.order()
        with closing(sqlite3.connect(copy)) as there:
            world.ledger.reading.backup(there)
    world.ledger.close()
    for copy in (older, newer):
        for ending in ("-wal", "-shm"):
            (data / f"ledger.db{ending}").unlink(missing_ok=True)
        shutil.copy(copy, data / "ledger.db")
        with closing(Ledger(data / "ledger.db", audit=audit)) as ledger:
            assert restoring.is_restored(ledger.reading), copy.name
            with ledger.transaction() as db:
                restoring.begin(db, NOON)
        with closing(Ledger(data / "ledger.db", audit=audit)) as ledger:
            assert not restoring.is_restored(ledger.reading), "once is enough"


def test_a_mark_of_an_earlier_release_is_read(world, data):
    world.order()
    world.ledger.close()
    with closing(sqlite3.connect(data / "ledger.db")) as db:
        db.execute("delete from meta where key = 'history'")
        db.commit()
    mark = data / "ledger.db.mark"
    mark.write_text(mark.read_text()[:20])
    with closing(Ledger(data / "ledger.db")) as ledger:
        assert not restoring.is_restored(ledger.reading)


def test_a_steward_reads_for_whom_everybody_waits(world, data, tmp_path, restored):
    make(data, tmp_path / "b.tar", NOON)
    world.ledger.close()
    again = restored(tmp_path / "b.tar")
    with again.ledger.transaction() as db:
        restoring.begin(db, NOON)
    (found,) = [w for w in waiting(again.ledger.reading, Role.STEWARD) if w.kind == "unheard"]
    assert (found.key, found.text) == (NODE, f"Lab {NODE}")
    assert not [w for w in waiting(again.ledger.reading, Role.MAKER, NODE) if w.kind == "unheard"]
    again.ledger.close()


def test_the_ledger_is_its_owners_alone(world, data):
    world.order()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        assert (data / name).stat().st_mode & 0o077 == 0, name
