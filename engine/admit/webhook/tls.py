"""Certificates: those given are checked before the server listens, and one for development is made."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from admit.errors import UsageError


class Certificate(NamedTuple):
    """The files of a certificate chain and of its key, both PEM."""

    cert: Path
    key: Path


def check(files: Certificate, now: datetime | None = None) -> None:
    """Raises UsageError where a server could not serve, or no client could trust, this certificate."""
    chain, key_text = _content(files.cert), _content(files.key)
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise UsageError(f"{files.cert} holds no certificate in PEM") from None
    try:
        key = serialization.load_pem_private_key(key_text, None)
    except TypeError:
        raise UsageError(f"{files.key} is encrypted: a key without a password is needed") from None
    except ValueError:
        raise UsageError(f"{files.key} holds no private key in PEM") from None
    if key.public_key() != leaf.public_key():
        raise UsageError(f"{files.key} is not the key of the certificate {files.cert}")
    now = now or datetime.now(UTC)
    if now < leaf.not_valid_before_utc:
        raise UsageError(f"{files.cert} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if now > leaf.not_valid_after_utc:
        raise UsageError(f"{files.cert} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key)
    except ssl.SSLError as error:
        raise UsageError(f"{files.cert} cannot be served: {error.reason or error}") from None


def throwaway(directory: Path, days: int = 30) -> Certificate:
    """A self-signed certificate for localhost, 127.0.0.1 and ::1, written to the directory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    hosts = [x509.DNSName("localhost"), *(x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1"))]
    now = datetime.now(UTC)
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)  # so that clients can trust it
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(directory / "tls.crt", directory / "tls.key")
    _write(files.cert, certificate.public_bytes(serialization.Encoding.PEM))
    pkcs8 = serialization.PrivateFormat.PKCS8
    _write(files.key, key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()))
    return files


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
