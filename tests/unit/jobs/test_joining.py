"""The code that lets a lab in, the pin and the fingerprint: whole, or refused with what to do."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.joining import (
    JoinCode,
    JoinCodeError,
    UsedCodeError,
    fingerprint,
    is_login,
    is_loopback,
    may_join,
    pin_of,
    proof_of,
    read_code,
    rounded,
)

TOKEN, PIN = "T" * 22, "p" * 43
CODE = f"https://fabnet.example:8443/#{TOKEN}.{PIN}"


def test_a_code_is_read_as_it_was_written():
    code = JoinCode(url="https://fabnet.example:8443", token=TOKEN, pin=PIN)
    assert str(code) == CODE
    assert read_code(CODE) == code


def test_a_code_that_a_mail_has_broken_into_lines_is_whole_again():
    assert read_code(f" {CODE[:30]}\n  {CODE[30:]}\r\n") == read_code(CODE)


@pytest.mark.parametrize("length", range(len(CODE)))
def test_a_truncated_code_is_refused_at_every_length(length):
    with pytest.raises(JoinCodeError, match="copy all of it"):
        read_code(CODE[:length])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"https://fabnet.example/#{TOKEN}.none", "contradicts itself"),
        (f"http://127.0.0.1:8080/#{TOKEN}.{PIN}", "contradicts itself"),
        (f"http://127.0.0.1:8080/#{TOKEN}.web", "contradicts itself"),
        (f"http://192.168.1.5:8080/#{TOKEN}.none", "unprotected"),
        (f"http://fabnet.example/#{TOKEN}.none", "unprotected"),
        (f"ftp://fabnet.example/#{TOKEN}.{PIN}", "copy all of it"),
        (f"https://host:99999999/#{TOKEN}.{PIN}", "copy all of it"),
        (f"https:///#{TOKEN}.{PIN}", "copy all of it"),
        (f"https://[/#{TOKEN}.{PIN}", "copy all of it"),
        ("", "copy all of it"),
        (f"https://fabnet.example/join/{TOKEN}", "for a browser: open it"),
    ],
)
def test_a_code_that_would_weaken_the_check_is_refused(text, words):
    with pytest.raises(JoinCodeError, match=words):
        read_code(text)


def test_a_code_for_this_machine_needs_no_certificate():
    assert read_code(f"http://127.0.0.1:8080/#{TOKEN}.none").pin == "none"
    assert read_code(f"https://fabnet.example/#{TOKEN}.web").pin == "web"


@pytest.mark.parametrize(
    ("url", "pin", "may"),
    [
        ("https://fabnet.example", PIN, True),
        ("https://fabnet.example", "web", True),
        ("http://127.0.0.1:8080", "none", True),
        ("http://localhost:8080", "none", True),
        ("http://fabnet.example", "none", False),
        ("http://192.168.1.5:8080", "none", False),
        ("http:///", "none", False),
    ],
)
def test_without_a_certificate_only_this_machine_is_joined(url, pin, may):
    assert may_join(url, pin) is may


def test_the_pin_is_the_hash_of_the_certificate_and_nothing_around_it_matters():
    der = b"\x30\x82some bytes"
    body = base64.b64encode(der).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    want = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    assert pin_of(pem) == pin_of("words before\n" + pem.replace("\n", "\r\n")) == want


@pytest.mark.parametrize(
    "text", ["", "<html>", "-----BEGIN CERTIFICATE-----\n=\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_has_no_pin(text):
    with pytest.raises(JoinCodeError, match="no certificate"):
        pin_of(text)


def test_a_fingerprint_is_short_enough_to_read_aloud_and_differs():
    found = fingerprint("key a")
    assert len(found) == 24
    assert [len(group) for group in found.split()] == [4] * 5
    assert found != fingerprint("key b")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("$7$101$" + "A" * 16 + "$" + "B" * 86 + "==", True),
        ("$7$999999999$" + "A" * 16 + "$" + "B" * 86 + "==", False),
        ("$7$101$" + "A" * 16 + "$" + "B" * 86 + "==\nroot:x", False),
        ("", False),
    ],
)
def test_only_a_login_of_the_brokers_own_kind_is_taken(text, good):
    assert is_login(text) is good


def test_the_proof_binds_token_key_and_login_and_shows_no_token():
    parts = ("token", "key", "login")
    # What is signed here can be taken for nothing else that a node signs.
    assert proof_of(*parts).startswith(b"fabnet join\n")
    assert b"token" not in proof_of(*parts).replace(b"fabnet join", b"")
    assert len({proof_of(*parts), proof_of("t2", "key", "login"), proof_of("token", "k2", "login"),
                proof_of("token", "key", "l2")}) == 4  # fmt: skip


@pytest.mark.parametrize(
    ("host", "same"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True),
     ("192.168.1.2", False), ("fabnet.example", False), ("", False)],
)  # fmt: skip
def test_what_leads_to_this_machine_only(host, same):
    assert is_loopback(host) is same


def test_who_took_a_code_is_named_with_the_minute():
    error = UsedCodeError("2026-11-24T12:34:56+00:00", "sud")
    assert "at 2026-11-24T12:34 UTC by a node that is called sud now" in str(error)
    assert error.node == "sud"


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_place_is_known_to_a_twentieth_of_a_degree_and_no_nearer(latitude, longitude):
    for told, real in zip(rounded((latitude, longitude)), (latitude, longitude), strict=True):
        assert told * 20 == pytest.approx(round(told * 20))
        assert abs(told - real) <= 0.025 + 1e-9
    assert rounded((47.2184, -1.5536)) == (47.2, -1.55)
