"""Offers: one plate at least, then as far ahead as the look-ahead; a no is left alone a while."""

from datetime import UTC, date, datetime, timedelta

from jobs.assign import DECLINE_REST_S, OpenJob, PrinterLoad, next_offers

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_job(job, seconds=3600.0, node="a", printer="p", due=date(2026, 12, 1), declined_at=None):
    return OpenJob(
        job=job, node=node, printer=printer, seconds=seconds, due=due, created_at=NOW,
        declined_at=declined_at,
    )  # fmt: skip


def a_load(live_s=0.0, node="a", printer="p"):
    return PrinterLoad(node=node, printer=printer, live_s=live_s)


def chosen(jobs, loads, now=NOW):
    return [job.job for job in next_offers(jobs, loads, now)]


def test_offers_reach_eight_hours_ahead():
    jobs = [a_job(f"j{i}", seconds=3 * 3600.0) for i in range(5)]
    assert chosen(jobs, [a_load()]) == ["j0", "j1"]


def test_a_plate_longer_than_the_look_ahead_is_offered_to_an_idle_printer():
    assert chosen([a_job("long", seconds=20 * 3600.0)], [a_load()]) == ["long"]
    assert chosen([a_job("long", seconds=20 * 3600.0)], [a_load(live_s=60.0)]) == []


def test_what_is_due_first_goes_first_in_any_order():
    jobs = [a_job("b", due=date(2026, 12, 9)), a_job("a", due=date(2026, 12, 1))]
    assert chosen(jobs, [a_load()]) == chosen(jobs[::-1], [a_load()]) == ["a", "b"]


def test_nothing_is_offered_to_a_printer_that_is_not_there():
    assert chosen([a_job("j", node="gone")], [a_load()]) == []


def test_a_declined_job_rests_before_it_is_offered_again():
    rest = timedelta(seconds=DECLINE_REST_S)
    job = a_job("j", declined_at=NOW)
    assert chosen([job], [a_load()], NOW + rest - timedelta(seconds=1)) == []
    assert chosen([job], [a_load()], NOW + rest) == ["j"]
