"""Type checking of policies against the kinds of Kubernetes and of CustomResourceDefinitions."""

from __future__ import annotations

from typing import Any

import pytest

from admit.kubernetes.schemas import GroupVersionKind, Schemas
from admit.kubernetes.typecheck import checked_kinds, warnings

KINDS = Schemas(37)


def rule(group: str, version: str, *resources: str) -> dict[str, Any]:
    return {"apiGroups": [group], "apiVersions": [version], "resources": [*resources]}


DEPLOYMENTS = (rule("apps", "v1", "deployments"),)


def policy(*expressions: str, rules: Any = DEPLOYMENTS, **spec: Any) -> dict[str, Any]:
    validations = [{"expression": expression} for expression in expressions]
    return {"spec": {"matchConstraints": {"resourceRules": [*rules]}, "validations": validations, **spec}}


# an expression about a Deployment, and what is wrong with it
EXPRESSIONS = [
    ("object.spec.replicas > 1 && object.metadata.name != oldObject.metadata.name", ""),
    ("object.spec.replica > 1", "undefined field 'replica'"),
    ("object.spec.replicas == '1'", "found no matching overload for '_==_' applied to '(int, string)'"),
    ("object.spec == 1", "found no matching overload for '_==_' applied to '(Deployment.spec, int)'"),
    ("object.spec.template.spec.containers[0] == 1", "'(Deployment.spec.template.spec.containers.@idx, int)'"),
    ("object.spec.template.spec.containers.all(c, has(c.imag))", "undefined field 'imag'"),
    ("object.metadata.labels.app == 'a' && object.metadata.labels['a'] == 'b'", ""),
    ("object.metadata.creationTimestamp < timestamp('2026-01-01T00:00:00Z')", ""),
    ("object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == '1%'", ""),
    ("object.spec.template.spec.containers[0].resources.limits", "undefined field 'limits'"),  # quantities have no type
    ("object.spec.template.spec", ""),  # what it evaluates to is not asked
    (
        "authorizer.requestResource.check('get').allowed()",
        "unexpected failed resolution of 'kubernetes.authorization.Authorizer'",
    ),
    ("params.a", "undeclared reference to 'params'"),
    ("", "Syntax error: mismatched input '<EOF>'"),
]


@pytest.mark.parametrize("expression, problem", EXPRESSIONS)
def test_expressions(expression: str, problem: str) -> None:
    found = warnings(policy(expression), KINDS)
    assert [each.field_ref for each in found] == ["spec.validations[0].expression"] * bool(problem)
    assert all(problem in each.warning for each in found)


def test_text() -> None:
    rules = rule("apps", "v1", "deployments", "daemonsets"), rule("", "v1", "pods")
    (found,) = warnings(policy("true", "object.spec.replicas == 1", rules=rules), KINDS)
    assert found.place == ("spec", "validations", 1, "expression")
    problem = "ERROR: <input>:1:12: undefined field 'replicas'\n | object.spec.replicas == 1\n | ...........^\n"
    assert found.warning == f"/v1, Kind=Pod: {problem}\napps/v1, Kind=DaemonSet: {problem}"


def test_variables() -> None:
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "spec", "expression": "object.spec"},
        {"name": "containers", "expression": "variables.spec.template.spec.containers"},
        {"name": "wrong", "expression": "object.wrong"},
    ]
    found = warnings(
        policy(
            "variables.replicas == 'a'",
            "variables.spec.wrong && variables.containers == 1 && variables.wrong == 1",
            "variables.none",
            variables=variables,
        ),
        KINDS,
    )
    assert [each.field_ref for each in found] == ["spec.validations[0].expression", "spec.validations[2].expression"]


def test_messages() -> None:
    validations = [{"expression": "true", "messageExpression": "object.spec.nothing"}]
    found = warnings(policy() | {"spec": policy()["spec"] | {"validations": validations}}, KINDS)
    assert [each.field_ref for each in found] == ["spec.validations[0].messageExpression"]


@pytest.mark.parametrize(
    "kind, expression, problem",
    [
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "params.data.a == 1", "'(string, int)'"),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, "params == object", "'(Deployment@params, Deployment)'"),
        ({"apiVersion": "example.com/v1", "kind": "Unknown"}, "params.data.a == 1 && params == object", ""),
        ({"apiVersion": "a/b/c", "kind": "ConfigMap"}, "params.a", "undeclared reference to 'params'"),
    ],
)
def test_params(kind: dict[str, str], expression: str, problem: str) -> None:
    found = warnings(policy(expression, paramKind=kind), KINDS)
    assert bool(found) == bool(problem)
    assert all(problem in each.warning for each in found)


def test_custom_resources() -> None:
    names = {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}
    schema = {"type": "object", "properties": {"the-names": names, "namespace": {"type": "integer"}}}
    spec = {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}],
    }
    checked = policy(
        "object.the__dash__names.a == b'x' && object.__namespace__ == object.namespace && object.metadata.uid == 'a'",
        "object.the__dash__names.a == 'x'",
        "object.other",
        rules=(rule("example.com", "v1", "things"),),
    )
    found = warnings(checked, Schemas(37, ({"spec": spec},)))
    assert [each.place[2] for each in found] == [1, 2]
    assert warnings(checked, KINDS) == []


def test_at_most_ten_kinds() -> None:
    names = ["daemonsets", "deployments", "replicasets", "statefulsets", "controllerrevisions"]
    core = ["configmaps", "endpoints", "limitranges", "namespaces", "nodes", "pods", "secrets", "services", "bindings"]
    rules = rule("apps", "v1", *names), rule("", "v1", *core, "persistentvolumes", "podtemplates")
    kinds = checked_kinds(policy(rules=rules), KINDS)
    assert len(kinds) == 5 + 10
    assert GroupVersionKind("", "v1", "Service") not in kinds
    assert checked_kinds(policy(rules=(*rules, rule("batch", "v1", "jobs"))), KINDS) == kinds


@pytest.mark.parametrize("empty", [{}, {"spec": None}, {"spec": {"matchConstraints": None, "validations": None}}])
def test_nothing_to_check(empty: dict[str, Any]) -> None:
    assert warnings(empty, KINDS) == []
