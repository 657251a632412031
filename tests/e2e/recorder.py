"""A webhook that allows everything, and remembers what it was asked: the request as the API server's plugins see it."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from admit.webhook.tls import throwaway

RULE = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
WEBHOOK = {
    "name": "recorder.e2e.test",
    "rules": [RULE],
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "matchPolicy": "Exact",
}


class Recorder:
    """The last request before mutation's end, and the last one before validation's; None where there was none."""

    def __init__(self, url: str, certificate: bytes) -> None:
        self.url, self.certificate = url, certificate
        self.mutating: dict[str, Any] | None = None
        self.validating: dict[str, Any] | None = None

    def clear(self) -> None:
        self.mutating = self.validating = None

    def configurations(self) -> list[dict[str, Any]]:
        """The documents that make an API server ask. The mutating webhook sees each change of the object."""
        return [
            self._configuration("Mutating", reinvocationPolicy="IfNeeded"),
            self._configuration("Validating"),
        ]

    def _configuration(self, kind: str, **more: Any) -> dict[str, Any]:
        client = {"url": f"{self.url}/{kind.lower()}", "caBundle": b64encode(self.certificate).decode()}
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": "recorder"},
            "webhooks": [{**WEBHOOK, "clientConfig": client, **more}],
        }


@contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    files = throwaway(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        recorder = Recorder(f"https://127.0.0.1:{server.server_address[1]}", files.cert.read_bytes())
        _Handler.recorder = recorder
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield recorder
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    recorder: Recorder
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once, or the one waits for the other to be acknowledged

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if (
            review["request"].get("dryRun") or review["request"]["operation"] == "CONNECT"
        ):  # else it is the server's own
            setattr(self.recorder, self.path.split("?")[0].strip("/"), review["request"])
        answer = {**review, "response": {"uid": review["request"]["uid"], "allowed": True}}
        del answer["request"]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
