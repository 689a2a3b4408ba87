"""The commands that explain a plan, trace a lot and look at the machine: for people and for scripts."""

import json
import math
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from fabnet import clock
from fabnet.broker import free_port
from jobs.coordinator import deliveries, harvests, hub, lots, recalls
from jobs.hub import Kit
from jobs.recall import Cause, RecallKind
from tests.doubles import commands

A, B = "lab-a", "lab-b"


@pytest.fixture
def fabnet(world, tmp_path):
    config = tmp_path / "coordinator.toml"
    # Far from the zones of the machines that run these tests, and without summer time.
    text = f'data_dir = "{world.ledger.path.parent}"\ntimezone = "Asia/Tokyo"\n'
    config.write_text(text, encoding="utf-8")

    def run(*words, status=0):
        done = commands.fabnet(*words)
        assert done.returncode == status, done.stderr
        return done

    run.config = str(config)
    return run


@pytest.fixture
def planned(world):
    world.add_lab(A)
    world.add_lab(B, grams=5.0)
    order_id = world.order(4)
    world.plan()
    world.tick()
    return order_id


def test_a_plan_says_who_makes_what_and_why_not(fabnet, planned):
    words = ["plan", planned, "--config", fabnet.config]
    report = json.loads(fabnet(*words, "--json").stdout)
    assert report["order"] == planned
    assert report["lines"][0]["ordered"] == 4
    by_node = {row["node"]: row for row in report["printers"]}
    assert by_node[A]["pieces"] == 4
    assert by_node[A]["done_at"]
    assert by_node[B]["pieces"] == 0
    assert by_node[B]["reasons"][0]["code"] == "stock"
    assert "5 g" in by_node[B]["reasons"][0]["words"]
    short = fabnet(*words).stdout
    assert by_node[A]["done_at"].endswith("+09:00")
    assert re.search(r"done \d{4}-\d\d-\d\d \d\d:\d\d JST", short)
    assert "Lab lab-a, Printer: 4 pieces on 2 plates" in short
    assert "lab-b" not in short
    assert report["earliest_at"] <= report["done_at"]
    assert 0 <= report["gap_h"] < 1
    assert report["p50_at"] <= report["p90_at"]
    assert re.search(r"as likely as not by .* JST, nine times out of ten by .* JST", short)
    assert re.search(r"No plan could be done before .* JST; this one is done .* JST", short)
    explained = fabnet(*words, "--explain").stdout
    assert "Lab lab-b, Printer: nothing: needs" in explained
    assert "no more, because" not in explained  # nothing is left that more could be had of
    assert short.startswith(f"Order {planned} (being made): 4 kits by")


def test_the_same_reason_is_said_once_for_all_printers(fabnet, world):
    world.add_lab(A, grams=20.0)
    for number in range(3):
        world.add_lab(f"lab-s{number}", material="ABS")
    world.add_lab("lab-t", grams=5.0)
    order_id = world.order(4)
    world.plan()
    words = ["plan", order_id, "--config", fabnet.config]
    told = fabnet(*words, "--explain").stdout
    assert (
        "  3 printers: nothing: ABS is loaded; PETG or PLA is asked for\n    Lab lab-s0, Printer; Lab"
        in told
    )
    assert re.search(r"  Lab lab-t, Printer: nothing: needs [\d.]+ g of PETG, 5 g left", told)
    (line,) = json.loads(fabnet(*words, "--json").stdout)["lines"]
    # Three have no place, and some spools do not hold them.
    assert (line["ordered"], line["without_place"]) == (4, 3)
    assert 3 * 15 < line["missing_g"] < 3 * 18
    assert (
        "\n  3 without a place, because: another material is loaded (3 printers); too little filament"
        " (2 printers)\n"
    ) in fabnet(*words).stdout
    # Who makes some of it says why not more; of a plan without a gap there is nothing to say.
    assert re.search(r"Lab lab-a, Printer: 1 piece on 1 plate .*\n    no more, because: ", told)
    short = re.search(r"  PETG or PLA: (\d+) g short by (\S+)", told)
    assert int(short[1]) == math.ceil(line["missing_g"])
    assert short[2] == line["missing_by"] == str((world.now + timedelta(days=6)).date())
    assert line["p50_at"] <= line["p90_at"]


