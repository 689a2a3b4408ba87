"""Whatever word or JSON of the ledger is spoilt, pages and commands say the rest, and the rest goes on.

Of whole columns whatever reads them is asked; of one row, what is done to another one, and to that one.
"""

import enum
import shutil
import sqlite3
from datetime import UTC, timedelta
from functools import partial

import pytest

from fabnet import doctor
from fabnet.config import CoordinatorConfig
from fabnet.exchange import Exchange
from jobs.coordinator import (
    deliveries,
    first_mile,
    harvests,
    recalls,
    retention,
    reviews,
    telling,
)
from jobs.errors import JobError
from jobs.ledger import views
from jobs.ledger.hub import gates
from jobs.ledger.recalls import suspects
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.messages import Cancel, HeldAttempt, Sync, Synced
from jobs.recall import Cause, RecallKind
from jobs.retention import limits
from tests.doubles.spoilt import Page, answers, network_in, some, spoilt
from tests.doubles.world import NODE, PRINTER, SILENCE


@pytest.fixture(scope="module")
def made(fresh_world, tmp_path_factory, hashed):
    folder = tmp_path_factory.mktemp("spoilt") / "world"
    shutil.copytree(fresh_world, folder)
    found = network_in(folder, hashed)
    yield found
    found.ledger.close()


@pytest.fixture(scope="module")
def kept(made):
    found = sqlite3.connect(":memory:")
    made.ledger.reading.backup(found)
    yield found
    found.close()


@pytest.fixture
def network(made, kept):
    """The same network for each test: it is put back, since to make it takes a second."""
    kept.backup(made.ledger.reading)
    made._seen.clear()
    return made


def words_of(kind=enum.StrEnum):
    """Yield all words of states, kinds and roles that fabnet knows."""
    for each in kind.__subclasses__():
        yield from (member.value for member in each)
        yield from words_of(each)


#: Columns that only look like words of ours: logins.
LOGINS = ("_by", "by_person", "login")


def words(db):
    """Yield what is a word of ours, or JSON, by table and column, and what is put there."""
    ours = {*words_of(), "fr", "en"}
    tables = "select name from sqlite_master where type = 'table' and name != '_sqlite_migrations'"
    for (table,) in db.execute(tables).fetchall():
        for column in db.execute("select * from pragma_table_info(?)", (table,)).fetchall():
            name = column["name"]
            if column["type"].lower() != "text" or column["pk"] or name.endswith(LOGINS):
                continue
            found = {row[0] for row in db.execute(f"select {name} from {table}")} - {"", None}
            if found and all(text[:1] in "[{" for text in found):
                yield table, name, "{"
            elif found and found <= ours:
                yield table, name, "?"


#: What answers when all that it is about is spoilt, in words of its own: who asks, where, or with what.
ELSE = {
    ("person", "role"): {403},
    ("node", "standing"): {303, 404},
    ("revision", "body"): {404},
    ("manifest", "files"): {404},
}


def test_every_page_and_command_says_the_rest_of_words(network):
    db = network.ledger.reading
    sound = answers(network)
    network.site.app.config["PROPAGATE_EXCEPTIONS"] = True
    wrong, asked, found = [], 0, [*words(db)]
    assert {("orders", "state", "?"), ("recall", "kind", "?"), ("revision", "body", "{")} <= {
        *found
    }
    for number, (table, column, value) in enumerate(found):
        asks = [(name, *each[1:]) for name, each in sound.items() if (table, column) in each[0]]
        with spoilt(db, table, column, value):
            for name, answer, ask in some(asks, number):
                asked += 1
                try:
                    got = ask()
                except Exception as error:  # noqa: BLE001 - each is told
                    wrong.append((f"{table}.{column}", name, repr(error)))
                    continue
                other = ELSE.get((table, column), ())
                if isinstance(answer, Page) and got != answer and got.status not in other:
                    wrong.append((f"{table}.{column}", name, got))
    assert asked > 250
    assert wrong == []


#: Whose order a row is of.
ORDER_OF = {
    "orders": "id", "job": "order_id", "lot": "order_id", "batch": "order_id", "line": "order_id",
    "plan_row": "order_id", "event": "order_id",
    "attempt": "(select order_id from job j where j.id = job_id)",
}  # fmt: skip
#: Tables whose rows are of no order, nor of what is done here.
OF_NO_ORDER = ("recall", "pickup", "telling", "notice", "complaint")


