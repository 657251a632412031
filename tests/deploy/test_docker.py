"""The image, as far as it goes without a Docker engine: its lines are run in a fresh virtual environment."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from admit.webhook.tls import Certificate, throwaway

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
RULE = """\
apiVersion: admit.dev/v1
kind: Policy
metadata: {name: few-replicas}
spec:
  title: A Deployment has at most five replicas
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE, UPDATE]}
  validations:
  - expression: object.spec.replicas <= 5
    message: too many replicas
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage leaves for the second."""
    folder = tmp_path_factory.mktemp("image") / "admit"
    # `/opt/admit` is where the image has it; the rest of the line is run as it stands.
    (install,) = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)
    subprocess.run(install.replace("/opt/admit", str(folder)), shell=True, check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return throwaway(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(installed: Path, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the server that the entry point starts, with the image's environment and nothing else."""
    rules = tmp_path_factory.mktemp("rules")
    (rules / "few-replicas.yaml").write_text(RULE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    (entry,) = re.findall(r'^ENTRYPOINT \["/opt/admit/(.*)"\]$', DOCKERFILE, re.MULTILINE)
    (line,) = re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)
    variables = dict(pair.split("=", 1) for pair in line.split()) | {"ADMIT_RULES": str(rules), "PATH": os.defpath}
    options = ["--port", str(port), "--cert", str(certificate.cert), "--key", str(certificate.key)]
    process = subprocess.Popen([installed / entry, *options], env=variables, cwd="/")
    try:
        for _ in range(200):
            assert process.poll() is None, "the server ended"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        status = process.wait(30)
    assert status == 0


def test_last_stage_has_no_compiler() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert len(stages) == 2 and stages[-1].endswith("-slim")
    assert "RUN" not in last
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)


def test_installed_alone(installed: Path) -> None:
    """The package with its data, and no installer."""
    code = "import admit, importlib.util; print(admit.__file__, importlib.util.find_spec('pip'))"
    python = installed / "bin" / "python"
    file, pip = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, cwd="/").stdout.split()
    assert Path(file).is_relative_to(installed) and pip == "None"
    assert (Path(file).parent / "grammar" / "cel.lark").is_file()
    assert list((Path(file).parent / "rulesets").glob("*/*.yaml"))


@pytest.mark.parametrize("replicas, allowed", [(5, True), (6, False)])
def test_served(server: int, certificate: Certificate, replicas: int, allowed: bool) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas},
    }
    request = {
        "uid": "1",
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "web",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "someone"},
        "object": deployment,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    context = ssl.create_default_context(cafile=certificate.cert)
    post = urllib.request.Request(
        f"https://127.0.0.1:{server}/validate", json.dumps(review).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(post, context=context, timeout=10) as answer:
        response = json.load(answer)["response"]
    assert (response["uid"], response["allowed"]) == ("1", allowed)
    assert allowed or response["status"]["message"] == "too many replicas"
