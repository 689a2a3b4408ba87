"""Makers without software: an invitation opened on a phone becomes a node that is hosted here."""

import re
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from fabnet import clock
from fabnet.authority import Reach
from fabnet.config import load_node
from fabnet.hosting import Hosting
from fabnet.node.journal import Journal
from fabnet.node_folder import make_secrets, public_key_of
from firmware_profiles.loader import all_machines
from jobs.coordinator import enrolment
from jobs.errors import RefusedError
from jobs.joining import Enrol, Standing
from jobs.ledger import labs, members
from jobs.ledger.waiting import waiting
from jobs.model import Role
from tests.doubles.pages import Site
from tests.doubles.waiting import until

SAID = {
    "lab": "Chez Awa", "town": "Brest", "place": "48.3904, -4.4861", "login": "Awa",
    "password": "quatre mots faciles", "preset_1": "generic-250x210", "material_1": "PETG",
    "grams_1": "800", "mode": "same", "from": "08:00", "to": "22:00", "stays": "yes",
}  # fmt: skip
HOW = Reach(
    url="http://127.0.0.1:8080", broker_url="mqtt://127.0.0.1:1883", web_tls=None,
    broker_tls=None, authority="", pin="none",
)  # fmt: skip


@pytest.fixture
def site(world, hashed):
    return Site(world, hashed, pin="web")


@pytest.fixture
def hosting(world, tmp_path):
    found = Hosting(world.ledger, tmp_path / "hosted", "machine", lambda: HOW)
    yield found
    found.stop()


def invited(site, lab="Atelier d’Awa"):
    page = site.person("steward").send("/members/invite", at="/members", lab=lab).text
    return re.search(r'value="https://fabnet.example(/join/[\w-]+)"', page)[1]


def joined(site, **changes):
    link, phone = invited(site), site.person()
    answer = phone.send(link, at=f"{link}?with=phone", **(SAID | changes))
    return link, phone, answer


def member(site, node="chez-awa"):
    return members.member(site.world.ledger.reading, node)


def test_looking_at_an_invitation_does_not_use_it_up(site):
    link = invited(site)
    for _ in range(3):
        assert site.person().get(link).status_code == 200
    assert len(members.open_invites(site.world.ledger.reading, site.world.now)) == 1


def test_with_a_computer_there_is_one_line_to_paste(site):
    link = invited(site)
    page = site.person().get(f"{link}?with=computer").text
    token = link.removeprefix("/join/")
    assert f"fabnet node join &#34;https://fabnet.example/#{token}.web&#34;" in page


def test_with_a_phone_only_a_node_waits_here_to_be_let_in(site, hosting, tmp_path):
    _, phone, answer = joined(site)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/welcome")
    assert member(site).standing is Standing.PENDING
    assert "being set up" in phone.get("/welcome?lang=en").text
    hosting.look()
    found = load_node(tmp_path / "hosted" / "chez-awa" / "node.toml")
    assert (found.lab, found.place, found.attended) == ("Chez Awa", (48.4, -4.5), "08:00-22:00")
    (printer,) = found.printers
    assert (printer.preset, printer.manual, printer.unattended) == ("generic-250x210", True, False)
    assert (printer.material, printer.grams) == ("PETG", 800)
    # Both screens show the same, and nothing else is known of the node yet.
    seen = member(site).fingerprint
    assert seen in phone.get("/welcome").text
    steward = site.person("steward").get("/members?lang=en").text
    assert seen in steward
    assert "Brest" in steward
    assert members.logins(site.world.ledger.reading) == {}
    assert "chez-awa" not in {node.id for node in labs.fleet(site.world.ledger.reading)}
    assert [w.kind for w in waiting(site.world.ledger.reading, Role.STEWARD)] == ["admit"]


HANDS = {
    **{key: SAID[key] for key in ("lab", "town", "place", "login", "password", "mode", "from", "to")},
    "way": "hands", "process": "SEW", "rate": "12", "stays": "",
}  # fmt: skip


