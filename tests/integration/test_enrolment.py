"""Who belongs to the network, on a real ledger: both laws are checked after every transaction."""

from datetime import timedelta

import pytest

from fabnet import wire
from fabnet.inbox import Inbox
from fabnet.wire import Channel
from jobs.coordinator import enrolment, files, harvests, nodes
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.joining import Enrol, Standing, token_hash
from jobs.ledger import history, labs, members, streams, views
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.messages import Answer, Capabilities, Counted, PrinterChange, ReportState, RotateLogin
from jobs.model import ReasonCode
from printers.model import PrinterState
from tests.doubles.world import NODE, PRINTER, some_facts

LOGIN = "$7$101$" + "A" * 16 + "$" + "B" * 86 + "=="
LOGIN_2 = LOGIN.replace("B", "C")


def invited(world, lab="Atelier Nord"):
    return enrolment.invite(world.ledger, lab, "steward", world.now)


def join(world, token, key="key", login=LOGIN):
    ask = Enrol(token=token, public_key=key, login=login, proof="")
    return enrolment.join(world.ledger, ask, world.now)


def confirmed(world, lab="Atelier Nord", key="key"):
    found = join(world, invited(world, lab), key)
    enrolment.confirm(world.ledger, found.id, found.fingerprint, "steward", world.now)
    return found.id


def member(world, node):
    return members.member(world.ledger.reading, node)


def test_a_lab_joins_waits_and_is_let_in(world):
    found = join(world, invited(world))
    assert (found.id, found.standing) == ("atelier-nord", Standing.PENDING)
    assert members.logins(world.ledger.reading) == {}
    assert not nodes.is_enrolled(world.ledger.reading, found.id)
    assert found.id not in {node.id for node in labs.fleet(world.ledger.reading)}
    enrolment.confirm(world.ledger, found.id, found.fingerprint.lower(), "steward", world.now)
    assert members.logins(world.ledger.reading) == {found.id: LOGIN}
    assert nodes.is_enrolled(world.ledger.reading, found.id)
    assert member(world, found.id).standing_by == "steward"


def test_the_token_is_kept_nowhere_in_the_clear(world):
    token = invited(world)
    world.ledger.reading.execute("pragma wal_checkpoint(truncate)")
    held = world.ledger.path.read_bytes()
    assert token.encode() not in held
    assert token_hash(token).encode() in held


def test_the_same_key_gets_the_same_answer_and_another_is_refused(world):
    token = invited(world)
    first = join(world, token)
    world.pass_time(days=3)
    assert join(world, token) == first
    with pytest.raises(RefusedError, match="was used already"):
        join(world, token, key="thief")
    assert len(members.members(world.ledger.reading)) == 1


def test_a_repeated_request_does_not_bring_an_old_login_back(world):
    token = invited(world)
    node = join(world, token).id
    enrolment.change_login(world.ledger, node, 1, LOGIN_2, world.now)
    join(world, token, login=LOGIN)
    enrolment.confirm(world.ledger, node, member(world, node).fingerprint, "s", world.now)
    assert members.logins(world.ledger.reading)[node] == LOGIN_2


def test_an_unknown_or_late_code_is_refused_with_what_to_do(world):
    token = invited(world)
    with pytest.raises(RefusedError, match="does not know this code"):
        join(world, "x" * 22)
    world.pass_time(hours=24)
    with pytest.raises(RefusedError, match="ask the coordination team for a new one"):
        join(world, token)
    assert members.open_invites(world.ledger.reading, world.now) == ()


def test_an_invitation_that_was_withdrawn_lets_nobody_in(world):
    token, kept = invited(world), invited(world, "Atelier Sud")
    found = members.open_invites(world.ledger.reading, world.now)
    first = next(each for each in found if each.lab == "Atelier Nord")
    for _ in range(2):
        assert enrolment.uninvite(world.ledger, first.id, "steward", world.now) == "Atelier Nord"
    told = [
        e for e in history.events_of(world.ledger.reading, "") if e.kind == "invitation-withdrawn"
    ]
    assert [(e.subject, e.actor) for e in told] == [("Atelier Nord", "steward")]
    with pytest.raises(RefusedError, match="ask the coordination team"):
        join(world, token)
    with pytest.raises(NotFoundError):
        enrolment.uninvite(world.ledger, "0" * 64, "steward", world.now)
    (other,) = members.open_invites(world.ledger.reading, world.now)
    node = join(world, kept).id
    with pytest.raises(RefusedError, match=f"{node} has joined with this invitation"):
        enrolment.uninvite(world.ledger, other.id, "steward", world.now)


def test_a_clock_that_is_put_back_lets_no_withdrawn_invitation_in(world):
    token = invited(world)
    world.pass_time(hours=12)  # as the wrong clock says
    (found,) = members.open_invites(world.ledger.reading, world.now)
    enrolment.uninvite(world.ledger, found.id, "steward", world.now)
    world.now -= timedelta(hours=13)
    with pytest.raises(RefusedError, match="ask the coordination team"):
        join(world, token)
    assert members.open_invites(world.ledger.reading, world.now) == ()


