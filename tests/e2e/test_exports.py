"""The bundled policies as an API server's own: it takes them, their types are sound, and it decides what `admit` does.

Each policy is bound with some settings of its tests, in a namespace of its own. What is created there are the objects
of these tests, and pods at random.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import admit
from admit.admission import apply, diff
from admit.admission.patch import pointer
from admit.engine import Engine
from admit.errors import RuleSetError
from admit.exporters import export
from admit.library import Library, path_of
from admit.loading import binding_of
from admit.plan.write import set_at
from admit.rules.yaml import load

from .compare import activate, comparable, moved, said, within
from .pods import deployment, pod
from .recorder import Recorder
from .server import VERSION, Object, Server, message, namespace, type_warnings

KUBERNETES = VERSION.rpartition(".")[0]
MOST_SETTINGS = 2
FREE = "free"
PODS = [*map(pod, range(6)), *map(deployment, map(pod, range(6, 9)))]


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace in which a policy is in force, by the documents; and objects to be created there."""

    name: str
    engine: Engine
    documents: list[Object]
    objects: list[Object]


@pytest.fixture(scope="module")
def places(server: Server, recorder: Recorder) -> list[Place]:
    server.create(namespace(FREE))
    for configuration in recorder.configurations():
        server.create(configuration)
    places = [place for name in Library() for place in _places(name)]
    for place in places:
        server.create(namespace(place.name))
        for document in place.documents:
            server.create(document)
    activate(server)
    return places


def test_all_are_there(places: list[Place]) -> None:
    """Some settings ask for nothing, and so need no policy."""
    assert {place.engine.policies[0].name for place in places if place.documents} == {*Library()}


def test_types(server: Server, places: list[Place]) -> None:
    documents = [document for place in places for document in place.documents]
    names = [each["metadata"]["name"] for each in documents if each["kind"] == "ValidatingAdmissionPolicy"]
    assert len(names) > len(Library())
    assert type_warnings(server, names) == {}


def test_same_decisions(server: Server, recorder: Recorder, places: list[Place]) -> None:
    found, outcomes = [], Counter[str]()
    for place in places:
        for object in filter(server.serves, place.objects):
            recorder.clear()
            if not server.tried(object, FREE).is_success:
                continue
            assert recorder.mutating is not None
            decision = place.engine.review(moved(recorder.mutating, place.name))
            answer = server.tried(object, place.name)
            status = {} if answer.is_success else answer.json()
            theirs = said(answer), status.get("code", 200), status.get("reason", "")
            ours = decision.message, decision.code, decision.reason
            left = diff(comparable(recorder.mutating["object"]), comparable(decision.object))
            outcome = "denied" if decision.message else "mutated" if decision.patch else "allowed"
            if outcome == "mutated" and not answer.is_success and said(answer) == message(answer):
                outcome, theirs = "unfit", ours  # no policy refuses it, but the server: it has no such PriorityClass
            outcomes[outcome] += 1
            if theirs != ours or (decision.allowed and left):
                found.append(f"{place.name}: {json.dumps(object)}\n  api server: {theirs}\n  admit:      {ours} {left}")
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:4])
    assert min(outcomes[each] for each in ("denied", "mutated", "allowed")) > 50, outcomes
    assert outcomes["unfit"] < 50, outcomes


def _places(name: str) -> Iterator[Place]:
    """A policy under the settings that its tests have, each with the objects that these are about."""
    suites = load(path_of(name).with_name(f"{name.rpartition('/')[2]}.test.yaml").read_bytes())
    by_settings: dict[str, list[Object]] = {}
    for suite in suites:
        for case in suite["cases"]:
            objects = by_settings.setdefault(json.dumps(case.get("settings") or {}), [])
            objects += _objects(suite, case)
    number = 0
    for settings, objects in by_settings.items():
        try:
            engine = admit.load([binding_of(name, json.loads(settings))], kubernetes=KUBERNETES)
        except RuleSetError:
            continue  # a case about settings that are refused
        number += 1
        exported = [export(engine, "vap"), export(engine, "map")]
        assert [refusal for each in exported for refusal in each.refused] == []
        place = f"{name.replace('/', '-')}-{number}"
        documents = within((document for each in exported for document in each.documents), place)
        yield Place(place, engine, documents, [*objects, *PODS])
        if number == MOST_SETTINGS:
            break


def _objects(suite: Object, case: Object) -> Iterator[Object]:
    """The object of a case, if it is one that is created in a namespace."""
    object = case.get("object", suite.get("base"))
    if case.get("operation", "CREATE") != "CREATE" or object is None or object["kind"] == "Namespace":
        return
    for path, value in case.get("set", {}).items():
        object = set_at(object, _tokens(path), value)
    for path in case.get("remove", ()):
        object = apply(object, [{"op": "remove", "path": pointer(_tokens(path))}])
    yield {**object, "metadata": {"name": "unnamed", **object["metadata"]}}


def _tokens(path: str) -> list[str | int]:
    """`spec.containers[0].ports`, `metadata.labels['a.b/c']`"""
    found = re.findall(r"\[(\d+)\]|\['([^']*)'\]|([^.\[\]]+)", path)
    return [int(index) if index else key or field for index, key, field in found]
