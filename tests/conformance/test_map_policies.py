"""MutatingAdmissionPolicies from documents to the object that they leave, by the API server's own tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel.library.authorization import Verdict
from admit.engine import Engine, mutating
from admit.errors import Fault
from admit.kubernetes.normalise import bare
from admit.rules.upstream import lower, parsed
from admit.rules.yaml import document_of

Case: TypeAlias = dict[str, Any]

API_VERSION = "admissionregistration.k8s.io/v1"
EVERYTHING = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}


def policies(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["policies"]:
        binding: dict[str, Any] = {"metadata": {"name": "binding"}, "spec": {}}
        if "params" in row:
            binding["spec"]["paramRef"] = {"selector": {}, "namespace": "default"}
        param = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "p", "namespace": "default"}}
        params = [{**param, **row["params"]}] if "params" in row else []
        yield {**row, "params": params, "hooks": [{"policy": row["policy"], "bindings": [binding]}]}


def dispatched(document: Mapping[str, Any]) -> Iterator[Case]:
    yield from document["dispatch"]


@pytest.mark.cases("k8s-cel/map_mutations.json", rows=policies)
def test_policy(case: Case) -> None:
    _verify(case)


@pytest.mark.cases("k8s-cel/map_mutations.json", rows=dispatched)
def test_dispatch(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def redefaulted(before: Any, after: dict[str, Any], schemas: Any) -> dict[str, Any]:
        return {
            **after,
            "spec": {**after["spec"], "strategy": after["spec"].get("strategy") or {"type": "RollingUpdate"}},
        }

    monkeypatch.setattr(mutating, "redefaulted", redefaulted)
    _verify(case)


def _verify(case: Case) -> None:
    engine, request = _stored(case), case["request"]
    review = {"uid": "1", "namespace": case.get("namespaceObject", {}).get("metadata", {}).get("name", ""), **request}
    decision = engine.review({**review, "object": case["object"]})
    if "error_contains" in case["expect"]:
        assert case["expect"]["error_contains"] in decision.message
        assert decision.code == 403
    else:
        assert decision.allowed, decision.message
        assert bare(decision.object) == bare({"apiVersion": "apps/v1", "kind": "Deployment"} | case["expect"]["object"])


def _stored(case: Case) -> Engine:
    bounds = []
    for hook in case["hooks"]:
        policy = _parsed("MutatingAdmissionPolicy", hook["policy"])
        for binding in hook["bindings"]:
            spec = {"policyName": policy.name, **binding["spec"]}
            bounds.append(lower(_parsed("MutatingAdmissionPolicyBinding", {**binding, "spec": spec}), policy, "1.37"))
    assert not any(faults for _, faults in bounds)
    return Engine(
        tuple(bound for bound, _ in bounds), "1.37", params=tuple(case["params"]), authorizer=lambda _: Verdict(True)
    )


def _parsed(kind: str, document: dict[str, Any]) -> Any:
    faults: list[Fault] = []
    spec = {**document["spec"]}
    if kind == "MutatingAdmissionPolicy":
        spec.setdefault("matchConstraints", {"resourceRules": [EVERYTHING]})
    made = parsed(document_of({"apiVersion": API_VERSION, "kind": kind, **document, "spec": spec}, "stored"), faults)
    assert not faults
    return made
