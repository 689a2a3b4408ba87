"""The page on which people choose what they are told, and the link that ends it."""

import re
from dataclasses import replace

import pytest

from jobs.coordinator import orders, telling
from jobs.ledger import notices
from jobs.ledger.notices import NoticeState
from jobs.model import Role
from jobs.notice_kinds import CHOICES, Channel, Kind
from tests.doubles.pages import Site
from tests.doubles.world import NODE, a_request
from web.letters import Letterhead, Reader, letter, stop_token
from web.pages.telling import KINDS, LETTERS, STATES

SECRET = b"k" * 32
ADDRESS = "awa@example.org"
AWA = Reader(login="maker", to=ADDRESS)
FIELDS = {
    "address": ADDRESS, "language": "fr", "quiet_from": "22:00", "quiet_to": "07:30",
    "digest": "18:00", "kind_alarm": "yes", "kind_beds": "yes",
}  # fmt: skip


@pytest.fixture
def site(world, hashed):
    return Site(world, hashed, tells=True)


def chosen(site, login="maker"):
    return telling.choice_of(site.world.ledger, login)


def letters(site):
    found = site.world.ledger.reading.execute("select * from notice order by id")
    return [(r["login"], r["kind"], r["recipient"], r["state"]) for r in found]


def told(site):
    """A maker who is told things, and the link in her letters."""
    maker = site.person("maker")
    assert maker.send("/told", **FIELDS).status_code == 303
    return f"/told/stop/{stop_token(SECRET, AWA)}"


def test_a_maker_chooses_and_finds_it_again(site):
    told(site)
    found = chosen(site)
    assert found.kinds == {Kind.ALARM, Kind.BEDS}
    assert (found.quiet_from_min, found.quiet_to_min) == (22 * 60, 7 * 60 + 30)
    page = site.person("maker").get("/told?lang=en").text
    assert f'value="{ADDRESS}"' in page
    assert re.search(r'name="kind_beds" value="yes" checked', page)
    assert not re.search(r'name="kind_offers" value="yes" checked', page)
    assert letters(site) == [("maker", "hello", ADDRESS, "waiting")]


@pytest.mark.parametrize("login", ["maker", "inspector", "steward"])
def test_each_role_is_offered_what_concerns_it(site, login):
    page = site.person(login).get("/told").text
    offered = set(re.findall(r'name="kind_(\w+)"', page))
    assert offered == set(CHOICES[Role(login)])


@pytest.mark.parametrize(
    ("field", "value"),
    [("address", "awa"), ("address", "a@b.c\r\nX: y"), ("quiet_from", "25:00"), ("digest", "")],
)
def test_a_wrong_field_is_marked_and_nothing_is_lost_or_kept(site, field, value):
    answer = site.person("maker").send("/told", **(FIELDS | {field: value}))
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert 'value="22:00"' in answer.text or field == "quiet_from"
    assert notices.listener(site.world.ledger.reading, "maker") is None
    assert letters(site) == []


def test_no_quiet_hours_are_two_empty_fields(site):
    told(site)
    site.person("maker").send("/told", **(FIELDS | {"quiet_from": "", "quiet_to": ""}))
    found = chosen(site)
    assert found.quiet_from_min == found.quiet_to_min
    assert 'name="quiet_from" type="time" value=""' in site.person("maker").get("/told").text


def test_a_maker_cannot_choose_what_is_told_to_stewards(site):
    site.person("maker").send("/told", **FIELDS, kind_team="yes")
    assert Kind.TEAM not in chosen(site).kinds


def test_without_a_mail_server_the_page_says_so(world, hashed):
    page = Site(world, hashed).person("maker").get("/told?lang=en").text
    assert "Nothing is sent yet" in page
    assert (
        "Nothing is sent yet"
        not in Site(world, hashed, tells=True).person("maker").get("/told").text
    )


def test_new_addresses_are_counted_so_that_nobody_writes_to_a_thousand(site):
    maker = site.person("maker")
    answers = [
        maker.send("/told", **(FIELDS | {"address": f"x{n}@example.org"})).status_code
        for n in range(12)
    ]
    assert answers == [303] * 10 + [429] * 2


# --- the link


def test_opening_the_link_changes_nothing_and_shows_one_button(site):
    path = told(site)
    answer = site.person().get(path)
    assert answer.status_code == 200
    assert len(re.findall(r"<button", answer.text.split("<main")[1])) == 1
    assert chosen(site).kinds


def test_the_button_ends_all_without_signing_in_and_twice_is_fine(site):
    path = told(site)
    for _ in range(2):
        answer = site.person().client.post(path)
        assert answer.status_code == 200
    assert chosen(site).kinds == frozenset()
    assert letters(site) == [("maker", "hello", ADDRESS, "dropped")]
    page = site.person("maker").get("/told?lang=en").text
    assert "You are told nothing now." in page


