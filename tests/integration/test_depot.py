"""The depot: grams are booked once and never below zero; what is on its way counts until it came or is back."""

import json
import re
import sqlite3
from datetime import date, timedelta

import pytest

from fabnet import clock
from jobs.coordinator import depot as deeds
from jobs.coordinator import filament, planning, recalls
from jobs.errors import InvalidFieldError, LawBrokenError, NotFoundError, RefusedError
from jobs.ledger import depot
from jobs.ledger.store import Ledger
from jobs.recall import Cause, RecallKind
from tests.doubles import commands
from tests.doubles.lots import makes_a_lot
from tests.doubles.pages import sections
from tests.doubles.world import NODE

ONE, TWO = "aaaaaaaaaa", "bbbbbbbbbb"
FRIDAY = date(2026, 11, 27)


def counts(world, grams, lot="", material="PETG"):
    deeds.count(world.ledger, material, grams, "ada", world.now, lot)


def sends(world, grams=750, sending=ONE, material="PETG", day=FRIDAY, node=NODE):
    return deeds.send(world.ledger, sending, node, material, grams, day, "ada", world.now)


def ends(world, sending=ONE, *, came):
    deeds.end(world.ledger, sending, "ada", world.now, came=came)


def boxes(world):
    return [(b.material, b.lot, b.grams) for b in depot.boxes(world.ledger.reading)]


def told(world):
    rows = world.ledger.reading.execute(
        "select kind, subject, data from event where kind like 'filament-%' or kind = 'depot-counted'"
        " order by id"
    )
    return [(row[0], row[1], json.loads(row[2])) for row in rows]


@pytest.fixture
def lab(world):
    world.add_lab()
    return world


@pytest.fixture
def short(world):
    """A lab whose spool was planned to the full, and holds a plate less now."""
    world.add_lab(grams=200)
    world.order(20)
    world.plan()
    world.tick()
    world.can(grams=60)
    return world


def stock(world):
    return filament.stock(world.ledger, world.now)


# --- the book


def test_what_is_counted_twice_is_one_thing(world):
    counts(world, 12_000, " L42 ")
    counts(world, 12_000, "l 42")
    counts(world, 500)
    assert boxes(world) == [("PETG", "L42", 12_000), ("PETG", "", 500)]
    assert [each[0] for each in told(world)] == ["depot-counted"] * 2
    counts(world, 0)
    assert depot.in_store(world.ledger.reading) == {"PETG": 12_000}


def test_what_is_sent_twice_leaves_once_and_out_of_the_oldest_box(lab):
    counts(lab, 500, "OLD")
    counts(lab, 1000, "NEW")
    counts(lab, 800, "", "PLA")
    assert sends(lab)
    assert not sends(lab)
    assert not sends(lab, 100)
    assert boxes(lab) == [("PETG", "OLD", 0), ("PETG", "NEW", 750), ("PLA", "", 800)]
    (found,) = depot.on_way(lab.ledger.reading)
    assert (found.grams, found.lots, found.arrives) == (750, ("OLD", "NEW"), FRIDAY)
    assert [each[:2] for each in told(lab)][3:] == [("filament-sent", NODE)]


@pytest.mark.parametrize(
    "facts", [{"grams": 1001}, {"grams": 0}, {"material": "PLA"}, {"material": "GOLD"},
              {"day": date(2026, 11, 23)}],
)  # fmt: skip
def test_more_than_there_is_is_not_sent(lab, facts):
    counts(lab, 1000)
    with pytest.raises(InvalidFieldError):
        sends(lab, **facts)
    assert boxes(lab) == [("PETG", "", 1000)]
    assert depot.on_way(lab.ledger.reading) == ()


def test_nothing_is_sent_to_nobody(lab):
    counts(lab, 1000)
    with pytest.raises(NotFoundError):
        sends(lab, node="lab-x")
    with lab.ledger.transaction() as db:
        db.execute("update node set standing = 'revoked'")
    with pytest.raises(RefusedError):
        sends(lab)


@pytest.mark.parametrize("came", [True, False])
def test_it_comes_or_is_back_once(lab, came):
    counts(lab, 500, "OLD")
    counts(lab, 1000, "NEW")
    sends(lab)
    ends(lab, came=came)
    ends(lab, came=came)
    with pytest.raises(RefusedError):
        ends(lab, came=not came)
    left = [0, 750] if came else [500, 1000]
    assert [grams for _, _, grams in boxes(lab)] == left
    assert depot.on_way(lab.ledger.reading) == ()
    assert told(lab)[-1][0] == ("filament-came" if came else "filament-back")
    assert not sends(lab)
    with pytest.raises(NotFoundError):
        ends(lab, TWO, came=True)


