"""Who is told, by what, and what was written down for them."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from fabnet.config import MailConfig
from fabnet.telling_service import TellingService
from jobs.coordinator import telling
from web.letters import Letterhead

HEAD = Letterhead(network="fabnet Nantes", public_url="https://fabnet.example", secret=b"k" * 32)
PARIS = ZoneInfo("Europe/Paris")
AWA, CAMILLE = "awa@example.org", "camille@example.org"


def chosen(world, login, **changes):
    quiet = {"quiet_from_min": 0, "quiet_to_min": 0}
    choice = replace(telling.choice_of(world.ledger, login), **(quiet | changes))
    # The digest's hour is some hours away: it comes in tests that are on it.
    hour = (world.now.astimezone(PARIS).hour + 2) % 24
    telling.choose(world.ledger, replace(choice, digest_min=60 * hour), world.now)


def printing(world):
    world.add_lab()
    return world.printing()


def rows(world):
    found = world.ledger.reading.execute("select * from notice order by id").fetchall()
    return [(r["login"], r["kind"], r["state"]) for r in found]


def a_config(server, **changes):
    facts = {"host": "127.0.0.1", "port": server.port, "security": "none"}
    return MailConfig(**(facts | {"sender": "fabnet <fabnet@example.org>"} | changes))


@contextmanager
def told(world, server, **changes):
    service = TellingService(world.ledger, a_config(server, **changes), HEAD, PARIS)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def falls_silent(world, minutes):
    world.is_there(online=False)
    world.now += timedelta(minutes=minutes)
