"""What is said of policies and bindings: validate.yaml, and what a table does not show."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from admit.admission import apply
from admit.kubernetes.decode import dotted
from admit.kubernetes.validate import KINDS, Expression, defaulted, problems
from admit.rules.yaml import load

[DATA] = load((Path(__file__).parent / "validate.yaml").read_bytes(), "validate.yaml")
BASES: dict[str, dict[str, Any]] = DATA["bases"]


def changed(of: str, set: dict[str, Any], remove: list[str]) -> Any:
    operations = [{"op": "add", "path": path, "value": value} for path, value in set.items()]
    return apply(deepcopy(BASES[of]), [*operations, *({"op": "remove", "path": path} for path in remove)])


@pytest.mark.parametrize("row", DATA["rows"], ids=lambda row: str(row["says"][:1])[:60])
def test_says(row: dict[str, Any]) -> None:
    document = changed(row["of"], row.get("set", {}), row.get("remove", []))
    before = deepcopy(document)
    found = problems(document)
    assert [problem.text for problem in found] == row["says"]
    assert document == before
    for problem in found:
        if not problem.text.startswith(("no matches", "strict", *KINDS)):
            assert problem.text.startswith(f"{dotted(problem.path)}: ")


@pytest.mark.parametrize("of", BASES)
def test_base_is_in_order(of: str) -> None:
    assert problems(BASES[of]) == []
    assert problems(defaulted(BASES[of])) == []
    assert defaulted(defaulted(BASES[of])) == defaulted(BASES[of])


def test_defaults() -> None:
    spec = defaulted(BASES["vap"])["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert spec["matchConstraints"] == {
        **BASES["vap"]["spec"]["matchConstraints"],
        "resourceRules": [{**BASES["vap"]["spec"]["matchConstraints"]["resourceRules"][0], "scope": "*"}],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    }
    assert defaulted(changed("vap", {"/metadata": {"generateName": "a-"}}, []))["metadata"]["name"] == "a-00000"
    wrong = changed("vap", {"/spec": 3}, [])
    assert defaulted(wrong) is wrong


@pytest.mark.parametrize(
    "path, most, says",
    [
        ("/spec/matchConditions", 64, "spec.matchConditions: Too many: 65: must have at most 64 items"),
        ("/spec/auditAnnotations", 20, "must not have more than 20 auditAnnotations"),
    ],
)
def test_most(path: str, most: int, says: str) -> None:
    items = [{"name": f"a{i}", "expression": "true"} for i in range(most + 1)]
    if path.endswith("Annotations"):
        items = [{"key": item["name"], "valueExpression": "'x'"} for item in items]
    assert problems(changed("vap", {path: items[:-1]}, [])) == []
    [problem] = problems(changed("vap", {path: items}, []))
    assert says in problem.text


def test_longest_value_expression() -> None:
    def with_value(length: int) -> Any:
        annotations = [{"key": "a", "valueExpression": f" {'x' * length} "}]
        return changed("vap", {"/spec/auditAnnotations": annotations}, [])

    assert problems(with_value(5120)) == []
    [problem] = problems(with_value(5121))
    assert problem.text.endswith("valueExpression: Required value: must not exceed 5120 bytes in length")


def test_expressions_are_compiled_by_the_caller() -> None:
    """In the API server's order, and trimmed where it trims; not those that are missing."""
    seen: list[tuple[str, str, str]] = []

    def compile(expression: Expression) -> str | None:
        seen.append((dotted(expression.path), expression.text, expression.role))
        return "compilation failed" if expression.role in ("validation", "auditAnnotation", "jsonPatch") else None

    policy = changed(
        "vap",
        {
            "/spec/validations": [{"expression": " a ", "messageExpression": " b "}, {"expression": " "}],
            "/spec/variables": [{"name": "v", "expression": " c "}],
            "/spec/matchConditions": [{"name": "m", "expression": " d "}],
            "/spec/auditAnnotations": [{"key": "k", "valueExpression": " e "}],
        },
        [],
    )
    assert [problem.text for problem in problems(policy, compile)] == [
        'spec.validations[0].expression: Invalid value: " a ": compilation failed',
        "spec.validations[1].expression: Required value: expression is not specified",
        'spec.auditAnnotations[0].valueExpression: Invalid value: " e ": compilation failed',
    ]
    mutations = [
        {"patchType": "JSONPatch", "jsonPatch": {"expression": " f "}},
        {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": " g "}},
    ]
    [problem] = problems(changed("map", {"/spec/mutations": mutations}, []), compile)
    assert problem.text == 'spec.mutations[0].jsonPatch.expression: Invalid value: "f": compilation failed'
    assert seen == [
        ("spec.matchConditions[0].expression", "d", "matchCondition"),
        ("spec.variables[0].expression", " c ", "variable"),
        ("spec.validations[0].expression", " a ", "validation"),
        ("spec.validations[0].messageExpression", " b ", "messageExpression"),
        ("spec.auditAnnotations[0].valueExpression", "e", "auditAnnotation"),
        ("spec.mutations[0].jsonPatch.expression", "f", "jsonPatch"),
        ("spec.mutations[1].applyConfiguration.expression", "g", "applyConfiguration"),
    ]
