"""The server's throughput, beside an empty application under the same uvicorn settings, in one run.

Both servers are processes of their own with one worker, on loopback and without TLS; this process is the load
generator: 16 connections kept alive, a bounded number of requests, the two servers in turns. The empty application
reads the body and answers a constant as long as the real answer; a third one parses the body too, which is the least
that any admission server must do. The servers share one core and the generator has another, where there are two; a
generator that has work all the time would flatter the slower servers, so its own load is reported.

The generator does not sleep while it waits. It is the sender that pays for waking a process on another core, on a
virtual machine up to 20 µs a request, and only those servers would pay that are slow enough for the generator to fall
asleep. A server's real clients are on other machines.

    python bench/webhook.py [RULES...]      (default: the demo's rules; and psp.yaml in a server of its own)
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from measure import ROOT, plot, shared, show, write

RULES = ROOT / "deploy" / "demo" / "rules"
COMMAND = Path(sys.executable).with_name("admit")
ADMIT, EMPTY, PARSING = "admit", "empty application", "parsing application"
PSP = {"admit, PSP family": [str(Path(__file__).with_name("psp.yaml"))]}
CONNECTIONS = 16
REQUESTS = 20_000
WARM_UP = 2_000
ROUNDS = 5
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Round:
    """`cpu_us` is what the server's process used a request (0 where the system does not tell); `busy` the share of the
    time in which the generator had something to do."""

    rate: float
    cpu_us: float
    median_ms: float
    p99_ms: float
    busy: float


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    pid: int


def main(rules: list[str]) -> None:
    body = orjson.dumps(_review(shared("pod.json")))
    if len(CORES) > 1:
        os.sched_setaffinity(0, CORES[1:])
    rule_sets = {ADMIT: rules} if rules else {ADMIT: [str(RULES)]} | PSP
    with ExitStack() as stack:
        servers = {}
        for name, files in rule_sets.items():
            command = [str(COMMAND), "serve", *files, "--host", "127.0.0.1", "--no-tls"]
            server = servers[name] = stack.enter_context(_server(command))
            answer = _answer(server.port, _request(server.port, body))
            _expect_allowed(answer)
        for name, flag in ((EMPTY, "--empty"), (PARSING, "--parsing")):
            servers[name] = stack.enter_context(_server([sys.executable, __file__, flag, str(len(answer))]))
        requests = {name: _request(server.port, body) for name, server in servers.items()}
        for name, server in servers.items():
            _load(server, requests[name], WARM_UP)
        rounds = [
            {name: _load(server, requests[name], REQUESTS) for name, server in servers.items()} for _ in range(ROUNDS)
        ]
    best = {name: max((round[name] for round in rounds), key=lambda r: r.rate) for name in servers}
    ratios = {name: r.rate / best[EMPTY].rate for name, r in best.items()}
    cpu = {name: min(round[name].cpu_us for round in rounds) for name in servers}
    rows = [
        [name, round(r.rate), ratios[name], cpu[name], r.median_ms, r.p99_ms, f"{r.busy:.0%}"]
        for name, r in best.items()
    ]
    title = f"{CONNECTIONS} connections, reviews of {len(body):,} bytes, answers of {len(answer):,}; best of {ROUNDS}"
    show(title, ["", "requests/s", "of empty", "CPU µs", "median ms", "99 % ms", "generator busy"], rows)
    rates = {name: r.rate for name, r in best.items()}
    every_rate = {name: [round(r[name].rate) for r in rounds] for name in servers}
    numbers = {"requests_per_second": rates, "of_empty": ratios, "cpu_us": cpu, "every_round": every_rate}
    write("webhook", {**numbers, "rules": rule_sets})
    plot("webhook", "One worker, 16 connections", "requests/s", {"": rates})


def _review(pod: dict[str, Any]) -> dict[str, Any]:
    """The Pod's review; without its host port, which the demo's bindings with default settings refuse."""
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            port.pop("hostPort", None)
    meta = pod["metadata"]
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "name": meta["name"],
            "namespace": meta["namespace"],
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    }


def _expect_allowed(answer: bytes) -> None:
    response = orjson.loads(answer)["response"]
    if not response["allowed"]:
        raise SystemExit(f"the Pod should be allowed, but: {response['status']['message']}")


@contextmanager
def _server(command: list[str]) -> Iterator[Server]:
    """A server that is ready, until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        if len(CORES) > 1:
            os.sched_setaffinity(process.pid, CORES[:1])
        _wait(process, port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with exit status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("the server did not listen within 30 s")


def _request(port: int, body: bytes) -> bytes:
    head = f"POST /mutate?timeout=10s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _answer(port: int, request: bytes) -> bytes:
    """The body of the answer to one request."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while not _complete(received):
            received += connection.recv(65536)
    return received.partition(b"\r\n\r\n")[2]


def _complete(received: bytes) -> bool:
    """Whether an answer is there to its end; any but 200 ends the benchmark."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    length = LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200 ") or length is None:
        raise SystemExit(f"unexpected answer: {received[:500]!r}")
    return len(body) >= int(length[1])


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _load(server: Server, request: bytes, requests: int) -> Round:
    """Sends so many requests over all the connections, each as soon as its connection's last one is answered."""
    selector = selectors.DefaultSelector()
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(CONNECTIONS)]
    received = dict.fromkeys(connections, b"")
    sent: dict[socket.socket, float] = {}
    latencies: list[float] = []
    start, waited, cpu = time.perf_counter(), 0.0, _cpu(server.pid)
    for connection in connections:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        sent[connection] = time.perf_counter()
        connection.sendall(request)
    started = len(connections)
    while len(latencies) < requests:
        ready = selector.select(0)
        if not ready:
            waiting = time.perf_counter()
            while not ready:
                ready = selector.select(0)
                if time.perf_counter() > waiting + 10:
                    raise SystemExit("the server gave no answer for 10 s")
            waited += time.perf_counter() - waiting
        for key, _ in ready:
            connection = key.fileobj
            chunk = connection.recv(65536)
            if not chunk:
                raise SystemExit("the server closed a connection")
            received[connection] += chunk
            if not _complete(received[connection]):
                continue
            now = time.perf_counter()
            latencies.append(now - sent[connection])
            received[connection] = b""
            if started < requests:
                started += 1
                sent[connection] = now
                connection.sendall(request)
    taken, cpu = time.perf_counter() - start, _cpu(server.pid) - cpu
    for connection in connections:
        connection.close()
    selector.close()
    latencies.sort()
    return Round(
        rate=requests / taken,
        cpu_us=cpu / requests * 1e6,
        median_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1e3,
        busy=1 - waited / taken,
    )


def _serve_constant(size: int, port: int, parsing: bool) -> None:
    """An application that reads the body and answers `size` bytes, under the settings that the real server has."""
    from admit.webhook.serve import Configuration, run

    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    answer = {"type": "http.response.body", "body": b"x" * size}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body", False)
        if parsing:
            orjson.loads(body)
        await send(start)
        await send(answer)

    run(application, Configuration(host="127.0.0.1", port=port, tls=False))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--empty" | "--parsing" as flag, size, "--port", port]:
            _serve_constant(int(size), int(port), flag == "--parsing")
        case rules:
            main(rules)
