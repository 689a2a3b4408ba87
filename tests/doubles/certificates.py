"""An authority and a server's certificate, as an administrator would have them."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fabnet.config import TlsFiles

_DAYS = timedelta(days=2)
_SIGNS = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def make(folder: Path, address: str = "127.0.0.1") -> TlsFiles:
    """Write ca.pem, server.pem and server.key for one IP address; return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"fabnet test {folder.name}")])
    now = datetime.now(UTC)

    def start(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(name)
        made = made.public_key(public).serial_number(x509.random_serial_number())
        # Python 3.13 and newer take no certificate without the two.
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(public)
        made = made.add_extension(by, critical=False).add_extension(own, critical=False)
        return made.not_valid_before(now - _DAYS).not_valid_after(now + _DAYS)

    ca = (
        start(name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    server = start(subject, key.public_key()).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    files = TlsFiles(
        certificate=str(folder / "server.pem"),
        key=str(folder / "server.key"),
        ca=str(folder / "ca.pem"),
    )
    Path(files.ca).write_bytes(ca.public_bytes(pem))
    Path(files.certificate).write_bytes(server.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    Path(files.key).write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
