"""An order with figures that planning cannot reckon with waits and loses nothing; all others are planned."""

import json
import logging

import pytest

from fabnet import doctor
from fabnet.config import load_coordinator
from jobs import sound_plan as made
from jobs.ledger import views
from jobs.model import UNFINISHED, OrderState, ReasonCode
from jobs.plan_audit import audit
from jobs.sound_plan import sound_plan
from jobs.split import split
from tests.doubles import commands
from tests.doubles.pages import sections
from tests.doubles.planner_turns import Turns
from tests.doubles.world import CATALOGUE, NODE
from tests.unit.jobs.test_split import NOW, a_fit, a_need, a_printer, fits_for

QUARTER_S = 15 * 60.0


@pytest.fixture
def turns(world):
    world.add_lab(NODE)
    return Turns(world)


def lines_of(caplog):
    return [r for r in caplog.records if r.name == "fabnet.planner"]


def endless(world):
    """Order what a slicer is said to print for longer than any calendar goes."""
    other = world.library.add_design(CATALOGUE / "ear-saver")
    mesh = other.parts[0].facts.mesh_sha256
    with world.ledger.transaction() as db:
        db.executemany(
            "insert into figure (mesh_sha256, copies, preset, material, seconds, grams, slicer, at)"
            " values (?, ?, 'generic-250x210', 'PETG', 1e300, 1.0, 'x', '2026-11-01')",
            [(mesh, copies) for copies in range(1, 100)],
        )
    return ordered(world, other)


def hollow(world):
    """Order a part that holds nothing, as no gate lets one in: its estimate divides by what it holds."""
    other = world.library.add_design(CATALOGUE / "ear-saver")
    with world.ledger.transaction() as db:
        db.execute(
            "update revision set body = json_set(body, '$.parts[0].facts.volume_mm3', 0.0)"
            " where id = ?",
            (other.id,),
        )
    return ordered(world, other)


def ordered(world, revision):
    visor, world.revision = world.revision, revision
    try:
        return world.order(4)
    finally:
        world.revision = visor


def mended(world):
    with world.ledger.transaction() as db:
        db.execute("delete from figure")
        db.execute(
            "update revision set body = json_set(body, '$.parts[0].facts.volume_mm3', 5000.0)"
            " where json_extract(body, '$.parts[0].facts.volume_mm3') = 0.0"
        )


@pytest.mark.parametrize(("odd", "raised"), [(endless, OverflowError), (hollow, ZeroDivisionError)])
def test_it_stops_no_other_and_is_planned_when_its_figures_are_mended(
    world, turns, caplog, odd, raised
):
    first, bad, last = world.order(4), odd(world), world.order(2)
    before = world.books(bad)
    for _ in range(5):
        turns.after()
    turns.after(2 * QUARTER_S)
    assert (world.books(first).jobs, world.books(last).jobs) == (4, 2)
    assert world.books(bad) == before
    assert (before.deficit, before.jobs) == (4, 0)
    view = views.order_view(world.ledger.reading, bad)
    assert view.order.state is OrderState.CONFIRMED
    assert [(r.code, r.text) for r in view.lines[0].reasons] == [(ReasonCode.UNSOUND, UNFINISHED)]
    (line,) = lines_of(caplog)
    assert line.levelno == logging.ERROR
    assert f"no plan for order {bad}: " in line.getMessage()
    assert f"{raised.__name__}: " in line.getMessage()
    assert line.exc_info[0] is raised
    mended(world)
    turns.after(QUARTER_S)
    assert (world.books(bad).jobs > 0, world.books(bad).deficit) == (True, 0)