def with_hands(site, **changes):
    link, phone = invited(site), site.person()
    return phone.send(link, at=f"{link}?with=hands", **(HANDS | changes))


def test_who_sews_joins_with_her_pieces_an_hour(site, hosting, tmp_path):
    assert with_hands(site).headers["Location"] == "/welcome"
    hosting.look()
    found = load_node(tmp_path / "hosted" / "chez-awa" / "node.toml")
    (machine,) = found.printers
    assert (machine.process, machine.rate_per_h, machine.manual) == ("SEW", 12, True)
    assert machine.preset == ""
    assert "12 pieces an hour" in site.person("steward").get("/members?lang=en").text


def test_who_cuts_says_that_she_stays_with_the_laser(site):
    answer = with_hands(site, process="LAS")
    assert answer.status_code == 422
    assert 'id="stays-error"' in answer.text
    assert "PVC" in answer.text
    assert with_hands(site, process="LAS", stays="yes").status_code == 303


@pytest.mark.parametrize(
    ("field", "typed"),
    [("process", ""), ("process", "BUY"), ("rate", "0"), ("rate", "many"), ("rate", "1001")],
)
def test_hands_that_say_too_little_make_nothing(site, field, typed):
    answer = with_hands(site, **{field: typed})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert members.members(site.world.ledger.reading) == ()


def test_a_password_that_no_page_keeps_is_asked_for_again(site):
    answer = with_hands(site, rate="many")
    assert 'id="password-error"' in answer.text
    assert "Seul le mot de passe est à retaper." in answer.text
    assert SAID["password"] not in answer.text
    assert "Seul le mot de passe" not in with_hands(site, rate="many", password="").text


def test_nobody_is_let_in_before_her_node_has_a_key(site):
    joined(site)
    with pytest.raises(RefusedError, match="being set up"):
        enrolment.confirm(
            site.world.ledger, "chez-awa", member(site).fingerprint, "s", site.world.now
        )


def test_a_maker_who_waits_is_shown_where_she_stands(site, hosting):
    _, phone, _ = joined(site)
    assert phone.get("/waiting").headers["Location"] == "/welcome"
    hosting.look()
    found = member(site)
    enrolment.confirm(site.world.ledger, "chez-awa", found.fingerprint, "s", site.world.now)
    assert phone.get("/waiting").status_code == 200
    assert "You are in" in phone.get("/welcome?lang=en").text
    assert site.person("awa", SAID["password"]).get("/waiting").status_code == 200


def test_the_same_code_twice_gives_the_same_answer_to_the_same_person_only(site):
    link, phone, _ = joined(site)
    assert phone.get(link).headers["Location"] == "/welcome"
    # Her phone has lost the answer and its cookies.
    again = site.person()
    assert again.client.post(link, data=again.form("/sign-in") | SAID).headers["Location"] == (
        "/welcome"
    )
    thief = site.person()
    answer = thief.client.post(
        link, data=thief.form("/sign-in") | SAID | {"password": "another password"}
    )
    assert answer.status_code == 409
    assert site.person().get(link).status_code == 409
    assert [each.id for each in members.members(site.world.ledger.reading)] == ["chez-awa"]


def test_a_code_that_a_phone_has_used_lets_no_computer_in_and_the_other_way_round(site):
    ledger, now = site.world.ledger, site.world.now
    link, _, _ = joined(site)
    login = "$7$101$" + "A" * 16 + "$" + "B" * 86 + "=="
    ask = Enrol(token=link.removeprefix("/join/"), public_key="key", login=login, proof="")
    with pytest.raises(RefusedError, match="used already"):
        enrolment.join(ledger, ask, now)
    token = enrolment.invite(ledger, "Lab", "steward", now)
    enrolment.join(ledger, Enrol(token=token, public_key="key", login=login, proof=""), now)
    phone = site.person()
    answer = phone.client.post(f"/join/{token}", data=phone.form("/sign-in") | SAID)
    assert answer.status_code == 409


