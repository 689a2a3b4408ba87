"""The network's own authority: made once, renewed in time, kept to its owner; where it is used."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fabnet.authority import own_certificate, reach
from fabnet.config import CoordinatorConfig, TlsFiles
from fabnet.errors import ConfigError
from jobs.joining import pin_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens here
NAMES = ("127.0.0.1", "fabnet.example")


def serial(files):
    return x509.load_pem_x509_certificates(Path(files.certificate).read_bytes())[0].serial_number


def test_a_second_start_finds_what_the_first_made(tmp_path):
    first = own_certificate(tmp_path, NAMES, NOW)
    number = serial(first)
    assert serial(own_certificate(tmp_path, NAMES, NOW + timedelta(days=300))) == number
    chain = x509.load_pem_x509_certificates(Path(first.certificate).read_bytes())
    chain[0].verify_directly_issued_by(chain[1])


def test_keys_are_their_owners_alone(tmp_path):
    own_certificate(tmp_path / "tls", NAMES, NOW)
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("names", "later"),
    [(NAMES, timedelta(days=306)), (NAMES, timedelta(days=400)), ((*NAMES, "new.example"), timedelta())],
)  # fmt: skip
def test_it_is_made_anew_before_it_ends_and_for_new_names_by_the_same_authority(
    tmp_path, names, later
):
    first = own_certificate(tmp_path, NAMES, NOW)
    number, authority = serial(first), Path(first.ca).read_bytes()
    again = own_certificate(tmp_path, names, NOW + later)
    assert serial(again) != number
    assert Path(again.ca).read_bytes() == authority


@pytest.mark.parametrize("lost", ["server.crt", "server.key"])
def test_half_a_pair_after_a_crash_is_made_whole(tmp_path, lost):
    files = own_certificate(tmp_path, NAMES, NOW)
    (tmp_path / lost).unlink()
    own_certificate(tmp_path, NAMES, NOW)
    import ssl

    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        files.certificate, files.key
    )


def test_a_damaged_authority_is_said_and_never_replaced_by_itself(tmp_path):
    own_certificate(tmp_path, NAMES, NOW)
    (tmp_path / "ca.key").write_text("rubbish")
    with pytest.raises(ConfigError, match="put the folder back"):
        own_certificate(tmp_path, NAMES, NOW)


def config(tmp_path, **changes):
    return CoordinatorConfig(data_dir=str(tmp_path), **changes)


def test_on_loopback_there_is_no_certificate(tmp_path):
    found = reach(config(tmp_path), NOW)
    assert (found.url, found.broker_url) == ("http://127.0.0.1:8080", "mqtt://127.0.0.1:1883")
    assert (found.web_tls, found.broker_tls, found.authority, found.pin) == (None, None, "", "none")
    assert found.only_here == (found.url, found.broker_url)
    assert not (tmp_path / "tls").exists()


def test_off_loopback_all_is_tls_with_the_own_authority(tmp_path):
    url = "https://fabnet.example:8080"
    found = reach(config(tmp_path, host=EVERYWHERE, broker_host=EVERYWHERE, public_url=url), NOW)
    assert (found.url, found.broker_url) == (url, "mqtts://fabnet.example:1883")
    assert found.web_tls is not None
    assert found.web_tls == found.broker_tls
    assert found.pin == pin_of(found.authority)
    assert found.only_here == ()


def test_behind_a_proxy_the_pages_are_plain_and_the_broker_has_tls(tmp_path):
    found = reach(
        config(
            tmp_path, host=EVERYWHERE, behind_proxy=True, broker_host=EVERYWHERE,
            public_url="https://fabnet.example",
        ),
        NOW,
    )  # fmt: skip
    assert found.web_tls is None
    assert found.broker_tls is not None
    assert (found.pin, found.broker_url) == ("web", "mqtts://fabnet.example:1883")


def test_pages_off_loopback_are_never_promised_in_the_clear(tmp_path):
    with pytest.raises(ConfigError, match="https://"):
        reach(config(tmp_path, host=EVERYWHERE, public_url="http://fabnet.example"), NOW)


def test_a_certificate_of_a_public_authority_needs_no_pin(tmp_path):
    files = own_certificate(tmp_path / "bought", NAMES, NOW)
    bought = TlsFiles(certificate=files.certificate, key=files.key)
    found = reach(config(tmp_path, host=EVERYWHERE, tls=bought), NOW)
    assert (found.web_tls, found.pin, found.authority) == (bought, "web", "")
    assert not (tmp_path / "tls").exists()


def test_an_authority_that_has_ended_is_said(tmp_path):
    own_certificate(tmp_path, NAMES, NOW)
    with pytest.raises(ConfigError, match="ended on 2036"):
        own_certificate(tmp_path, NAMES, NOW + timedelta(days=3660))
