"""HTTPS on loopback: certificates of an authority of one's own, and a server that answers by a function."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from admit.webhook.tls import Certificate

Respond: TypeAlias = Callable[[str, bytes], bytes]
"""The body of the answer to what is posted to a path."""

FIXED_PORTS = range(20_000, 32_000)
"""No system gives these to whoever asks for any port: one that is free stays so."""


class Authority:
    """Signs certificates for 127.0.0.1; `pem` is its own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder("authority", "authority", self._key, now - timedelta(days=2), now + timedelta(days=1))
        own = builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.pem = own.public_bytes(serialization.Encoding.PEM)

    def certificate(self, until: datetime | None = None) -> Certificate:
        """A new one, valid for another hour, or so long."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        times = now - timedelta(days=1), until or now + timedelta(hours=1)
        signed = _builder("webhook", "authority", key, *times).add_extension(names, critical=False)
        number = x509.random_serial_number()
        files = Certificate(self._folder / f"{number}.crt", self._folder / f"{number}.key")
        files.cert.write_bytes(signed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
        return files


def free_port() -> int:
    """A port that nobody listens on, also for a second server after a first one."""
    while True:
        port = random.choice(FIXED_PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return port
        except OSError:
            continue


@contextmanager
def answering(respond: Respond, files: Certificate, port: int = 0) -> Iterator[int]:
    """A server until the end of the block; gives its port."""

    class Handler(_Handler):
        respond_to = staticmethod(respond)

    with _Server(("127.0.0.1", port), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def handle_error(self, *given: Any) -> None:
        """Whoever hangs up in mid-sentence has a reason: it is the tests that ask."""

    def hang_up(self) -> None:
        """Nobody is answered any more, on old connections either."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    respond_to: Respond
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once, or the one waits for the other to be acknowledged

    def do_POST(self) -> None:
        body = self.respond_to(self.path, self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    subject, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    return (
        x509.CertificateBuilder(signer, subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