def test_a_mail_program_ends_it_with_one_click(site):
    """RFC 8058: a POST of this body, without cookies, is answered without a redirect."""
    path = told(site)
    site.app.config["WTF_CSRF_ENABLED"] = True
    answer = site.app.test_client().post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert chosen(site).kinds == frozenset()


def test_the_link_in_a_letter_is_this_link(site):
    told(site)
    head = Letterhead(network="N", public_url="https://fabnet.example", secret=SECRET)
    made = letter(Kind.ALARM, {"printer": "P", "lab": "L", "words": ""}, "fr", AWA, head)
    assert (
        site.app.test_client().post(made.stop_url.removeprefix(head.public_url)).status_code == 200
    )
    assert chosen(site).kinds == frozenset()


def test_the_link_of_an_old_address_does_not_end_the_letters_to_the_new(site):
    path = told(site)
    site.person("maker").send("/told", **(FIELDS | {"address": "new@example.org"}))
    assert site.person().client.post(path).status_code == 200
    assert chosen(site).kinds


@pytest.mark.parametrize("token", ["x", "WyJtYWtlciIsIngiXQ.x", "a" * 3000, "%00"])
def test_a_guessed_link_ends_nothing(site, token):
    told(site)
    for answer in (
        site.person().get(f"/told/stop/{token}"),
        site.person().client.post(f"/told/stop/{token}"),
    ):
        assert answer.status_code == 404
    assert chosen(site).kinds


def test_a_session_is_no_such_link(site):
    told(site)
    forged = stop_token(b"x" * 32, AWA)
    assert site.person().client.post(f"/told/stop/{forged}").status_code == 404


# --- what became of letters


def test_the_steward_reads_what_did_not_go_out_and_a_maker_only_her_own(site):
    told(site)
    site.person("inspector").send("/told", **(FIELDS | {"address": "ins@example.org"}))
    with site.world.ledger.transaction() as db:
        for row in notices.to_send(db, Channel.MAIL, site.world.now, 9):
            notices.end(db, row.id, NoticeState.REFUSED, site.world.now, f"550 no {row.login}")
    steward = site.person("steward").get("/told?lang=en").text
    assert "550 no maker" in steward
    assert "550 no inspector" in steward
    maker = site.person("maker").get("/told?lang=en").text
    assert "550 no maker" in maker
    assert "550 no inspector" not in maker


def test_every_kind_and_state_has_words():
    assert set(LETTERS) == set(Kind)
    assert set(STATES) == set(NoticeState)
    assert set(KINDS) == {kind for kinds in CHOICES.values() for kind in kinds}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("count", [1, 2])
def test_letters_are_short_and_have_one_thing_to_do(site, kind, count, language):
    head = Letterhead(network="Réseau 100 %", public_url="https://fabnet.example", secret=SECRET)
    facts = {
        "count": count,
        "name": "Prusa 50 %",
        "printer": "P",
        "lab": "L",
        "words": "no 5 % left",
        "kits": 400,
        "due": "2026-12-01",
        "reason": "100 % full",
        "pieces": count,
    }
    if kind is Kind.DIGEST:
        facts = {Kind.OFFERS: count, Kind.BEDS: 1, Kind.HUB: 2, Kind.TEAM: 3}
    if kind is Kind.ADVICE:
        site.world.add_lab()
        facts["name"] = NODE
    made = letter(kind, facts, language, AWA, head, "/ask")
    assert "%(" not in made.subject + made.whole
    assert len(made.subject) < 70
    assert len(made.whole.splitlines()) <= 16
    path = made.url.removeprefix(head.public_url)
    assert site.person("maker").get(path).status_code == 200
    french = letter(kind, facts, "fr", AWA, head, "/ask")
    assert (french.subject == made.subject) is (language == "fr")


def test_a_choice_of_a_person_who_has_lost_her_role_is_not_told(site):
    told(site)
    with site.world.ledger.transaction() as db:
        notices.keep_listener(
            db, replace(chosen(site), kinds=frozenset({Kind.TEAM})), site.world.now
        )
    assert telling.tell(site.world.ledger, site.world.now, site.world.now.tzinfo) == 0


def test_a_requester_ends_the_letters_on_her_order_by_their_link(site):
    world = site.world
    asked = a_request(world.revision, contact="ada@chu.example")
    placed = orders.place(world.ledger, asked, world.revision, world.now)
    nurse = Reader(to="ada@chu.example", order_id=placed.order_id)
    path = f"/told/stop/{stop_token(SECRET, nurse)}"
    assert "Choisir" not in site.person().get(path).text, "she has no account"
    assert letters(site)[0][3] == "waiting"
    assert (
        site.app.test_client().post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    )
    assert letters(site) == [("", "order-asked", "ada@chu.example", "dropped")]