def test_figures_of_one_are_of_one_and_what_is_counted_is_not_due(fabnet, world):
    world.add_lab(A)
    order_id = world.order(1)
    words = ["plan", order_id, "--config", fabnet.config]
    assert "(confirmed, no place yet): 1 kit by" in fabnet(*words).stdout
    world.plan()
    world.tick()
    assert re.search(r": 1 piece on 1 plate \(\d+ g, done ", fabnet(*words).stdout)
    ref = world.attempts()[0].ref
    world.print(ref)
    harvests.harvest(world.ledger, ref, 1, 0, "", "maker", world.now)
    assert re.search(r": 1 piece on 1 plate \(\d+ g, all of it counted\)", fabnet(*words).stdout)


def test_a_lot_traces_to_revision_printer_and_recipient(fabnet, world, planned):
    ref = world.attempts()[0].ref
    world.print(ref)
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    for pieces, lot in ((1, "A12"), (1, "")):
        hub.count_stock(world.ledger, "foil", pieces, "inspector", world.now, lot)
    kit = Kit(made={"frame": 1}, bought={"foil": 1})
    batch = deliveries.pack(world.ledger, planned, "inspector", world.now, kit)
    words = ["lot", "trace", code.lower(), "--config", fabnet.config]
    trace = json.loads(fabnet(*words, "--json").stdout)
    assert trace["lot"] == code
    assert trace["revision"] == world.revision.id
    assert (trace["node"], trace["printer"], trace["spool"]) == (A, "p1", "s1")
    assert trace["recipient"] == "CHU, urgences"
    assert trace["batches"][0]["batch"] == batch
    assert [each["supplier_lot"] for each in trace["batches"][0]["bought"]] == ["A12", ""]
    told = fabnet(*words).stdout
    assert f"batch {batch}: packed, not received yet" in told
    assert "  with 1 x foil, lot A12\n  with 1 x foil\n" in told
    # The world's noon in UTC, where the network is.
    assert "harvested at: 2026-11-24 21:00 JST" in told
    assert "None" not in told
    assert "called back: -\n" in told
    cause = Cause(kind=RecallKind.LOT, value=code)
    recalls.begin(world.ledger, cause, "cracked", "inspector", world.now)
    assert "state: inspected\ncalled back: cracked\n" in fabnet(*words).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "nothing"], "There is no order 'nothing' here. Its number is the end of"),
        (["lot", "trace", "nothing"], "There is no lot 'nothing' here."),
    ],
)
def test_what_is_not_there_is_one_sentence(fabnet, words, said):
    assert said in fabnet(*words, "--config", fabnet.config, status=1).stderr


def test_an_order_that_was_mistyped_is_found(fabnet, planned):
    wrong = planned[:-1] + ("x" if planned[-1] != "x" else "y")
    for more in ([], ["--without", A]):
        done = fabnet("plan", wrong, "--config", fabnet.config, *more, status=1)
        assert f"There is no order '{wrong}' here; there is: {planned}." in done.stderr


def test_a_folder_without_a_ledger_is_left_as_it_is(fabnet, tmp_path):
    empty = tmp_path / "empty.toml"
    empty.write_text('data_dir = "nobody"\n')
    assert "There is no ledger" in fabnet("plan", "x", "--config", str(empty), status=1).stderr
    assert not (tmp_path / "nobody").exists()


def test_the_doctor_names_what_is_missing(fabnet, tmp_path):
    node = tmp_path / "node.toml"
    node.write_text(
        'id = "lab-x"\nlab = "X"\ncoordinator = "http://127.0.0.1:1"\nbroker = "mqtt://127.0.0.1:1"\n'
        'data_dir = "data"\npassword_file = "pw"\nkey_file = "key"\n'
        '[[printers]]\nid = "p1"\npreset = "generic-250x210"\nport = "/dev/serial/by-id/none"\n'
        '[[printers]]\nid = "p2"\npreset = "no-such-machine"\nport = "/dev/serial/by-id/none"\n'
    )
    done = fabnet("doctor", str(node), "--json", status=1)
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert found["packages"]["ok"]
    assert found["p1: preset"]["ok"]
    for check, word in [
        ("coordinator", "cannot be reached"), ("broker", "cannot be reached"), ("key", "cannot be read"),
        ("p1: port", "plugged in"), ("p2: preset", "did you mean"),
    ]:  # fmt: skip
        assert not found[check]["ok"]
        assert word in found[check]["words"]
    assert "NO  p1: port" in fabnet("doctor", str(node), status=1).stdout


