"""Kubewarden's documents beyond the table: groups of any expression, time that is over, what is told once."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import admit
from admit.admission import from_manifest
from admit.cel.parse import parse
from admit.engine.kubewarden import holds
from admit.source import Source

JOINED = {"&&": "and", "||": "or", "==": "==", "!=": "!="}
EXPRESSIONS = st.recursive(
    st.sampled_from([("a()", "a()"), ("b()", "b()"), ("c()", "c()"), ("true", "True"), ("false", "False")]),
    lambda inner: (
        inner.map(lambda each: (f"!{each[0]}", f"(not {each[1]})"))
        | st.tuples(inner, st.sampled_from([*JOINED]), inner).map(
            lambda parts: tuple(f"({parts[0][i]} {(parts[1], JOINED[parts[1]])[i]} {parts[2][i]})" for i in (0, 1))
        )
    ),
    max_leaves=8,
)
"""In CEL and in Python."""


@given(EXPRESSIONS, st.sets(st.sampled_from("abc")))
def test_a_group_is_what_its_expression_says(expression: tuple[str, str], allowing: set[str]) -> None:
    cel, python = expression
    asked: list[str] = []

    def allows(name: str) -> bool:
        asked.append(name)
        return name in allowing

    found, order = holds(parse(Source(cel)), allows), [*asked]
    asked.clear()
    assert found == eval(python, {name: partial(allows, name) for name in "abc"})
    assert order == asked  # and no member more


@given(EXPRESSIONS, st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("abc")))
def test_a_group_hangs_on_no_member_that_errs(
    expression: tuple[str, str], allowing: set[str], erring: set[str]
) -> None:
    def allows(name: str) -> bool | None:
        return None if name in erring else name in allowing

    found = holds(parse(Source(expression[0])), allows)
    for wrongly in ({*erring}, set(), {"a"}, {"b"}):  # whatever those had said
        said = (allowing - erring) | (erring & wrongly)
        members = {name: partial(said.__contains__, name) for name in "abc"}
        assert found is None or found == eval(expression[1], members)


POLICIES = {
    "protects": {"module": "pod-privileged"},
    "watches": {"module": "pod-privileged", "policyMode": "monitor"},
    "groups": {"policies": {"a": {"module": "pod-privileged"}}, "expression": "a()", "message": "not so"},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "web", "securityContext": {"privileged": True}}]},
}


def test_no_policy_is_begun_when_the_time_is_over() -> None:
    engine, request = admit.load([POLICIES]), from_manifest(POD)
    late = "Policy execution interrupted because it exceeded the allowed execution time"
    decision = engine.answer(request, binding="protects", deadline=time.monotonic() - 1)
    assert (decision.allowed, decision.message, decision.code) == (False, late, 500)
    decision = engine.answer(request, binding="groups", deadline=time.monotonic() - 1)
    assert decision.response["response"]["status"] == {
        "message": "not so",
        "details": {"causes": [{"field": "spec.policies.a", "message": late}]},
    }


def test_what_monitor_mode_lets_through_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    engine = admit.load([POLICIES])
    with caplog.at_level(logging.INFO, "admit.kubewarden"):
        assert engine.decide(POD, binding="watches").allowed
    assert "passes watches in monitor mode: Privileged container is not allowed" in caplog.text


def test_a_binding_of_another_kind_may_have_the_name() -> None:
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "protects"}}
    scope = [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]
    spec = {"matchConstraints": {"resourceRules": scope}, "validations": [{"expression": "false"}]}
    binding = {"policyName": "protects", "validationActions": ["Deny"]}
    upstream = [
        {**head, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]
    decision = admit.load([POLICIES, *upstream]).decide(POD, binding="protects")
    assert decision.message == "Privileged container is not allowed"


GROUP = {"a": {"module": "pod-privileged"}, "b": {"module": "safe-labels", "settings": {"mandatory_labels": ["team"]}}}
GLANCES = [
    ({"module": "pod-privileged"}, True),
    (
        {"module": "capabilities-psp", "allowedToMutate": True, "settings": {"required_drop_capabilities": ["KILL"]}},
        False,
    ),
    ({"policies": GROUP, "expression": "a() || b()", "message": "not so"}, True),
    ({"policies": GROUP, "expression": "a() && (b() || true)", "message": "not so"}, True),
    ({"policies": GROUP, "expression": "a() && !b()", "message": "not so"}, False),
]


@pytest.mark.parametrize("entry, seen", GLANCES)
def test_a_glance_is_enough_for_what_has_nothing_to_say(entry: dict[str, Any], seen: bool) -> None:
    engine = admit.load([{"id": entry}])
    plain = {**POD, "spec": {"containers": [{"name": "web"}]}}
    request = {**from_manifest(plain).raw, "uid": "7"}
    review = orjson.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
    for route, binding in (("validate", "id"), ("audit", "id"), ("mutate", None)):
        assert engine.review(review, route, binding).allowed
        assert (engine.glance(review, route=route, binding=binding) == "7") is seen
