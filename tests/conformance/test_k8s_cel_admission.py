"""The expressions of admission policies: their values, with an authorizer that the tests describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel import Program
from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.cost import LIMIT
from admit.cel.env import Declarations, admission
from admit.cel.evaluate import evaluate
from admit.cel.library.authorization import Attributes, Authorizer, User, Verdict, request_resource
from admit.cel.link import link, parse_in
from admit.cel.types import DYN
from admit.cel.values import Value, decode, encode
from admit.errors import CompileError, EvaluationError
from admit.plan.composed import Composed
from admit.plan.validating import BUDGET

Case: TypeAlias = dict[str, Any]

NAMES = {
    "path": "path",
    "verb": "verb",
    "aPIGroup": "group",
    "resource": "resource",
    "subresource": "subresource",
    "namespace": "namespace",
    "name": "name",
}


def expressions(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["conditions"]:
        for i, each in enumerate(row["expressions"]):
            yield {**row, **each, "id": f"{row['id']}/{i}"}


def budgets(document: Mapping[str, Any]) -> Iterator[Case]:
    yield from document["cost_budget"]


def compositions(document: Mapping[str, Any]) -> Iterator[Case]:
    yield from document["composition"]


def is_limited(case: Case) -> bool:
    return "per_call_limit" in case


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=expressions, where=lambda case: not is_limited(case))
def test_evaluator(case: Case) -> None:
    within, values = _declarations(case), _values(case)
    _verify(case, lambda: evaluate(check(parse_in(within, case["expr"]), within), values, within))


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=expressions, where=lambda case: not is_limited(case))
def test_generated_code(case: Case) -> None:
    values = _values(case)
    _verify(case, lambda: _program(case["expr"], case)(**values))


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=expressions)
def test_counted(case: Case) -> None:
    limit = case.get("per_call_limit", LIMIT)
    _verify(case, lambda: _program(case["expr"], case).counted(limit, **_values(case))[0])


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=budgets)
def test_budgets(case: Case) -> None:
    case = {"authorizer": {"default": {"decision": "Deny"}}, **case}
    left, errors = int(case["budget"]), ""
    for text in case["expressions"]:
        try:
            _, cost = _program(text, {**case, "expr": text}).counted(**_values({**case, "expr": text}))
        except EvaluationError as error:
            errors, cost = f"{errors}{error}", error.cost or 0
        left -= cost
    expected = case["expect"]
    assert (left < 0) is expected["exceed_budget"]
    assert expected.get("some_result_error_contains", "") in errors
    if "remaining_budget" in expected:
        assert left == int(expected["remaining_budget"])


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=compositions)
def test_variables(case: Case) -> None:
    _verify(case, lambda: _composed(case))


def _composed(case: Case) -> Value:
    """The value of an expression over variables, within a budget."""
    within, variables = admission("1.37", variables={}), dict[str, Expr]()
    for variable in case["variables"]:
        variables[variable["name"]] = check(parse_in(within, variable["expression"]), within)
        within = admission("1.37", variables={name: expr.type or DYN for name, expr in variables.items()})
    expression = check(parse_in(within, case["expr"]), within)
    scope = {name: case.get(name) for name in ("object", "oldObject", "request")}
    (outcome,), _ = Composed(variables, within).evaluate([expression], scope, int(case.get("budget", BUDGET)))
    if isinstance(outcome, EvaluationError):
        raise outcome
    return outcome


def _program(text: str, case: Case) -> Program:
    within = _declarations(case)
    return link(check(parse_in(within, text), within), tuple(within.variables), within)


def _declarations(case: Case) -> Declarations:
    version = "1.37"
    if "authorizer" not in case and case.get("env") != "StoredExpressions":  # 1.31 has selectors only if asked to
        version = case.get("compatibility_version", version)
    return admission(version, params=case["has_params"], authorizer="authorizer" in case)


def _values(case: Case) -> dict[str, Value]:
    values = {name: case.get(name) for name in ("object", "oldObject", "request", "namespaceObject")}
    if case["has_params"]:
        values["params"] = case.get("params")
    if "authorizer" in case:
        request, described = case["request"], case["authorizer"]
        asking = Authorizer(User(""), lambda asked: _answer(described, asked, case["expr"]))
        values["authorizer"] = asking
        of = (request["resource"]["group"], request["resource"]["resource"], request["subResource"])
        values["authorizer.requestResource"] = request_resource(asking, *of, request["namespace"], request["name"])
    return values


def _answer(described: Mapping[str, Any], asked: Attributes, text: str) -> Verdict:
    wanted = described.get("allow_if_attributes_equal")
    if wanted is not None and asked == _attributes(wanted, text):
        return Verdict(True)
    default = described["default"]
    return Verdict(default["decision"] == "Allow", default.get("reason", ""), default.get("error"))


def _attributes(row: Mapping[str, Any], text: str) -> Attributes:
    """The row's; of selectors that cannot be read, upstream has an error, and ours the selector as it is written."""
    user = row.get("user", {})
    known = {ours: row[theirs] for theirs, ours in NAMES.items() if theirs in row}
    for field in row.get("fieldSelectorRequirements", ()):
        known["field_selector"] = "{field}{operator}{value}".format(**field)
    for label in row.get("labelSelectorRequirements", ()):
        known["label_selector"] = "{key}{operator}{values[0]}".format(**label)
    for kind in ("field", "label"):
        if f"{kind}SelectorParsingErr" in row:
            (known[f"{kind}_selector"],) = re.findall(rf"{kind}Selector\('(.*?)'\)", text)
    return Attributes(User(user.get("name", ""), groups=tuple(user.get("groups", ()))), **known)


def _verify(case: Case, evaluated: Callable[[], Value]) -> None:
    match case["expect"]:
        case {"value": expected}:
            assert encode(evaluated()) == encode(decode(expected))
        case {"error_contains": part}:
            assert part in _failure(case["expr"], evaluated)
        case other:
            raise AssertionError(f"no way to verify {other}")


def _failure(text: str, evaluated: Callable[[], Value]) -> str:
    """The error as the API server words it."""
    with pytest.raises((CompileError, EvaluationError)) as caught:
        evaluated()
    if isinstance(caught.value, CompileError):
        return f"compilation error: compilation failed: {caught.value}"
    return f"expression '{text}' resulted in error: {caught.value}"
