"""MutatingAdmissionPolicies that are run again: which, and when. Source: reinvocationcontext_test.go of apiserver."""

from __future__ import annotations

from typing import Any

import pytest

import admit

API = "admissionregistration.k8s.io/v1"


def policy(name: str, expression: str, reinvocation: str = "IfNeeded", condition: str = "true") -> list[dict[str, Any]]:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "if", "expression": condition}],
        "reinvocationPolicy": reinvocation,
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    binding = {"policyName": name}
    return [
        {"apiVersion": API, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": API, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    ]


def wrote(key: str, text: str) -> str:
    """A mutation that adds to a text, so that each run of it is to be seen."""
    return f"[JSONPatch{{op: 'add', path: '/data/{key}', value: object.data.?{key}.orValue('') + {text}}}]"


def data(*policies: list[dict[str, Any]]) -> dict[str, str]:
    documents = [document for each in policies for document in each]
    object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {}}
    decision = admit.load(documents).decide(object)
    assert decision.allowed, decision.message
    assert decision.object is not None
    return decision.object["data"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("second", ["Never", "IfNeeded"])
def test_a_policy_sees_what_later_ones_did(second: str) -> None:
    first = policy("first", wrote("a", "object.data.?b.orValue('-')"))
    assert data(first, policy("second", wrote("b", "'b'"), second)) == {
        "a": "-b",
        "b": "b" if second == "Never" else "bb",
    }


def test_one_that_never_is_run_again_is_not() -> None:
    assert data(policy("first", wrote("a", "'a'"), "Never"), policy("second", wrote("b", "'b'"), "Never")) == {
        "a": "a",
        "b": "b",
    }


def test_one_that_was_not_run_is_not_run_later_either() -> None:
    waiting = policy("first", wrote("a", "'a'"), condition="has(object.data.b)")
    assert data(waiting, policy("second", wrote("b", "'b'"), "Never")) == {"b": "b"}


def test_one_whose_condition_no_longer_holds_is_not_run_again() -> None:
    once = policy("first", wrote("a", "'a'"), condition="!has(object.data.a)")
    assert data(once, policy("second", wrote("b", "'b'"), "Never")) == {"a": "a", "b": "b"}


def test_rules_of_ours_count_as_others() -> None:
    ours = {
        "apiVersion": "admit.dev/v1",
        "kind": "Policy",
        "metadata": {"name": "ours"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ]
            },
            "mutations": [{"set": "object.data.b", "to": "'ours'"}],
        },
    }
    first = policy("first", wrote("a", "object.data.?b.orValue('-')"))
    assert data(first, [ours]) == {"a": "-ours", "b": "ours"}


def test_an_object_without_a_version_is_given_none() -> None:
    kind = {"group": "", "version": "v1", "kind": "ConfigMap"}
    request = {"uid": "1", "kind": kind, "operation": "CREATE", "object": {"metadata": {"name": "c"}, "data": {}}}
    decision = admit.load(policy("first", wrote("a", "'a'"), "Never")).review(request)
    assert decision.patch == [{"op": "add", "path": "/data/a", "value": "a"}]
