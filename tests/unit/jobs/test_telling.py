"""Who is told what, and when: one letter for many things, none at night, alarms at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.addresses import is_address, mail_in
from jobs.ledger.waiting import URGENCY
from jobs.model import Role
from jobs.notice_kinds import CHOICES, PACES, TOLD_BY, Channel, Kind
from jobs.telling import MOST_ALARMS, Listener, Thing, Told, Trouble, alarms, due, hello, next_try

PARIS = ZoneInfo("Europe/Paris")
#: 13:00 in Paris.
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AWA = Listener(
    login="awa",
    role=Role.MAKER,
    node="lab-a",
    address="awa@example.org",
    kinds=frozenset(CHOICES[Role.MAKER]) - {Kind.DIGEST},
)
STEWARD = Listener(
    login="camille",
    role=Role.STEWARD,
    address="camille@example.org",
    kinds=frozenset(CHOICES[Role.STEWARD]) - {Kind.DIGEST},
)


def offer(n, since=NOON - timedelta(minutes=5), node="lab-a"):
    return Thing(kind="offer", key=f"offer:j{n}-a1", node=node, name="Prusa", since=since)


def told_of(notices, at):
    return [
        Told(login=n.login, kind=n.kind, at=at, keys=frozenset(n.keys))
        for n in notices
        if n.channel is Channel.MAIL
    ]


def trouble(key="j1-a1-failed", node="lab-a", printer="p1"):
    return Trouble(
        key=key, node=node, printer=printer, title="Prusa", lab="Lab A", words="no answer"
    )


def test_many_plates_are_one_letter():
    (found,) = due([offer(n) for n in range(20)], [AWA], [], NOON, PARIS)
    assert (found.kind, found.to, found.channel) == (Kind.OFFERS, "awa@example.org", Channel.MAIL)
    assert found.facts["count"] == 20
    assert len(found.keys) == 20
    assert not found.urgent


def test_a_second_letter_waits_for_hours_however_many_plates_come():
    first = due([offer(1)], [AWA], [], NOON, PARIS)
    known = told_of(first, NOON)
    for hours in (0.1, 1, 3.9):
        now = NOON + timedelta(hours=hours)
        assert due([offer(1), offer(2)], [AWA], known, now, PARIS) == ()
    now = NOON + PACES[Kind.OFFERS].gap
    (again,) = due([offer(1), offer(2)], [AWA], known, now, PARIS)
    assert again.key != first[0].key


def test_what_was_told_is_not_told_again_until_days_later():
    known = told_of(due([offer(1)], [AWA], [], NOON, PARIS), NOON)
    assert due([offer(1)], [AWA], known, NOON + timedelta(days=2), PARIS) == ()
    assert due([offer(1)], [AWA], known, NOON + timedelta(days=3, minutes=1), PARIS) != ()


def test_what_has_just_begun_to_wait_is_told_with_what_follows():
    assert due([offer(1, since=NOON - timedelta(minutes=1))], [AWA], [], NOON, PARIS) == ()
    young, old = offer(1, since=NOON), offer(2)
    (found,) = due([young, old], [AWA], [], NOON, PARIS)
    assert found.facts["count"] == 2


def test_a_bed_that_nobody_has_dated_is_told_once_a_day():
    bed = Thing(kind="clear", key="clear:lab-a/p1", node="lab-a", name="Prusa")
    known = told_of(due([bed], [AWA], [], NOON, PARIS), NOON)
    assert due([bed], [AWA], known, NOON + timedelta(hours=6), PARIS) == ()
    assert due([bed], [AWA], known, NOON + timedelta(hours=22), PARIS) != ()


def test_the_same_state_gives_the_same_keys():
    things = [offer(n) for n in range(3)]
    first = due(things, [AWA, STEWARD], [], NOON, PARIS)
    again = due(things[::-1], [STEWARD, AWA], [], NOON + timedelta(seconds=9), PARIS)
    assert {n.key for n in first} == {n.key for n in again}


def test_a_maker_is_told_of_her_own_lab_and_a_steward_of_no_bed():
    other = offer(1, node="lab-b")
    bed = Thing(
        kind="harvest", key="harvest:j2-a1", node="lab-b", name="P", since=NOON - timedelta(1)
    )
    assert due([other, bed], [AWA, STEWARD], [], NOON, PARIS) == ()
    ask = Thing(kind="confirm", key="confirm:o1", name="CHU", since=NOON - timedelta(hours=1))
    (found,) = due([ask], [AWA, STEWARD], [], NOON, PARIS)
    assert (found.login, found.kind, found.facts["name"]) == ("camille", Kind.TEAM, "CHU")


def test_nobody_is_told_what_she_does_not_want_or_where_she_gave_no_address():
    assert due([offer(1)], [replace(AWA, kinds=frozenset({Kind.BEDS}))], [], NOON, PARIS) == ()
    assert due([offer(1)], [replace(AWA, address="")], [], NOON, PARIS) == ()


def test_both_ways_are_two_letters_with_two_keys():
    both = replace(AWA, webhook="https://ntfy.example/awa")
    found = due([offer(1)], [both], [], NOON, PARIS)
    assert {n.channel for n in found} == set(Channel)
    assert len({n.key for n in found}) == 2


@pytest.mark.parametrize(
    ("hour_utc", "quiet"), [(19.9, False), (20.0, True), (23, True), (6.9, True), (7.0, False)]
)
def test_quiet_hours_are_by_the_networks_clock(hour_utc, quiet):
    now = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(hours=hour_utc)
    found = due([offer(1, since=now - timedelta(hours=1))], [AWA], [], now, PARIS)
    assert (found == ()) is quiet


def test_quiet_hours_of_one_day_and_of_none():
    nap = replace(AWA, quiet_from_min=12 * 60, quiet_to_min=14 * 60)
    assert due([offer(1)], [nap], [], NOON, PARIS) == ()
    none = replace(AWA, quiet_from_min=0, quiet_to_min=0)
    midnight = datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert due([offer(1, since=midnight - timedelta(hours=1))], [none], [], midnight, PARIS) != ()


def test_what_came_in_the_night_is_one_letter_in_the_morning():
    night = datetime(2026, 11, 24, 0, tzinfo=UTC)
    things, known, letters = [], [], []
    for minute in range(0, 9 * 60, 10):
        now = night + timedelta(minutes=minute)
        things.append(offer(minute, since=now))
        found = due(things, [AWA], known, now, PARIS)
        known += told_of(found, now)
        letters += [(now, each) for each in found]
    ((at, letter),) = letters
    assert at == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert letter.facts["count"] == 43


# --- the daily digest


def with_digest(hour=18, **changes):
    return replace(AWA, kinds=frozenset({Kind.DIGEST}), digest_min=hour * 60, **changes)


def test_the_digest_comes_once_a_day_at_its_hour():
    keys = set()
    start = datetime(2026, 11, 24, tzinfo=UTC)
    for minute in range(0, 48 * 60, 5):
        now = start + timedelta(minutes=minute)
        for notice in due([offer(1), offer(2)], [with_digest()], [], now, PARIS):
            assert 17 <= now.hour < 20, "18:00 in Paris is 17:00 UTC in winter"
            assert notice.facts == {Kind.OFFERS: 2}
            keys.add(notice.key)
    assert keys == {"digest:awa:2026-11-24:mail", "digest:awa:2026-11-25:mail"}


def test_a_digest_that_was_chosen_in_quiet_hours_comes_and_one_on_nothing_does_not():
    at_seven = with_digest(7)
    now = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
    assert at_seven.is_quiet(now.astimezone(PARIS))
    assert due([offer(1)], [at_seven], [], now, PARIS) != ()
    assert due([], [at_seven], [], now, PARIS) == ()


def test_a_digest_late_in_the_evening_belongs_to_its_own_day():
    late = with_digest(23)
    after_midnight = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    (found,) = due([offer(1)], [late], [], after_midnight, PARIS)
    assert found.key == "digest:awa:2026-11-24:mail"


def test_the_day_on_which_clocks_go_back_has_one_digest():
    keys = set()
    for minute in range(0, 6 * 60, 5):
        now = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=minute)
        keys |= {n.key for n in due([offer(1)], [with_digest(2)], [], now, PARIS)}
    assert keys == {"digest:awa:2026-10-25:mail"}


# --- alarms


def test_an_alarm_goes_to_its_makers_and_the_stewards_at_once_and_at_night():
    other = replace(AWA, login="zoe", node="lab-b", address="zoe@example.org")
    night = datetime(2026, 11, 24, 2, tzinfo=UTC)
    found = alarms(trouble(), [AWA, STEWARD, other], [], night)
    assert {n.login for n in found} == {"awa", "camille"}
    assert all(n.urgent for n in found)
    assert found[0].facts["words"] == "no answer"


def test_two_words_on_one_trouble_are_one_alarm():
    known = told_of(alarms(trouble(), [AWA], [], NOON), NOON)
    soon = NOON + timedelta(minutes=5)
    assert alarms(trouble("lab-a/p1@x"), [AWA], known, soon) == ()
    assert alarms(trouble("j9-a1-failed", printer="p2"), [AWA], known, soon) != ()
    assert alarms(trouble("later"), [AWA], known, NOON + timedelta(minutes=31)) != ()


def test_a_lab_that_fails_all_day_does_not_flood_anybody():
    known, count = [], 0
    for minute in range(24 * 60):
        now = NOON + timedelta(minutes=minute)
        found = alarms(trouble(f"e{minute}", printer=f"p{minute}"), [STEWARD], known, now)
        known += told_of(found, now)
        count += len(found)
    assert count == MOST_ALARMS
    assert alarms(trouble("x", node="lab-b"), [STEWARD], known, now) != ()


def test_what_was_told_by_a_clock_that_was_ahead_hushes_nobody():
    ahead = NOON + timedelta(hours=5)
    before = told_of(alarms(trouble("j1-a1-failed"), [AWA], [], ahead), ahead) * MOST_ALARMS
    assert alarms(trouble("j2-a1-failed"), [AWA], before, NOON)
    assert not alarms(trouble("j1-a1-failed"), [AWA], before, NOON), "the same trouble"
    later = told_of(due([offer(1)], [AWA], [], ahead, PARIS), ahead)
    assert due([offer(2)], [AWA], later, NOON, PARIS)


def test_who_wants_no_alarm_gets_none():
    assert alarms(trouble(), [replace(AWA, kinds=frozenset({Kind.BEDS}))], [], NOON) == ()


def test_a_new_address_is_greeted_once_a_day():
    (first,) = hello(AWA, NOON)
    (again,) = hello(AWA, NOON + timedelta(hours=1))
    (other,) = hello(replace(AWA, address="new@example.org"), NOON)
    assert first.key == again.key != other.key


@given(
    minutes=st.lists(st.integers(0, 7 * 24 * 60), min_size=1, max_size=60),
    quiet=st.tuples(st.integers(0, 1439), st.integers(0, 1439)),
)
@settings(max_examples=60, deadline=None)
def test_however_plates_come_nobody_is_told_too_often_or_at_night(minutes, quiet):
    person = replace(AWA, quiet_from_min=quiet[0], quiet_to_min=quiet[1])
    things, known, sent = [], [], []
    for n, minute in enumerate(sorted(minutes)):
        now = NOON + timedelta(minutes=minute)
        things.append(offer(n, since=now))
        # Asked twice at once, as after a crash: the keys are the same.
        found = due(things, [person], known, now, PARIS)
        assert {f.key for f in found} == {f.key for f in due(things, [person], known, now, PARIS)}
        assert not found or not person.is_quiet(now.astimezone(PARIS))
        sent += [now for _ in found]
        known += told_of(found, now)
    assert all(b - a >= PACES[Kind.OFFERS].gap for a, b in pairwise(sent))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("awa@example.org", True),
        ("awa.d+fabnet@mail.example.org", True),
        ("awa@example", False),
        ("awa", False),
        ("a b@example.org", False),
        ("awa@example.org\r\nBcc: x@y.z", False),
        ("a@" + "b" * 260 + ".org", False),
        ("", False),
    ],
)
def test_addresses(text, good):
    assert is_address(text) is good


def test_tries_come_at_growing_distances():
    rests = [(next_try(n, NOON) - NOON).total_seconds() for n in range(1, 9)]
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (30, 900)


def test_a_silence_is_told_once_however_long_it_lasts():
    silence = replace(trouble("silent-j1-a1@x"), silent_since=NOON - timedelta(minutes=17))
    found = alarms(silence, [AWA], [], NOON)
    assert found[0].facts["silent_min"] == 17
    known = told_of(found, NOON)
    assert alarms(silence, [AWA], known, NOON + timedelta(hours=5)) == ()
    assert alarms(trouble("j1-a1-failed"), [AWA], known, NOON + timedelta(hours=5)) != ()


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        ("ada@chu.example", "ada@chu.example"),
        ("02 40 00 00 00 / ada@chu.example", "ada@chu.example"),
        ("Ada <ada@chu.example>, poste 12", "ada@chu.example"),
        ("a@b.fr;c@d.fr", "a@b.fr"),
        ("02 40 00 00 00", ""),
        ("ada@chu", ""),
        ("", ""),
    ],
)
def test_the_address_of_mail_in_a_contact(contact, address):
    assert mail_in(contact) == address


def test_everything_that_can_wait_is_told():
    assert {*URGENCY, "advice", "left-out", "odd"} == set(TOLD_BY), (
        "these are told, and wait for nothing"
    )
