"""One letter that goes wrong: nobody else's waits for it, and nobody gets it again and again."""

from datetime import timedelta

import pytest

from fabnet import clock, telling_service
from fabnet.telling_service import TellingService
from jobs.addresses import is_address, mail_in
from jobs.ledger import notices
from jobs.notice_kinds import Channel, Kind
from jobs.telling import Notice
from tests.doubles.telling import HEAD, PARIS, a_config, told
from tests.doubles.waiting import until

ADA, BEA, CLEO = "ada@example.org", "bea@example.org", "cleo@example.org"


def wrote(people, order_id, *addresses, **changes):
    """Letters to requesters, the first of them first in the outbox."""
    now = clock.now()
    facts = {
        "kind": Kind.ORDER_ASKED, "channel": Channel.MAIL, "language": "fr", "ref": order_id,
        "facts": {"kits": 2, "due": "2026-12-01"}, "expires_at": now + timedelta(days=2),
    }  # fmt: skip
    with people.ledger.transaction() as db:
        db.execute("delete from notice")
        for to in addresses:
            notices.write(db, [Notice(key=to, to=to, **(facts | changes.get(to, {})))], now)


def states(people):
    rows = people.ledger.reading.execute("select * from notice").fetchall()
    return {row["recipient"]: (row["state"], row["handed"], row["error"]) for row in rows}


def tries(people, to):
    row = people.ledger.reading.execute("select tries from notice where recipient = ?", (to,))
    return row.fetchone()[0]


def at_once(people):
    with people.ledger.transaction() as db:
        db.execute("update notice set next_at = '2020-01-01T00:00:00+00:00'")


@pytest.mark.parametrize("odd", ["ada..b@example.org", ".ada@example.org", "ada.@example.org"])
def test_what_is_no_address_stops_nobodys_letter(people, server, odd):
    """A form may be filled with anything, and an earlier release took these for addresses."""
    assert not is_address(odd)
    assert mail_in(f"Ada, 01 23 45 67 89, {odd.replace('ada..b', 'a..b')}") in ("", ADA)
    wrote(people, people.order(2), odd, BEA)
    with told(people, server):
        until(lambda: states(people)[BEA][0] == "sent")
        until(lambda: states(people)[odd][0] == "refused")
    assert "is no address of mail" in states(people)[odd][2]


def test_what_cannot_be_put_into_words_waits_alone(people, server):
    wrote(people, people.order(2), ADA, BEA, **{ADA: {"facts": {}}})
    with told(people, server):
        until(lambda: states(people)[BEA][0] == "sent")
        until(lambda: states(people)[ADA][2])
    assert states(people)[ADA][:2] == ("waiting", 0)


def test_a_server_that_falls_over_one_letter_gets_the_others_and_that_one_three_times(
    people, server
):
    server.cut.add(ADA)
    wrote(people, people.order(2), ADA, BEA, CLEO)
    with told(people, server):
        assert {m["To"] for m in server.wait(2)} == {BEA, CLEO}
        for handed in (1, 2, 3):
            until(lambda handed=handed: tries(people, ADA) == handed)
            assert states(people)[ADA][:2] == ("waiting", handed)
            at_once(people)
        until(lambda: states(people)[ADA][0] == "refused")
    assert server.sent.count(ADA) == 3
    assert "it may have arrived" in states(people)[ADA][2]


def test_a_letter_that_was_surely_not_taken_is_tried_as_long_as_it_is_of_use(people, server):
    server.refusals[ADA] = "450 later"
    wrote(people, people.order(2), ADA)
    with told(people, server):
        for _ in range(5):
            until(lambda: "450" in states(people)[ADA][2])
            with people.ledger.transaction() as db:
                db.execute("update notice set error = ''")
            at_once(people)
        server.refusals.clear()
        until(lambda: states(people)[ADA][0] == "sent")


def test_an_alarm_overtakes_what_goes_out_slowly(people, server, monkeypatch):
    monkeypatch.setattr(telling_service, "_ROUND_S", 0.0)
    wrote(people, people.order(2), ADA, BEA, CLEO)

    def an_alarm_comes(_content):
        if len(server.sent) == 1:
            with people.ledger.transaction() as db:
                db.execute("update notice set urgent = 1 where recipient = ?", (CLEO,))

    server.on_data = an_alarm_comes
    service = TellingService(people.ledger, a_config(server), HEAD, PARIS)
    for _ in range(3):
        service._send_mail()
    assert server.sent == [ADA, CLEO, BEA]


def test_a_letter_that_was_to_rest_by_a_clock_that_was_ahead_goes_out(people, server):
    wrote(people, people.order(2), ADA, BEA)
    now = clock.now()
    with people.ledger.transaction() as db:
        for to, rests in ((ADA, timedelta(hours=5)), (BEA, timedelta(minutes=15))):
            db.execute(
                "update notice set next_at = ? where recipient = ?", ((now + rests).isoformat(), to)
            )
    found = notices.to_send(people.ledger.reading, Channel.MAIL, now, 9)
    assert [each.to for each in found] == [ADA]
