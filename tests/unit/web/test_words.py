"""Every state, reason and event has words, in both languages."""

import ast
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

import designs.catalogue
import jobs.coordinator
from designs.model import ReviewState
from jobs import plan_audit
from jobs.ledger.history import EventView
from jobs.lifecycle import AttemptState
from jobs.model import (
    UNFINISHED,
    UNREAD,
    BatchState,
    LotState,
    OrderState,
    Reason,
    ReasonCode,
    Role,
    StopOutcome,
)
from printers.model import PrinterState
from tests.unit.web.test_card_names import attempt
from web import figures, language, states, titles, words
from web.forms import HAND_REASONS, REFUSALS, SCRAP_REASONS, STOP_REASONS

app = Flask("web")
language.register(app, "Europe/Paris")


def in_language(code):
    return app.test_request_context(f"/?lang={code}")


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (states.ORDER_STATES, OrderState),
        (states.ATTEMPT_STATES, AttemptState),
        (states.LOT_STATES, LotState),
        (states.BATCH_STATES, BatchState),
        (states.PRINTER_STATES, PrinterState),
        (states.REVIEW_STATES, ReviewState),
        (states.ROLES, Role),
        (words.STOP_OUTCOMES, StopOutcome),
        (words.SCRAP, {*SCRAP_REASONS, *HAND_REASONS}),
        (words.NO_WORDS, REFUSALS),
        (words.STOP_WORDS, STOP_REASONS),
    ],
)
def test_every_state_has_words(table, keys):
    assert set(table) == set(keys)


def test_every_rule_of_a_plan_has_words():
    tree = ast.parse(Path(plan_audit.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    of = {"say": lambda c: c.args[0], "Finding": lambda c: c.keywords[0].value}
    told = [of[c.func.id](c) for c in calls if getattr(c.func, "id", "") in of]
    rules = {each.value for each in told if isinstance(each, ast.Constant)}
    assert {*rules, UNFINISHED, UNREAD} == set(states.RULES)
    with in_language("fr"):
        said = words.reason(Reason(code=ReasonCode.UNSOUND, text="overlap"))
    assert said.endswith("(deux plateaux en même temps sur une imprimante)")


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_has_words(code):
    with in_language("fr"):
        said = words.reason(Reason(code=code))
    assert said
    assert said != code


def test_reasons_carry_their_figures():
    bed = Reason(code=ReasonCode.BED, needed=191.24, available=176.0)
    with in_language("en"):
        assert words.reason(bed) == "needs 191.2 mm, bed is 176 mm"
    with in_language("fr"):
        assert words.reason(bed) == "il faut 191,2 mm, le plateau en offre 176"
        loaded = Reason(code=ReasonCode.MATERIAL, text="PLA")
        assert words.reason(loaded) == "une autre matière est chargée (PLA)"
        assert (
            words.reason(loaded, ("PETG", "ABS")) == "PLA est chargé\u202f; il faut du PETG ou ABS"
        )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            Reason(code=ReasonCode.BED, needed=170.0, available=176.0),
            "170 mm long, but it needs room in both directions: the bed has 176 mm",
        ),
        (Reason(code=ReasonCode.STOCK, needed=33.26, available=1.0), "needs 33.3 g, 1 g left"),
        (
            Reason(code=ReasonCode.STOCK, needed=33.26, available=1.0, text="PETG"),
            "needs 33.3 g of PETG, 1 g left",
        ),
        (
            Reason(code=ReasonCode.HOURS, needed=7.5, available=5.0),
            "needs 7.5 h with somebody there, the longest stretch is 5 h",
        ),
        (
            Reason(code=ReasonCode.LATER, needed=13.04, available=9.2),
            "with all else that it makes it would be done in 13 h; what had no place is done elsewhere in"
            " 9.2 h",
        ),
        (
            Reason(code=ReasonCode.LATER, needed=3.0, available=9.2),
            "would be done in 3 h; what had no place is done in 9.2 h on printers that lie nearer or send a"
            " parcel anyway",
        ),
        (Reason(code=ReasonCode.FAULT, text="offline"), "out of order (not connected)"),
        (Reason(code=ReasonCode.FAULT, text="MINTEMP"), "out of order (MINTEMP)"),
        (Reason(code=ReasonCode.DECLINED, text="no-time"), "its maker said no (No time)"),
        (Reason(code=ReasonCode.DECLINED, text="my child is ill"), "its maker said no (my child is ill)"),
    ],
)  # fmt: skip
def test_reasons_say_the_rule_with_its_numbers(reason, said):
    with in_language("en"):
        assert words.reason(reason) == said


