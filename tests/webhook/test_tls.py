"""Certificates that cannot be served, and the throw-away one."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from admit.errors import UsageError
from admit.webhook.tls import Certificate, check, throwaway


@pytest.fixture
def files(tmp_path: Path) -> Certificate:
    return throwaway(tmp_path)


def test_the_throwaway_certificate_is_fit_and_private(files: Certificate) -> None:
    check(files)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600


@pytest.mark.parametrize("days, message", [(31, "expired on"), (-1, "is not valid before")])
def test_time(files: Certificate, days: int, message: str) -> None:
    with pytest.raises(UsageError, match=f"tls.crt {message} 2"):
        check(files, datetime.now(UTC) + timedelta(days=days))


def test_a_key_of_another_certificate(files: Certificate, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match=r"other/tls.key is not the key of the certificate .*tls.crt"):
        check(Certificate(files.cert, throwaway(other).key))


def test_missing_file(files: Certificate) -> None:
    with pytest.raises(UsageError, match=r"none\.crt cannot be read: No such file or directory"):
        check(Certificate(files.cert.with_name("none.crt"), files.key))


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_is_no_file(files: Certificate) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        check(Certificate(files.cert, files.key.parent))


def test_swapped_files(files: Certificate) -> None:
    with pytest.raises(UsageError, match=r"tls.key holds no certificate in PEM"):
        check(Certificate(files.key, files.cert))
    with pytest.raises(UsageError, match=r"tls.crt holds no private key in PEM"):
        check(Certificate(files.cert, files.cert))


def test_encrypted_key(files: Certificate) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    pkcs8 = serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, secret))
    with pytest.raises(UsageError, match=r"tls\.key is encrypted"):
        check(files)
