"""Pods, of Pod Security's own fixtures and at random: what an API server says of them is what `admit` says.

Each is created by dry-run: in a namespace that asks for nothing, where it is recorded what the server makes of it; and
in namespaces that ask for something. `admit` is given what was recorded, and the manifest as it is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import cycle, product
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
import yaml

import admit
from admit.admission import Decision
from admit.engine import Engine
from admit.exporters import export
from admit.exporters.webhooks import configurations
from admit.loading import binding_of
from admit.podsecurity import evaluate

from .compare import activate, moved, said, within
from .pods import deployment, pod
from .recorder import Recorder
from .server import VERSION, Object, Server, namespace, until, warnings
from .webhook import asking

RANDOM = 1000
FREE = "free"
KUBERNETES = VERSION.rpartition(".")[0]
VERSIONS = [*(f"v1.{minor}" for minor in (0, 8, 19, 22, 23, 25, 27, 29, 31, 32, 34, 35, 37)), "latest"]
"""Those at which some check of Pod Security changes; v1.37 is newer than the server."""

EXPORTED = ["v1.0", "v1.25", "latest"]
LEVELS = ["baseline", "restricted"]
STANDARDS = [*product(VERSIONS, LEVELS)]
CONFIGURATION = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
LABEL = "pod-security.kubernetes.io/"

Answer: TypeAlias = dict[str, Any]
"""The `message`, `code` and `reason` of a denial, `warnings` and audit `annotations`."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An object as it is written, and the request to create it as validating plugins see it."""

    manifest: Object
    request: Object


@pytest.fixture(scope="module")
def taken(server: Server, recorder: Recorder, conformance: Path) -> list[Taken]:
    """The objects that the server takes where no rules are."""
    server.create(namespace(FREE))
    for configuration in recorder.configurations():
        selector = {"matchLabels": {"kubernetes.io/metadata.name": FREE}}
        configuration["webhooks"][0]["namespaceSelector"] = selector
        server.create(configuration)
    until(lambda: _recorded(server, recorder, deployment(pod(0))))
    found = ((manifest, _recorded(server, recorder, manifest)) for manifest in _manifests(conformance))
    return [Taken(manifest, request) for manifest, request in found if request is not None]


def test_enough(taken: list[Taken]) -> None:
    kinds = [each.manifest["kind"] for each in taken]
    assert kinds.count("Pod") > RANDOM
    assert kinds.count("Deployment") > RANDOM / 5


def test_built_in_pod_security(server: Server, taken: list[Taken]) -> None:
    places = {_place("built-in", *standard): server.create(_labelled("built-in", *standard)) for standard in STANDARDS}
    engine = admit.load([CONFIGURATION], namespaces=places.values(), kubernetes=KUBERNETES)
    _compare(server, taken, dict.fromkeys(places, engine))
    for each, place in _each_somewhere(taken, places):
        if each.manifest["kind"] == "Pod":
            assert engine.review(moved(each.request, place)).message == _by_checks(
                each, places[place]["metadata"]["labels"]
            )


def test_webhook(server: Server, taken: list[Taken], tmp_path: Path) -> None:
    """Of the labels of namespaces `admit serve` knows alone."""
    places = {_place("webhook", *standard): _labelled("webhook", *standard) for standard in STANDARDS}
    for place in places:
        server.create(namespace(place))
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump_all([CONFIGURATION, *places.values()]))
    engine = admit.load([rules], kubernetes=KUBERNETES)
    forbidden = {**pod(0), "spec": {**pod(0)["spec"], "hostPID": True}}
    configure = partial(configurations, engine)
    version = "--kubernetes", KUBERNETES
    with asking(server, [rules], tmp_path, configure, lambda: server.tried(forbidden, [*places][-1]), *version):
        _compare(server, taken, dict.fromkeys(places, engine), f"validate.admit.dev/{LABEL.replace('/', '.')}")


