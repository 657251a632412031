"""Rules of schemas: why they are refused, and what they find."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.validations import Budget, Validations

TEXT = {"type": "string", "maxLength": 10}


def ruled(schema: dict[str, Any], *rules: dict[str, Any] | str) -> dict[str, Any]:
    given = [{"rule": rule} if isinstance(rule, str) else rule for rule in rules]
    return {**schema, "x-kubernetes-validations": given}


def found(schema: dict[str, Any], value: Any, old: Any = None) -> list[str]:
    return list(map(str, Validations(schema, resource=False).violations(value, old)))


INTEGER = {"type": "integer"}
PATHS = [
    ("", ""),
    (".a", "a"),
    ("['a']", "a"),
    (".a.b", "a[b]"),
    (".a['b.c']", "a[b.c]"),
    ("['it\\'s']", "it's"),
    ("['it\\x27s']", None),
    (".list", "list"),
    (".list[0]", None),
    (".list.a", None),
    ("a", None),
    (".", None),
    (".a..b", None),
    (".none", None),
]


@pytest.mark.parametrize("path, shown", PATHS)
def test_field_paths(path: str, shown: str | None) -> None:
    values = {"type": "object", "additionalProperties": TEXT}
    schema = {"type": "object", "properties": {"a": values, "it's": TEXT, "list": {"type": "array", "items": values}}}
    validations = Validations(ruled(schema, {"rule": "true", "fieldPath": path}), resource=False)
    assert validations.root.rules[0].field_path == shown
    assert bool(validations.faults) is (shown is None)


FAULTS: list[tuple[dict[str, Any], list[str]]] = [
    (ruled(INTEGER, "self > 0"), []),
    (ruled(INTEGER, " ", {"message": "no"}), ["[0].rule: Required value: rule is not specified", "[1].rule: Required"]),
    (ruled(INTEGER, "self > ''"), ["rule: Invalid value: \"self > ''\": compilation failed: ERROR: <input>:1:6: "]),
    (ruled(INTEGER, "self"), ['rule: Invalid value: "self": cel expression must evaluate to a bool']),
    (
        ruled(INTEGER, {"rule": "true", "messageExpression": "1"}),
        ['messageExpression: Invalid value: "true": messageExpression must evaluate to a string'],
    ),
    (
        ruled(INTEGER, {"rule": "true", "optionalOldSelf": True}),
        ["optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"],
    ),
    (
        ruled({"type": "array", "items": {"type": "string"}}, "self.all(x, self.all(y, x == y))"),
        [
            "rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule",
            "rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3",
            "openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3",
        ],
    ),
    ({"type": "array", "maxItems": 20, "items": ruled(TEXT, "self.contains('a')")}, []),
    ({"type": "array", "items": ruled(INTEGER, "self > 0")}, []),
    (
        {"type": "array", "maxItems": 20, "items": ruled(TEXT, "self == oldSelf")},
        ["oldSelf cannot be used on the uncorrelatable portion of the schema within openAPIV3Schema"],
    ),
]


@pytest.mark.parametrize("schema, expected", FAULTS)
def test_faults(schema: dict[str, Any], expected: list[str]) -> None:
    faults = list(map(str, Validations(schema, resource=False).faults))
    assert len(faults) == len(expected)
    assert all(part in fault for part, fault in zip(expected, faults, strict=True))


PORTS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "properties": {"name": TEXT, "port": ruled(INTEGER, "self >= oldSelf")}},
}
NEW, OLD = [{"name": "a", "port": 1}, {"name": "b", "port": 2}], [{"name": "b", "port": 3}, {"name": "a", "port": 1}]
VIOLATIONS: list[tuple[dict[str, Any], Any, Any, list[str]]] = [
    (ruled(INTEGER, "self > 0"), 1, None, []),
    (ruled(INTEGER, "self > 0"), 0, None, ["Invalid value: 0: failed rule: self > 0"]),
    (ruled(INTEGER, {"rule": "false", "message": " no "}), 0, None, ["Invalid value: 0: no"]),
    (
        ruled(INTEGER, {"rule": "false", "messageExpression": "'not ' + string(self)"}),
        0,
        None,
        ["Invalid value: 0: not 0"],
    ),
    (
        ruled(INTEGER, {"rule": "false", "messageExpression": "'a\\nb'"}),
        0,
        None,
        ["Invalid value: 0: failed rule: false"],
    ),
    (ruled(INTEGER, {"rule": "false", "reason": "FieldValueForbidden"}), 0, None, ["Forbidden: failed rule: false"]),
    (ruled(INTEGER, {"rule": "false", "reason": "FieldValueDuplicate"}), 0, None, ["Duplicate value: 0"]),
    (
        ruled(INTEGER, "1 / self > 0"),
        0,
        None,
        ['Invalid value: "integer": division by zero evaluating rule: 1 / self > 0'],
    ),
    (
        ruled({"type": "object", "properties": {"a-b": TEXT}}, {"rule": "false", "fieldPath": "['a-b']"}),
        {},
        None,
        ["a-b: Invalid value: failed rule: false"],
    ),
    ({"type": "object", "additionalProperties": PORTS}, {"x": NEW}, None, []),
    (
        {"type": "object", "additionalProperties": PORTS},
        {"x": NEW},
        {"x": OLD},
        ["[x][1].port: Invalid value: 2: failed"],
    ),
    ({"type": "array", "items": ruled(INTEGER, "self == oldSelf")}, [1], [2], []),
    (
        ruled(INTEGER, {"rule": "oldSelf.hasValue()", "optionalOldSelf": True}),
        1,
        None,
        ["Invalid value: 1: failed rule"],
    ),
    (ruled(INTEGER, {"rule": "oldSelf.hasValue()", "optionalOldSelf": True}), 1, 1, []),
    (
        {**ruled(INTEGER, "true"), "allOf": [ruled({}, "self > 1")]},
        1,
        None,
        ["Invalid value: 1: failed rule: self > 1"],
    ),
    ({**INTEGER, "allOf": [ruled({}, "self > 1")]}, 1, None, []),
]


@pytest.mark.parametrize("schema, value, old, expected", VIOLATIONS)
def test_violations(schema: dict[str, Any], value: Any, old: Any, expected: list[str]) -> None:
    violations = found(schema, value, old)
    assert len(violations) == len(expected)
    assert all(each.startswith(start) for start, each in zip(expected, violations, strict=True))


def test_a_resource_has_a_name() -> None:
    rules = Validations(ruled({"type": "object"}, "self.metadata.name == 'a' && self.kind == 'A'"))
    assert not rules.faults
    assert not rules.violations({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "labels": {}}})


def test_budget() -> None:
    rules = Validations(ruled({"type": "array", "items": INTEGER}, "self.all(x, x > 0)", "false"), resource=False)
    budget = Budget(left=100)
    assert len(rules.violations([1], budget=budget)) == 1
    assert 0 < budget.left < 100
    stopped = "no further validation rules will be run"
    assert stopped in str(rules.violations([1] * 50, budget=budget)[-1]) and budget.left == -1
    assert stopped in str(rules.violations([1] * 50, budget=Budget(limit=10))[-1])
