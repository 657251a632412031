"""The server started and stopped: its configuration, its socket, its workers."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from admit.errors import UsageError
from admit.webhook import tls
from admit.webhook.app import Application, Engine, Webhook
from admit.webhook.pages import pages
from admit.webhook.protocol import AdmissionProtocol

log = logging.getLogger("admit.webhook")


@dataclass(frozen=True, slots=True)
class Configuration:
    """How to serve. Options of the command and environment variables derive from these fields."""

    host: str = "0.0.0.0"
    port: int = 8443
    tls: bool = True
    cert: Path | None = None  # without certificate and key: a throw-away one
    key: Path | None = None
    workers: int = 1
    body_limit: int = 8 << 20  # bytes; an API server's own requests end at 3 MiB
    timeout: float = 10.0  # seconds, where the request does not say
    log_level: str = "warning"


def serve(engine: Engine, configuration: Configuration, announce: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT; requests under way are answered. Main thread only. Raises UsageError."""
    run(application(engine, configuration), configuration, announce)


def application(engine: Engine, configuration: Configuration) -> Webhook:
    return Webhook(engine, pages(engine), configuration.body_limit, configuration.timeout)


def run(app: Application, configuration: Configuration, announce: Callable[[str], None] = print) -> None:
    """Serves any application as `serve` does the webhook."""
    with TemporaryDirectory(prefix="admit-") as directory:
        certificate = _certificate(configuration, Path(directory))
        listener = _listener(configuration)
        if certificate and configuration.cert is None:
            announce(f"throw-away certificate, for development only: {certificate.cert}")
        host, port = listener.getsockname()[:2]
        announce(f"listening on {'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}")
        sys.stdout.flush()
        logging.basicConfig(format="%(levelname)s: %(message)s", level=configuration.log_level.upper())
        gc.collect()
        gc.freeze()  # rules live as long as the server: not to be looked at again, and shared by the workers

        def work() -> None:
            server = uvicorn.Server(uvicorn.Config(app, **settings(configuration, certificate)))
            for number in (signal.SIGTERM, signal.SIGINT):
                # uvicorn sets its own, and at the end raises what it caught again: no reason to die in mid-sentence
                signal.signal(number, lambda *_: setattr(server, "should_exit", True))
            server.run(sockets=[listener])

        if configuration.workers == 1:
            work()
        else:
            _supervise(work, configuration.workers)


def settings(configuration: Configuration, certificate: tls.Certificate | None) -> dict[str, Any]:
    """What uvicorn is told."""
    return {
        "http": AdmissionProtocol,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "log_level": configuration.log_level,
        "timeout_keep_alive": 120,  # longer than an API server keeps an idle connection: it closes, not we
        "timeout_graceful_shutdown": 30,
        "ssl_certfile": certificate and certificate.cert,
        "ssl_keyfile": certificate and certificate.key,
    }


def _certificate(configuration: Configuration, directory: Path) -> tls.Certificate | None:
    cert, key = configuration.cert, configuration.key
    if not configuration.tls:
        if cert or key:
            raise UsageError("a certificate is given, but TLS is off")
        return None
    if cert is None and key is None:
        return tls.throwaway(directory)
    if cert is None or key is None:
        raise UsageError(f"a certificate and its key are needed: only {cert or key} is given")
    certificate = tls.Certificate(cert, key)
    tls.check(certificate)
    return certificate


def _listener(configuration: Configuration) -> socket.socket:
    host, port = configuration.host, configuration.port
    if not 0 <= port < 2**16:
        raise UsageError(f"a port is a number from 0 to 65535, not {port}")
    if configuration.workers < 1:
        raise UsageError(f"at least one worker is needed, not {configuration.workers}")
    if configuration.workers > 1 and "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("more than one worker is not possible on this system")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror}") from None


def _supervise(work: Callable[[], None], workers: int) -> None:
    """Runs so many processes, which share the listener and the rules loaded, and replaces those that die.

    Signals are taken here only, one after the other, so that none falls between a fork and its entry in the list.
    """
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def target() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        work()

    def started() -> BaseProcess:
        process = multiprocessing.get_context("fork").Process(target=target)
        process.start()
        return process

    processes = [started() for _ in range(workers)]
    while signal.sigwait(signals) == signal.SIGCHLD:
        for place, process in enumerate(processes):
            if not process.is_alive():
                log.error("worker %s ended with status %s; another is started", process.pid, process.exitcode)
                time.sleep(1)  # not faster than that, should it be for good
                processes[place] = started()
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