def test_two_touches_of_one_button_make_one_node(site):
    link = invited(site)
    phones = [site.person() for _ in range(4)]
    forms = [phone.form(f"{link}?with=phone") | SAID for phone in phones]
    answers = []

    def touch(phone, form):
        answers.append(phone.client.post(link, data=form).headers.get("Location"))

    threads = [
        threading.Thread(target=touch, args=pair) for pair in zip(phones, forms, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert answers == ["/welcome"] * 4
    assert len(members.members(site.world.ledger.reading)) == 1


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("lab", " "), ("town", ""), ("login", "é"), ("login", "a"), ("login", "STEWARD"),
        ("password", "too short"), ("place", "91, 0"), ("place", "here"), ("preset_1", ""),
        ("preset_1", "no-such-machine"), ("material_1", "WOOD"), ("grams_1", "0"),
        ("from", "late"), ("to", "08:00"), ("stays", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_beside_its_field_and_makes_nothing(site, field, typed):
    link, phone = invited(site), site.person()
    answer = phone.send(link, at=f"{link}?with=phone", **(SAID | {field: typed}))
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error"', answer.text)
    assert "Brest" in answer.text or field == "town"
    assert SAID["password"] not in answer.text
    assert members.members(site.world.ledger.reading) == ()
    # The invitation is still good.
    assert phone.send(link, at=f"{link}?with=phone", **SAID).status_code == 303


def test_printers_stand_by_who_makes_them_and_what_was_chosen_stays_in_sight(site):
    link, phone = invited(site), site.person()
    page = phone.get(f"{link}?with=phone&lang=en").text
    makes = re.findall(r"<summary>([^<]+)</summary>", page.partition("What is loaded")[0])
    assert makes == [
        "Anycubic", "Creality", "Prusa", "Anet, Elegoo, JGAurora, Tronxy, Wanhao",
        "Another one, by the size of its bed",
    ]  # fmt: skip
    for preset in all_machines():
        assert page.count(f'name="preset_1" value="{preset.name}"') == 1
    assert 'class="make" id="make-1-2">' in page
    typed = SAID | {"preset_1": "creality-ender-3", "town": ""}
    again = phone.send(link, at=f"{link}?with=phone", **typed).text
    assert 'class="make" id="make-1-2" open>' in again
    assert again.count(" open>") == 1


def test_guesses_are_counted_and_mistyped_forms_are_not(site):
    link, phone = invited(site), site.person()
    for _ in range(12):
        assert phone.send(link, at=f"{link}?with=phone", **(SAID | {"town": ""})).status_code == 422
    for number in range(10):
        assert phone.get(f"/join/{number:022}").status_code == 409
    assert phone.get("/join/xyz").status_code == 429


def test_an_old_invitation_says_what_to_do(site):
    link = invited(site)
    site.world.pass_time(hours=25)
    answer = site.person().get(f"{link}?lang=en")
    assert answer.status_code == 409
    assert "ask the coordination team for a new one" in answer.text


@pytest.mark.parametrize("left", ["nothing", "empty", "secrets", "whole", "folder"])
def test_a_folder_that_was_broken_off_is_completed_with_the_same_key(site, hosting, tmp_path, left):
    joined(site)
    folder = tmp_path / "hosted"
    key = None
    if left == "empty":
        (folder / ".chez-awa.new").mkdir(parents=True)
        (folder / ".chez-awa.new" / "joined.part").touch()
    elif left != "nothing":
        hosting.look()
        key = member(site).public_key
        with site.world.ledger.transaction() as db:
            db.execute("update node set public_key = '', login = '' where id = 'chez-awa'")
        if left != "folder":
            (folder / "chez-awa").rename(folder / ".chez-awa.new")
        if left == "secrets":
            (folder / ".chez-awa.new" / "node.toml").unlink()
    hosting.look()
    assert [path.name for path in folder.iterdir()] == ["chez-awa"]
    assert member(site).public_key == public_key_of(make_secrets(folder / "chez-awa")[0])
    assert key in (None, member(site).public_key)


def test_a_folder_that_the_ledger_has_forgotten_is_given_to_nobody(site, hosting, tmp_path, caplog):
    """After a backup was put back, another workshop of the same name joins."""
    joined(site)
    hosting.look()
    first = public_key_of(make_secrets(tmp_path / "hosted" / "chez-awa")[0])
    with site.world.ledger.transaction() as db:
        for table in ("hosted", "invite", "person", "node"):
            db.execute(f"delete from {table}" + (" where node != ''" if table == "person" else ""))
    site.world.pass_time(minutes=1)
    joined(site)
    hosting.look()
    assert member(site).public_key == ""
    assert "move it away" in caplog.text
    (tmp_path / "hosted" / "chez-awa").rename(tmp_path / "away")
    fresh = Hosting(site.world.ledger, tmp_path / "hosted", "machine", lambda: HOW)
    fresh.look()
    assert member(site).public_key not in ("", first)


def test_a_disk_that_takes_no_folder_is_tried_again(site, world, tmp_path):
    joined(site)
    (tmp_path / "hosted").write_text("in the way")
    hosting = Hosting(world.ledger, tmp_path / "hosted", "machine", lambda: HOW)
    hosting.look()
    assert member(site).public_key == ""
    (tmp_path / "hosted").unlink()
    fresh = Hosting(world.ledger, tmp_path / "hosted", "machine", lambda: HOW)
    fresh.look()
    assert member(site).public_key


@pytest.fixture
def let_in(site, hosting):
    joined(site)
    hosting.look()
    enrolment.confirm(site.world.ledger, "chez-awa", member(site).fingerprint, "s", site.world.now)


def running():
    return [t for t in threading.enumerate() if t.name == "hosted-chez-awa" and t.is_alive()]


def a_while_later(monkeypatch):
    now_s = clock.boottime_s()
    monkeypatch.setattr(clock, "boottime_s", lambda: now_s + 31.0)


@pytest.mark.usefixtures("let_in")
def test_a_node_that_could_not_be_opened_is_tried_again(hosting, tmp_path, monkeypatch):
    """Its disk was full, say."""
    folder = load_node(tmp_path / "hosted" / "chez-awa" / "node.toml").data_dir
    Path(folder).mkdir(exist_ok=True)
    held = Journal(Path(folder) / "journal.db", "machine")
    hosting.look()
    assert running() == []
    held.close()
    hosting.look()
    assert running() == []
    a_while_later(monkeypatch)
    hosting.look()
    assert len(running()) == 1


@pytest.mark.usefixtures("let_in")
def test_a_node_that_ended_as_nobody_foresaw_is_started_again(hosting, tmp_path, monkeypatch):
    """A full disk at its start: it could not write down what it had to say."""
    data = Path(load_node(tmp_path / "hosted" / "chez-awa" / "node.toml").data_dir)
    data.mkdir(exist_ok=True)
    Journal(data / "journal.db", "machine").close()
    db = sqlite3.connect(data / "journal.db", isolation_level=None)
    db.execute("create trigger full before insert on outbox begin select raise(abort, 'full'); end")
    hosting.look()
    until(lambda: running() == [])
    db.execute("drop trigger full")
    db.close()
    a_while_later(monkeypatch)
    hosting.look()
    assert len(running()) == 1
    assert hosting._nodes["chez-awa"].thread.is_alive()


def test_what_is_being_made_and_who_was_shut_out_does_not_run(site, hosting, tmp_path):
    joined(site)
    hosting.look()
    threads = {thread.name for thread in threading.enumerate()}
    assert not {name for name in threads if name.startswith("hosted-")}
    found = member(site)
    enrolment.confirm(site.world.ledger, "chez-awa", found.fingerprint, "s", site.world.now)
    shutil.copytree(tmp_path / "hosted" / "chez-awa", tmp_path / "hosted" / ".other.new")
    hosting.look()
    running = {t.name for t in threading.enumerate() if t.name.startswith("hosted-")}
    assert running == {"hosted-chez-awa"}
    enrolment.revoke(site.world.ledger, "chez-awa", "gone", "s", site.world.now)
    hosting.look()
    assert not {t.name for t in threading.enumerate() if t.name.startswith("hosted-")}
