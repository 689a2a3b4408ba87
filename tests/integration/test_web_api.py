"""What is no page: orders as JSON, and the plates that nodes fetch."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.coordinator import nodes
from tests.doubles.world import NODE


def test_errors_of_the_api_are_json(site):
    answer = site.person("steward").get("/api/orders/none?lang=en")
    assert answer.status_code == 404
    assert answer.json["error"].startswith("There is nothing here.")


def test_an_order_as_json(site, order):
    told = site.person("inspector").get(f"/api/orders/{order}").json
    assert told["state"] == "confirmed"
    assert told["books"]["frame"]["ordered"] == 4
    assert {a["state"] for a in told["attempts"]} == {"printed"}
    assert "contact" not in json.dumps(told)


def test_the_waiting_list_as_json(site, order):
    told = site.person("maker").get("/api/waiting").json
    assert {each["kind"] for each in told} == {"harvest"}


@pytest.fixture
def node_key(site):
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    site.world.add_lab()
    nodes.enrol(site.world.ledger, NODE, "Lab", base64.b64encode(raw).decode(), site.world.now)
    return key


def plate_of(site):
    world = site.world
    world.order(2)
    world.plan()
    world.tick()
    return world.attempts()[-1].plate_sha256


def signed(key, sha256, node=NODE, **headers):
    signature = base64.b64encode(key.sign(f"GET /api/files/{sha256}".encode())).decode()
    return {"X-Fabnet-Node": node, "X-Fabnet-Signature": signature} | headers


def test_a_node_fetches_its_plate_in_pieces(site, node_key):
    sha256 = plate_of(site)
    whole = site.world.library.file(sha256).read_bytes()
    client = site.app.test_client()
    path = f"/api/files/{sha256}"
    first = client.get(path, headers=signed(node_key, sha256), buffered=True)
    assert (first.status_code, first.data) == (200, whole)
    rest = client.get(path, headers=signed(node_key, sha256, Range="bytes=100-"), buffered=True)
    assert (rest.status_code, rest.data) == (206, whole[100:])
    beyond = client.get(path, headers=signed(node_key, sha256, Range="bytes=999999999-"))
    assert beyond.status_code == 416


def test_nobody_else_gets_the_plate(site, node_key):
    sha256 = plate_of(site)
    client, path = site.app.test_client(), f"/api/files/{sha256}"
    stranger = Ed25519PrivateKey.generate()
    for headers in (
        {},
        {"X-Fabnet-Node": NODE},
        signed(stranger, sha256),
        signed(node_key, sha256, node="unknown"),
        signed(node_key, "0" * 64),
        {"X-Fabnet-Node": NODE, "X-Fabnet-Signature": "é"},
    ):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json["error"]
    assert site.person("steward").get(path).status_code == 401


def test_a_node_gets_the_plates_of_its_live_attempts_only(site, node_key):
    mesh = site.world.revision.parts[0].facts.mesh_sha256
    client = site.app.test_client()
    for name in (mesh, "0" * 64, "..", "x"):
        answer = client.get(f"/api/files/{name}", headers=signed(node_key, name))
        assert answer.status_code in (403, 404), name


def test_a_plate_that_is_gone_is_said_to_be_gone(site, node_key):
    sha256 = plate_of(site)
    site.world.library.file(sha256).unlink()
    answer = site.app.test_client().get(f"/api/files/{sha256}", headers=signed(node_key, sha256))
    assert answer.status_code == 404
    assert answer.json["error"]


def test_healthz(site):
    answer = site.app.test_client().get("/healthz")
    assert (answer.status_code, answer.data) == (200, b"ok\n")
