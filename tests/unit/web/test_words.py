"""Every state, reason and event has words, and every word has its French."""

import ast
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import Flask
from jinja2 import Environment

import designs.catalogue
import jobs.coordinator
import web
from designs.model import ReviewState
from jobs.ledger.history import EventView
from jobs.lifecycle import AttemptState
from jobs.model import BatchState, LotState, OrderState, Reason, ReasonCode, Role, StopOutcome
from printers.model import PrinterState
from tests.unit.web.test_card_names import attempt
from web import figures, language, states, titles, words
from web.forms import HAND_REASONS, REFUSALS, SCRAP_REASONS, STOP_REASONS

HERE = Path(web.__file__).parent
FRENCH = HERE / "translations" / "fr" / "LC_MESSAGES"
app = Flask("web")
language.register(app, "Europe/Paris")


def in_language(code):
    return app.test_request_context(f"/?lang={code}")


def strings_of_the_source():
    found = extract_from_dir(
        HERE,
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")],
        keywords={"_": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None},
    )
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def catalogue():
    with (FRENCH / "messages.po").open("rb") as file:
        return read_po(file, locale="fr")


def test_every_string_has_its_french(catalogue):
    strings = strings_of_the_source()
    assert len(strings) > 200
    left = [s for s in strings if catalogue.get(s[0] if isinstance(s, tuple) else s) is None]
    assert left == []
    empty = [
        m.id for m in catalogue if m.id and not (all(m.string) if m.pluralizable else m.string)
    ]
    assert empty == []


def test_no_french_is_left_of_strings_that_are_gone(catalogue):
    strings = strings_of_the_source()
    assert [m.id for m in catalogue if m.id and m.id not in strings] == []


def test_translations_keep_their_figures(catalogue):
    errors = [(m.id, str(e)) for m in catalogue for e in m.check(catalogue)]
    assert errors == []


def pairs(catalogue):
    def flat(words):
        return words if isinstance(words, str) else tuple(words)

    return {flat(m.id): flat(m.string) for m in catalogue if m.id}


def test_what_is_shipped_is_compiled_from_the_catalogue(catalogue):
    with (FRENCH / "messages.mo").open("rb") as file:
        assert pairs(read_mo(file)) == pairs(catalogue)


