"""Pages on which people let labs in, and the addresses at which nodes join."""

import base64
import re

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet.broker import login_of
from fabnet.node_folder import public_key_of, signed
from jobs.coordinator import enrolment
from jobs.joining import Enrol, Leave, NewLogin, Standing, proof_of, read_code, signed_post
from jobs.ledger import members
from jobs.ledger.waiting import waiting
from jobs.model import Role
from tests.doubles.pages import Site

PEM = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"


@pytest.fixture
def site(world, hashed):
    return Site(world, hashed, broker_url="mqtts://fabnet.example:1883", authority=PEM, pin="web")


class Lab:
    """A node's side, by hand."""

    def __init__(self, token):
        self.key = Ed25519PrivateKey.generate()
        self.token, self.public, self.login = token, public_key_of(self.key), login_of("secret")

    def ask(self, **changes):
        proof = self.key.sign(proof_of(self.token, self.public, self.login))
        facts = {
            "token": self.token, "public_key": self.public, "login": self.login,
            "proof": base64.b64encode(proof).decode(),
        }  # fmt: skip
        return msgspec.json.encode(Enrol(**(facts | changes)))


def a_lab(site, lab="Atelier Nord"):
    return Lab(enrolment.invite(site.world.ledger, lab, "steward", site.world.now))


def joined(site):
    lab = a_lab(site)
    answer = site.person().client.post("/api/enrol", data=lab.ask())
    assert answer.status_code == 200
    return lab, answer.json["node"]


def standing(site, node):
    return members.member(site.world.ledger.reading, node).standing


def test_a_node_joins_with_its_code_and_gets_no_secret_back(site):
    lab = a_lab(site)
    answer = site.person().client.post("/api/enrol", data=lab.ask())
    assert answer.json == {
        "node": "atelier-nord", "lab": "Atelier Nord", "standing": "pending",
        "coordinator": "https://fabnet.example", "broker": "mqtts://fabnet.example:1883",
        "authority": PEM,
    }  # fmt: skip
    assert site.person().client.post("/api/enrol", data=lab.ask()).json == answer.json


@pytest.mark.parametrize("field", ["public_key", "login", "proof"])
def test_a_proof_that_does_not_fit_lets_nobody_in(site, field):
    lab, other = a_lab(site), Lab("x" * 22)
    changed = {"public_key": other.public, "login": other.login, "proof": "AAAA"}[field]
    answer = site.person().client.post("/api/enrol", data=lab.ask(**{field: changed}))
    assert answer.status_code == 422
    assert "proved" in answer.json["error"]
    assert members.members(site.world.ledger.reading) == ()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b'{"token": 1}', b'{"a":' * 2000, b"x" * 100_000]
)
def test_what_is_no_request_of_a_node_is_said(site, body):
    answer = site.person().client.post("/api/enrol", data=body)
    assert answer.status_code in (413, 422)
    assert answer.json["error"]


def test_guesses_are_counted_and_good_codes_are_not(site):
    client = site.person().client
    good = a_lab(site)
    for _ in range(15):
        assert client.post("/api/enrol", data=good.ask()).status_code == 200
    for _ in range(10):
        assert client.post("/api/enrol", data=Lab("x" * 22).ask()).status_code == 409
    answer = client.post("/api/enrol", data=Lab("x" * 22).ask())
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_page_shows_the_fingerprint_and_lets_the_node_in(site):
    _, node = joined(site)
    steward = site.person("steward")
    found = members.member(site.world.ledger.reading, node)
    assert found.fingerprint in steward.get("/members").text
    (task,) = waiting(site.world.ledger.reading, Role.STEWARD)
    assert (task.kind, task.key) == ("admit", node)
    assert "Atelier Nord" in steward.get("/waiting").text
    answer = steward.send(f"/members/{node}/confirm", at="/members", fingerprint=found.fingerprint)
    assert answer.status_code == 303
    assert standing(site, node) is Standing.CONFIRMED
    assert f'href="/labs/{node}"' in steward.get("/members").text
    assert waiting(site.world.ledger.reading, Role.STEWARD) == ()


def test_a_page_that_shows_another_fingerprint_confirms_nothing(site):
    _, node = joined(site)
    answer = site.person("steward").send(
        f"/members/{node}/confirm", at="/members", fingerprint="0000 0000 0000 0000 0000"
    )
    assert answer.status_code == 409
    assert standing(site, node) is Standing.PENDING


def test_the_code_is_shown_once_and_lets_in(site):
    steward = site.person("steward")
    page = steward.send("/members/invite", at="/members", lab="Chez <b>Awa</b>").text
    code = read_code(re.search(r"https://fabnet.example/#[\w.-]+", page)[0])
    assert code.pin == "web"
    assert "<b>Awa" not in page
    assert code.token not in steward.get("/members").text
    answer = site.person().client.post("/api/enrol", data=Lab(code.token).ask())
    assert answer.json["node"] == "chez-b-awa-b"