def test_the_page_the_command_and_the_doctor_say_it(site, turns, tmp_path):
    world = site.world
    bad = endless(world)
    turns.after()
    person = site.person("steward")
    text = sections(person.get(f"/orders/{bad}?lang=en").text)
    assert "fabnet could make no plan of it that keeps its own rules: a fault of fabnet" in text
    assert "What was wrong: a figure that it cannot reckon with." in text
    french = sections(person.get(f"/orders/{bad}?lang=fr").text)
    assert "un chiffre avec lequel il ne sait pas calculer" in french
    config = tmp_path / "coordinator.toml"
    config.write_text(f'data_dir = "{world.ledger.path.parent}"\n', encoding="utf-8")
    words = ["plan", bad, "--config", str(config)]
    assert "(a figure that it cannot reckon with). All other orders go on" in (
        commands.fabnet(*words).stdout
    )
    (line,) = json.loads(commands.fabnet(*words, "--json").stdout)["lines"]
    assert [reason["code"] for reason in line["reasons"]] == ["unsound"]
    (found,) = [each for each in doctor.look(load_coordinator(config)) if each.check == "plans"]
    assert not found.ok
    assert f"order {bad} that keeps its own rules: it waits" in found.words


# --- the search, on many orders

FLEET = [a_printer("lab-a", grams=1e6), a_printer("lab-b", grams=1e6)]
FITS = fits_for(FLEET, a_fit())
NEEDS = [a_need(pieces=2, order=f"o{number:03}") for number in range(100)]


class Raising:
    """Plans as `jobs.split.split`, but for some orders; counts how many orders each plan was of."""

    def __init__(self, monkeypatch, *odd, error=ZeroDivisionError):
        self.odd, self.error, self.sizes = set(odd), error, []
        monkeypatch.setattr(made, "split", self)

    def __call__(self, needs, *facts, **options):
        self.sizes.append(len(needs))
        if self.odd & {need.order_id for need in needs}:
            raise self.error("an odd figure")
        return split(needs, *facts, **options)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError, FloatingPointError, IndexError, ValueError, MemoryError, TypeError]
)
def test_one_among_many_is_found_by_small_plans(monkeypatch, error):
    odd = Raising(monkeypatch, "o061", error=error)
    sound = sound_plan(NEEDS, FLEET, FITS, NOW)
    assert sound.left_out == ("o061",)
    assert sum(run.pieces for run in sound.plan.runs) == 2 * 99
    assert isinstance(sound.raised, error)
    # All of them three times over (by each way, and without the odd one), and the halves of halves.
    assert sum(odd.sizes) < 9 * len(NEEDS)


def test_what_was_left_out_before_is_tried_by_itself_and_all_others_are_planned_once(monkeypatch):
    odd = Raising(monkeypatch, "o061")
    sound = sound_plan(NEEDS, FLEET, FITS, NOW, suspects=["o061"])
    assert sound.left_out == ("o061",)
    assert sorted(odd.sizes) == [1, 1, 1, 99]
    odd.odd.clear()
    odd.sizes.clear()
    assert sound_plan(NEEDS, FLEET, FITS, NOW, suspects=["o061"]).left_out == ()
    assert odd.sizes == [1, 100]


def test_several_are_found_and_the_rest_is_planned_together(monkeypatch):
    bad = {need.order_id for need in NEEDS[:50:2]}
    odd = Raising(monkeypatch, *bad)
    sound = sound_plan(NEEDS, FLEET, FITS, NOW)
    assert set(sound.left_out) == bad
    assert odd.sizes[-1] == 75


def test_where_tries_end_what_is_known_to_be_good_is_planned_and_the_rest_in_the_next_turns(
    monkeypatch,
):
    monkeypatch.setattr(made, "MOST_ALONE", 16)
    bad = {need.order_id for need in NEEDS[:6]}
    Raising(monkeypatch, *bad)
    left, suspects, placed = NEEDS, (), []
    for _ in range(4):
        sound = sound_plan(left, FLEET, FITS, NOW, suspects)
        now = {run.order_id for run in sound.plan.runs}
        left = [need for need in left if need.order_id not in now]
        suspects = sound.left_out
        placed.append(len(now))
    assert placed[0] > 50
    assert {need.order_id for need in left} == bad


def test_where_only_two_together_meet_the_fault_one_of_them_waits(monkeypatch):
    pair = {"o010", "o080"}

    def together(needs, *facts, **options):
        if pair <= {need.order_id for need in needs}:
            raise IndexError("an odd pair")
        return split(needs, *facts, **options)

    monkeypatch.setattr(made, "split", together)
    sound = sound_plan(NEEDS, FLEET, FITS, NOW)
    assert len(sound.left_out) == 1
    assert set(sound.left_out) < pair


