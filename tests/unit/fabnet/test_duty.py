"""Duties of a node, property by property: what it asks for, starts and gives back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fabnet.node.duty import (
    BROKEN_S,
    READY_AGAIN_S,
    Claim,
    Facts,
    Kept,
    Machine,
    Plate,
    asked_again,
    heard,
    left_s,
    reopened,
    to_ask,
    to_return,
    to_start,
)
from jobs.model import AttemptRef

NOW_S = 100_000.0
AHEAD_S = 8 * 3600.0
PRINTERS = ("p1", "p2")
FREE = Machine(free=True, works=False)
WORKS = Machine(free=False, works=True)


def ref(number):
    return AttemptRef(job=f"job{number}", number=1)


def a_plate(number=1, **changes):
    facts = {
        "ref": ref(number), "printer": "p1", "seconds": 3600.0, "start_in_s": 0.0, "refusal": "",
        "granted": False,
    }  # fmt: skip
    return Plate(**(facts | changes))


def some_facts(*plates, claims=(), machine=FREE, **changes):
    facts = {
        "plates": plates, "claims": dict(claims), "machines": {"p1": machine},
        "unheard": frozenset(), "ahead_s": AHEAD_S, "now_s": NOW_S,
    }  # fmt: skip
    return Facts(**(facts | changes))


def held(until_s=NOW_S + 1000, sent_s=NOW_S - 1000, renew_s=NOW_S + 500):
    return Claim(nonce="n", sent_s=sent_s, until_s=until_s, renew_s=renew_s)


SECONDS = st.floats(0, 2 * AHEAD_S)
TIMES = st.one_of(st.none(), st.floats(NOW_S - 2 * AHEAD_S, NOW_S + 2 * AHEAD_S))
CLAIMS = st.builds(
    Claim,
    nonce=st.just("n"),
    sent_s=st.floats(0, NOW_S),
    until_s=TIMES,
    renew_s=st.floats(0, 2 * NOW_S),
)
MACHINES = st.builds(
    Machine,
    free=st.booleans(),
    works=st.booleans(),
    broken_s=st.one_of(st.none(), st.floats(0, NOW_S)),
)


@st.composite
def all_facts(draw):
    count = draw(st.integers(0, 6))
    plates = tuple(
        Plate(
            ref=ref(number),
            printer=draw(st.sampled_from(PRINTERS)),
            seconds=draw(SECONDS),
            start_in_s=draw(st.one_of(st.none(), st.just(0.0), SECONDS)),
            refusal=draw(st.sampled_from(("", "", "a pause"))),
            granted=draw(st.booleans()),
        )
        for number in range(count)
    )
    refs = [plate.ref for plate in plates]
    claims = {each: draw(CLAIMS) for each in refs if draw(st.booleans())}
    return Facts(
        plates=plates,
        claims=claims,
        machines={name: draw(MACHINES) for name in PRINTERS if draw(st.booleans())},
        unheard=frozenset(each for each in refs if draw(st.booleans())),
        ahead_s=draw(st.floats(1, 2 * AHEAD_S)),
        now_s=NOW_S,
    )


def by_ref(facts):
    return {plate.ref: plate for plate in facts.plates}


@given(all_facts())
def test_nothing_starts_without_a_living_grant_a_free_printer_and_the_owners_leave(facts):
    started = to_start(facts)
    plates = [by_ref(facts)[each] for each in started]
    for plate in plates:
        claim = facts.claims[plate.ref]
        assert claim.until_s is not None
        assert facts.now_s < claim.until_s
        assert facts.machines[plate.printer].free
        assert plate.start_in_s == 0
        assert plate.refusal == ""
    assert len({plate.printer for plate in plates}) == len(plates)


@given(all_facts())
def test_what_could_start_first_on_a_free_printer_does(facts):
    able = [
        plate
        for plate in facts.plates
        if plate.printer in facts.machines
        and facts.machines[plate.printer].free
        and plate.ref in facts.claims
        and facts.claims[plate.ref].holds(NOW_S)
        and plate.start_in_s == 0
        and not plate.refusal
    ]
    firsts = {plate.printer: plate.ref for plate in reversed(able)}
    assert set(to_start(facts)) == set(firsts.values())


@given(all_facts())
def test_what_is_asked_for_could_be_used_and_is_within_the_look_ahead(facts):
    asked = [by_ref(facts)[each] for each in to_ask(facts)]
    for plate in asked:
        assert plate.refusal == ""
        assert plate.start_in_s is not None
        assert plate.start_in_s <= facts.ahead_s
        machine = facts.machines[plate.printer]
        assert machine.free or machine.works
    for printer in PRINTERS:
        work = [plate.seconds for plate in asked if plate.printer == printer]
        assert len(work) <= 1 or sum(work) <= facts.ahead_s or min(work) == 0


@given(all_facts())
def test_nothing_is_asked_twice_while_the_first_word_is_on_its_way(facts):
    for each in to_ask(facts):
        claim = facts.claims.get(each)
        if claim is not None:
            assert each not in facts.unheard
            assert facts.now_s >= claim.sent_s + READY_AGAIN_S
            assert not claim.holds(facts.now_s) or facts.now_s >= claim.renew_s


@given(all_facts())
def test_only_what_the_coordinator_counts_on_is_given_back_and_always_with_a_reason(facts):
    for each, why in to_return(facts):
        plate = by_ref(facts)[each]
        assert plate.granted or each in facts.claims
        assert why


def test_a_lab_that_is_offered_a_day_of_work_asks_for_eight_hours_of_it():
    plates = [a_plate(number, seconds=3 * 3600.0) for number in range(8)]
    assert to_ask(some_facts(*plates, machine=WORKS)) == (ref(0), ref(1))
    assert to_ask(some_facts(a_plate(seconds=30 * 3600.0))) == (ref(1),)


def test_the_next_plate_is_asked_for_while_the_printer_works_but_not_for_an_unclear_bed():
    assert to_ask(some_facts(a_plate(), machine=WORKS)) == (ref(1),)
    assert to_ask(some_facts(a_plate(), machine=Machine(free=False, works=False))) == ()


def test_a_grant_is_asked_for_anew_at_half_of_its_time_and_when_it_is_dead():
    def asks(claim):
        return to_ask(some_facts(a_plate(), claims={ref(1): claim})) == (ref(1),)

    assert not asks(held())
    assert asks(held(renew_s=NOW_S))
    assert asks(held(until_s=NOW_S))
    assert not asks(held(until_s=NOW_S, sent_s=NOW_S - READY_AGAIN_S + 1))


def test_plates_wait_for_hours_that_are_near_and_are_not_asked_for_far_ones():
    assert to_ask(some_facts(a_plate(start_in_s=AHEAD_S))) == (ref(1),)
    assert to_ask(some_facts(a_plate(start_in_s=AHEAD_S + 1))) == ()
    assert to_start(some_facts(a_plate(start_in_s=1.0), claims={ref(1): held()})) == ()


def test_what_was_granted_and_cannot_be_made_here_is_given_back_with_its_reason():
    for changes, why in (
        ({"refusal": "this lab is taking a pause"}, "this lab is taking a pause"),
        ({"start_in_s": None}, "it takes longer than anybody is here by now"),
        ({"printer": "gone"}, "its printer is not configured any more"),
    ):
        assert to_return(some_facts(a_plate(granted=True, **changes))) == ((ref(1), why),)
        assert to_return(some_facts(a_plate(**changes), claims=[(ref(1), held())])) == (
            (ref(1), why),
        )
        assert to_return(some_facts(a_plate(**changes))) == ()
    assert to_return(some_facts(a_plate(granted=True))) == ()


def test_a_printer_that_stays_broken_gives_its_grants_back():
    def returns(since_s):
        machine = Machine(free=False, works=False, broken_s=since_s)
        return bool(to_return(some_facts(a_plate(granted=True), machine=machine)))

    assert not returns(NOW_S - BROKEN_S + 1)
    assert returns(NOW_S - BROKEN_S)


@given(st.floats(0, NOW_S), st.floats(0, AHEAD_S), st.floats(0, 2 * NOW_S))
def test_a_grant_ends_counted_from_when_its_ready_was_sent(sent_s, ttl_s, now_s):
    claim = heard(Claim(nonce="n", sent_s=sent_s), ttl_s, now_s)
    if claim is None:
        assert now_s >= sent_s + ttl_s
    else:
        assert claim.until_s == sent_s + ttl_s
        assert claim.holds(now_s)


@given(CLAIMS, st.floats(0, 2 * NOW_S))
def test_asking_anew_never_makes_a_grant_longer(claim, sent_s):
    assert asked_again(claim, "m", sent_s).until_s == claim.until_s
    assert asked_again(None, "m", sent_s).until_s is None


# --- a person's word after a restart ---------------------------------------------------------------

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
KEPT = Kept(at=AT, until=AT + timedelta(hours=8), until_s=NOW_S + 8 * 3600, boot="boot")


@given(
    wall_h=st.floats(-20, 20),
    passed_s=st.floats(0, 20 * 3600),
    boot=st.sampled_from(("boot", "b2")),
)
def test_a_person_re_opens_a_grant_only_while_both_clocks_allow_it(wall_h, passed_s, boot):
    now = AT + timedelta(hours=wall_h)
    now_s = NOW_S + passed_s if boot == "boot" else passed_s
    left = left_s(KEPT, now, now_s, boot)
    assert 0 <= left <= 8 * 3600
    if left > 0:
        assert AT <= now < KEPT.until
        assert left <= (KEPT.until - now).total_seconds() + 1e-6
        assert passed_s < 8 * 3600
        assert left <= 8 * 3600 - passed_s + 1e-6


def test_a_wall_clock_that_stands_before_the_grant_proves_nothing():
    assert left_s(KEPT, AT - timedelta(seconds=1), 10.0, "another boot") == 0
    assert left_s(KEPT, AT + timedelta(hours=1), 10.0, "another boot") == 7 * 3600
    assert left_s(KEPT, AT + timedelta(hours=1), NOW_S + 7 * 3600, "boot") == 3600


def test_a_re_opened_grant_lasts_for_what_is_left_and_waits_for_the_answer_that_is_due():
    claim = reopened(Claim(nonce="due", sent_s=5.0), 100.0, NOW_S)
    assert (claim.nonce, claim.sent_s, claim.until_s) == ("due", 5.0, NOW_S + 100)
    assert reopened(None, 100.0, NOW_S).until_s == NOW_S + 100
