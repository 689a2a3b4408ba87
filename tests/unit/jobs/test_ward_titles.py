"""Wards that stand alone in a row, and hold for the lines below them."""

from jobs.intake import is_list, read
from tests.unit.jobs.test_intake import DESIGNS, TODAY

HEADER = ("Établissement", "Contact", "Téléphone", "Article", "Quantité", "Date besoin")


def asks(many, place="CHU de Nantes", what="visor frame"):
    return (place, "Ada Martin", "02 40 00 00 00", what, many, "01/12/2026")


def listed(*rows, header=HEADER):
    return read([header, *rows], DESIGNS, TODAY, "fr")


def places(found):
    assert not any(line.wrong for line in found.lines)
    return [line.request.place for line in found.lines]


def test_a_ward_alone_in_a_row_is_that_of_the_lines_below_it():
    found = listed(
        asks("5"),
        ("Réanimation :",),
        asks("10"),
        asks("20", what="protège-oreilles"),
        ("", "Service de dermatologie", ""),
        asks("30"),
    )
    assert places(found) == [
        "CHU de Nantes",
        "CHU de Nantes, Réanimation",
        "CHU de Nantes, Réanimation",
        "CHU de Nantes, Service de dermatologie",
    ]
    assert [line.number for line in found.lines] == [2, 4, 5, 7]
    assert (found.unknown, found.left) == ((), ())


def test_two_wards_that_ask_for_the_same_are_two_requests():
    found = listed(("Urgences",), asks("10"), ("Bloc B",), asks("10"))
    assert places(found) == ["CHU de Nantes, Urgences", "CHU de Nantes, Bloc B"]


def test_notes_sums_and_a_second_header_stay_what_they_are():
    found = listed(
        ("Pédiatrie",),
        asks("10"),
        HEADER,
        ("Total Pédiatrie", "", "", "", "10"),
        asks("20"),
        ("Merci de rappeler la cadre avant la livraison en pédiatrie",),
        ("Merci !",),
    )
    assert places(found) == ["CHU de Nantes, Pédiatrie"] * 2
    assert [number for number, _ in found.left] == [4, 5, 7, 8]


def test_a_ward_that_asks_for_nothing_is_no_title():
    found = listed(asks("10", place="Réanimation"), ("Urgences",), asks("20", place="Pédiatrie"))
    assert places(found) == ["Réanimation", "Pédiatrie"]
    assert [words for _, words in found.left] == ["Urgences"]


def test_a_list_with_a_column_of_wards_has_them_from_there():
    header = (*HEADER, "Service")
    found = listed(("Réanimation",), (*asks("10"), "Urgences"), header=header)
    assert places(found) == ["CHU de Nantes, Urgences"]


def test_a_sheet_whose_wards_are_columns_is_a_list_and_one_of_addresses_is_not():
    wards = [("Article", "Urgences", "Réanimation"), ("visor frame", 10, 20)]
    assert is_list(wards)
    assert not is_list([("Service", "Nom", "Tél"), ("Urgences", "Ada", "02 40 00 00 00")])
    assert not is_list([])