@pytest.mark.parametrize(
    ("text", "english", "french"),
    [
        ("00:00-24:00", "around the clock", "jour et nuit"),
        ("08:00-20:00", "08:00-20:00", "08:00-20:00"),
        ("Mon-Fri 18:00-23:00, Sat 09:00-17:00", None, "lun-ven 18:00-23:00, sam 09:00-17:00"),
        ("whenever", "whenever", "whenever"),
    ],
)
def test_hours_in_words(text, english, french):
    with in_language("en"):
        assert figures.hours(text).striptags() == (english or text)
    with in_language("fr"):
        assert figures.hours(text).striptags() == french


def test_no_range_of_hours_is_broken():
    with in_language("fr"):
        assert figures.hours("Sat 09:00-17:00") == 'sam <span class="whole">09:00-17:00</span>'


def an_event(kind, **data):
    at = datetime(2026, 11, 24, tzinfo=UTC)
    return EventView(id=1, at=at, kind=kind, actor="a", subject="x-a1", data=data)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (an_event("asked", kits=6), "Asked for (6 kits)"),
        (an_event("refused", reason="no"), "Turned down (no)"),
        (an_event("asked", kits=1), "Asked for (1 kit)"),
        (an_event("planned", pieces=1, short=0), "Planned (1 piece placed)"),
        (an_event("planned", pieces=1, short=2), "Planned (1 piece placed, 2 without a place)"),
        (an_event("packed", pieces=1), "Packed (1 piece)"),
        (an_event("planned", pieces=6, short=0), "Planned (6 pieces placed)"),
        (an_event("planned", pieces=4, short=2), "Planned (4 pieces placed, 2 without a place)"),
        (an_event("attempt-offered", node="n"), "Plate x-a1: offered"),
        (an_event("attempt-failed", reason="halted"), "Plate x-a1: failed, to be counted (halted)"),
        (an_event("harvested", good=3, scrap=1, reason="warped"), "Counted (3 good, 1 scrap, Warped)"),
        (an_event("inspected", accepted=3, rejected=0, reason=""), "Inspected (3 accepted)"),
        (an_event("packed", pieces=3, lots=1), "Packed (3 pieces)"),
        (
            an_event("received", received=2, refused=1, lost=0),
            "Received by the requester (2 received, 1 refused)",
        ),
        (
            an_event("taken-back", node="n", printer="p", pieces=2, reason="offline"),
            "Taken back, to be planned again (2 pieces, not connected)",
        ),
        (
            an_event("taken-back", node="n", printer="p", pieces=34, reason="stock"),
            "Taken back, to be planned again (34 pieces, too little filament)",
        ),
        (
            an_event("attempt-withdrawn", reason="taken back: paused"),
            "Plate x-a1: withdrawn (taken back: has paused)",
        ),
        (
            an_event("attempt-lapsed", reason="no word from the node for two hours"),
            "Plate x-a1: lapsed (no answer for two hours)",
        ),
        (an_event("offer-taken", reason=""), "Offer taken by its maker"),
        (an_event("offer-declined", reason="too-long"), "Offer declined by its maker (Takes too long)"),
        (an_event("node-configured"), "Hours or stock changed"),
        (an_event("something-new"), "something-new"),
    ],
)  # fmt: skip
def test_history_in_words(event, said):
    with in_language("en"):
        assert words.event(event) == said


def test_that_a_spool_did_not_hold_plates_is_told_in_french_too():
    with in_language("fr"):
        told = words.event(an_event("taken-back", node="n", printer="p", pieces=34, reason="stock"))
    assert told == "Repris, à replanifier (34 pièces, trop peu de filament)"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 min"), (90, "2 min"), (3540, "59 min"), (3600, "1 h 00 min"), (25620, "7 h 07 min")],
)
def test_durations(seconds, said):
    with in_language("en"):
        assert figures.duration(seconds) == said


def test_our_own_designs_have_titles_in_both_languages():
    named = set()
    for path in Path(designs.catalogue.__file__).parent.glob("*/design.toml"):
        told = tomllib.loads(path.read_text())
        parts = told.get("part", told.get("parts"))
        named |= {told["title"], *(part["title"] for part in parts)}
        made_of = (each for part in parts for each in part.get("materials", ()))
        named |= {each for each in made_of if not each.isupper()}
    assert named == set(titles.OWN)
    with in_language("fr"):
        assert titles.own_title("Ear saver") == "Protège-oreilles"
        assert titles.part_words("frame") == "Serre-tête"
        assert titles.part_words("face-mask") == "Face mask"
        assert titles.own_title("Somebody else’s") == "Somebody else’s"


