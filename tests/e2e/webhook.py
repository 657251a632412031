"""`admit serve` as a process, and the configurations by which an API server asks it."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from admit.webhook.tls import Certificate

from .server import Object

COMMAND = Path(sys.executable).with_name("admit")
READY_WITHIN = 60  # seconds


@contextmanager
def serving(rules: Sequence[str | Path], files: Certificate, port: int) -> Iterator[subprocess.Popen[str]]:
    """The process, which listens until the end of the block, or until it is killed."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--cert", files.cert, "--key", files.key]
    with subprocess.Popen([COMMAND, "serve", *rules, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said == f"listening on https://127.0.0.1:{port}\n", said or "the server did not start"
            yield process
        finally:
            process.kill()


def webhook(name: str, url: str, ca: bytes, namespace: str, **more: Any) -> Object:
    """An entry of a configuration, for what is created or changed in one namespace."""
    rules = [
        {"operations": ["CREATE", "UPDATE"], "apiGroups": ["", "apps"], "apiVersions": ["v1"], "resources": resources}
        for resources in (["pods", "pods/ephemeralcontainers", "deployments"],)
    ]
    return {
        "name": name,
        "clientConfig": {"url": url, "caBundle": b64encode(ca).decode()},
        "rules": rules,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 10,
        **more,
    }


def configuration(kind: str, name: str, webhooks: Sequence[Object]) -> Object:
    """`kind` is Validating or Mutating."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [*webhooks],
    }