def test_a_missing_translation_would_be_found(catalogue):
    assert isinstance(catalogue, Catalog)
    assert catalogue.get("a string that nobody wrote") is None


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
            Reason(code=ReasonCode.HOURS, needed=7.5, available=5.0),
            "needs 7.5 h with somebody there, the longest stretch is 5 h",
        ),
        (
            Reason(code=ReasonCode.LATER, needed=13.04, available=9.2),
            "would be done in 13 h; the printers that were chosen are done with the whole order in 9.2 h",
        ),
        (
            Reason(code=ReasonCode.LATER, needed=3.0, available=9.2),
            "would be done in 3 h, but the printers that were chosen lie nearer or send a parcel anyway,"
            " and are done with the whole order in 9.2 h",
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
        assert figures.hours(text) == (english or text)
    with in_language("fr"):
        assert figures.hours(text) == french


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
        (an_event("inspected", accepted=3, rejected=0, reason=""), "Inspected (3 accepted, 0 rejected)"),
        (an_event("packed", pieces=3, lots=1), "Packed (3 pieces)"),
        (
            an_event("received", received=2, refused=1, lost=0),
            "Received by the requester (2 received, 1 refused, 0 lost)",
        ),
        (
            an_event("taken-back", node="n", printer="p", pieces=2, reason="offline"),
            "Taken back, to be planned again (2 pieces, not connected)",
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
        named |= {told["title"], *(part["title"] for part in told.get("part", told.get("parts")))}
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
        assert figures.received(1, 0, 2) == "1 reçue, 0 refusée, 2 perdues"
    with in_language("en"):
        assert figures.received(1, 0, 2) == "1 received, 0 refused, 2 lost"


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


def test_no_entry_of_the_catalogue_runs_into_the_next():
    # The reader of catalogues takes the rest of such a line for a part of the French.
    lines = (FRENCH / "messages.po").read_text().splitlines()
    assert [line for line in lines if re.search(r".msg(id|str)\b", line)] == []


def test_no_french_mark_begins_a_line(catalogue):
    said = [s for m in catalogue if m.id for s in (m.string if m.pluralizable else (m.string,))]
    assert [s for s in said if re.search(r" [?!:;»]|« ", s)] == []


# --- nothing on a page is left in one language


LETTERS = re.compile(r"[^\W\d_]{2,}")
#: Units and what is typed into a terminal are the same in every language.
EVERYWHERE = {"mm", "cm³", "kg", "fabnet", "node", "join", "FR", "EN"}
#: Two words in a row: what is written in code is one word.
SENTENCE = re.compile(r"[^\W\d_]{2,}[,:]? [^\W\d_]{2,}")
LEXER = Environment(autoescape=True)
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
SPEAKING = [*sorted((HERE / "pages").glob("*.py")), HERE / "errors.py", HERE / "node_app.py",
            HERE / "plans.py", HERE / "progress.py", HERE / "idle.py"]  # fmt: skip


class Spoken(HTMLParser):
    """Collects what a reader sees or hears of a page's own text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.words = []

    def handle_starttag(self, _tag, attrs):
        spoken = {"alt", "title", "placeholder", "aria-label", "aria-description", "label"}
        self.words += [value for name, value in attrs if name in spoken and value]

    def handle_data(self, data):
        # What an expression puts in the middle of a tag is no text.
        self.words.append(re.sub(r'[\w-]+="[^"]*"', "", data))


def bare_text(source):
    """Return the text of a template that no gettext translates."""
    own = ""
    for _, kind, value in LEXER.lex(source):
        own += value if kind == "data" else "0" if kind == "variable_begin" else ""
    spoken = Spoken()
    spoken.feed(own)
    spoken.close()
    return [text.strip() for text in spoken.words if set(LETTERS.findall(text)) - EVERYWHERE]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_bare_text(path):
    assert bare_text(path.read_text()) == []


def test_bare_text_would_be_found():
    assert bare_text('<p class="a">{{ _("Hello") }} {# note #}</p>') == []
    assert bare_text("<p>Hello {{ name }}</p>") == ["Hello 0"]
    assert bare_text('<img alt="A bed" src="{{ x }}">') == ["A bed"]
    assert bare_text("{% if a %}Yes{% endif %}") == ["Yes"]


def bare_strings(source):
    """Return the sentences in Python that no gettext translates; docstrings, logs and raises aside."""
    tree, aside = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                aside.add(id(first.value))
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        told = called in {"_", "gettext", "ngettext", "lazy_gettext"} or called.startswith("_log.")
        if told or isinstance(node, ast.Raise):
            aside |= {id(n) for n in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        and id(node) not in aside and SENTENCE.search(node.value)
        and not node.value.startswith("fabnet ")  # a command is the same in every language
    ]  # fmt: skip


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.name)
def test_pages_hold_no_bare_sentence(path):
    assert bare_strings(path.read_text()) == []


def test_a_bare_sentence_would_be_found():
    assert bare_strings('"""A module."""\nx = _("Not this one")\nraise E("nor this")') == []
    assert bare_strings('form.wrong("day", "This day has passed.")') == ["This day has passed."]
    assert bare_strings('x = f"at {place} it is late"') == [" it is late"]


def test_nothing_is_guessed(catalogue):
    assert [m.id for m in catalogue if m.fuzzy] == []


def slots(text):
    return set(re.findall(r"%\((\w+)\)[sd]", text))


def wrong_figures(message):
    """Return the forms whose figures are not those of the English."""
    many = message.pluralizable
    english = message.id if many else (message.id,)
    french = message.string if many else (message.string,)
    known = set().union(*map(slots, english))
    # One of a thing may be said without its number.
    free = {"num"} if many else set()
    return [said for meant, said in zip(english, french, strict=True)
            if not slots(meant) - free <= slots(said) <= known]  # fmt: skip


def test_every_figure_of_the_english_is_in_the_french(catalogue):
    assert {m.id: w for m in catalogue if m.id and (w := wrong_figures(m))} == {}


def test_a_wrong_figure_would_be_found():
    assert wrong_figures(Message("by %(day)s", "le %(jour)s")) == ["le %(jour)s"]
    assert wrong_figures(Message("by %(day)s", "bientôt")) == ["bientôt"]
    plural = Message(("%(num)s of %(all)s", "%(num)s of %(all)s"), ("une de %(all)s", "%(num)s"))
    assert wrong_figures(plural) == ["%(num)s"]


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
        assert [kind for kind in sorted(kinds) if kind not in words._PLAIN_EVENTS] == []