def test_what_no_figure_can_raise_is_not_taken_for_an_order_s_fault(monkeypatch):
    Raising(monkeypatch, "o061", error=OSError)
    with pytest.raises(OSError, match="an odd figure"):
        sound_plan(NEEDS, FLEET, FITS, NOW)


# --- the search, on many printers

WIDE = [a_printer(f"lab-{number:02}", grams=1e6) for number in range(60)]
WIDE_FITS = fits_for(WIDE, a_fit())


class RaisingOn:
    """Plans as `jobs.split.split`, but where one of some labs is planned on; counts on how many printers."""

    def __init__(self, monkeypatch, *labs):
        self.labs, self.sizes = set(labs), []
        monkeypatch.setattr(made, "split", self)

    def __call__(self, needs, fleet, *facts, **options):
        self.sizes.append(len(needs) * len(fleet))
        if self.labs & {printer.node for printer in fleet if not printer.odd}:
            raise ZeroDivisionError("an odd printer")
        return split(needs, fleet, *facts, **options)


def test_a_printer_with_which_no_order_has_a_plan_is_left_out_and_no_order(monkeypatch):
    odd = RaisingOn(monkeypatch, "lab-17", "lab-40")
    sound = sound_plan(NEEDS, WIDE, WIDE_FITS, NOW)
    assert sound.odd == {("lab-17", "p1"): UNFINISHED, ("lab-40", "p1"): UNFINISHED}
    assert sound.left_out == ()
    assert sum(run.pieces for run in sound.plan.runs) == 2 * len(NEEDS)
    why = {row.node: row.reasons for row in sound.plan.rows if row.node in odd.labs}
    assert {each.code for reasons in why.values() for each in reasons} == {ReasonCode.ODD}
    assert sum(odd.sizes) < 5 * len(NEEDS) * len(WIDE)
    # What was left out is doubted next time, and tried by itself.
    odd.sizes.clear()
    doubted = tuple(sound.odd)
    assert sound_plan(NEEDS, WIDE, WIDE_FITS, NOW, doubted=doubted).odd == sound.odd
    assert odd.sizes[-1] == len(NEEDS) * len(WIDE)
    assert sum(odd.sizes[:-1]) < 10
    odd.labs.clear()
    assert sound_plan(NEEDS, WIDE, WIDE_FITS, NOW, doubted=doubted).odd == {}


@pytest.mark.parametrize("needs", [NEEDS[:1], NEEDS])
def test_where_orders_are_at_fault_no_printer_is_blamed(monkeypatch, needs):
    Raising(monkeypatch, *(need.order_id for need in needs))
    sound = sound_plan(needs, WIDE, WIDE_FITS, NOW)
    assert (sound.odd, len(sound.left_out)) == ({}, len(needs))


def test_on_many_printers_an_odd_order_is_looked_for_on_a_few(monkeypatch):
    odd = Raising(monkeypatch, "o061")
    sizes = []

    def counted(needs, fleet, *facts, **options):
        sizes.append(len(needs) * len(fleet))
        return odd(needs, fleet, *facts, **options)

    monkeypatch.setattr(made, "split", counted)
    sound = sound_plan(NEEDS, WIDE, WIDE_FITS, NOW)
    assert sound.left_out == ("o061",)
    assert sum(run.pieces for run in sound.plan.runs) == 2 * 99
    # All by each way, and all others once; the search is less than one plan more.
    assert sum(sizes) < 5 * len(NEEDS) * len(WIDE)


def test_what_is_left_of_a_sound_plan_without_an_order_is_sound():
    sound = sound_plan(NEEDS, FLEET, FITS, NOW)
    some = sound.without(["o003", "o061"], UNFINISHED)
    assert audit(some.plan, NEEDS, FLEET, FITS, NOW) == []
    assert some.left_out == ("o003", "o061")
    assert {run.order_id for run in some.plan.runs} == {n.order_id for n in NEEDS} - {
        "o003",
        "o061",
    }
