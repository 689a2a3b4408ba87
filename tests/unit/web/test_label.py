"""How long a label is cut: what is measured in a browser is in tests/e2e/test_labels.py."""

import pytest

from designs.regulation import profiles
from web.documents.label import cut_of, said_by

RULE = said_by(profiles()["fr-anti-projection-2020-05"], "fr")
PLAIN = {
    "network": "fabnet Nantes",
    "title": "Serre-tête de visière · Serre-tête",
    "hub": "La Halle, 3 quai de la Fosse, 44000 Nantes, porte de gauche",
    "said": (),
}


@pytest.mark.parametrize(
    ("changes", "cut"),
    [
        ({}, ""),
        ({"hub": ""}, ""),
        ({"said": RULE}, "-long"),
        ({"said": ("Ne pas stériliser.",)}, "-long"),
        ({"network": "Association des makers solidaires et des lieux réunis", "title": "a" * 90}, "-long"),
        ({"said": RULE, "hub": "Bâtiment B, porte 412, " * 8}, "-longest"),
        ({"network": "X" * 80, "title": "F" * 120, "hub": "Z" * 200}, "-longest"),
        ({"title": "面罩" * 60}, "-long"),
    ],
)  # fmt: skip
def test_the_roll_is_cut_so_long_that_all_is_on_one_label(changes, cut):
    assert cut_of(**(PLAIN | changes)) == cut


def test_a_rule_says_the_paragraphs_that_it_wants_on_labels():
    assert any("protection" in each for each in RULE)
    assert all(RULE)