def test_a_key_that_is_known_is_not_let_in_twice(world):
    join(world, invited(world))
    with pytest.raises(RefusedError, match="belongs to node atelier-nord already"):
        join(world, invited(world, "Other"))


@pytest.mark.parametrize(
    ("lab", "node"),
    [("Atelier de l'Été", "atelier-de-l-ete"), ("東京", "lab"), ("Coordinator", "coordinator-2"),
     ("x" * 80, "x" * 32), ("-- A --", "a")],
)  # fmt: skip
def test_a_node_is_named_after_its_lab_and_never_like_the_coordinator(world, lab, node):
    assert join(world, invited(world, lab)).id == node


def test_two_labs_of_one_name_are_two_nodes(world):
    assert join(world, invited(world, "x" * 40), "a").id == "x" * 32
    assert join(world, invited(world, "x" * 40), "b").id == "x" * 30 + "-2"


@pytest.mark.parametrize(
    ("lab", "hours"), [(" ", 24), ("x" * 81, 24), ("a\nb", 24), ("Lab", 0), ("Lab", 337)]
)
def test_an_invitation_needs_a_name_and_an_end(world, lab, hours):
    with pytest.raises(InvalidFieldError):
        enrolment.invite(world.ledger, lab, "steward", world.now, hours)


def test_another_fingerprint_is_not_confirmed(world):
    node = join(world, invited(world)).id
    with pytest.raises(RefusedError, match="somebody else has used its code"):
        enrolment.confirm(world.ledger, node, "0000 0000 0000 0000 0000", "steward", world.now)
    assert member(world, node).standing is Standing.PENDING


def test_nothing_is_offered_to_who_is_not_confirmed(world):
    node = join(world, invited(world)).id
    with world.ledger.transaction() as db:
        nodes.presence(db, node, "boot", "conn", world.now, online=True)
    world.says(Capabilities(lab="Lab", printers=(some_facts(),)), node)
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True), node)
    order_id = world.order(2)
    assert world.plan() == 0
    enrolment.confirm(world.ledger, node, member(world, node).fingerprint, "steward", world.now)
    assert world.plan() == 1
    world.tick()
    assert [a.node for a in world.attempts()] == [node]
    assert world.books(order_id).deficit == 0


def test_who_is_shut_out_loses_what_was_not_granted_and_keeps_what_may_have_begun(world):
    world.add_lab()
    order_id = world.order(6)
    world.plan()
    world.tick()
    offered, granted, *rest = [a.ref for a in world.attempts()]
    world.take(offered)
    world.take(granted)
    world.ready(granted)
    enrolment.revoke(world.ledger, NODE, "stolen", "steward", world.now)
    assert world.state(offered) is AttemptState.WITHDRAWN
    assert world.state(granted) is AttemptState.GRANTED
    assert all(world.state(ref) is AttemptState.WITHDRAWN for ref in rest)
    books = world.books(order_id)
    assert (books.coming, books.deficit) == (2, 4)
    (line,) = views.order_view(world.ledger.reading, order_id).lines
    assert ReasonCode.REVOKED in {reason.code for reason in line.reasons}
    # Silence proves nothing: only a person ends the granted one, and time alone never does.
    world.pass_time(days=3)
    world.tick()
    assert world.state(granted) is AttemptState.GRANTED
    harvests.write_off(world.ledger, granted, "the lab is gone", "steward", world.now)
    assert world.books(order_id).deficit == 6


def test_a_lab_that_leaves_by_itself_leaves_every_piece_accounted_for(world):
    """What `fabnet node leave` says, in its order: both laws hold after each word."""
    world.add_lab()
    order_id = world.order(8)
    world.plan()
    world.tick()
    printed, granted, taken, *offered = [a.ref for a in world.attempts()]
    for ref in (printed, granted, taken):
        world.take(ref)
    world.ready(printed)
    world.report(printed, ReportState.PRINTING)
    world.report(printed, ReportState.PRINTED)
    world.ready(granted, "nonce 2")
    world.can(paused=True)
    for ref in (granted, taken):
        world.report(ref, ReportState.DECLINED, "the lab leaves the network")
    for ref in offered:
        world.says(Answer(attempt=ref, taken=False, reason="the lab leaves the network"))
    world.says(Counted(attempt=printed, good=1, scrap=1, reason="warped", by="Awa"))
    enrolment.revoke(world.ledger, NODE, "the lab leaves the network", NODE, world.now)
    assert world.state(printed) is AttemptState.HARVESTED
    live = {AttemptState.OFFERED, AttemptState.TAKEN, AttemptState.READY, AttemptState.GRANTED}
    assert not live & {a.state for a in world.attempts()}
    books = world.books(order_id)
    assert (books.waiting, books.coming, books.deficit) == (1, 0, 7)
    # Another lab makes all that is missing.
    world.add_lab("lab-b")
    world.plan()
    assert world.books(order_id).deficit == 0


