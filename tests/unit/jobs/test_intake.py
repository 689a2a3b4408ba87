"""Lists as hospitals keep them: every habit that was seen, and what is said of a line that is no order."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.intake import read, said
from jobs.list_line import WHYS

TODAY = date(2026, 11, 24)
DESIGNS = {"r1": ("Visor frame", "visor-frame"), "r2": ("Protège-oreilles", "ear-saver")}
HEADER = (
    "Établissement",
    "Service",
    "Contact",
    "Téléphone",
    "E-mail",
    "Article",
    "Quantité",
    "Date besoin",
)
GOOD = (
    "CHU de Nantes",
    "Urgences",
    "Ada Martin",
    "02 40 00 00 00",
    "",
    "visor frame",
    "400",
    "01/12/2026",
)


def one(cells, header=HEADER, designs=DESIGNS):
    (line,) = read([header, cells], designs, TODAY, "fr").lines
    return line


def with_(**changes):
    names = dict(
        zip(("place", "ward", "name", "phone", "mail", "what", "many", "day"), GOOD, strict=True)
    )
    return tuple((names | changes).values())


def test_a_good_line_is_a_request():
    asked = one(GOOD).request
    assert (asked.revision_id, asked.kits, asked.due) == ("r1", 400, date(2026, 12, 1))
    assert (asked.place, asked.requester) == ("CHU de Nantes, Urgences", "Ada Martin")
    assert asked.contact == "02 40 00 00 00"


@pytest.mark.parametrize(
    "many",
    [
        "400",
        " 400 ",
        "400,0",
        "400.0",
        400,
        400.0,
        " 400\N{NO-BREAK SPACE}",
    ],
)
def test_a_number_however_it_is_written(many):
    assert one(with_(many=many)).request.kits == 400


def test_thousands_with_a_point_or_a_space():
    assert one(with_(many="1.200")).request.kits == 1200
    assert one(with_(many="1 200")).request.kits == 1200


@pytest.mark.parametrize(
    "day",
    [
        "01/12/2026", "1/12/26", "1.12.2026", "01-12-2026", "2026-12-01", "2026-12-01 00:00:00",
        "1er décembre 2026", "1 déc. 2026", "mardi 1 décembre 2026", date(2026, 12, 1),
        datetime(2026, 12, 1, 8, 30),  # noqa: DTZ001 - as spreadsheets have it
    ],
)  # fmt: skip
def test_a_day_however_it_is_written(day):
    assert one(with_(day=day)).request.due == date(2026, 12, 1)


@pytest.mark.parametrize("what", ["VISOR-FRAME", "Visor  frame", "visor_frame"])
def test_a_design_by_any_of_its_names(what):
    assert one(with_(what=what)).request.revision_id == "r1"


def test_accents_may_be_missing_and_one_design_needs_no_name():
    assert one(with_(what="protege-oreilles")).request.revision_id == "r2"
    assert one(with_(what=""), designs={"r1": ("Visor",)}).request.revision_id == "r1"


@pytest.mark.parametrize(
    ("changes", "column", "why"),
    [
        ({"many": "12,5"}, "quantite", "not-whole"),
        ({"many": "beaucoup"}, "quantite", "no-number"),
        ({"many": "12 50"}, "quantite", "two-numbers"),
        ({"many": "4 00"}, "quantite", "two-numbers"),
        ({"many": "50\n20"}, "quantite", "two-numbers"),
        ({"many": "1.000"}, "quantite", "which-number"),
        ({"many": "0.200"}, "quantite", "not-whole"),
        ({"many": 1.234}, "quantite", "not-whole"),
        ({"many": "1,2E+05"}, "quantite", "no-number"),
        ({"many": "12 boîtes"}, "quantite", "which-pack"),
        ({"phone": "2,4E+08"}, "telephone", "no-contact"),
        ({"many": "-3"}, "quantite", "too-many"),
        ({"many": "1e9"}, "quantite", "no-number"),
        ({"many": "NaN"}, "quantite", "no-number"),
        ({"many": ""}, "quantite", "missing"),
        ({"day": "31/02/2026"}, "date_besoin", "no-day"),
        ({"day": "ASAP"}, "date_besoin", "no-day"),
        ({"day": "12/25/2026"}, "date_besoin", "no-day"),
        ({"day": "lundi 15/12/2026"}, "date_besoin", "which-day"),
        ({"day": "15/12/2062"}, "date_besoin", "far"),
        ({"day": "01/01/2020"}, "date_besoin", "passed"),
        ({"day": ""}, "date_besoin", "missing"),
        ({"phone": ""}, "telephone", "no-contact"),
        ({"name": ""}, "contact", "missing"),
        ({"place": " "}, "etablissement", "missing"),
        ({"what": "gown"}, "article", "no-design"),
        ({"what": ""}, "article", "missing"),
        ({"place": "x" * 201}, "etablissement", "too-long"),
    ],
)
def test_what_is_wrong_names_its_column(changes, column, why):
    line = one(with_(**changes))
    assert line.request is None
    assert [(w.column, w.why) for w in line.wrong] == [(column, why)]
    assert why in WHYS
    assert line.number == 2


def test_all_that_is_wrong_with_a_line_is_said_at_once():
    assert len(one(with_(many="x", day="x", what="x")).wrong) == 3


def test_codes_keep_their_zeros_and_letters():
    header = (*HEADER, "Code postal", "FINESS", "Consignes")
    note = one((*GOOD, "01000", "2A0000014", "sonner deux fois"), header).request.note
    assert note == "finess: 2A0000014\ncode_postal: 01000\nsonner deux fois"


def test_the_same_line_twice_is_one_order_and_said():
    first, second = read([HEADER, GOOD, GOOD], DESIGNS, TODAY, "fr").lines
    assert first.request is not None
    assert [(w.why, w.cell) for w in second.wrong] == [("same-as", "2")]
    again = read([HEADER, GOOD], DESIGNS, TODAY, "fr").lines[0]
    assert again.request.request_key == first.request.request_key


def test_columns_in_any_order_and_under_other_names():
    header = ("Due", "hospital", "NAME", "tel", "kits", "design", "Couleur")
    found = read(
        [(), header, ("2026-12-01", "CHU", "Ada", "0240000000", 3, "ear-saver", "bleu")],
        DESIGNS, TODAY, "fr",
    )  # fmt: skip
    assert found.unknown == ("Couleur",)
    assert found.lines[0].request.kits == 3
    assert found.lines[0].number == 3


def test_a_list_without_a_needed_column_says_which():
    found = read([("Établissement", "Contact"), ("CHU", "Ada")], DESIGNS, TODAY, "fr")
    assert found.missing == ("quantite", "date_besoin")
    assert found.lines == ()
    assert read([], DESIGNS, TODAY, "fr").missing


def test_empty_lines_and_short_lines_do_no_harm():
    found = read([HEADER, ("", None), GOOD[:3]], DESIGNS, TODAY, "fr")
    (line,) = found.lines
    assert {w.why for w in line.wrong} == {"missing", "no-contact"}


CELLS = st.one_of(
    st.none(), st.text(max_size=30), st.floats(), st.integers(), st.dates(), st.datetimes()
)


@given(st.lists(st.lists(CELLS, max_size=9), max_size=6))
def test_no_line_whatever_breaks_it(rows):
    for line in read([HEADER, *rows], DESIGNS, TODAY, "fr").lines:
        assert (line.request is None) == bool(line.wrong)
        assert {w.why for w in line.wrong} <= set(WHYS)


def test_numbers_stay_as_they_were_typed():
    assert (said(1200.0), said("01000"), said(0.5), said(None)) == ("1200", "01000", "0.5", "")
