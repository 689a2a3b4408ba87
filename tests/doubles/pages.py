"""The application over one world, and people in front of it."""

from __future__ import annotations

import re

from jobs.coordinator import orders
from jobs.coordinator.people import add_person
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.live import Live
from jobs.model import Role
from tests.doubles.world import NODE
from web.app import WebSettings, create_app

PASSWORD = "correct horse"
PEOPLE = {
    "maker": (Role.MAKER, NODE),
    "inspector": (Role.INSPECTOR, ""),
    "steward": (Role.STEWARD, ""),
}


def sections(page):
    """Return the text of a page, tags away."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def answered(person, path):
    """Return a page that is reckoned for a while: it is fetched again as long as it says so."""
    while "Refresh" in (page := person.get(path)).headers:
        assert page.status_code == 200
    return page


def hears(world, node=NODE):
    """The node acknowledges all that it was sent."""
    with world.ledger.transaction() as db:
        stream, last = streams.stream_of(db, node)
        streams.acknowledged(db, node, stream, last)


def offered(site, **facts):
    """A lab whose maker is asked, with an offer."""
    world = site.world
    world.add_lab(asks=True, **facts)
    world.order(2)
    world.plan()
    world.tick()
    return world.first(AttemptState.OFFERED)


class Site:
    """The application over one world, and people in front of it."""

    def __init__(self, world, hashed, slices=None, hosted=None, **settings):
        self.world = world
        self.live = Live()
        facts = {
            "secret_key": b"k" * 32,
            "network_name": "Test network",
            "public_url": "https://fabnet.example",
            "secure_cookies": False,
        }
        self.app = create_app(
            world.ledger,
            lambda: world.library,
            self.live,
            lambda: world.now,
            WebSettings(**(facts | settings)),
            slices,
            hosted,
        )
        for login, (role, node) in PEOPLE.items():
            add_person(world.ledger, login, login.title(), role, hashed, node, world.now)

    def person(self, login=None, password=PASSWORD):
        found = Person(self.app.test_client())
        if login is not None:
            answer = found.send("/sign-in", login=login, password=password)
            assert answer.status_code == 303
        return found


class Person:
    """A browser that reads forms before it sends them."""

    def __init__(self, client):
        self.client = client

    def get(self, path, **kwargs):
        return self.client.get(path, **kwargs)

    def form(self, path):
        """Return the hidden fields of a page's forms."""
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.get(path).text))

    def send(self, path, at=None, **fields):
        """Send the form of the page `at` to `path`."""
        return self.client.post(path, data=self.form(at or path) | fields)


def request_fields(world, **changes):
    fields = {
        "revision_id": world.revision.id,
        "kits": "40",
        "due": "2026-11-27",
        "place": "CHU, urgences",
        "requester": "Ada Infirmière",
        "contact": "01 23 45 67 89",
    }
    return fields | changes


def link_of(site, order_id):
    return f"/o/{orders.link_of(site.world.ledger, order_id)}"