def test_exported_policies(server: Server, taken: list[Taken]) -> None:
    engines = {}
    for version, level in product(EXPORTED, LEVELS):
        place = _place("exported", version, level)
        binding = binding_of(f"pod-security/{level}", {"version": version})
        engines[place] = admit.load([binding], kubernetes=KUBERNETES)
        server.create(namespace(place))
        for document in within(export(engines[place]).documents, place):
            server.create(document)
    activate(server)
    _compare(server, taken, engines, "none of these")


def _compare(server: Server, taken: list[Taken], engines: Mapping[str, Engine], noted: str = LABEL) -> None:
    """What is said of the objects in the places, and what engines say of them without a server. `noted`: how the keys
    of annotations begin there."""
    found, outcomes = [], set()
    for each, place in _each_somewhere(taken, engines):
        answer = server.tried(each.manifest, place)
        theirs = _theirs(server, answer, noted)
        requested = engines[place].review(moved(each.request, place))
        written = engines[place].decide(admit.normalise(each.manifest, place))
        found += [
            f"{place}: {json.dumps(each.manifest)}\n  api server: {theirs}\n  admit:      {ours}"
            for ours in (_ours(requested), _ours(written))
            if ours != theirs
        ]
        if each.manifest["kind"] == "Pod":
            outcomes.add((place, answer.is_success))
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:4])
    assert outcomes == {*product(engines, (False, True))}


def _each_somewhere(taken: list[Taken], places: Iterable[str]) -> Iterator[tuple[Taken, str]]:
    """Each object at both levels of some version."""
    at = iter(places)
    pairs = [*zip(at, at, strict=True)]
    for each, pair in zip(taken, cycle(pairs), strict=False):
        for place in pair:
            yield each, place


def _by_checks(each: Taken, labels: Object) -> str:
    """What the checks alone have to say of a pod, in the words of the plugin."""
    level, version = labels[f"{LABEL}enforce"], labels[f"{LABEL}enforce-version"]
    known = f"v{KUBERNETES}" if version in ("latest", "v1.37") else version
    result = evaluate(level, known, each.request["object"])
    violated = f'violates PodSecurity "{level}:{version}"'
    return "" if result.allowed else f'pods "{each.request["name"]}" is forbidden: {violated}: {result.message}'


def _theirs(server: Server, answer: httpx.Response, noted: str) -> Answer:
    status = {} if answer.is_success else answer.json()
    annotations = server.audit.annotations(answer).items()
    return {
        "message": said(answer),
        "code": status.get("code", 200),
        "reason": status.get("reason", ""),
        "warnings": [text for text in warnings(answer) if text.startswith("would violate")],
        "annotations": {LABEL + key.removeprefix(noted): text for key, text in annotations if key.startswith(noted)},
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
    return recorder.validating if server.tried(manifest, FREE).is_success else None


def _manifests(conformance: Path) -> Iterator[Object]:
    """Pods, and Deployments of some of them."""
    for level in ("baseline", "restricted"):
        for fixture in json.loads((conformance / "psa" / f"pods-{level}.json").read_text()):
            name = f"{level}-{fixture['id'].replace('_', '-')}"
            yield {**fixture["pod"], "metadata": {**fixture["pod"]["metadata"], "name": name}}
    for seed in range(RANDOM + RANDOM // 10):
        yield pod(seed)
        if seed % 4 == 0:
            yield deployment(pod(seed))


def _place(how: str, version: str, level: str) -> str:
    return f"{how}-{level}-{version.replace('.', '-')}"


def _labelled(how: str, version: str, level: str) -> Object:
    """A namespace that enforces a level, and warns of what violates the other one and notes it."""
    other = "restricted" if level == "baseline" else "baseline"
    labels = {}
    for mode, asked in (("enforce", level), ("warn", other), ("audit", other)):
        labels |= {LABEL + mode: asked, f"{LABEL}{mode}-version": version}
    return namespace(_place(how, version, level), **labels)
