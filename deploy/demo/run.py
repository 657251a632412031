"""Starts `admit serve` on loopback, posts requests.yaml to it over HTTPS, and compares the answers."""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple

from admit.rules.yaml import load

HERE = Path(__file__).parent
WIDTHS = (44, 64, 64, 6)
KINDS = {"Pod": ("", "v1", "pods"), "Deployment": ("apps", "v1", "deployments")}


class Answer(NamedTuple):
    allowed: bool
    message: str = ""
    patch: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        """`allowed`, with the patch of the pod; `denied: MESSAGE`"""
        if not self.allowed:
            return f"denied: {self.message}"
        places = [re.sub(r"^(/spec/template)?/spec/", "", operation["path"]) for operation in self.patch]
        values = [json.dumps(operation.get("value")) for operation in self.patch]
        written = (f"{o['op']} {at} {value}" for o, at, value in zip(self.patch, places, values, strict=True))
        return "; ".join(("allowed", *written))


class Server(NamedTuple):
    host: str
    port: int
    trust: ssl.SSLContext  # in the server's certificate, and in no other


def main() -> int:
    [requests] = load((HERE / "requests.yaml").read_bytes())
    wrong = 0
    with serving() as server:
        row("request", "expected", "got", "ms")
        row(*("-" * width for width in WIDTHS))
        connection = HTTPSConnection(server.host, server.port, context=server.trust, timeout=10)
        for request in requests:
            expected = Answer("denied" not in request, request.get("denied", ""), tuple(request.get("allowed", ())))
            started = time.perf_counter()
            got = post(connection, f"/mutate/{request['binding']}", review(request))
            elapsed = (time.perf_counter() - started) * 1000
            row(request["request"], str(expected), str(got), f"{elapsed:6.2f}")
            if got != expected:
                wrong += 1
                print(f"! expected {tuple(expected)}\n!      got {tuple(got)}")
        connection.close()
    print(f"\n{len(requests) - wrong} of {len(requests)} answers as expected")
    return 1 if wrong else 0


@contextmanager
def serving() -> Iterator[Server]:
    """The server with the demo's rules, on a free port and with a throw-away certificate."""
    admit = Path(sys.executable).with_name("admit")
    command = [str(admit), "serve", str(HERE / "rules"), "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield announced(process)
    finally:
        process.terminate()
        process.wait(timeout=10)


def announced(process: subprocess.Popen[str]) -> Server:
    """Where the server says that it listens, and the certificate that it says it has."""
    trust = None
    for line in process.stdout or ():
        print(line, end="")
        if found := re.search(r"certificate.*: (\S+)$", line):
            trust = ssl.create_default_context(cafile=found[1])
        if found := re.search(r"https://(\S+):(\d+)$", line):
            if trust is not None:
                return Server(found[1], int(found[2]), trust)
            break
    sys.exit(f"the server did not start: exit status {process.wait(timeout=10)}")


def review(request: dict[str, Any]) -> dict[str, Any]:
    """The AdmissionReview that an API server would send when the object is created."""
    kind = request.get("kind", "Pod")
    group, version, resource = KINDS[kind]
    pod = {"containers": [{"name": "nginx", "image": "nginx:1.14.2"}], **request.get("pod", {})}
    labels = {"app": "nginx"}
    spec: dict[str, Any] = pod
    if kind == "Deployment":
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    name = "nginx" if kind == "Pod" else "nginx-deployment"
    object_ = {
        "apiVersion": f"{group}/{version}".strip("/"),
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": spec,
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": str(uuid.uuid4()),
            "kind": {"group": group, "version": version, "kind": kind},
            "resource": {"group": group, "version": version, "resource": resource},
            "name": name,
            "namespace": "default",
            "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": object_,
            "oldObject": None,
        },
    }


def post(connection: HTTPSConnection, path: str, review: dict[str, Any]) -> Answer:
    connection.request("POST", path, json.dumps(review), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        return Answer(False, f"{answer.status} {text.decode(errors='replace')}")
    response = json.loads(text)["response"]
    if response["uid"] != review["request"]["uid"]:
        return Answer(False, "an answer to another request")
    patch = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    return Answer(response["allowed"], response.get("status", {}).get("message", ""), tuple(patch))


def row(*cells: str) -> None:
    """A line of the table; what does not fit is cut off."""
    cut = (cell if len(cell) <= width else f"{cell[: width - 1]}…" for cell, width in zip(cells, WIDTHS, strict=True))
    print(*(cell.ljust(width) for cell, width in zip(cut, WIDTHS, strict=True)), sep="  ")


if __name__ == "__main__":
    sys.exit(main())
