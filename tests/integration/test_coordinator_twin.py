"""Two coordinators with copies of one ledger at one broker: the earlier one ends, in words."""

import secrets
import shutil
import threading
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from fabnet import clock, wire
from fabnet.broker import COORDINATOR_USER, free_port
from fabnet.config import CoordinatorConfig
from fabnet.errors import FabnetError, TwinError
from fabnet.exchange import Exchange
from fabnet.link import Link
from fabnet.service import Service
from jobs.coordinator import nodes, restoring
from jobs.ledger.store import Ledger
from jobs.live import Live
from tests.doubles.waiting import until

MINUTE_MS = 60_000
YEAR_MS = 366 * 86_400_000


@contextmanager
def served(folder, broker, found):
    """A coordinator that runs in a thread; what ended it goes into `found` by its folder's name."""
    password = broker.folder / "coordinator.password"
    password.write_text(f"{COORDINATOR_USER}-pw")
    service = Service(
        CoordinatorConfig(
            data_dir=str(folder), port=free_port(), broker=broker.url,
            broker_password_file=str(password),
        )
    )  # fmt: skip
    stop, up = threading.Event(), threading.Event()

    def run():
        try:
            service.run(stop, up.set)
        except TwinError as error:
            found[folder.name] = error

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(30)
        yield service
    finally:
        stop.set()
        thread.join(30)
        service.ledger.close()


def test_of_two_with_copies_of_one_folder_the_earlier_ends_and_begins_as_one_put_back(
    broker, tmp_path
):
    found = {}
    with served(tmp_path / "first", broker, found) as first:
        until(lambda: first._exchange._heard_own)
        shutil.copytree(
            tmp_path / "first", tmp_path / "second", ignore=shutil.ignore_patterns("*.lock")
        )
        with served(tmp_path / "second", broker, found) as second:
            until(lambda: found)
            assert "both would give out the same work" in str(found["first"])
            until(lambda: second._link.up)
            assert not restoring.is_restored(second.ledger.reading)
            assert list(found) == ["first"]
    with closing(Ledger(tmp_path / "first" / "ledger.db")) as ledger:
        assert restoring.is_restored(ledger.reading)


def test_a_second_one_with_the_same_folder_is_refused_by_whatever_name(tmp_path):
    folder = tmp_path / "data"
    (tmp_path / "link").symlink_to(folder)
    only = Service(CoordinatorConfig(data_dir=str(folder)))
    with closing(only.ledger), only._lock:
        for name in ("data", "link"):
            with pytest.raises(FabnetError, match="Another coordinator works with"):
                Service(CoordinatorConfig(data_dir=str(tmp_path / name)))
        assert only.ledger.reading.execute("select 1").fetchone()
    again = Service(CoordinatorConfig(data_dir=str(folder)))
    with closing(again.ledger), again._lock:
        pass


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger.db")) as made:
        yield made


def begun(ledger):
    """One run, and how it hears another of a time from its own."""
    link = Link(
        "mqtt://127.0.0.1:1", COORDINATOR_USER, secrets.token_hex(), (), lambda _: ("", b"")
    )
    run = Exchange(ledger, Live(), timedelta(minutes=10), 3600.0)

    def hear(later_ms):
        told = wire.CoordinatorPresence(online=True, epoch=run.epoch + later_ms)
        run.hear(wire.write(told), link)

    return run, hear, link


def test_what_an_earlier_run_has_left_at_the_broker_is_no_twin(ledger):
    run, hear, link = begun(ledger)
    hear(5)  # kept there since a time that this clock has not reached
    hear(0)
    hear(-5)
    hear(101 * YEAR_MS)
    run.hear(b"{", link)
    assert run.farewell() is not None
    with pytest.raises(TwinError):
        hear(5)
    assert run.farewell() is None


def test_one_that_was_put_back_outruns_what_it_has_forgotten_once(ledger):
    with ledger.transaction() as db:
        restoring.begin(db, clock.now())
    run, hear, _ = begun(ledger)
    hear(0)
    before = run.epoch
    hear(MINUTE_MS)
    assert run.epoch > before + MINUTE_MS
    hear(-MINUTE_MS)
    with pytest.raises(TwinError):
        hear(MINUTE_MS)


def test_one_that_was_put_back_outruns_a_time_in_which_its_clock_was_decades_ahead(ledger):
    """Its nodes have heard of that run, and would obey no earlier one for all those years."""
    with ledger.transaction() as db:
        restoring.begin(db, clock.now())
    nodes.enrol(ledger, "lab-a", "Lab", "", clock.now())
    run, hear, link = begun(ledger)
    told = run.epoch + 80 * YEAR_MS
    message = wire.envelope(
        id="x", stream="s", n=1, boot="b", kind="sync", body=b"{}", at="", floor=0, epoch=told
    )
    run.take([(wire.topic("lab-a", wire.Channel.EVENTS), message)], link)
    assert run.epoch > told
    hear(0)
    before = run.epoch
    hear(5 * YEAR_MS)
    assert run.epoch > before + 5 * YEAR_MS


def test_a_copy_that_begins_elsewhere_waits_for_every_lab_and_gives_out_no_number_again(tmp_path):
    """At another broker nobody hears the other: mark and all, the copy knows it by its place."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()

    def run_at(folder):
        with closing(Ledger(folder / "ledger.db")) as ledger:
            if not restoring.fence(ledger.reading):
                nodes.enrol(ledger, "lab-a", "Lab", "", clock.now())
            Exchange(ledger, Live(), timedelta(minutes=10), 3600.0)
            db = ledger.reading
            return restoring.fence(db), restoring.unheard(db)

    assert run_at(here) == (0, ())
    assert run_at(here) == (0, ())
    shutil.copytree(here, there)
    fence, waited_for = run_at(there)
    assert fence > 1000
    assert waited_for == ("lab-a",)
    assert run_at(there) == (fence, ("lab-a",))  # once
    assert run_at(here) == (0, ())
    (tmp_path / "link").symlink_to(here)
    assert run_at(tmp_path / "link") == (0, ())
