"""Letters over SMTP, to a real server: plain on loopback, STARTTLS, TLS, and what may go wrong."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fabnet import clock
from fabnet.broker import free_port
from fabnet.cli.common import coordinator
from fabnet.config import MailConfig
from fabnet.doctor import look
from fabnet.errors import LetterRefusedError, MailError
from fabnet.mail import PASSWORD_VARIABLE, Mail, Post, compose
from jobs.coordinator import telling
from jobs.coordinator.people import add_person
from jobs.ledger import notices
from jobs.ledger.notices import NoticeState
from jobs.ledger.store import Ledger
from jobs.model import Role
from jobs.notice_kinds import Channel
from tests.doubles import certificates
from tests.doubles.commands import fabnet
from tests.doubles.mail_server import PASSWORD, USER, MailServer

# The server of the tests speaks TLS at once, which aiosmtpd cannot see.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")

SENDER = "Visières pour Nantes <fabnet@example.org>"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STOP = "https://fabnet.example/told/stop/" + "a1B2-_." * 30


def a_letter(to="awa@example.org", **changes):
    facts = {
        "key": "offers:awa:1:mail",
        "to": to,
        "subject": "2 tirages à prendre ou à laisser",
        "text": "Répondez ici :\nhttps://fabnet.example/waiting\n" + "é" * 300 + "\n",
        "language": "fr",
        "written_at": NOW,
        "stop_url": STOP,
    }
    return Mail(**(facts | changes))


@pytest.fixture
def serve():
    servers = []

    def started(**options):
        servers.append(MailServer(**options).start())
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def config(server, **changes):
    facts = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": SENDER}
    return MailConfig(**(facts | changes))


def test_a_letter_arrives_as_it_was_written(serve):
    server = serve()
    with Post(config(server)) as post:
        post.send(a_letter())
        post.send(a_letter(to="camille@example.org", key="other"))
    first, second = server.wait(2)
    assert first["To"] == "awa@example.org"
    assert first["From"] == SENDER
    assert first["Subject"] == "2 tirages à prendre ou à laisser"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Date"].datetime == NOW
    assert first["Content-Language"] == "fr"
    assert first.get_content_type() == "text/plain"
    assert first.get_content().replace("\r\n", "\n") == a_letter().text
    assert second["Message-ID"] != first["Message-ID"]


def test_one_click_works_as_rfc_8058_wants_it(serve):
    server = serve()
    with Post(config(server)) as post:
        post.send(a_letter())
    ((_, data),) = server.letters
    # Neither folded nor encoded: mail programs read it as it stands.
    assert f"\r\nList-Unsubscribe: <{STOP}>\r\n".encode() in data
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.isascii()
    assert max(map(len, body.splitlines())) <= 78


def test_the_same_letter_is_the_same_bytes_every_time():
    assert compose(a_letter(), SENDER) == compose(a_letter(), SENDER)
    assert b"@example.org>" in compose(a_letter(), SENDER).split(b"Message-ID: ")[1][:60]


def test_a_printers_name_adds_no_line_to_the_head():
    data = compose(a_letter(subject="P1\r\nBcc: all@example.org\n\nx"), SENDER)
    assert b"Subject: P1 Bcc: all@example.org x\r\n" in data
    assert b"\r\nBcc:" not in data


@pytest.mark.parametrize("implicit", [False, True])
def test_over_tls_with_a_login(serve, tmp_path, implicit):
    tls = certificates.make(tmp_path / "tls")
    server = serve(tls=tls, implicit=implicit, login=True)
    secret = tmp_path / "mail.password"
    secret.write_text(PASSWORD + "\n")
    good = config(
        server, security="tls" if implicit else "starttls", user=USER, ca_file=tls.ca,
        password_file=str(secret),
    )  # fmt: skip
    with Post(good) as post:
        post.send(a_letter())
    assert len(server.wait()) == 1
    secret.write_text("wrong")
    with pytest.raises(MailError, match="does not know user and password"), Post(good):
        pass


def test_the_password_may_come_from_the_environment(serve, tmp_path, monkeypatch):
    tls = certificates.make(tmp_path / "tls")
    server = serve(tls=tls, login=True)
    bare = config(server, security="starttls", user=USER, ca_file=tls.ca)
    with pytest.raises(MailError, match=PASSWORD_VARIABLE), Post(bare):
        pass
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    with Post(bare) as post:
        post.send(a_letter())
    assert len(server.wait()) == 1


def test_a_certificate_of_somebody_else_gets_no_letter_and_no_password(serve, tmp_path):
    server = serve(tls=certificates.make(tmp_path / "theirs"))
    ours = certificates.make(tmp_path / "ours")
    with (
        pytest.raises(MailError, match="certificate"),
        Post(config(server, security="starttls", ca_file=ours.ca)),
    ):
        pass


def test_a_server_without_tls_gets_no_letter_where_tls_is_wanted(serve):
    with pytest.raises(MailError), Post(config(serve(), security="starttls")):
        pass


def test_a_server_that_is_not_there_is_named(serve):
    server = serve()
    there = config(server)
    server.stop()
    with pytest.raises(MailError, match=rf"127\.0\.0\.1:{there.port}"), Post(there):
        pass


@pytest.mark.parametrize(("answer", "again"), [("550 no such user", False), ("450 later", True)])
def test_a_refused_reader_hinders_no_other(serve, answer, again):
    server = serve()
    server.refusals["gone@example.org"] = answer
    with Post(config(server)) as post:
        with pytest.raises(LetterRefusedError, match=answer) as caught:
            post.send(a_letter(to="gone@example.org"))
        assert caught.value.again is again
        post.send(a_letter())
    assert [m["To"] for m in server.wait()] == ["awa@example.org"]


@pytest.mark.parametrize(("answer", "again"), [("554 spam", False), ("451 busy", True)])
def test_a_refused_letter(serve, answer, again):
    server = serve()
    server.on_data = lambda _data: answer
    with Post(config(server)) as post, pytest.raises(LetterRefusedError) as caught:
        post.send(a_letter())
    assert caught.value.again is again


def test_a_refused_sender_is_the_servers_trouble_and_no_letters(serve):
    server = serve()
    server.sender_refused = "553 not yours"
    with Post(config(server)) as post, pytest.raises(MailError, match="not yours"):
        post.send(a_letter())


# --- commands


def a_file(tmp_path, server):
    path = tmp_path / "coordinator.toml"
    path.write_text(
        f'data_dir = "data"\nnetwork = "Visors"\nport = {free_port()}\nbroker_port = {free_port()}\n'
        f'[mail]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        'sender = "fabnet <fabnet@example.org>"\n'
    )
    return path


def test_a_test_letter_can_be_sent(serve, tmp_path):
    server = serve()
    path = a_file(tmp_path, server)
    answer = fabnet("mail-test", "camille@example.org", "--config", path)
    assert answer.returncode == 0, answer.stderr
    (letter,) = server.wait()
    assert (letter["To"], letter["Subject"]) == ("camille@example.org", "Visors: a test")
    server.refusals["gone@example.org"] = "550 nobody"
    answer = fabnet("mail-test", "gone@example.org", "--config", path)
    assert answer.returncode == 1
    assert "550 nobody" in answer.stderr
    assert fabnet("mail-test", "camille", "--config", path).returncode == 2
    path.write_text('data_dir = "data"\n')
    answer = fabnet("mail-test", "camille@example.org", "--config", path)
    assert answer.returncode == 1
    assert "[mail]" in answer.stderr


def finding(config):
    return next(each for each in look(config) if each.check == "mail")


def test_the_doctor_signs_in_and_names_what_did_not_go_out(serve, tmp_path):
    server = serve()
    config = coordinator(a_file(tmp_path, server))
    assert finding(config).ok
    Path(config.data_dir).mkdir()
    ledger = Ledger(Path(config.data_dir) / "ledger.db")
    now = clock.now()
    add_person(ledger, "awa", "Awa", Role.MAKER, "x", "lab-a", now)
    telling.choose(
        ledger, replace(telling.choice_of(ledger, "awa"), address="awa@example.org"), now
    )
    assert finding(config).ok, "a letter that waits for the first time is no trouble"
    with ledger.transaction() as db:
        (row,) = notices.to_send(db, Channel.MAIL, now, 9)
        notices.end(db, row.id, NoticeState.REFUSED, now, "550 nobody")
    ledger.close()
    found = finding(config)
    assert not found.ok
    assert "awa: 550 nobody" in found.words
    server.stop()
    assert f"127.0.0.1:{server.port}" in finding(config).words