def test_the_doctor_looks_at_a_coordinator(fabnet):
    with Path(fabnet.config).open("a", encoding="utf-8") as file:  # not those of who runs here
        file.write(f"port = {free_port()}\nbroker_port = {free_port()}\n")
    done = subprocess.run(
        [sys.executable, "-m", "fabnet", "doctor", fabnet.config, "--json"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    checks = [finding["check"] for finding in json.loads(done.stdout)]
    assert {"data", "page port", "broker port", "slicer"} <= set(checks)


def test_the_pages_of_a_coordinator_are_in_its_time_zone(fabnet, world, planned):
    ref = world.attempts()[0].ref
    world.print(ref)
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    port, broker_port = free_port(), free_port()
    with Path(fabnet.config).open("a", encoding="utf-8") as file:
        file.write(f'port = {port}\nbroker = "iotcore"\nbroker_port = {broker_port}\n')
    served = subprocess.Popen(
        [sys.executable, "-m", "fabnet", "serve", fabnet.config],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while "the pages are at" not in served.stderr.readline():
            assert served.poll() is None
        page = requests.get(f"http://127.0.0.1:{port}/l/{code}?lang=en", timeout=60).text
    finally:
        served.terminate()
        served.communicate(timeout=100)
    # The world's noon in UTC, where the network is.
    assert re.search(r"<dt>Counted</dt><dd><time[^>]*>24 Nov 21:00</time>", page)


@pytest.fixture
def waiting(world):
    world.add_lab(A)
    world.add_lab(B)
    # A command goes by the day it is called on.
    world.now = clock.now()
    order_id = world.order(40, due=world.now.date() + timedelta(days=30))
    world.plan()
    return order_id


def test_what_if_shows_both_plans_and_changes_nothing(fabnet, world, waiting):
    today = str(world.now.date())
    words = ["plan", waiting, "--config", fabnet.config]

    def as_it_is():  # but for what is reckoned from the minute, which goes on
        report = json.loads(fabnet(*words, "--json").stdout)
        for told in (report, *report["lines"]):
            del told["p50_at"], told["p90_at"]
        return report

    before = as_it_is()
    rows = list(world.ledger.reading.execute("select * from job order by id"))
    found = json.loads(fabnet(*words, "--without", B, "--plus", "3xprusa-mini", "--json").stdout)
    assert set(found["now"]["pieces_of"]) == {A, B}
    assert set(found["then"]["pieces_of"]) == {A, "plus-1", "plus-2", "plus-3"}
    assert found["now"]["placed"] == found["then"]["placed"] == 40
    assert B in found["labs_touched"]
    assert "plus-1" in found["labs_touched"]
    alone = fabnet(*words, "--without", B, "--due", today).stdout
    assert re.search(r"pieces late +0 +[1-9]", alone)
    assert "Nothing was changed." in alone
    assert as_it_is() == before
    assert list(world.ledger.reading.execute("select * from job order by id")) == rows


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--without", "lab-x"], "There is no lab 'lab-x' here; there is: "),
        (["--due", "2020-02-29"], "2020-02-29 is over; name a day from "),
        (["--plus", "2xnobodys-machine"], "nobodys-machine"),
        (["--plus", "0xprusa-mini"], "write 3xprusa-mini"),
    ],
)
def test_what_if_of_what_there_is_not_is_refused(fabnet, waiting, words, why):
    done = fabnet("plan", waiting, "--config", fabnet.config, *words, status=1)
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_lost_lab_holds_is_made_again(fabnet, world, planned):
    held = world.attempts()
    assert {attempt.node for attempt in held} == {A}
    words = ["plan", planned, "--config", fabnet.config]
    # A person knows the lab by its name, and may type it as she likes.
    found = json.loads(fabnet(*words, "--without", "lab  LAB-A", "--json").stdout)
    assert (found["now"]["held"], found["now"]["placed"]) == (4, 0)
    assert found["now"]["pieces_of"] == {A: 4}
    # The other one has too little filament.
    assert (found["then"]["held"], found["then"]["without_place"]) == (0, 4)
    world.can(B, grams=900.0)
    found = json.loads(fabnet(*words, "--without", A, "--json").stdout)
    assert found["then"]["pieces_of"] == {B: 4}
    assert found["then"]["grams"] == pytest.approx(found["now"]["grams"], abs=0.3)
    told = fabnet(*words, "--without", A).stdout
    assert "  Lab lab-a: 0 instead of 4\n  Lab lab-b: 4 instead of 0\n" in told
    assert re.search(r"pieces in labs' hands +4 +0", told)
    assert world.attempts() == held
    assert "This is how the next plan would have it." in told


def test_nothing_is_asked_of_an_order_that_is_printed(fabnet, world, planned):
    for attempt in world.attempts():
        world.print(attempt.ref)
        harvests.harvest(world.ledger, attempt.ref, 2, 0, "", "maker", world.now)
    done = fabnet("plan", planned, "--config", fabnet.config, "--without", B, status=1)
    assert f"Nothing of order {planned} is left to be printed" in done.stderr


def test_stock_says_what_plans_take_and_where_it_is_missing(fabnet, world, waiting):
    words = ["stock", "--config", fabnet.config]
    found = json.loads(fabnet(*words, "--json").stdout)
    (petg,) = found["materials"]
    assert petg["material"] == "PETG"
    assert petg["missing_g"] == 0
    assert sum(day["grams"] for day in found["days"]) == pytest.approx(petg["grams"], abs=1)
    world.can(A, grams=20.0)
    told = fabnet(*words).stdout
    assert re.search(r"PETG: \d+ g to be printed; [1-9]\d* g are missing", told)
    assert re.search(r"  \d{4}-\d\d-\d\d Lab lab-a, p1: [1-9]\d* g of PETG missing", told)
    assert "From the depot" not in told
    missing = int(re.search(r"; ([1-9]\d*) g are missing", told)[1])
    found = json.loads(fabnet(*words, "--depot", "petg=30", "--json").stdout)
    (sent,) = found["transfers"]
    assert (sent["node"], sent["material"], sent["grams"]) == (A, "PETG", 30)
    assert sent["missing_g"] == pytest.approx(missing - 30, abs=1)
    assert sent["day"] == found["shortages"][0]["day"]
    told = fabnet(*words, "--depot", "PETG=90000").stdout
    assert re.search(rf"From the depot:\n  by \S+ to Lab lab-a: {missing} g of PETG\n", told)
    for wrong in ("PETG", "PETG=-5", "gold=3"):
        assert "write PETG=12000" in fabnet(*words, "--depot", wrong, status=1).stderr


def test_of_many_labs_stock_says_first_what_is_missing_and_of_each_list_the_first(fabnet, world):
    labs = [f"lab-{number:02}" for number in range(30)]
    for each in labs:
        world.add_lab(each)
    world.order(600)
    world.plan()
    for each in labs:
        world.can(each, grams=100.0)
    words = ["stock", "--config", fabnet.config]
    report = json.loads(fabnet(*words, "--json").stdout)
    many = {name: len(report[name]) for name in ("shortages", "days")}
    assert min(many.values()) > 21
    head, *told = fabnet(*words).stdout.splitlines()
    assert head.startswith("PETG: ")
    assert told[:20] == [line for line in told if line.endswith("g of PETG missing")]
    assert [each["lab"] for each in report["shortages"][:20]] == [
        re.search(r"(Lab \S+),", line)[1] for line in told[:20]
    ]
    more = [line for line in told if "more" in line]
    assert more == [f"  and {count - 20} more: --json has all" for count in many.values()]
    assert len(told) == 42
