"""Rules of custom resource definitions: what they compile to, what they find, what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from admit.cel.env import Declarations, declarations
from admit.cel.escaping import escape, unescape
from admit.cel.evaluate import evaluate
from admit.cel.library import Overload
from admit.cel.schema import typed
from admit.cel.types import STRING
from admit.cel.validations import Budget, Expression, Validations, compile
from admit.cel.values import Value
from admit.errors import EvaluationError

Case: TypeAlias = dict[str, Any]

KUBERNETES = "1.37"


def rules(document: Mapping[str, Any]) -> Iterator[Case]:
    for group in document["groups"]:
        for i, row in enumerate(group["rules"]):
            yield {**group, **row, "id": f"{group['id']}/{i:02} {group['name']}"}


def levels(document: Mapping[str, Any]) -> Iterator[Case]:
    yield from document["levels"]


def messages(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["message_expression_tests"]:
        yield {**row, "id": f"crd-messages/{row['name']}"}


def compilations(document: Mapping[str, Any]) -> Iterator[Case]:
    for i, row in enumerate(document["tests"]):
        yield {**row, "id": f"crd_compilation/{i:02} {row['name']}"}


def names(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["tests"]:
        yield {**row, "id": f"escaping/{row['unescaped']}"}
    for name in document["malformed"]:
        yield {"malformed": name, "id": f"escaping/{name}"}


@pytest.mark.cases("k8s-cel/crd_validation.json", rows=rules)
def test_evaluator(case: Case) -> None:
    _verify(case, _found(case, lambda expression, values: evaluate(expression.expr, values, expression.within)))


@pytest.mark.cases("k8s-cel/crd_validation.json", rows=rules)
def test_generated_code(case: Case) -> None:
    _verify(case, _found(case, lambda expression, values: expression.program(**values)))


@pytest.mark.cases("k8s-cel/crd_validation.json", rows=rules)
def test_violations(case: Case) -> None:
    budget = Budget(10_000_000)
    found = _validations(case).violations(case["object"], case.get("old_object"), budget)
    _verify(case, list(map(str, found)))
    if "expect_cost" in case:
        assert 10_000_000 - budget.left == int(case["expect_cost"])


@pytest.mark.cases("k8s-cel/crd_validation.json", rows=messages)
def test_messages(case: Case) -> None:
    rule = {"rule": case["rule"], "message": case["message"] or "", "messageExpression": case["message_expression"]}
    budget = Budget(case["cost_budget"], case["per_call_limit"])
    validations = Validations(case["schema"] | {"x-kubernetes-validations": [rule]}, KUBERNETES, resource=False)
    (found,) = validations.violations(case["object"], budget=budget)
    assert case["expect_message_contains"] in found.message
    assert case["expect_remaining_budget"] in (None, budget.left)


@pytest.mark.cases("k8s-cel/crd_compilation.json", rows=compilations)
def test_compilation(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if case["stored"]:
        monkeypatch.setattr(compile, "declarations", later)
    rule = {key: case[key] for key in ("rule", "message", "messageExpression", "optionalOldSelf") if key in case}
    validations = Validations(case["schema"] | {"x-kubernetes-validations": [rule]}, KUBERNETES, resource=False)
    (compiled,) = validations.root.rules
    match case["expect"]:
        case {"compile": "ok", **rest}:
            assert isinstance(compiled.rule, Expression) and not isinstance(compiled.message_expression, str)
            assert compiled.transition is rest.get("uses_old_self", compiled.transition)
        case {"error_contains": part}:
            assert isinstance(compiled.rule, str) and part in compiled.rule
        case {"message_expression_error_contains": part}:
            assert isinstance(compiled.message_expression, str) and part in compiled.message_expression


@pytest.mark.cases("k8s-cel/crd_validation.json", rows=levels)
def test_levels(case: Case) -> None:
    found = list(map(str, Validations(case["schema"], KUBERNETES).violations(case["object"])))
    assert found and all(any(part in each for part in case["errors_contain"]) for each in found)
    assert all(any(part in each for each in found) for part in case["errors_contain"])


@pytest.mark.cases("k8s-cel/escaping.json", rows=names)
def test_names(case: Case) -> None:
    if "malformed" in case:
        assert unescape(case["malformed"]) is None
    else:
        assert escape(case["unescaped"]) == case["escaped"]
        assert case["escaped"] is None or unescape(case["escaped"]) == case["unescaped"]


def later(*args: Any, **options: Any) -> Declarations:
    """With a function that only a later version has."""
    within = declarations(*args, **options)
    return replace(within, functions={**within.functions, "fakeFunction": (FAKE,)})


FAKE = Overload("fake", "fakeFunction", False, (STRING,), STRING, str.upper, "fake", 999, None, True, "", (), ())


def _validations(case: Case) -> Validations:
    schema = case["schema"] | {"x-kubernetes-validations": [{"rule": case["rule"]}]}
    return Validations(schema, KUBERNETES, resource=case["is_root"])


def _found(case: Case, evaluated: Callable[[Expression, Mapping[str, Value]], Value]) -> list[str]:
    """What is wrong, in the API server's words."""
    (rule,) = _validations(case).root.rules
    if not isinstance(rule.rule, Expression):
        return [f"rule compile error: {rule.rule}"]
    if rule.transition and case.get("old_object") is None:
        return []
    try:
        values = {"self": typed(case["schema"], case["object"], case["is_root"])}
        if "old_object" in case:
            values["oldSelf"] = typed(case["schema"], case["old_object"], case["is_root"])
        return [] if evaluated(rule.rule, values) is True else ["failed rule"]
    except EvaluationError as error:
        return [f"{error} evaluating rule: {rule.text}"]


def _verify(case: Case, found: list[str]) -> None:
    if case["expect"] == "error":
        assert any(case["error_contains"] in each for each in found), found
    else:
        assert not found