def deeds(network):
    """Yield what is done: its name, the order that it is about, the row whose state says whether it may be."""
    ledger, now = network.ledger, network.now
    steward = network.site.person("steward").client

    def post(path, **form):
        return lambda: steward.post(path, data=form).status_code

    done, opened, asked = network.done, network.open, network.asked
    aside = ledger.reading.execute(
        "select order_id from lot where code = ?", (network.aside,)
    ).fetchone()[0]
    printed = views.attempt(ledger.reading, network.printed)
    of_plate = f"job_id = '{network.printed.job}' and number = {network.printed.number}"
    count = deliveries.Count()
    yield "confirm", asked, ("orders", f"id = '{asked}'"), post(f"/orders/{asked}/confirm", day="")
    yield "urgent", opened, ("orders", f"id = '{opened}'"), post(
        f"/orders/{opened}/priority", priority="urgent"
    )  # fmt: skip
    yield "receive", opened, ("batch", f"id = '{network.parcel}'"), lambda: deliveries.receive(
        ledger, network.parcel, count, "requester", now
    )  # fmt: skip
    yield "reworked", aside, None, post(f"/l/{network.aside}/reworked")
    yield "counted", aside, ("lot", f"code = '{network.aside}'"), lambda: first_mile.count_in(
        ledger, network.aside, 2, "", "inspector", now
    )  # fmt: skip
    yield "harvest", printed.order_id, ("attempt", of_plate), lambda: harvests.harvest(
        ledger, network.printed, printed.pieces, 0, "", "maker", now
    )  # fmt: skip
    yield "end recall", done, ("recall", f"id = '{network.recall}'"), post(
        f"/recalls/{network.recall}/end", reason="tested", verdict="good"
    )  # fmt: skip
    yield "forget", "", None, lambda: retention.sweep(ledger, limits(now), now)
    yield "letters", "", None, lambda: telling.tell(ledger, now, UTC)
    for name, turn in zip(
        TURNS, Exchange(ledger, Live(), SILENCE, 8 * 3600.0).turns(), strict=True
    ):
        yield name, "", None, turn


TURNS = ("time", "lapse", "take back", "recalls and spare bags", "offer", "ask")


def outcome(deed):
    try:
        deed()
    except JobError as error:
        return str(error)
    return None


def state_of(db):
    """Return what stands in the ledger, but for the count of what was written."""
    return [line for line in db.iterdump() if not line.startswith('INSERT INTO "meta"')]


@pytest.fixture
def again(network, kept):
    """Return what is done, and how the ledger is put back to what it was."""
    network.site.app.config.update(PROPAGATE_EXCEPTIONS=True, WTF_CSRF_ENABLED=False)
    return [*deeds(network)], partial(kept.backup, network.ledger.reading)


def test_a_deed_is_done_while_a_row_of_another_order_is_spoilt(network, again):
    found, put_back = again
    db, wrong, done = network.ledger.reading, [], 0
    for name, order, _, deed in found:
        put_back()
        expected = deed()
        for table, column, value in [*words(db)]:
            if table not in (*ORDER_OF, *OF_NO_ORDER) or (table, name) == ("recall", "end recall"):
                continue
            put_back()
            where = f"{ORDER_OF[table]} != '{order}'" if table in ORDER_OF else "true"
            db.execute(
                f"update {table} set {column} = ? where rowid ="
                f" (select min(rowid) from {table} where {where})",
                (value,),
            )
            done += 1
            try:
                if (got := deed()) != expected and name not in ("harvest", "letters"):
                    wrong.append((f"{table}.{column}", name, got))
            except Exception as error:  # noqa: BLE001 - each is told
                wrong.append((f"{table}.{column}", name, repr(error)))
    assert done > 200
    assert wrong == []