def test_a_lot_that_is_called_back_is_not_sent(lab):
    lab.order(2)
    makes_a_lot(lab)
    counts(lab, 1000, "L42")
    cause = Cause(kind=RecallKind.MATERIAL, value="PETG/l42")
    recalls.begin(lab.ledger, cause, "it is wet", "ada", lab.now)
    assert depot.in_store(lab.ledger.reading) == {}
    with pytest.raises(InvalidFieldError, match="only 0 g of PETG lie in the depot: send no more"):
        sends(lab)


@pytest.mark.parametrize(
    "fault", ["insert into depot select null, material, maker_lot, -9999, null, 'x', at from depot limit 1",
              "update sending set grams = 700"],
)  # fmt: skip
def test_the_audit_sees_grams_that_are_booked_wrongly(lab, fault):
    counts(lab, 1000)
    sends(lab)
    with pytest.raises(LawBrokenError), lab.ledger.transaction() as db:
        db.execute(fault)
    assert boxes(lab) == [("PETG", "", 250)]


def test_a_ledger_from_before_has_an_empty_depot(world, tmp_path):
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    world.ledger.reading.backup(old)
    old.executescript(
        "drop table depot; drop table sending;"
        " delete from _sqlite_migrations where name = 'm062_depot';"
    )
    old.close()
    ledger = Ledger(path)
    assert depot.boxes(ledger.reading) == ()
    ledger.close()


# --- the forecast


def test_what_is_on_its_way_is_not_missing_and_is_used_from_its_day(short):
    (lacks,) = stock(short).shortages
    assert lacks.node == NODE
    missing = lacks.missing_g
    counts(short, 5000)
    sends(short, 1000)
    found = stock(short)
    assert found.shortages == ()
    assert {use.day for use in found.days} >= {FRIDAY}
    assert sum(use.grams for use in found.days if use.day >= FRIDAY) > missing
    # The lab's own spools are what it says of them.
    (printer,) = planning.printers_of(short.ledger.reading, None, short.now)
    assert printer.grams < 60
    ends(short, came=False)
    assert [each.missing_g for each in stock(short).shortages] == [missing]


def test_what_came_counts_once_the_lab_has_loaded_it(short):
    counts(short, 5000)
    sends(short, 1000)
    ends(short, came=True)
    assert stock(short).shortages
    short.can(grams=1000)
    assert stock(short).shortages == ()


def test_part_of_what_is_missing_is_sent_once_more(short):
    (before,) = stock(short).shortages
    counts(short, 5000)
    sends(short, 10)
    (after,) = stock(short).shortages
    assert after.missing_g == pytest.approx(before.missing_g - 10)


def test_plates_in_labs_hands_reserve_what_they_weigh(short):
    db = short.ledger.reading
    (held,) = db.execute(
        "select sum(j.grams) from attempt a join job j on j.id = a.job_id"
    ).fetchone()
    (jobs,) = db.execute("select sum(grams) from job where state = 'open'").fetchone()
    assert 0 < held < jobs
    assert filament.bound_g(db) == {"PETG": (pytest.approx(jobs), pytest.approx(held))}


# --- the pages, and the command line


