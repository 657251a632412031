"""kube-apiserver with etcd inside it: built from the Go module proxy, run on loopback, and spoken to by plain HTTPS."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import platformdirs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .https import free_port

Object: TypeAlias = dict[str, Any]

SOURCE = Path(__file__).parent / "apiserver"
VERSION = "1.36.3"
TOKEN = "e2e"
READY_WITHIN, STOPPED_WITHIN = 120, 30  # seconds

AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


def go() -> str | None:
    """The command of Go, if it is installed."""
    return shutil.which("go", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/local/go/bin")


def build() -> Path:
    """The server's binary; takes minutes once, then seconds."""
    command = go()
    assert command is not None
    target = platformdirs.user_cache_path("admit") / "e2e" / "apiserver"
    major, minor, _ = VERSION.split(".")
    version = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={text}" for name, text in version.items())
    subprocess.run(
        [command, "build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", target, "."], cwd=SOURCE, check=True
    )
    return target


@dataclass(frozen=True, slots=True)
class Server:
    """A client of a server that runs; nobody else speaks to it."""

    client: httpx.Client
    audit: AuditLog
    authority: Path
    _plurals: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)

    def path(self, object: Mapping[str, Any], *more: str, named: bool = True) -> str:
        """Where an object lives; `more`: a subresource."""
        version, metadata = object["apiVersion"], object["metadata"]
        plural, namespaced = self._resource(version, object["kind"])
        parts = ["apis" if "/" in version else "api", version]
        if namespaced:
            parts += ["namespaces", metadata.get("namespace", "default")]
        return "/" + "/".join([*parts, plural, *([metadata["name"]] if named else ()), *more])

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        """The plural of a kind, and whether it is namespaced, as discovery tells."""
        if (version, kind) not in self._plurals:
            found = self.client.get(f"/apis/{version}" if "/" in version else f"/api/{version}").raise_for_status()
            for each in found.json()["resources"]:
                if "/" not in each["name"]:
                    self._plurals[version, each["kind"]] = each["name"], each["namespaced"]
        return self._plurals[version, kind]

    def is_namespaced(self, object: Mapping[str, Any]) -> bool:
        return self._resource(object["apiVersion"], object["kind"])[1]

    def create(self, object: Mapping[str, Any]) -> Object:
        """The object as it is stored. Raises AssertionError with the server's words where it is refused."""
        answer = self.client.post(self.path(object, named=False), json=object)
        assert answer.is_success, f"{object['kind']} {object['metadata']['name']}: {answer.json()['message']}"
        created: Object = answer.json()
        return created

    def serves(self, object: Mapping[str, Any]) -> bool:
        """Whether objects of this version and kind are created in namespaces."""
        try:
            return self.is_namespaced(object)
        except (httpx.HTTPStatusError, KeyError):
            return False

    def tried(self, object: Mapping[str, Any], namespace: str) -> httpx.Response:
        """The answer to an object that is created by dry-run, whatever else is in it."""
        placed = {**object, "metadata": {**object["metadata"], "namespace": namespace}}
        query = {"dryRun": "All", "fieldValidation": "Ignore"}
        return self.client.post(self.path(placed, named=False), params=query, json=placed)

    def delete(self, object: Mapping[str, Any]) -> None:
        self.client.delete(self.path(object)).raise_for_status()


class AuditLog:
    """What is noted of the requests that are over, by their ids (the header `Audit-Id`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._noted: dict[str, dict[str, str]] = {}

    def annotations(self, answer: httpx.Response) -> dict[str, str]:
        """What policies have noted of the request."""
        id = answer.headers["Audit-Id"]
        until(lambda: id in self._known())
        return self._noted[id]

    def _known(self) -> dict[str, dict[str, str]]:
        with self._path.open("rb") as file:
            file.seek(self._read)
            *lines, _ = file.read().split(b"\n")
        self._read += sum(len(line) + 1 for line in lines)
        for event in map(json.loads, lines):
            if event["stage"] == "ResponseComplete":
                self._noted[event["auditID"]] = event.get("annotations", {})
        return self._noted


def namespace(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def message(answer: httpx.Response) -> str:
    """Why a request is refused; nothing where it is not."""
    return "" if answer.is_success else str(answer.json()["message"])


def warnings(answer: httpx.Response) -> list[str]:
    """The texts of an answer's warnings."""
    found = (_WARNING.fullmatch(header) for header in answer.headers.get_list("Warning"))
    return [re.sub(r"\\(.)", r"\1", warning[1]) for warning in found if warning]


_WARNING = re.compile(r'299 - "(.*)"')


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Waits for what will come. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"in {seconds} s the API server has not come to it")
        time.sleep(0.1)


def type_warnings(server: Server, policies: Iterable[str]) -> dict[str, Any]:
    """What kube-controller-manager would write into the status of policies; nothing of those that are sound."""
    command = [build(), "check", str(server.client.base_url), TOKEN, server.authority, *policies]
    checked = subprocess.run(command, capture_output=True, check=True)
    return {name: warnings for name, warnings in json.loads(checked.stdout).items() if warnings}


@contextmanager
def running(binary: Path, folder: Path) -> Iterator[Server]:
    """A server with an empty cluster, in an empty folder, until the end of the block."""
    port = free_port()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "service-accounts.key").write_bytes(pem)
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    (folder / "audit.yaml").write_text(json.dumps(AUDIT_POLICY))
    flags = {
        "secure-port": port,
        "bind-address": "127.0.0.1",
        "cert-dir": folder / "certificates",
        "service-account-key-file": folder / "service-accounts.key",
        "service-account-signing-key-file": folder / "service-accounts.key",
        "service-account-issuer": "https://e2e",
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-cluster-ip-range": "10.0.0.0/24",
        "allow-privileged": "true",
        "disable-admission-plugins": "ServiceAccount",
        "audit-policy-file": folder / "audit.yaml",
        "audit-log-path": folder / "audit.log",
    }
    arguments = [str(folder / "etcd"), *(f"--{name}={value}" for name, value in flags.items())]
    with (folder / "log").open("wb") as log, subprocess.Popen([binary, *arguments], stdout=log, stderr=log) as process:
        try:
            _wait(port, process, folder)
            authority = folder / "certificates" / "apiserver.crt"
            context = ssl.create_default_context(cafile=str(authority))
            with httpx.Client(
                base_url=f"https://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {TOKEN}"},
                verify=context,
                timeout=30,
            ) as client:
                until(lambda: client.get("/readyz").is_success, READY_WITHIN)
                yield Server(client, AuditLog(folder / "audit.log"), authority)
        finally:
            process.terminate()
            try:
                process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the port is open. Raises RuntimeError with the end of the log where that will not be."""
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no server: {(folder / 'log').read_text(errors='replace')[-3000:]}")