def test_an_invitation_is_withdrawn_on_the_page_and_says_whom_to_ask(site):
    lab, steward = a_lab(site), site.person("steward")
    page = steward.get("/members").text
    path = re.search(r'action="(/members/invitations/\w+/withdraw)"', page)[1]
    assert lab.token not in page
    assert site.person("maker").send(path, at="/waiting").status_code == 403
    assert steward.send(path, at="/members").status_code == 303
    assert "Atelier Nord" not in steward.get("/members").text
    opened = site.person().get(f"/join/{lab.token}?lang=en")
    assert opened.status_code == 409
    assert "may be withdrawn" in opened.text
    assert "ask the coordination team for a new one" in opened.text
    refused = site.person().client.post("/api/enrol", data=lab.ask())
    assert (refused.status_code, standing_of_all(site)) == (409, ())


def standing_of_all(site):
    return tuple(each.standing for each in members.members(site.world.ledger.reading))


def test_an_invitation_without_a_name_is_asked_again(site):
    answer = site.person("steward").send("/members/invite", at="/members", lab=" ")
    assert answer.status_code == 422
    assert members.open_invites(site.world.ledger.reading, site.world.now) == ()


def test_a_node_is_shut_out_with_a_reason_only(site):
    _, node = joined(site)
    steward = site.person("steward")
    answer = steward.send(f"/members/{node}/revoke", at="/members", reason="")
    assert answer.status_code == 422
    assert standing(site, node) is Standing.PENDING
    steward.send(f"/members/{node}/revoke", at="/members", reason="unknown to us")
    assert standing(site, node) is Standing.REVOKED
    assert "unknown to us" in steward.get("/members").text


@pytest.mark.parametrize("login", ["maker", "inspector"])
def test_others_do_not_see_who_belongs(site, login):
    _, node = joined(site)
    person = site.person(login)
    for path in ("/members/invite", f"/members/{node}/confirm", f"/members/{node}/revoke"):
        assert person.send(path, at="/waiting", reason="x", lab="x").status_code == 403
    assert person.get("/members").status_code == 403
    assert standing(site, node) is Standing.PENDING


def test_forms_of_other_sites_do_nothing(site):
    _, node = joined(site)
    answer = site.person("steward").client.post(f"/members/{node}/revoke", data={"reason": "x"})
    assert answer.status_code == 400


def test_a_node_changes_its_login_with_its_signature_alone(site):
    lab, node = joined(site)
    client = site.person().client
    headers = signed(node, lab.key, b"GET /api/login")
    assert client.get("/api/login", headers=headers).json["number"] == 0
    body = msgspec.json.encode(NewLogin(number=1, login=login_of("next")))
    good = signed(node, lab.key, signed_post("/api/login", body))
    other = signed(node, Ed25519PrivateKey.generate(), signed_post("/api/login", body))
    for bad in ({}, other, headers):
        assert client.post("/api/login", data=body, headers=bad).status_code == 401
    assert client.post("/api/login", data=body + b" ", headers=good).status_code == 401
    assert client.post("/api/login", data=body, headers=good).json["number"] == 1
    # Whoever kept the request cannot bring the old login back with it.
    assert client.post("/api/login", data=body, headers=good).status_code == 409


def test_a_node_leaves_by_its_own_signature_and_for_itself_alone(site):
    lab, node = joined(site)
    client = site.person().client
    body = msgspec.json.encode(Leave(reason="the room is needed"))
    good = signed(node, lab.key, signed_post("/api/leave", body))
    other = signed(node, Ed25519PrivateKey.generate(), signed_post("/api/leave", body))
    login = signed(node, lab.key, signed_post("/api/login", body))
    for bad in ({}, other, login, {**good, "X-Fabnet-Node": "somebody"}):
        assert client.post("/api/leave", data=body, headers=bad).status_code == 401
    nothing = signed(node, lab.key, signed_post("/api/leave", b"{"))
    assert client.post("/api/leave", data=b"{", headers=nothing).status_code == 422
    assert client.post("/api/leave", data=body, headers=good).json["standing"] == "revoked"
    found = members.member(site.world.ledger.reading, node)
    assert (found.standing_by, found.standing_reason) == (node, "the room is needed")
    # Said again it changes nothing: its key is nobody's any more.
    assert client.post("/api/leave", data=body, headers=good).status_code == 401
    assert members.member(site.world.ledger.reading, node) == found


def test_the_authority_is_shown_to_everybody_where_there_is_one(site, world, hashed):
    assert site.person().get("/api/authority").text == PEM
    assert Site(world, hashed).person().get("/api/authority").status_code == 404


def test_nobody_is_invited_to_send_secrets_in_the_clear(world, hashed):
    site = Site(world, hashed, public_url="http://fabnet.example")
    answer = site.person("steward").send("/members/invite?lang=en", at="/members", lab="Lab")
    assert answer.status_code == 422
    assert "over https" in answer.text
    assert members.open_invites(world.ledger.reading, world.now) == ()