@pytest.mark.parametrize(
    ("day", "french", "english"),
    [
        ("2026-12-01", "mardi 1er décembre", "Tuesday 1 December"),
        ("2026-12-31", "jeudi 31 décembre", "Thursday 31 December"),
    ],
)
def test_the_first_of_a_month_in_french(day, french, english):
    at = datetime.fromisoformat(f"{day}T11:01:00+00:00")
    with in_language("fr"):
        assert language.day_words(day) == french == language.Speech("fr").day(day)
        assert language.moment_words(at) == f"{french}, 12:01"
        shown = app.jinja_env.from_string("{{ at | datetimeformat('EEEE d MMMM, HH:mm') }}")
        assert shown.render(at=at) == f"{french}, 12:01"
    with in_language("en"):
        assert language.day_words(day) == english == language.Speech("en").day(day)


def test_one_and_none_are_no_plural_in_french():
    with in_language("fr"):
        assert figures.counted(1, 0) == "1 bonne, 0 ratée"
        assert figures.counted(2, 3) == "2 bonnes, 3 ratées"
        assert figures.inspected(1, 2) == "1 acceptée, 2 rejetées"
        assert figures.received(1, 0, 2) == "1 reçue, 2 manquantes"
        assert figures.received(1, 2, 0, damaged=2) == "1 reçue, 2 abîmées"
    with in_language("en"):
        assert figures.received(1, 0, 2) == "1 received, 2 missing"
        assert figures.received(0, 3, 0, damaged=1) == "0 received, 1 damaged, 2 refused"


@pytest.mark.parametrize(
    ("material", "state", "said"),
    [
        ("PETG", AttemptState.PRINTING, "en impression"),
        ("SEW", AttemptState.PRINTING, "en cours"),
        ("SEW", AttemptState.PRINTED, "fait, à compter"),
        ("SEW", AttemptState.HARVESTED, "compté"),
    ],
)
def test_what_no_printer_makes_is_not_printing(material, state, said):
    with in_language("fr"):
        assert states.attempt_words(replace(attempt(), material=material, state=state)) == said


def kinds_in_histories():
    """Return the kinds of events that orders get, as the use cases write them."""
    found = set()
    for path in sorted(Path(jobs.coordinator.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "event":
                order, kind = node.args[1:3]
                if not (isinstance(order, ast.Constant) and order.value == ""):
                    found |= {n.value for n in ast.walk(kind) if isinstance(n, ast.Constant)}
    return {kind for kind in found if kind and not kind.startswith("attempt-")}


def test_every_event_of_an_order_has_words():
    kinds = kinds_in_histories()
    assert {"asked", "harvested", "thanks-hidden"} <= kinds
    with in_language("fr"):
        assert [kind for kind in sorted(kinds) if kind not in states.EVENTS] == []


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("02 40 00 00 00", '<a href="tel:0240000000">02 40 00 00 00</a>'),
        (
            "Ada, +33 2 40 00 00 00 / a@chu.fr",
            'Ada, <a href="tel:+33240000000">+33 2 40 00 00 00</a> / <a href="mailto:a@chu.fr">a@chu.fr</a>',
        ),
        ("u0240000000@chu.fr", '<a href="mailto:u0240000000@chu.fr">u0240000000@chu.fr</a>'),
        ("<b>poste 12</b>", "&lt;b&gt;poste 12&lt;/b&gt;"),
        ("", ""),
    ],
)
def test_a_contact_is_called_by_one_touch(contact, shown):
    assert str(figures.reach(contact)) == shown


def test_a_requester_reads_nothing_of_single_printers_and_nothing_twice():
    codes = (ReasonCode.OFFLINE, ReasonCode.STOCK, ReasonCode.PAUSED, ReasonCode.NOT_PLANNED)
    with in_language("en"):
        assert words.requesters_reasons(codes) == (
            "no printer can take them yet", "too little filament", "not planned yet",
        )  # fmt: skip
    with in_language("fr"):
        said = ("aucune imprimante ne peut encore les prendre",)
        assert words.requesters_reasons((ReasonCode.FAULT, ReasonCode.BED)) == said
