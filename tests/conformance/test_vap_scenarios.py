"""ValidatingAdmissionPolicy from documents to responses, by the API server's own tests of its plugin.

The documents are what an API server has in its storage: a few it would not let in today.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from admit.engine import Engine, upstream, validating
from admit.errors import Fault
from admit.rules.upstream import lower, parsed
from admit.rules.yaml import document_of

Case: TypeAlias = dict[str, Any]


def definition(kind: str, scope: str) -> dict[str, Any]:
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.example.com"},
        "spec": {"group": "example.com", "names": names, "scope": scope, "versions": []},
    }


DEFINITIONS = [definition("ParamsConfig", "Namespaced"), definition("ClusterScopedParamsConfig", "Cluster")]


@pytest.mark.cases("k8s-cel/vap_scenarios.json")
def test_scenario(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[Any] = []

    def recorded(*args: Any) -> Iterator[upstream.Invocation]:
        for invocation in upstream.invocations(*args):
            evaluated.append(invocation.param)
            yield invocation

    monkeypatch.setattr(validating, "invocations", recorded)
    request, expected = case["request"], case["expect"]
    review = {
        "uid": "1",
        "kind": dict(zip(("group", "version", "kind"), _kind(request["object"]), strict=True)),
        "resource": _resource(request["object"]),
        **{key: request[key] for key in ("name", "namespace", "operation", "object", "oldObject")},
    }
    decision = stored(case).review(review)
    assert decision.allowed is expected["allowed"]
    assert expected.get("message_contains", "") in decision.message
    annotations = decision.audit_annotations
    if "warnings" in expected:
        assert list(decision.warnings) == expected["warnings"]
    if "audit" in expected:
        assert annotations == expected["audit"]
    if "evaluations" in expected:
        assert len(evaluated) == expected["evaluations"]
    if "evaluated_params" in expected:
        assert sorted(map(_named, evaluated)) == sorted(map(_named, expected["evaluated_params"]))
    for key, value in expected.get("audit_json", {}).items():
        assert json.loads(annotations[key]) == value
    for key, value in expected.get("audit_json_any_order", {}).items():
        assert sorted(json.loads(annotations[key]), key=str) == sorted(value, key=str)
    for key, value in expected.get("audit_value_set", {}).items():
        assert set(annotations[key].split(", ")) == set(value)


def stored(case: Case) -> Engine:
    policies = {policy["metadata"]["name"]: read(policy) for policy in case["policies"]}
    bindings = [read(binding) for binding in case["bindings"]]
    bounds = [lower(binding, policies[binding.policy.name], "1.37")[0] for binding in bindings]
    return Engine(tuple(bounds), "1.37", params=(*DEFINITIONS, *case["params"]))


def read(document: dict[str, Any]) -> Any:
    faults: list[Fault] = []
    made = parsed(document_of(document, "stored"), faults)
    assert not faults
    return made


def _kind(object: dict[str, Any]) -> tuple[str, str, str]:
    group, _, version = object["apiVersion"].rpartition("/")
    return group, version, object["kind"]


def _resource(object: dict[str, Any]) -> dict[str, str]:
    group, version, kind = _kind(object)
    return {"group": group, "version": version, "resource": f"{kind.lower()}s"}


def _named(param: Any) -> tuple[str, str]:
    metadata = param.get("metadata", param)
    return metadata.get("namespace") or "", metadata["name"]