def a_form(page, words):
    """Return the fields of the form whose button says so."""
    form = next(each for each in re.findall(r"<form.*?</form>", page, re.S) if words in each)
    return dict(re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', form))


def test_a_steward_counts_sends_what_is_proposed_and_takes_it_back(site):
    world = site.world
    world.add_lab(grams=200)
    world.order(20)
    world.plan()
    world.tick()
    world.can(grams=60)
    steward = site.person("steward")
    assert "/depot" in steward.get("/fleet").text
    page = sections(steward.get("/depot?lang=en").text)
    assert "that the depot does not have" in page
    steward.send("/depot/count", "/depot", counted="PETG", maker_lot="L42", counted_g="5000")
    page = steward.get("/depot?lang=en").text
    assert re.search(r"PETG: send \d+ g by \w+day", page)
    assert "lot L42" in page
    assert re.search(r"[1-9]\d* g of it reserved by plates", sections(page))
    fields = a_form(page, "It is sent<span")
    assert (fields["node"], fields["material"]) == (NODE, "PETG")
    fields.pop("csrf_token")
    for _ in range(2):
        assert steward.send("/depot/send", "/depot", **fields).status_code == 303
    (found,) = depot.on_way(world.ledger.reading)
    assert found.grams == int(fields["grams"])
    french = sections(steward.get("/depot?lang=fr").text)
    assert "En route" in french
    assert "Toutes les bobines suffisent" in french
    steward.send(f"/depot/sendings/{found.id}", "/depot", came="no")
    assert depot.in_store(world.ledger.reading) == {"PETG": 5000}
    too_much = fields | {"sending": TWO, "grams": "6000"}
    answer = steward.send("/depot/send?lang=en", "/depot", **too_much)
    assert answer.status_code == 422
    assert "only 5000 g of PETG lie in the depot: send no more" in answer.text
    answer = steward.send("/depot/send?lang=fr", "/depot", **too_much)
    assert "g de PETG au dépôt : n’en envoyez pas plus" in re.sub(r"\s", " ", answer.text)
    assert (
        steward.send(
            "/depot/send",
            "/depot",
            **fields,
        ).status_code
        == 303
    )
    assert steward.send("/depot/count", "/depot", counted="PETG", counted_g="-1").status_code == 422
    assert steward.send("/depot/send", "/depot", **(fields | {"sending": "x"})).status_code == 422


def test_a_lot_of_which_nothing_was_printed_is_called_back_from_the_depot(site):
    counts(site.world, 1000, "L42")
    steward = site.person("steward")
    page = steward.get("/depot?lang=en")
    assert "Is this lot bad?" in page.text
    asked = steward.get("/recalls/filament?of=PETG/l42&lang=en")
    assert "What of it lies in the depot is sent to nobody" in asked.text
    here = "/recalls/filament?of=PETG/l42"
    sent = steward.send(here, here, cause="material:PETG/L42", reason="it is wet")
    assert sent.status_code == 303
    assert depot.in_store(site.world.ledger.reading) == {}
    assert "called back" in steward.get("/depot?lang=en").text
    assert steward.get("/recalls/filament?of=PETG/L43").status_code == 404


def test_a_maker_says_that_it_has_come_to_her_own_lab_only(site):
    world = site.world
    world.add_lab()
    world.add_lab("lab-b")
    counts(world, 5000)
    sends(world)
    sends(world, sending=TWO, node="lab-b")
    maker = site.person("maker")
    page = maker.get(f"/labs/{NODE}?lang=en").text
    assert "750 g of PETG are on their way here" in page
    assert maker.get("/depot").status_code == 403
    assert maker.send(f"/depot/sendings/{ONE}", f"/labs/{NODE}", came="no").status_code == 403
    assert maker.send(f"/depot/sendings/{TWO}", f"/labs/{NODE}", came="yes").status_code == 403
    assert maker.send(f"/depot/sendings/{ONE}", f"/labs/{NODE}", came="yes").status_code == 303
    assert [each.id for each in depot.on_way(world.ledger.reading)] == [TWO]
    assert "on their way here" not in maker.get(f"/labs/{NODE}?lang=en").text


def test_commands_keep_the_same_book(short, tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{short.ledger.path.parent}"\n', encoding="utf-8")
    day = clock.now().date() + timedelta(days=2)

    def run(*words, code=0):
        done = commands.fabnet(*words, "--config", str(config))
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    assert json.loads(run("stock", "--json"))["transfers"] == []
    run("depot", "count", "petg", "5000", "--lot", "L42", "--by", "ada")
    report = json.loads(run("stock", "--json"))
    (transfer,) = report["transfers"]
    assert report["depot"] == {"PETG": 5000}
    assert report["materials"][0]["reserved_g"] > 0
    typed = json.loads(run("stock", "--json", "--depot", "PETG=10"))
    assert typed["transfers"][0]["grams"] == 10
    grams = str(int(transfer["grams"]) + 100)
    words = ["depot", "send", NODE, "PETG", grams, "--arrives", str(day), "--by", "ada"]
    assert "on their way" in run(*words, "--id", ONE)
    assert "nothing was changed" in run(*words, "--id", ONE)
    assert "ten small letters" in run(*words, "--id", "x", code=2)
    report = json.loads(run("stock", "--json"))
    assert (report["transfers"], [each["sending"] for each in report["on_way"]]) == ([], [ONE])
    assert f"{ONE} to Lab lab-a: {grams} g of PETG" in run("stock")
    run("depot", "end", ONE, "--back", "--by", "ada")
    run("depot", "end", ONE, "--came", "--by", "ada", code=1)
    assert "5000 g in the depot" in run("stock")
    assert "5000 g of PETG lie" in run(*words[:4], "9000", *words[5:], code=1)
