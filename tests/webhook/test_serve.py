"""The server itself, started in a process of its own: TLS, workers, slow clients, the end on SIGTERM."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from admit.errors import UsageError
from admit.webhook import Configuration, serve
from admit.webhook.tls import throwaway

from .engine import NamesEngine, review

HERE = Path(__file__).parent
SCRIPT = """
import sys
from pathlib import Path
from admit.webhook import Configuration, serve
from admit.webhook.protocol import BoundedProtocol
from engine import NamesEngine

options = dict(argument.split("=") for argument in sys.argv[1:])
BoundedProtocol.seconds = float(options.pop("seconds", BoundedProtocol.seconds))
paths = {key: Path(options.pop(key)) for key in ("cert", "key") if key in options}
numbers = {key: int(text) for key, text in options.items()}
serve(NamesEngine(), Configuration(host="127.0.0.1", port=0, **numbers, **paths))
"""


class Server(NamedTuple):
    process: subprocess.Popen[str]
    url: str
    certificate: str | None


@contextmanager
def serving(**options: object) -> Iterator[Server]:
    arguments = [f"{key}={value}" for key, value in options.items()]
    path = os.pathsep.join([str(HERE), str(HERE.parents[1] / "engine")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            certificate = None
            while not (found := re.fullmatch(r"listening on (\S+)\n", line := process.stdout.readline())):
                assert line, "the server did not start"
                certificate = line.strip().rpartition(" ")[2]
            yield Server(process, found[1], certificate)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def trusting(certificate: Path | str) -> httpx.Client:
    return httpx.Client(verify=ssl.create_default_context(cafile=str(certificate)))


@pytest.mark.parametrize("workers", [1, 2])
def test_reviews_over_tls_until_the_end(workers: int) -> None:
    with serving(workers=workers) as server:
        assert server.certificate is not None
        with trusting(server.certificate) as client:
            for _ in range(3):
                response = client.post(f"{server.url}/validate?timeout=10s", json=review("bad"))
                assert response.json()["response"]["status"]["message"] == "bad name"
            assert "server" not in response.headers
            assert client.get(f"{server.url.replace('127.0.0.1', 'localhost')}/healthz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert not Path(server.certificate).exists()


def test_a_certificate_from_files(tmp_path: Path) -> None:
    files = throwaway(tmp_path)
    with serving(cert=files.cert, key=files.key) as server:
        assert server.certificate is None
        with trusting(files.cert) as client:
            assert client.post(f"{server.url}/mutate/names", json=review()).json()["response"]["allowed"]


PATIENCE = 20  # seconds, on a machine with other things to do


def exchange(server: Server, *parts: bytes, responses: int = 0) -> tuple[bytes, bool]:
    """What a plain connection gets for the parts, and whether it was closed before our patience was at its end.

    Of a connection that stays open, as many responses as are waited for.
    """
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        answer = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.01)
            while chunk := connection.recv(4096):
                answer += chunk
                if responses and len(statuses(answer)) == responses and answer.endswith(b"}"):
                    return answer, False
        except ConnectionError:
            pass
        except TimeoutError:
            return answer, False
        return answer, True


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", answer)]


HEAD = b"POST /validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
HOSTILE: list[tuple[str, tuple[bytes, ...], Callable[[bytes, bool], bool]]] = [
    ("silence", (), lambda answer, closed: closed and not answer),
    ("half a head", (HEAD,), lambda answer, closed: closed and not answer),
    ("half a body", (HEAD + b"content-length: 9\r\n\r\n{",), lambda answer, closed: closed and not answer),
    ("a head without end", (HEAD, *[b"x: " + b"y" * 4096 + b"\r\n"] * 40), lambda answer, _: b" 200 " not in answer),
    ("a huge body", (HEAD + b"content-length: 99999999\r\n\r\n",), lambda answer, _: b" 413 " in answer),
    ("no HTTP", (b"\x16\x03\x01\r\n\r\n",), lambda answer, _: b" 400 " in answer),
]


def test_hostile_clients() -> None:
    with serving(tls=0, seconds=0.5) as server:
        for name, parts, holds in HOSTILE:
            assert holds(*exchange(server, *parts)), name
        assert httpx.post(f"{server.url}/validate", json=review()).status_code == 200


def post(body: bytes, *headers: bytes) -> bytes:
    return b"".join([HEAD, *(header + b"\r\n" for header in headers), b"content-length: %d\r\n\r\n" % len(body), body])


REVIEW = json.dumps(review("bad")).encode()
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(REVIEW), REVIEW)
# What is sent, in parts; the statuses that must come back on the one connection.
EXCHANGES = [
    ("one after the other", [post(REVIEW), post(REVIEW)], [200, 200]),
    ("in one packet", [post(REVIEW) + post(REVIEW)], [200, 200]),
    ("in pieces", [post(REVIEW)[:30], post(REVIEW)[30:200], post(REVIEW)[200:]], [200]),
    ("between refusals", [post(b"{"), post(REVIEW), post(b"[]"), post(REVIEW)], [400, 200, 400, 200]),
    ("refused and answered in one packet", [post(b"{") + post(REVIEW)], [400, 200]),
    ("in chunks", [CHUNKED, post(REVIEW)], [200, 200]),
    ("with a wait for 100", [post(REVIEW, b"expect: 100-continue")], [100, 200]),
    ("to be the last", [post(REVIEW, b"connection: close")], [200]),
    ("behind a page", [b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + post(REVIEW)], [200, 200]),
]


def test_reviews_on_one_connection() -> None:
    with serving(tls=0) as server:
        for name, parts, expected in EXCHANGES:
            answer, _ = exchange(server, *parts, responses=len(expected))
            assert statuses(answer) == expected, name
            reviews = answer.count(b'"message":"bad name","code":422')
            assert reviews == expected.count(200) - (name == "behind a page"), name


def test_a_review_under_way_is_answered_before_the_end() -> None:
    with serving(tls=0) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(post(REVIEW) + post(REVIEW)[:-1])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")  # and the second has come as far as it goes
            server.process.send_signal(signal.SIGTERM)
            until_refused(host, int(port))
            connection.sendall(REVIEW[-1:])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert server.process.wait(10) == 0


def until_refused(host: str, port: int) -> None:
    """Waits for a server to take no more connections."""
    deadline = time.monotonic() + 10
    with suppress(ConnectionRefusedError):
        while time.monotonic() < deadline:
            socket.create_connection((host, port), timeout=5).close()
            time.sleep(0.01)
        pytest.fail("the server goes on listening")


def children(process: subprocess.Popen[str], lost: int = 0) -> list[int]:
    """The two workers of a server, as soon as there are two besides the lost one."""
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 10
    while len(alive := [int(text) for text in listing.read_text().split() if int(text) != lost]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return alive


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list a process's children")
def test_a_worker_that_dies_is_replaced() -> None:
    with serving(tls=0, workers=2) as server:
        first, second = children(server.process)
        os.kill(first, signal.SIGKILL)
        assert second in children(server.process, lost=first)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"cert": Path("tls.crt")}, "a certificate and its key are needed: only tls.crt is given"),
        ({"tls": False, "key": Path("tls.key")}, "a certificate is given, but TLS is off"),
        ({"cert": Path("no.crt"), "key": Path("no.key")}, "no.crt cannot be read: No such file or directory"),
        ({"workers": 0}, "at least one worker is needed, not 0"),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1, port 0: Cannot assign requested address"),
        ({"port": 99999}, "a port is a number from 0 to 65535, not 99999"),
    ],
)
def test_what_cannot_be_served(options: dict[str, object], message: str) -> None:
    configuration = Configuration(**{"host": "127.0.0.1", "port": 0} | options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        serve(NamesEngine(), configuration, announce=pytest.fail)
