"""`admit serve` as a process, and what an API server is told of it."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from admit.exporters.webhooks import Server as Address
from admit.webhook.tls import Certificate

from .https import Authority, free_port
from .server import Object, Server, message, until

COMMAND = Path(sys.executable).with_name("admit")

Configure: TypeAlias = Callable[[Address], Sequence[Object]]
"""The configurations for an address."""


@contextmanager
def serving(
    rules: Sequence[str | Path], files: Certificate, port: int, *options: str | Path
) -> Iterator[subprocess.Popen[str]]:
    """The process, which listens until the end of the block, and then is killed."""
    address = ["--host", "127.0.0.1", "--port", str(port), "--cert", files.cert, "--key", files.key]
    command = [COMMAND, "serve", *rules, *address, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said == f"listening on https://127.0.0.1:{port}\n", said or "the server did not start"
            yield process
        finally:
            process.kill()


@contextmanager
def asking(
    server: Server,
    rules: Sequence[str | Path],
    folder: Path,
    configure: Configure,
    forbidden: Callable[[], httpx.Response],
    *options: str | Path,
) -> Iterator[None]:
    """An API server that asks about rules. What is `forbidden` is denied by each of the configurations."""
    authority, port = Authority(folder), free_port()
    made = configure(Address(url=f"https://127.0.0.1:{port}", ca=authority.pem))
    with serving(rules, authority.certificate(), port, *options):
        for each in sorted(made, key=lambda each: each["kind"], reverse=True):  # whoever mutates is asked first
            server.create(each)
            denied = f'admission webhook "{each["webhooks"][0]["name"]}" denied the request: '
            until(lambda denied=denied: message(forbidden()).startswith(denied))
        try:
            yield
        finally:
            for each in made:
                server.delete(each)


def configuration(kind: str, name: str, webhooks: Sequence[Object]) -> Object:
    """`kind` is Validating or Mutating."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [*webhooks],
    }


def webhook(name: str, url: str, ca: bytes, namespace: str, **more: Any) -> Object:
    """An entry of a configuration, about pods and Deployments in one namespace."""
    rule = {
        "operations": ["CREATE", "UPDATE"],
        "apiGroups": ["", "apps"],
        "apiVersions": ["v1"],
        "resources": ["pods", "pods/ephemeralcontainers", "deployments"],
    }
    return {
        "name": name,
        "clientConfig": {"url": url, "caBundle": b64encode(ca).decode()},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        **more,
    }
