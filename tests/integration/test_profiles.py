"""A revision goes by a regulatory profile: chosen by a steward, refused for its words, seen on labels."""

import pytest

from jobs.coordinator import reviews
from jobs.errors import InvalidFieldError
from jobs.ledger import reviews as reading
from tests.doubles.lots import makes_a_lot

VISOR, MASK = "fr-anti-projection-2020-05", "afnor-spec-s76-001-2020"
FRENCH = {"Accept-Language": "fr"}


def chosen(world):
    found = reading.profile_choice(world.ledger.reading, world.revision.id)
    return found and (found.profile, found.by)


def test_a_steward_chooses_a_rule_and_the_last_word_counts(site):
    page = f"/designs/{site.world.revision.id}"
    assert "anti-splash" not in site.person().get(page).text
    steward = site.person("steward")
    for profile in (MASK, VISOR):
        assert steward.send(f"{page}/profile", at=page, profile=profile).status_code == 303
    assert chosen(site.world) == (VISOR, "Steward")
    text = site.person().get(page, headers=FRENCH).text
    assert "Équipement anti-projection" in text
    assert "pas un avis juridique" in text
    assert steward.send(f"{page}/profile", at=page, profile="").status_code == 303
    assert chosen(site.world) == ("", "Steward")
    assert "Équipement anti-projection" not in site.person().get(page, headers=FRENCH).text


def test_only_a_steward_and_only_what_there_is(site):
    page = f"/designs/{site.world.revision.id}"
    assert site.person("inspector").send(f"{page}/profile", at=page).status_code == 403
    answer = site.person("steward").send(f"{page}/profile", at=page, profile="of-my-own")
    assert answer.status_code == 422
    assert chosen(site.world) is None


def test_forbidden_words_in_a_title_are_refused_and_in_a_description_shown(site, tmp_path):
    world = site.world
    made = world.library.source(world.revision.id)
    folder = tmp_path / "design"
    folder.mkdir()
    for path, sha256 in made.files.items():
        (folder / path).write_bytes(world.library.file(sha256).read_bytes())
    text = made.manifest.text
    titled = text.replace('title = "Visor frame"', 'title = "Visière de PROTECTION"', 1)
    assert titled != text
    (folder / "design.toml").write_text(titled)
    bad = world.library.add_design(folder)
    with pytest.raises(InvalidFieldError, match="visière de protection"):
        reviews.choose_profile(world.ledger, bad, VISOR, "Ada", world.now)
    answer = site.person("steward").send(
        f"/designs/{bad.id}/profile", at=f"/designs/{bad.id}", profile=VISOR
    )
    assert answer.status_code == 422
    assert "visière de protection" in answer.text
    assert reading.profile_choice(world.ledger.reading, bad.id) is None
    described = text.replace('description = """', 'description = """Against Covid. ', 1)
    assert described != text
    (folder / "design.toml").write_text(described)
    doubtful = world.library.add_design(folder)
    reviews.choose_profile(world.ledger, doubtful, VISOR, "Ada", world.now)
    assert (
        "words that this rule forbids: covid"
        in (
            site.person("steward").get(f"/designs/{doubtful.id}", headers={"Accept-Language": "en"})
        ).text
    )


def test_labels_have_the_fields_of_the_rule(site):
    world = site.world
    world.add_lab()
    world.order(2)
    code = makes_a_lot(world)
    before = site.person().get(f"/l/{code}/label", headers=FRENCH).text
    assert "anti-projection" not in before
    reviews.choose_profile(world.ledger, world.revision, VISOR, "Ada", world.now)
    label = site.person().get(f"/l/{code}/label", headers=FRENCH).text
    assert "Équipement anti-projection" in label
    assert "Aucune capacité de protection" in label
    assert "autoclave" not in label, "this rule does not ask for it on the label"
