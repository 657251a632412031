"""Pods, of Pod Security's own fixtures and at random: what an API server says of them is what `admit` says.

Each is created by dry-run: in a namespace that asks for nothing, where it is recorded what the server makes of it; and
in namespaces that ask for something. `admit` is given what was recorded, and the manifest as it is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

import admit
from admit.admission import Decision
from admit.podsecurity import evaluate

from .pods import pod
from .recorder import Recorder
from .server import VERSION, Object, Server, message, namespace, until, warnings

RANDOM = 1000
FREE = "free"
KUBERNETES = VERSION.rpartition(".")[0]
VERSIONS = [f"v1.{minor}" for minor in (0, 8, 19, 22, 23, 25, 27, 29, 31, 32, 34, 35, 37)]
"""Those at which some check of Pod Security changes; the last is newer than the server."""

CONFIGURATION = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
LABEL = "pod-security.kubernetes.io/"

Answer: TypeAlias = dict[str, Any]
"""The `message`, `code` and `reason` of a denial, `warnings` and audit `annotations`."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An object as it is written, and the request to create it as validating plugins see it."""

    manifest: Object
    request: Object

    def within(self, namespace: str) -> Object:
        """The request, if it were in another namespace."""
        object = self.request["object"]
        moved = {**object, "metadata": {**object["metadata"], "namespace": namespace}}
        return {**self.request, "namespace": namespace, "object": moved}


@pytest.fixture(scope="module")
def taken(server: Server, recorder: Recorder, conformance: Path) -> list[Taken]:
    """The objects that the server takes where no rules are."""
    server.create(namespace(FREE))
    for configuration in recorder.configurations():
        selector = {"matchLabels": {"kubernetes.io/metadata.name": FREE}}
        configuration["webhooks"][0]["namespaceSelector"] = selector
        server.create(configuration)
    until(lambda: _recorded(server, recorder, _deployment(pod(0))))
    found = ((manifest, _recorded(server, recorder, manifest)) for manifest in _manifests(conformance))
    return [Taken(manifest, request) for manifest, request in found if request is not None]


def test_enough(taken: list[Taken]) -> None:
    kinds = [each.manifest["kind"] for each in taken]
    assert kinds.count("Pod") > RANDOM
    assert kinds.count("Deployment") > RANDOM / 5


def test_built_in_pod_security(server: Server, taken: list[Taken]) -> None:
    namespaces = {version: [server.create(each) for each in _labelled(version)] for version in ("latest", *VERSIONS)}
    every = [place for pair in namespaces.values() for place in pair]
    engine = admit.load([CONFIGURATION], namespaces=every, kubernetes=KUBERNETES)
    found, outcomes = [], set()
    for each, version in zip(taken, cycle(VERSIONS)):
        for place in (*namespaces["latest"], *namespaces[version]):
            name = place["metadata"]["name"]
            answer = _created(server, each.manifest, name)
            theirs = _theirs(server, answer)
            requested = engine.review(each.within(name))
            written = engine.decide(admit.normalise(each.manifest, name))
            found += [
                f"{name}: {json.dumps(each.manifest)}\n  api server: {theirs}\n  admit:      {ours}"
                for ours in (_ours(requested), _ours(written))
                if ours != theirs
            ]
            if each.manifest["kind"] == "Pod":
                outcomes.add((name, answer.is_success))
                assert theirs["message"] == _by_checks(each, place["metadata"]["labels"])
    assert not found, "\n".join(found[:10])
    assert outcomes == {(place["metadata"]["name"], created) for place in every for created in (False, True)}


def _by_checks(each: Taken, labels: Object) -> str:
    """What the checks alone have to say of a pod, in the words of the plugin."""
    level, version = labels[f"{LABEL}enforce"], labels[f"{LABEL}enforce-version"]
    known = f"v{KUBERNETES}" if version in ("latest", VERSIONS[-1]) else version
    result = evaluate(level, known, each.request["object"])
    violated = f'violates PodSecurity "{level}:{version}"'
    return "" if result.allowed else f'pods "{each.request["name"]}" is forbidden: {violated}: {result.message}'


def _theirs(server: Server, answer: httpx.Response) -> Answer:
    status = {} if answer.is_success else answer.json()
    annotations = {key: text for key, text in server.audit.annotations(answer).items() if key.startswith(LABEL)}
    return {
        "message": message(answer),
        "code": status.get("code", 200),
        "reason": status.get("reason", ""),
        "warnings": [text for text in warnings(answer) if text.startswith("would violate")],
        "annotations": annotations,
    }


def _ours(decision: Decision) -> Answer:
    return {
        "message": decision.message,
        "code": decision.code,
        "reason": decision.reason,
        "warnings": [*decision.warnings],
        "annotations": decision.audit_annotations,
    }


def _recorded(server: Server, recorder: Recorder, manifest: Object) -> Object | None:
    recorder.clear()
    return recorder.validating if _created(server, manifest, FREE).is_success else None


def _created(server: Server, manifest: Object, namespace: str) -> httpx.Response:
    placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
    query = {"dryRun": "All", "fieldValidation": "Ignore"}
    return server.client.post(server.path(placed, named=False), params=query, json=manifest)


def _manifests(conformance: Path) -> Iterator[Object]:
    """Pods, and Deployments of some of them."""
    for level in ("baseline", "restricted"):
        for fixture in json.loads((conformance / "psa" / f"pods-{level}.json").read_text()):
            name = f"{level}-{fixture['id'].replace('_', '-')}"
            yield {**fixture["pod"], "metadata": {**fixture["pod"]["metadata"], "name": name}}
    for seed in range(RANDOM + RANDOM // 10):
        yield pod(seed)
        if seed % 4 == 0:
            yield _deployment(pod(seed))


def _deployment(pod: Object) -> Object:
    labels = {"app": "web"}
    template = {"metadata": {**pod["metadata"], "labels": labels}, "spec": pod["spec"]}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": pod["metadata"]["name"]}, "spec": spec}


def _labelled(version: str) -> Iterator[Object]:
    """Namespaces that enforce a level, and warn of what violates the other one and note it."""
    for level, other in (("baseline", "restricted"), ("restricted", "baseline")):
        labels = {}
        for mode, asked in (("enforce", level), ("warn", other), ("audit", other)):
            labels |= {LABEL + mode: asked, f"{LABEL}{mode}-version": version}
        yield namespace(f"{level}-{version.replace('.', '-')}", **labels)
