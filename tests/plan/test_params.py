"""Which parameter objects a binding is evaluated with."""

from __future__ import annotations

from typing import Any

import pytest

from admit.admission import from_manifest
from admit.errors import EvaluationError
from admit.plan.params import by_kind, params_of
from admit.rules.model import ParamKind, ParamRef, Selector


def given(kind: str, name: str, namespace: str = "", **labels: str) -> dict[str, Any]:
    api_version = "example.com/v1" if kind in ("Limit", "Ceiling") else "v1"
    metadata = {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


OBJECTS: list[dict[str, Any]] = [
    given("ConfigMap", "a", "one", tier="web"),
    given("ConfigMap", "b", "one", tier="web"),
    given("ConfigMap", "a", "two"),
    given("ConfigMap", "c"),
    given("PersistentVolume", "v", "ignored"),
    given("Ceiling", "x"),
    given("Limit", "x", "one"),
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {"group": "example.com", "names": {"kind": "Ceiling"}, "scope": "Cluster"},
    },
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": None},
]
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "one"}}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}}
CONFIG_MAP = ParamKind("v1", "ConfigMap")
WEB = Selector({"tier": "web"})

FOUND: list[tuple[ParamKind, ParamRef, dict[str, Any], list[tuple[str, str]]]] = [
    (CONFIG_MAP, ParamRef("a"), POD, [("a", "one")]),
    (CONFIG_MAP, ParamRef("a", "two"), POD, [("a", "two")]),
    (CONFIG_MAP, ParamRef("a", "two"), NODE, [("a", "two")]),
    (CONFIG_MAP, ParamRef("c", "default"), POD, [("c", "")]),
    (CONFIG_MAP, ParamRef(selector=WEB), POD, [("a", "one"), ("b", "one")]),
    (CONFIG_MAP, ParamRef(selector=Selector()), POD, [("a", "one"), ("b", "one")]),
    (CONFIG_MAP, ParamRef(namespace="two", selector=Selector()), POD, [("a", "two")]),
    (CONFIG_MAP, ParamRef("none", parameter_not_found_action="Allow"), POD, []),
    (CONFIG_MAP, ParamRef(None, "two", WEB, "Allow"), POD, []),
    (ParamKind("v1", "PersistentVolume"), ParamRef("v"), POD, [("v", "ignored")]),
    (ParamKind("example.com/v1", "Ceiling"), ParamRef("x"), NODE, [("x", "")]),
    (ParamKind("example.com/v1", "Limit"), ParamRef("x"), POD, [("x", "one")]),
]


@pytest.mark.parametrize("kind, ref, manifest, expected", FOUND)
def test_found(kind: ParamKind, ref: ParamRef, manifest: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = params_of(kind, ref, from_manifest(manifest), by_kind(OBJECTS))
    metadata = [each["metadata"] for each in found if each is not None]
    assert [(each["name"], each.get("namespace", "")) for each in metadata] == expected


@pytest.mark.parametrize("kind, ref", [(None, ParamRef("a")), (CONFIG_MAP, None), (None, None)])
def test_none(kind: ParamKind | None, ref: ParamRef | None) -> None:
    assert params_of(kind, ref, from_manifest(POD), by_kind(OBJECTS)) == (None,)


def test_the_last_of_a_name() -> None:
    newer = {**given("ConfigMap", "a", "one"), "data": {"new": "yes"}}
    known = by_kind([*OBJECTS, newer])
    assert params_of(CONFIG_MAP, ParamRef("a"), from_manifest(POD), known) == [newer]


NOTHING = "no params found for policy binding with `Deny` parameterNotFoundAction"
NO_NAMESPACE = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
REFUSED = [
    (CONFIG_MAP, ParamRef("none"), POD, NOTHING),
    (CONFIG_MAP, ParamRef("b", "two"), POD, NOTHING),
    (CONFIG_MAP, ParamRef(selector=Selector({"tier": "db"})), POD, NOTHING),
    (ParamKind("v1", "Unheard"), ParamRef("a"), POD, NOTHING),
    (ParamKind("v2", "ConfigMap"), ParamRef("a"), POD, NOTHING),
    (CONFIG_MAP, ParamRef("a"), NODE, NO_NAMESPACE),
    (CONFIG_MAP, ParamRef("a", parameter_not_found_action="Allow"), NODE, NO_NAMESPACE),
    (
        ParamKind("example.com/v1", "Ceiling"),
        ParamRef("x", "one"),
        POD,
        "paramRef.namespace must not be provided for a cluster-scoped `paramKind`",
    ),
]


@pytest.mark.parametrize("kind, ref, manifest, message", REFUSED)
def test_refused(kind: ParamKind, ref: ParamRef, manifest: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        params_of(kind, ref, from_manifest(manifest), by_kind(OBJECTS))
    assert str(caught.value) == message
