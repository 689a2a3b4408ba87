"""A lab joins over real TLS and a real broker; what stands in between, or breaks off, gains nothing."""

import contextlib
import shutil
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from flask import Flask, Response, request

from fabnet import wire
from fabnet.authority import own_certificate
from fabnet.broker import free_port
from fabnet.config import load_node
from fabnet.enrolment import create_node, open_ledger
from fabnet.errors import JoinError
from fabnet.inlet import Connected, Disconnected
from fabnet.joining import join, open_account, rotate, standing
from fabnet.link import Link
from fabnet.node_folder import Passwords, next_of, read_key, signed
from fabnet.wire import Channel
from jobs.coordinator import enrolment, people
from jobs.coordinator.people import MOST_ACCOUNTS, person
from jobs.joining import JoinCode, Standing, pin_of, read_code
from jobs.ledger import members
from jobs.model import Role
from tests.doubles.commands import fabnet, one_sentence
from tests.doubles.links import hear
from tests.doubles.tls_coordinator import Coordinator, now
from tests.doubles.waiting import until
from web.serving import make_server

pytestmark = [
    pytest.mark.skipif(
        shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None,
        reason="mosquitto is not installed",
    ),
    pytest.mark.xdist_group("joining"),
]


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory):
    made = Coordinator(tmp_path_factory.mktemp("coordinator"))
    yield made
    made.stop()


def link_of(links, config):
    topic = wire.topic(config.id, Channel.PRESENCE)
    link = Link(
        config.broker, config.id, Passwords(Path(config.password_file)), (),
        lambda conn: (topic, conn.encode()), ca_file=config.ca_file,
    )  # fmt: skip
    links.append(link)
    link.start()
    return link