def test_a_deed_on_the_spoilt_row_says_so_and_changes_nothing(network, again):
    found, put_back = again
    db, said = network.ledger.reading, {}
    for name, _, row, deed in found:
        if row is None:
            continue
        put_back()
        column = "kind" if row[0] == "recall" else "state"
        assert db.execute(f"update {row[0]} set {column} = '?' where {row[1]}").rowcount == 1
        before = state_of(db)
        try:
            said[name] = deed()
        except JobError as error:
            said[name] = str(error)
        if name != "end recall" and said[name] != 303:
            assert state_of(db) == before, name
    lot = network.aside
    assert said == {
        "confirm": 409,
        "urgent": 409,
        "receive": f"Batch {network.parcel} is unknown: it cannot be received now.",
        "counted": f"What the ledger says of lot {lot} cannot be read: lay the bag aside, and tell who runs"
        " the coordinator.",
        "harvest": f"{network.printed} is unknown: there is nothing to count yet.",
        "end recall": 303,
    }


def test_what_may_have_been_started_is_offered_to_nobody_else(network, again):
    found, put_back = again
    db, turns = network.ledger.reading, [deed for name, *_, deed in found if name in TURNS]
    tries = "select job_id, number, state from attempt order by 1, 2"
    jobs = "select id, state, node from job where id in (select job_id from attempt) order by 1"
    live = db.execute("select count(*) from attempt where state in ('offered', 'printing')")
    assert live.fetchone()[0] > 1
    put_back()
    db.execute("update attempt set state = '?', lease_until = '2020-01-01T00:00:00+00:00'")
    db.execute("update node set online = 0, seen_at = '2020-01-01T00:00:00+00:00'")
    before = [[*map(tuple, db.execute(each))] for each in (tries, jobs)]
    for turn in (*turns, *turns):
        turn()
    assert [[*map(tuple, db.execute(each))] for each in (tries, jobs)] == before


def test_a_recall_of_which_it_is_not_known_what_it_names_holds_all_that_it_may_name(network, again):
    _, put_back = again
    ledger, now = network.ledger, network.now
    put_back()
    cause = Cause(kind=RecallKind.PRINTER, value=f"{NODE}/{PRINTER}")
    recall = recalls.begin(ledger, cause, "warped", "inspector", now)
    ledger.reading.execute("update recall set kind = '?' where id = ?", (recall,))
    assert suspects(ledger.reading) == {(NODE, PRINTER)}
    code = harvests.harvest(ledger, network.printed, 1, 1, "strings", "maker", now)
    assert views.lot(ledger.reading, code).recall == recall
    assert network.site.person("steward").get(f"/recalls/{recall}").status_code == 200
    recalls.end(ledger, recall, "measured: good", "steward", now, good=True)
    assert views.lot(ledger.reading, code).recall == ""


def test_the_doctor_names_what_cannot_be_read(network):
    config = CoordinatorConfig(data_dir=str(network.ledger.path.parent))
    assert "ledger" not in [each.check for each in doctor.plans(config)]
    db = network.ledger.reading
    db.execute("update lot set state = '?' where code = ?", (network.aside,))
    db.execute("update recall set kind = 'unknown'")
    db.execute("update revision set body = '{' where id = ?", (network.revision.id,))
    (told,) = [each for each in doctor.plans(config) if each.check == "ledger"]
    assert not told.ok
    named = (f"lot {network.aside} (state)", f"recall {network.recall} (kind)")
    for each in (*named, f"design {network.revision.id} (body)"):
        assert each in told.words


def test_a_node_is_not_told_that_nobody_knows_what_it_prints_and_a_withdrawal_stops_it(network):
    network.told()
    ref = network.refs[1]
    network.ledger.reading.execute("update attempt set state = '?' where job_id = ?", (ref.job,))
    held = HeldAttempt(attempt=ref, state=AttemptState.PRINTING)
    network.says(Sync(attempts=(held,), in_stream="", in_cursor=0))
    assert [each.unknown for each in network.told() if isinstance(each, Synced)] == [()]
    reviews.withdraw(network.ledger, network.revision.id, "sharp edges", "Camille", network.now)
    assert ref in [each.attempt for each in network.told() if isinstance(each, Cancel)]


def test_a_rule_of_which_it_is_not_known_for_what_holds_all_bags(network):
    db = network.ledger.reading
    before = gates(db)
    assert before[network.aside].hold == timedelta(hours=72)
    db.execute("update job set material = 'PLA'")
    assert gates(db)[network.aside].hold == timedelta()
    db.execute("update hub_rule set scope = '?' where scope = 'material'")
    assert {each.hold for each in gates(db).values()} == {timedelta(hours=72)}
    assert network.site.person("steward").get("/hub/rules").status_code == 200
