"""The network's own certificate authority, and how a coordinator is reached: addresses and TLS.

Off loopback everything is TLS. Where the configuration names no certificate, the coordinator makes
an authority at its first start (10 years) and a certificate for its own names (one year, made anew
when two months are left). Nodes are given the authority when they join. Leaves serving to
`web.app` and `fabnet.broker`.
"""

from __future__ import annotations

import fcntl
import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fabnet.config import CoordinatorConfig, TlsFiles
from fabnet.durable import write_whole
from fabnet.errors import ConfigError
from jobs.joining import NO_CERTIFICATE, PUBLIC_CERTIFICATE, is_loopback, pin_of

_log = logging.getLogger(__name__)

_CA_LIFE = timedelta(days=3652)
_LIFE = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=60)
#: A node whose clock is a little behind must not find the certificate too young.
_BACKDATED = timedelta(days=2)
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a coordinator is reached."""

    url: str  # of its pages, for people and nodes, without a slash at the end
    broker_url: str  # for nodes
    web_tls: TlsFiles | None  # what the pages are served with; None means plain HTTP
    broker_tls: TlsFiles | None
    authority: str  # PEM of who signed those, "" where every machine knows them
    pin: str  # for invitations, see `jobs.joining.JoinCode`

    @property
    def only_here(self) -> tuple[str, ...]:
        """The addresses that lead nowhere from another machine."""
        return tuple(
            url for url in (self.url, self.broker_url) if is_loopback(urlsplit(url).hostname or "")
        )


def reach(config: CoordinatorConfig, now: datetime) -> Reach:
    """Return how this coordinator is reached; makes its certificate where one is needed.

    Raises:
        ConfigError: the pages would be served in the clear off loopback, or a file cannot be used.
    """
    web_open = not is_loopback(config.host)
    broker_open = "://" not in config.broker and not is_loopback(config.broker_host)
    files = config.tls
    if files is None and (broker_open or (web_open and not config.behind_proxy)):
        files = own_certificate(Path(config.data_dir) / "tls", names_of(config), now)
    web_tls = files if web_open and not config.behind_proxy else None
    broker_tls = files if broker_open or config.tls is not None else None
    url = config.public_url.rstrip("/")
    if not url:
        scheme = "http" if web_tls is None else "https"
        url = f"{scheme}://{_in_url(_known_as(config))}:{config.port}"
    if web_tls is not None and url.startswith("http:"):
        why = "must begin with https:// where the pages are served off loopback"
        raise ConfigError("coordinator", "public_url", why)
    authority = ""
    if files is not None and files.ca:
        try:
            authority = Path(files.ca).read_text(encoding="ascii")
        except OSError as error:
            raise ConfigError(files.ca, "", f"cannot be read: {error.strerror}") from error
    return Reach(
        url=url,
        broker_url=_broker_url(config, broker_tls),
        web_tls=web_tls,
        broker_tls=broker_tls,
        authority=authority,
        pin=_pin(url, authority if web_tls else ""),
    )


def _pin(url: str, authority: str) -> str:
    if url.startswith("http:"):
        return NO_CERTIFICATE
    return pin_of(authority) if authority else PUBLIC_CERTIFICATE


def _broker_url(config: CoordinatorConfig, tls: TlsFiles | None) -> str:
    if config.public_broker:
        return config.public_broker
    if "://" in config.broker:
        return config.broker
    host = config.broker_host
    if host in _EVERYWHERE:
        host = _known_as(config)
    return f"{'mqtt' if tls is None else 'mqtts'}://{_in_url(host)}:{config.broker_port}"


def _known_as(config: CoordinatorConfig) -> str:
    """Return what other machines call this one."""
    named = urlsplit(config.public_url).hostname
    if named:
        return named
    return socket.gethostname() if config.host in _EVERYWHERE else config.host


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def names_of(config: CoordinatorConfig) -> tuple[str, ...]:
    """Return the names and addresses that a certificate of this coordinator has to hold."""
    found = {"localhost", "127.0.0.1", "::1", socket.gethostname(), _known_as(config)}
    for url in (config.public_url, config.public_broker):
        found.add(urlsplit(url).hostname or "")
    found |= {config.host, config.broker_host}
    return tuple(sorted(found - set(_EVERYWHERE)))


def own_certificate(folder: Path, names: tuple[str, ...], now: datetime) -> TlsFiles:
    """Return the network's own certificate for these names; made, or made anew, where it is due.

    Raises:
        ConfigError: the files there cannot be read.
    """
    files = TlsFiles(
        certificate=str(folder / "server.crt"),
        key=str(folder / "server.key"),
        ca=str(folder / "ca.crt"),
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        try:
            key, authority = _authority(folder, now)
            if authority.not_valid_after_utc <= now:
                raise ValueError(f"its authority ended on {authority.not_valid_after_utc:%Y-%m-%d}")
            if not _good(Path(files.certificate), Path(files.key), authority, names, now):
                _make_certificate(files, key, authority, names, now)
        except (OSError, ValueError) as error:
            raise ConfigError(
                str(folder), "",
                f"the network's own certificate cannot be used ({error}): put the folder back from"
                " a backup; without it every node has to join again",
            ) from error  # fmt: skip
    return files


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process makes certificates at a time."""
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _authority(folder: Path, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key_file, file = folder / "ca.key", folder / "ca.crt"
    if file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("ca.key is of another kind")
        return key, x509.load_pem_x509_certificate(file.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fabnet's own authority")])
    public = key.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    # Last: an authority without its certificate is made again.
    write_whole(file, made.public_bytes(serialization.Encoding.PEM))
    _log.info("made the network's own certificate authority in %s", folder)
    return key, made


def _good(
    file: Path, key_file: Path, authority: x509.Certificate, names: tuple[str, ...], now: datetime
) -> bool:
    """Whether a certificate is there, is this authority's, names all names and lives on for a while."""
    if not (file.exists() and key_file.exists()):
        return False
    found = x509.load_pem_x509_certificates(file.read_bytes())[0]
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        found.not_valid_after_utc - now > _RENEW_BEFORE
        and found.not_valid_before_utc <= now
        and set(_alternatives(names)) <= set(held)
        and _signed_by(found, authority)
        and key.public_key() == found.public_key()
    )


def _signed_by(found: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError):
        return False
    return True


def _make_certificate(
    files: TlsFiles,
    ca_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    names: tuple[str, ...],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fabnet coordinator")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(min(now + _LIFE, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    # A crash between the two leaves a pair that does not fit, which `_good` finds.
    _write_key(Path(files.key), key)
    pem = made.public_bytes(serialization.Encoding.PEM)
    write_whole(Path(files.certificate), pem + authority.public_bytes(serialization.Encoding.PEM))
    _log.info("made a certificate for %s", ", ".join(names))


def _alternatives(names: tuple[str, ...]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    write_whole(
        path,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
