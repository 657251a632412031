"""A webhook that allows everything, and remembers what it was asked: the request as the API server's plugins see it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from admit.webhook.tls import throwaway

from .https import answering

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

    url = ""

    def __init__(self, certificate: bytes) -> None:
        self.certificate = certificate
        self.mutating: dict[str, Any] | None = None
        self.validating: dict[str, Any] | None = None

    def clear(self) -> None:
        self.mutating = self.validating = None

    def answer(self, path: str, body: bytes) -> bytes:
        request = json.loads(body)["request"]
        if request.get("dryRun") or request["operation"] == "CONNECT":  # else it is the server's own
            setattr(self, path.split("?")[0].strip("/"), request)
        return allowing(request)

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


def allowing(request: dict[str, Any]) -> bytes:
    """The review that allows a request."""
    response = {"uid": request["uid"], "allowed": True}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).encode()


@contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    files = throwaway(folder)
    recorder = Recorder(files.cert.read_bytes())
    with answering(recorder.answer, files) as port:
        recorder.url = f"https://127.0.0.1:{port}"
        yield recorder