def test_from_the_code_to_the_broker_and_out_again(coordinator, tmp_path, links):
    joined = join(read_code(str(coordinator.invite())), tmp_path / "lab", now())
    node = joined.answer.node
    assert joined.answer.standing is Standing.PENDING
    config = load_node(joined.config)
    assert config.broker.startswith("mqtts://127.0.0.1:")
    for name in ("mqtt.password", "node.key"):
        assert stat.S_IMODE((tmp_path / "lab" / name).stat().st_mode) == 0o600
    # Nobody has compared the fingerprint: the broker does not know the node.
    link = link_of(links, config)
    assert "refused" in hear(link, Disconnected).reason
    assert members.member(coordinator.ledger.reading, node).fingerprint == joined.fingerprint
    assert standing(config, now()).standing is Standing.PENDING
    coordinator.confirm(node)
    hear(link, Connected)
    assert standing(config, now()).standing is Standing.CONFIRMED
    # Shut out: the connection that is up ends at once, and no other comes about.
    enrolment.revoke(coordinator.ledger, node, "stolen", "steward", now())
    hear(link, Disconnected)
    assert "refused" in hear(link, Disconnected).reason
    key = read_key(Path(config.key_file))
    path = "/api/files/" + "a" * 64
    answer = requests.get(
        coordinator.url + path, headers=signed(node, key, f"GET {path}".encode()),
        verify=coordinator.ca, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 401
    with pytest.raises(JoinError, match="shut the node out"):
        rotate(config, now())


def test_a_node_killed_after_the_code_was_used_gets_the_same_answer_again(coordinator, tmp_path):
    code = coordinator.invite("Broken off")
    first = join(code, tmp_path / "lab", now())
    first.config.unlink()  # killed before it was written
    again = join(code, tmp_path / "lab", now())
    assert again.answer == first.answer
    assert not again.was_there
    assert join(code, tmp_path / "lab", now()).was_there
    with pytest.raises(JoinError, match="was used already"):
        join(code, tmp_path / "thief", now())


@pytest.mark.parametrize("kill_after_s", [0.0, 0.3, 0.6, 0.9])
def test_killed_at_any_moment_the_same_command_goes_on(coordinator, tmp_path, kill_after_s):
    code = coordinator.invite(f"Killed {kill_after_s}")
    command = [sys.executable, "-m", "fabnet", "node", "join", str(code), "--out", tmp_path / "lab"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    threading.Event().wait(kill_after_s)
    first.kill()
    first.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    config = load_node(tmp_path / "lab" / "node.toml")
    found = members.member(coordinator.ledger.reading, config.id)
    assert found.fingerprint in done.stderr


@pytest.fixture
def impostor(tmp_path, coordinator):
    """Somebody in between, with a certificate of her own; she knows the real authority's too."""
    app = Flask("impostor")
    app.seen = []
    app.shown = ""

    @app.route("/api/<path:what>", methods=["GET", "POST"])
    def anything(what):
        app.seen.append((request.method, what, request.get_data()))
        return Response(app.shown if what == "authority" else "{}")

    files = own_certificate(tmp_path / "impostor", ("127.0.0.1",), now())
    app.own = Path(files.ca).read_text()
    server = make_server(app, "127.0.0.1", 0, (files.certificate, files.key))
    app.url = f"https://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.run)
    thread.start()
    yield app
    server.close()
    thread.join()


@pytest.mark.parametrize("shows", ["own", "real", "rubbish"])
def test_somebody_in_between_sees_no_secret(coordinator, impostor, tmp_path, shows):
    code = coordinator.invite("Watched")
    real = Path(coordinator.ca).read_text()
    impostor.shown = {"own": impostor.own, "real": real, "rubbish": "<html>"}[shows]
    caught = JoinCode(url=impostor.url, token=code.token, pin=code.pin)
    with pytest.raises(JoinError, match="Nothing secret was sent"):
        join(caught, tmp_path / "lab", now())
    assert [(method, what) for method, what, _ in impostor.seen] == [("GET", "authority")]
    assert code.token not in repr(impostor.seen)
    # The code is as good as before.
    assert join(code, tmp_path / "lab", now()).answer.lab == "Watched"


def test_a_wrong_clock_is_said(tmp_path):
    """A certificate that ended, and one that has not begun: to openssl a wrong clock looks like them."""

    for shift in (timedelta(days=-4000), timedelta(days=4000)):
        files = own_certificate(tmp_path / str(shift.days), ("127.0.0.1",), now() + shift)
        pem = Path(files.ca).read_text()
        late = Flask("late")
        late.add_url_rule("/api/authority", "authority", lambda pem=pem: Response(pem))
        server = make_server(late, "127.0.0.1", 0, (files.certificate, files.key))
        thread = threading.Thread(target=server.run)
        thread.start()
        code = JoinCode(url=f"https://127.0.0.1:{server.port}", token="T" * 22, pin=pin_of(pem))
        try:
            with pytest.raises(JoinError, match="set the clock"):
                join(code, tmp_path / "lab", now())
        finally:
            server.close()
            thread.join()


def test_what_goes_wrong_is_one_sentence_with_what_to_do(coordinator, tmp_path):
    out = ("--out", tmp_path / "lab")
    code = str(coordinator.invite())
    one_sentence(fabnet("node", "join", code[:-1], *out), "copy all of it")
    gone = code.replace(str(coordinator.port), str(free_port()))
    one_sentence(fabnet("node", "join", gone, *out), "does not answer", "run the same command")
    plain = code.replace("https", "http")
    one_sentence(fabnet("node", "join", plain, *out), "contradicts itself")
    unknown = code.replace(read_code(code).token, "x" * 22)
    one_sentence(fabnet("node", "join", unknown, *out), "does not know this code")
    with (tmp_path / "file").open("w"):
        one_sentence(fabnet("node", "join", code, "--out", tmp_path / "file"), "cannot be used")
    one_sentence(
        fabnet("node", "confirm", "nobody", "--config", coordinator.file), "no node 'nobody'"
    )


def test_guessing_codes_is_slow(tmp_path):
    own = Coordinator(tmp_path)
    try:
        code = own.invite()
        guess = JoinCode(url=code.url, token="x" * 22, pin=code.pin)
        for _ in range(10):
            with pytest.raises(JoinError, match="does not know"):
                join(guess, tmp_path / "lab", now())
        with pytest.raises(JoinError, match=r"wait \d+ min"):
            join(guess, tmp_path / "lab", now())
    finally:
        own.stop()


def test_a_new_password_takes_over_while_the_node_is_connected(coordinator, tmp_path, links):
    joined = join(coordinator.invite("Rotating"), tmp_path / "lab", now())
    coordinator.confirm(joined.answer.node)
    config = load_node(joined.config)
    link = link_of(links, config)
    hear(link, Connected)
    old = Path(config.password_file).read_text()
    for number in (1, 2):
        assert rotate(config, now()).number == number
        hear(link, Disconnected)  # the broker knows the new one only
        hear(link, Connected)
    assert Path(config.password_file).read_text() != old
    assert not next_of(Path(config.password_file)).exists()


@pytest.mark.parametrize("told", [False, True])
def test_a_rotation_that_broke_off_locks_nobody_out(coordinator, tmp_path, links, told):
    """Killed before the coordinator heard of the new password, and after it."""
    joined = join(coordinator.invite(f"Crash {told}"), tmp_path / "lab", now())
    node = joined.answer.node
    coordinator.confirm(node)
    config = load_node(joined.config)
    path = Path(config.password_file)
    old = path.read_text()
    if told:
        rotate(config, now())
        next_of(path).write_text(path.read_text())
        path.write_text(old)
        threading.Event().wait(1.5)
    else:
        next_of(path).write_text("n" * 43 + "\n")
    pending = next_of(path).read_text()
    link = link_of(links, config)
    hear(link, Connected)
    rotate(config, now())
    assert path.read_text() == pending
    assert not next_of(path).exists()
    link.stop()
    again = link_of(links, config)
    hear(again, Connected)


def test_a_running_node_changes_its_password_when_the_steward_asks(coordinator, tmp_path):
    joined = join(coordinator.invite("Asked"), tmp_path / "lab", now())
    node = joined.answer.node
    coordinator.confirm(node)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fabnet", "node", "run", joined.config], stderr=log
        )
    try:
        until(lambda: members.member(coordinator.ledger.reading, node).online)
        answer = fabnet("node", "rotate", node, "--config", coordinator.file)
        assert answer.returncode == 0
        until(lambda: members.member(coordinator.ledger.reading, node).login_number == 1)
        until(lambda: members.member(coordinator.ledger.reading, node).online)
        until(lambda: not next_of(tmp_path / "lab" / "mqtt.password").exists())
    finally:
        process.terminate()
        process.wait(60)
    told = (tmp_path / "log").read_text()
    assert (tmp_path / "lab" / "mqtt.password").read_text().strip() not in told
    assert "Traceback" not in told


def test_secrets_are_in_no_log_and_no_command_line(coordinator, tmp_path):
    code = coordinator.invite("Quiet")
    joined = join(code, tmp_path / "lab", now())
    password = (tmp_path / "lab" / "mqtt.password").read_text().strip()
    coordinator.confirm(joined.answer.node)
    threading.Event().wait(1)
    lines = [coordinator.log.read_text()]
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(each.read_bytes().decode(errors="replace"))
    broker = coordinator.folder / "data" / "broker"
    lines += [path.read_text() for path in broker.iterdir() if path.is_file()]
    told = "\n".join(lines)
    assert code.token not in told
    assert password not in told


def test_a_maker_with_a_computer_makes_her_account_by_her_nodes_key(coordinator, tmp_path):
    joined = join(coordinator.invite("Chez Nour"), tmp_path / "lab", now())
    config = load_node(joined.config)
    with pytest.raises(JoinError, match="has not let this node in yet"):
        open_account(config, "nour", "quatre mots faciles", now())
    early = fabnet("node", "account", "--config", joined.config)
    one_sentence(early, "has not let this node in yet")
    assert "Choose" not in early.stderr, "nothing is asked in vain"
    coordinator.confirm(config.id)
    for login, password, words in (
        ("nour", "short", "at least 10 characters"),
        ("No one!", "quatre mots faciles", "a to z"),
    ):
        with pytest.raises(JoinError, match=words):
            open_account(config, login, password, now())
    said = fabnet(
        "node", "account", "Nour", "--config", joined.config, "--password", "quatre mots faciles"
    )
    assert said.returncode == 0, said.stderr
    assert f"sign in as nour at {coordinator.url}/sign-in" in said.stdout
    mine = person(coordinator.ledger, "nour")
    assert (mine.role, mine.node) == (Role.MAKER, config.id)
    assert "quatre mots" not in mine.password_hash
    asked = subprocess.run(
        [sys.executable, "-m", "fabnet", "node", "account"], cwd=joined.config.parent,
        input="nour\nshort\nquatre mots simples\nquatre mots simples\n", capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "sign in as nour" in asked.stdout, asked.stderr
    assert "That has 5 characters" in asked.stderr
    # Forgotten: the key says again that it is she. Another lab gets no login that is taken.
    open_account(config, "nour", "quatre autres mots", now())
    assert person(coordinator.ledger, "nour").password_hash != mine.password_hash
    other = load_node(join(coordinator.invite("Chez X"), tmp_path / "other", now()).config)
    coordinator.confirm(other.id)
    with pytest.raises(JoinError, match="somebody else's already"):
        open_account(other, "nour", "quatre mots faciles", now())
    another = subprocess.run(
        [sys.executable, "-m", "fabnet", "node", "account"], cwd=tmp_path / "other",
        input="nour\nquatre mots faciles\nquatre mots faciles\nnour.x\n", capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "sign in as nour.x" in another.stdout, another.stderr
    assert another.stderr.count("Once more") == 1, "the password is kept"
    for number in range(MOST_ACCOUNTS - 1):
        people.open_account(coordinator.ledger, f"nour{number}", "h", config.id, now())
    with pytest.raises(JoinError, match="as many as may be"):
        open_account(config, "one-more", "quatre mots faciles", now())


def test_another_fingerprint_is_not_let_in_and_a_wrong_name_is_told_the_right_ones(
    coordinator, tmp_path
):
    joined = join(coordinator.invite("Chez Malo"), tmp_path / "lab", now())
    config = ("--config", coordinator.file)
    one_sentence(fabnet("node", "confirm", "chez-maloo", *config), "no node", "chez-malo")
    words = [sys.executable, "-m", "fabnet", "node", "confirm", "chez-malo", *map(str, config)]
    other = subprocess.run(
        words, input="n\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert other.returncode == 1
    assert joined.fingerprint in other.stderr
    assert "fabnet node revoke chez-malo --reason" in other.stderr
    assert standing(load_node(joined.config), now()).standing is Standing.PENDING
    assert "Nobody can sign in yet" in coordinator.log.read_text()


def test_a_node_made_by_hand_trusts_the_same_authority(coordinator, tmp_path, links):
    from fabnet.cli.common import coordinator as read

    path = create_node("by-hand", "By hand", read(coordinator.file), tmp_path / "node", now())
    config = load_node(path)
    hear(link_of(links, config), Connected)
    assert standing(config, now()).standing is Standing.CONFIRMED


def test_a_name_of_somebody_who_was_shut_out_is_not_given_again(coordinator, tmp_path):
    from fabnet.cli.common import coordinator as read

    config = read(coordinator.file)
    create_node("gone", "Gone", config, tmp_path / "gone", now())
    ledger = open_ledger(config)
    enrolment.revoke(ledger, "gone", "left", "steward", now())
    ledger.close()
    answer = fabnet("node", "create", "gone", "--lab", "x", "--config", coordinator.file,
                    "--out", tmp_path / "again")  # fmt: skip
    one_sentence(answer, "choose another one")
    assert not (tmp_path / "again").exists()
