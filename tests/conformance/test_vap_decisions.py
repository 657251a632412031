"""What the API server makes of the outcomes of a policy's expressions, by its own tables: the outcomes are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pytest

from admit.cel.ast import Literal
from admit.cel.values import decode
from admit.errors import EvaluationError
from admit.plan.validating import BUDGET, Evaluate, Outcome, applies, validate
from admit.rules.model import AuditAnnotation, Template, Validation
from admit.source import Source

Case: TypeAlias = dict[str, Any]

EXHAUSTED = "validation failed due to running out of cost budget, no further validation rules will be run"


def conditions(document: Mapping[str, Any]) -> Iterator[Case]:
    yield from document["match_conditions"]


@pytest.mark.cases("k8s-cel/vap_decisions.json")
def test_decisions(case: Case) -> None:
    validations, audit = case.get("validations", []), case.get("audit", [])
    messages = case.get("messages") or [{}] * len(validations)
    matcher = case.get("matcher", {"matches": True})
    broken = case.get("filters_fail_with")
    verdict = validate(
        [validation(row.get("validation", {})) for row in validations],
        [AuditAnnotation("key", expression(row["validation"]["valueExpression"])) for row in audit],
        case["failurePolicy"] or "Fail",
        given([EvaluationError(matcher["error"])] if "error" in matcher else [matcher["matches"]], None),
        given([outcome(row) for row in validations], broken),
        given([outcome(row) for row in messages], broken),
        given([outcome(row) for row in audit], broken),
        case.get("cost_budget", BUDGET),
    )
    assert len(verdict.rulings) == len(case["expect"])
    for ruling, expected in zip(verdict.rulings, case["expect"], strict=True):
        assert ruling.denied is (expected["action"] == "deny")
        assert expected["message_contains"] in ruling.message
        assert ruling.reason == expected["reason"]
    noted = [(note.value, note.error) for note in verdict.notes]
    assert noted == [
        (row.get("value"), row["error"] if row["action"] == "error" else None) for row in case.get("expect_audit", ())
    ]


@pytest.mark.cases("k8s-cel/matching.json", rows=conditions)
def test_match_conditions(case: Case) -> None:
    evaluate = given([outcome(row) for row in case["results"]], case.get("filter_fails_with"))
    if "error_contains" in case["expect"]:
        with pytest.raises(EvaluationError, match=case["expect"]["error_contains"]):
            applies(evaluate, case["failurePolicy"] or "Fail")
    else:
        assert applies(evaluate, case["failurePolicy"] or "Fail") is case["expect"]["matches"]


def given(outcomes: Sequence[Outcome], broken: str | None) -> Evaluate:
    """Costs 1 a call, if there is anything to evaluate."""

    def evaluate(budget: int) -> tuple[Sequence[Outcome], int]:
        if broken is not None:
            raise EvaluationError(broken)
        if budget <= 0:
            raise EvaluationError(EXHAUSTED)
        return outcomes, budget - 1

    return evaluate


def outcome(row: Mapping[str, Any]) -> Outcome:
    if "error" in row:
        return EvaluationError(row["error"] or "")
    if "result" not in row or "type" in row["result"]:
        return None
    return decode(row["result"])


def validation(row: Mapping[str, Any]) -> Validation:
    message = Template((row["message"],)) if "message" in row else None
    return Validation("", expression(row.get("expression", "")), message=message, reason=row.get("reason", "Invalid"))


def expression(text: str) -> Literal:
    return Literal("bool", True, span=Source(text).span(0, len(text)))
