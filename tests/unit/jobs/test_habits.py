"""Habits of hospitals' files: headers, days, numbers, sums."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.habits import day, find_header, heading, is_total, whole
from jobs.intake import read
from jobs.list_columns import NAMES

TODAY = date(2020, 3, 24)
APRIL = date(2020, 4, 12)
DESIGNS = {"r1": ("Visor frame", "visor-frame")}
LINE = ("CHU", "Ada", "0240000000", "visor frame", "400", "12/04/2020")
HEADER = ("Établissement", "Contact", "Tél.", "Désignation", "Qté demandée", "Date souhaitée")


def good(rows, **more):
    """Read rows of which one is `LINE`; return what was read of it."""
    found = read(rows, DESIGNS, TODAY, "fr")
    (line,) = [line for line in found.lines if line.request is not None]
    assert (line.request.place, line.request.kits, line.request.due) == ("CHU", 400, APRIL)
    assert rows[line.number - 1] == LINE
    return found


@pytest.mark.parametrize(
    "text",
    [
        "12/04/2020", "12/4/20", "12.04.2020", "12-04-2020", "12 04 2020", "2020-04-12", "2020/04/12",
        "20200412", "12 avril", "12 avril 2020", "12-avr-20", "12-avr.-20", "12 avr. 2020", "12/avr/2020",
        "dim. 12 avril", "dimanche 12 avril 2020", "le 12 avril", "avant le 12/04/2020", "pour le 12 avril",
        "12/04", "43933", "43933.0", "12/04/2020 00:00", "12/04/2020 14:30:00", "2020-04-12T08:30:00Z",
        "12 April 2020", "12 Apr 20", "12 / 04 / 2020", "12/04/2020 à 14h", "ven. 12 avr.",
        "12 AVRIL", "12 avr", "by 12 april",
    ],
)  # fmt: skip
def test_a_day_however_it_is_written(text):
    assert day(text, TODAY) == APRIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1er mai", date(2020, 5, 1)),
        ("15 août", date(2020, 8, 15)),
        ("3-févr-21", date(2021, 2, 3)),
        ("2 juil.", date(2020, 7, 2)),
        ("2 juin", date(2020, 6, 2)),
        ("5 sept. 2020", date(2020, 9, 5)),
        ("20 mars", date(2020, 3, 20)),  # has passed: a person must look at it
        ("5 janvier", date(2021, 1, 5)),
        ("2 janv", date(2021, 1, 2)),
    ],
)
def test_a_day_without_a_year_is_the_next_one_or_has_just_passed(text, expected):
    assert day(text, TODAY) == expected


@pytest.mark.parametrize(
    "text",
    ["", "asap", "urgent", "31/02/2020", "12 jui 2020", "12 foo", "avril", "12", "400", "04/2020",
     "13/13/2020", "semaine 15", "12 avril ou 15 avril", "29/02/2021"],
)  # fmt: skip
def test_what_is_no_day(text):
    assert day(text, TODAY) is None


@given(st.dates(min_value=date(2009, 7, 6), max_value=date(2060, 1, 1)))
def test_every_day_in_every_form(found):
    serial = (found - date(1899, 12, 30)).days
    for text in (f"{found:%d/%m/%Y}", f"{found:%Y-%m-%d}", str(serial)):
        assert day(text, TODAY) == found


@given(st.dates(min_value=TODAY - timedelta(days=60), max_value=TODAY + timedelta(days=300)))
def test_a_day_and_month_are_the_next_such_day(found):
    if (found.month, found.day) != (2, 29):
        assert day(f"{found:%d/%m}", TODAY) == found


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 200", "1200"), ("1\N{NARROW NO-BREAK SPACE}200", "1200"), ("1\N{NO-BREAK SPACE}200,00", "1200"),
        ("1.200", "1200"), ("1.200,00", "1200"), ("1,200.00", "1200"), ("1'200", "1200"), ("1’200", "1200"),
        ("400 pcs", "400"), ("400 pièces", "400"), ("400 unités", "400"), ("400 ex.", "400"), ("400u", "400"),
        ("environ 400", "400"), ("~400", "400"), ("1.200,5", "1200.5"),
        ("12,5", "12.5"), ("1,2", "1.2"), ("0", "0"), ("-3", "-3"),
    ],
)  # fmt: skip
def test_a_number_however_it_is_written(text, number):
    assert whole(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "beaucoup", "400 ou 500", "4oo", "NaN", "inf", "pcs"])
def test_what_is_no_number(text):
    assert whole(text) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Établissement *", "etablissement"), ("E-mail :", "e mail"), ("N° tél.", "n tel"),
        ("Quantité (pièces)", "quantite"), ("Date_besoin", "date besoin"), ("Qté\ndemandée", "qte demandee"),
    ],
)  # fmt: skip
def test_names_of_columns_without_their_marks(name, expected):
    # The sign of a number is two letters once it is taken apart.
    assert heading(name).replace("no tel", "n tel") == expected


def test_titles_above_the_header_are_no_lines():
    found = good(
        [("CHU de Nantes, Direction des achats",), (), ("Besoins en visières", "", "le 24/03/2020"),
         HEADER, LINE]
    )  # fmt: skip
    assert found.missing == ()
    assert [line.number for line in found.lines] == [5]


def test_a_header_in_two_rows():
    top = ("Demandeur", "", "", "Besoin", "", "")
    found = good([top, HEADER, LINE])
    assert found.header == HEADER
    upper = ("Établissement", "Contact", "Téléphone", "Article", "Besoin", "")
    lower = ("", "", "", "", "Quantité", "Date")
    good([upper, lower, LINE])
    split = ("Nom", "Nom", "Téléphone", "Type", "Qté", "Date")
    under = ("établissement", "du contact", "", "", "demandée", "souhaitée")
    good([split, under, LINE])


def test_a_line_under_the_header_is_not_taken_for_a_second_one():
    header = find_header([HEADER, ("CHU", "Contact", "", "", "", "")], NAMES, {})
    assert (header.first, header.last) == (0, 0)


def test_empty_columns_before_and_between():
    rows = [("", *HEADER[:3], "", *HEADER[3:]), ("", *LINE[:3], "", *LINE[3:])]
    (line,) = read(rows, DESIGNS, TODAY, "fr").lines
    assert line.request.kits == 400


@pytest.mark.parametrize(
    "total",
    [
        ("TOTAL", "", "", "", "400", ""), ("", "", "", "Total :", "400", ""),
        ("Sous-total", "", "", "", 400, ""),
        ("", "", "", "", 400.0, ""), ("Total général", "", "", "", "1 200", ""), ("Somme", "400"),
    ],
)  # fmt: skip
def test_sums_at_the_bottom_are_left_aside_and_said(total):
    found = good([HEADER, LINE, total])
    assert [number for number, _ in found.left] == [3]
    assert len(found.lines) == 1


def test_a_header_that_is_repeated_on_each_page_is_no_line():
    assert [n for n, _ in good([HEADER, LINE, HEADER]).left] == [3]


def test_a_hospital_called_total_is_none_of_it():
    assert not is_total(("Total Santé", "Ada", "0240000000", "visor frame", "400", "12/04/2020"))


def test_what_a_footer_says_is_not_lost():
    found = good([HEADER, LINE, ("Fait à Nantes, le 24 mars",)])
    assert found.left == ((3, "Fait à Nantes, le 24 mars"),)


def test_a_telephone_whose_zero_a_spreadsheet_took_gets_it_back():
    (line,) = read([HEADER, (*LINE[:2], 240000000, *LINE[3:])], DESIGNS, TODAY, "fr").lines
    assert line.request.contact == "0240000000"


def test_what_was_made_harmless_for_a_spreadsheet_is_read_as_it_was():
    (line,) = read([HEADER, (*LINE[:2], "'+33 2 40", *LINE[3:])], DESIGNS, TODAY, "fr").lines
    assert line.request.contact == "+33 2 40"


@pytest.mark.parametrize(
    "header",
    [
        ("Établissement / Hospital", "Contact / Name", "Tél / Phone", "Article / Item",
         "Quantité / Quantity", "Date souhaitée / Needed by"),
        ("Hospital name", "Requester", "Phone number", "Product", "Qty requested", "Required by"),
        ("Nom de l'établissement de santé", "Personne référente", "N° de tél. direct",
         "Type de visière souhaitée", "Qté totale souhaitée", "Date de livraison impérative"),
        ("ETABLISSEMENT", "NOM_CONTACT", "TEL ou MAIL", "LIBELLE_ARTICLE", "QTE_DEMANDEE", "DATE"),
    ],
)  # fmt: skip
def test_columns_in_two_languages_or_in_many_words(header):
    assert good([header, LINE]).unknown == ()


def test_a_column_that_sounds_alike_is_left_aside():
    header = ("Date de la demande", *HEADER, "Quantité livrée")
    found = read([header, ("01/03/2020", *LINE, "12")], DESIGNS, TODAY, "fr")
    assert found.unknown == ("Date de la demande", "Quantité livrée")
    assert (found.lines[0].request.kits, found.lines[0].request.due) == (400, APRIL)


def test_what_stands_above_the_header_holds_for_every_line():
    rows = [
        ("BON DE COMMANDE",),
        ("Établissement :", "CHU"),
        ("Contact : Ada",),
        ("Tél : 02 40 00 00 00",),
        ("Désignation", "Qté", "Livraison souhaitée"),
        ("visor frame", "400", "12 avril"),
        ("Visor frames", "30", "12 avril"),
    ]
    asked = [line.request for line in read(rows, DESIGNS, TODAY, "fr").lines]
    assert [(a.place, a.requester, a.contact, a.kits) for a in asked] == [
        ("CHU", "Ada", "02 40 00 00 00", 400),
        ("CHU", "Ada", "02 40 00 00 00", 30),
    ]


def test_the_day_of_a_list_is_not_the_day_by_which_it_is_needed():
    rows = [
        ("Date :", "12/04/2020"),
        ("Établissement", "Contact", "Tél.", "Désignation", "Qté"),
        LINE[:5],
    ]
    assert read(rows, DESIGNS, TODAY, "fr").missing == ("date_besoin",)


def test_as_above_is_what_stands_above():
    again = ('"', "idem", "Id.", "visor frame", "30", "12/04/2020")
    lines = read([HEADER, LINE, again], DESIGNS, TODAY, "fr").lines
    assert [line.request.place for line in lines] == ["CHU", "CHU"]
    assert lines[1].request.contact == lines[0].request.contact


@pytest.mark.parametrize("nothing", ["0", "-", "néant", 0, 0.0])
def test_a_line_of_a_ward_that_needs_nothing_is_left_aside_and_said(nothing):
    found = good([HEADER, LINE, (*LINE[:4], nothing, "")])
    assert [number for number, _ in found.left] == [3]


def test_boxes_are_no_pieces():
    for line in ((*LINE[:4], "12 boîtes", LINE[5]), (*LINE[:4], "12", LINE[5], "carton")):
        header = (*HEADER, "Unité") if len(line) > len(HEADER) else HEADER
        (read_line,) = read([header, line], DESIGNS, TODAY, "fr").lines
        assert [w.why for w in read_line.wrong] == ["which-pack"]


@pytest.mark.parametrize("contact", ["Mme Martin 02.40.00.00.00", "Ada <ada@chu.example>"])
def test_a_number_beside_a_name_is_whom_to_call(contact):
    (line,) = read([HEADER, ("CHU", contact, "", *LINE[3:])], DESIGNS, TODAY, "fr").lines
    assert line.request.contact in contact


def test_codes_get_the_zero_back_that_a_spreadsheet_took():
    header = (*HEADER, "FINESS", "CP")
    rows = [header, (*LINE, 10000024, 1000), (*LINE, "2A0000014", "2A004")]
    notes = [line.request.note for line in read(rows, DESIGNS, TODAY, "fr").lines]
    assert notes == [
        "finess: 010000024\ncode_postal: 01000",
        "finess: 2A0000014\ncode_postal: 2A004",
    ]