def test_another_lab_makes_what_was_freed_at_once(world):
    world.add_lab()
    order_id = world.order(6)
    world.plan()
    world.tick()
    enrolment.revoke(world.ledger, NODE, "stolen", "steward", world.now)
    world.add_lab("lab-b")
    world.plan()
    world.tick()
    live = [a for a in world.attempts() if a.state is AttemptState.OFFERED]
    assert {a.node for a in live} == {"lab-b"}
    assert world.books(order_id).deficit == 0


def test_parts_of_a_lab_that_was_shut_out_still_count(world):
    world.add_lab()
    order_id = world.order(2)
    world.plan()
    world.tick()
    (ref,) = [a.ref for a in world.attempts()]
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    world.report(ref, ReportState.PRINTED)
    enrolment.revoke(world.ledger, NODE, "left", "steward", world.now)
    harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert world.books(order_id).waiting == 2


def test_nothing_is_said_to_or_taken_from_who_is_shut_out(world):
    world.add_lab()
    nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    enrolment.revoke(world.ledger, NODE, "stolen", "steward", world.now)
    assert streams.unacknowledged(world.ledger.reading, NODE, 16) == ()
    nodes.printer_ready(world.ledger, NODE, PRINTER, "maker", world.now)
    assert streams.unacknowledged(world.ledger.reading, NODE, 16) == ()
    assert not nodes.is_enrolled(world.ledger.reading, NODE)
    for ask in (files.node_public_key, enrolment.signing_key):
        with pytest.raises(NotFoundError):
            ask(world.ledger, NODE)


def test_shutting_out_needs_a_reason_and_happens_once(world):
    node = confirmed(world)
    with pytest.raises(InvalidFieldError):
        enrolment.revoke(world.ledger, node, " ", "steward", world.now)
    enrolment.revoke(world.ledger, node, "stolen", "steward", world.now)
    with pytest.raises(RefusedError, match="already: stolen"):
        enrolment.revoke(world.ledger, node, "again", "steward", world.now)
    with pytest.raises(RefusedError):
        enrolment.confirm(world.ledger, node, member(world, node).fingerprint, "s", world.now)
    with pytest.raises(RefusedError, match="another one"):
        nodes.enrol(world.ledger, node, "Lab", "k", world.now, LOGIN)
    # It comes back under a new name only.
    assert join(world, invited(world), "new key").id == "atelier-nord-2"


def test_a_lab_that_waits_can_be_turned_away(world):
    node = join(world, invited(world)).id
    enrolment.revoke(world.ledger, node, "nobody knows them", "steward", world.now)
    assert members.logins(world.ledger.reading) == {}


def test_a_login_changes_one_step_at_a_time(world):
    node = confirmed(world)
    before = members.logins_version(world.ledger.reading)
    enrolment.change_login(world.ledger, node, 1, LOGIN_2, world.now)
    assert members.logins(world.ledger.reading)[node] == LOGIN_2
    assert members.logins_version(world.ledger.reading) != before
    for number in (0, 1, 3):
        with pytest.raises(RefusedError, match="not the next"):
            enrolment.change_login(world.ledger, node, number, LOGIN, world.now)
    with pytest.raises(InvalidFieldError):
        enrolment.change_login(world.ledger, node, 2, "root::x", world.now)
    assert member(world, node).login_number == 1


def test_a_node_is_asked_for_a_new_password_once_it_belongs(world):
    node = join(world, invited(world)).id
    with pytest.raises(RefusedError, match="pending"):
        enrolment.ask_to_rotate(world.ledger, node, "steward", world.now)
    enrolment.confirm(world.ledger, node, member(world, node).fingerprint, "s", world.now)
    enrolment.ask_to_rotate(world.ledger, node, "steward", world.now)
    assert world.told(node) == [RotateLogin()]


def test_logins_of_an_older_version_are_taken_over_once(world, tmp_path):
    from fabnet.enrolment import import_logins

    nodes.enrol(world.ledger, "old", "Lab", "k", world.now)
    nodes.enrol(world.ledger, "new", "Lab", "k2", world.now, LOGIN_2)
    (tmp_path / "logins").write_text(f"old:{LOGIN}\nnew:{LOGIN}\nstranger:{LOGIN}\n")
    assert import_logins(world.ledger, tmp_path) == ("old",)
    assert members.logins(world.ledger.reading) == {"old": LOGIN, "new": LOGIN_2}
    assert import_logins(world.ledger, tmp_path) == ()
    assert not (tmp_path / "logins").exists()


def test_what_a_stolen_connection_still_says_is_dropped(world):
    """The second wall: the broker may deliver what was on its way when the login ended."""
    world.add_lab()
    inbox = Inbox(world.ledger, Live(), epoch=1)
    gone = wire.write(wire.Presence(online=True, boot="boot", conn="late"))
    message = (wire.topic(NODE, Channel.PRESENCE), gone)
    assert inbox.take([message], world.now).woken == {NODE}
    # On a connection of its own, as the pages and the command line do it.
    other = Ledger(world.ledger.path)
    enrolment.revoke(other, NODE, "stolen", "steward", world.now)
    other.close()
    assert inbox.take([message], world.now).woken == set()
    assert not member(world, NODE).online
