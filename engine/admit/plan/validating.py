"""What a ValidatingAdmissionPolicy makes of what its expressions gave: decisions, messages, audit annotations.

Source: k8s.io/apiserver, plugin/policy/validating (validator.go) and plugin/webhook/matchconditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from admit.cel.ast import Expr
from admit.cel.values import Value, type_of
from admit.errors import EvaluationError
from admit.rules.model import AuditAnnotation, Constraint, FailurePolicy, Validation
from admit.rules.plain import shown

CONDITIONS_BUDGET = 2_500_000
BUDGET = 10_000_000

Outcome: TypeAlias = Value | EvaluationError
Evaluate: TypeAlias = Callable[[int], tuple[Sequence[Outcome], int]]
"""Evaluates some expressions within a budget, and gives what is left of it; an error's text is whole.

Raises EvaluationError where the budget does not suffice.
"""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one validation comes to. `reason` is empty where `failed`, that is, where there is no telling."""

    denied: bool
    message: str = ""
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What one audit annotation comes to: a value, an error, or neither."""

    key: str
    value: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    rulings: tuple[Ruling, ...] = ()
    notes: tuple[Note, ...] = ()


def applies(evaluate: Evaluate, failure_policy: FailurePolicy) -> bool:
    """Whether the matchConditions let a policy apply: one that is false outweighs all errors. Raises EvaluationError
    under Fail."""
    try:
        outcomes, _ = evaluate(CONDITIONS_BUDGET)
    except EvaluationError:
        if failure_policy == "Fail":
            raise
        return False
    if any(outcome is False for outcome in outcomes):
        return False
    errors = dict.fromkeys(str(outcome) for outcome in outcomes if isinstance(outcome, EvaluationError))
    if errors and failure_policy == "Fail":
        text = ", ".join(errors)
        raise EvaluationError(text if len(errors) == 1 else f"[{text}]")
    return not errors


def validate(
    written: Sequence[Validation],
    annotations: Sequence[AuditAnnotation],
    failure_policy: FailurePolicy,
    conditions: Evaluate,
    validations: Evaluate,
    messages: Evaluate,
    values: Evaluate,
    budget: int = BUDGET,
) -> Verdict:
    """The verdict on one request, with one parameter. `messages` gives null where there is no messageExpression."""
    fail = failure_policy == "Fail"
    try:
        if not applies(conditions, failure_policy):
            return Verdict()
        outcomes, left = validations(budget)
    except EvaluationError as error:
        return _failed(error, fail)
    try:
        said, _ = messages(left)
    except EvaluationError as error:
        rulings = [
            Ruling(
                fail, str(o) if isinstance(o, EvaluationError) else f"failed messageExpression: {error}", failed=True
            )
            for o in outcomes
        ]
    else:
        rulings = [_ruling(*each, fail) for each in zip(written, outcomes, said, strict=True)]
    try:
        noted, _ = values(budget)
    except EvaluationError as error:
        return _failed(error, fail)
    notes = [_note(*each, fail) for each in zip(annotations, noted, strict=True)]
    return Verdict(tuple(rulings), tuple(notes))


def _failed(error: EvaluationError, fail: bool) -> Verdict:
    return Verdict((Ruling(fail, str(error), failed=True),))


def _ruling(written: Validation, outcome: Outcome, said: Outcome, fail: bool) -> Ruling:
    if isinstance(outcome, EvaluationError):
        return Ruling(fail, str(outcome), failed=True)
    return Ruling(False) if outcome is True else Ruling(True, _message(written, said), written.reason)


def _message(written: Validation, said: Outcome) -> str:
    """What the messageExpression says, if it can be shown in one line; the message; the expression."""
    if text := shown(said):
        return text
    fixed = "".join(map(str, written.message.parts)).strip() if written.message is not None else ""
    return fixed or f"failed expression: {text_of(written.rule).strip()}"


def _note(written: AuditAnnotation, outcome: Outcome, fail: bool) -> Note:
    match outcome:
        case EvaluationError():
            return Note(written.key, error=str(outcome) if fail else None)
        case str():
            return Note(written.key, outcome.strip() or None)
        case None:
            return Note(written.key)
        case _:
            said = f"valueExpression '{text_of(written.value_expression)}' resulted in unsupported return type"
            found = f"{said}: {type_of(outcome)}. Return type must be either string or null."
            return Note(written.key, error=found)


def text_of(written: Expr | Constraint) -> str:
    """An expression as it is written, white space and all."""
    return written.span.source.text
