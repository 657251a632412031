"""ValidatingAdmissionPolicy: what its decisions come to under a binding, as the API server has it.

Source: k8s.io/apiserver, plugin/policy/validating (dispatcher.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from admit.admission import Finding
from admit.cel.ast import Expr
from admit.cel.values import Value
from admit.engine.case import Case
from admit.engine.tally import strongest
from admit.engine.upstream import Invocation, Misconfigured, invocations
from admit.errors import EvaluationError
from admit.plan.composed import Composed
from admit.plan.expressions import NO_AUTHORIZER
from admit.plan.ir import Group
from admit.plan.run import Runner
from admit.plan.validating import Ruling, Verdict, validate
from admit.rules.lower import Lowered


def judge(case: Case, group: Group, runner: Runner) -> None:
    """Adds to the tally what the policy says of the request; `runner` is asked first whether it says anything."""
    policy, binding = runner.step.lowered.policy, group.bound.binding
    try:
        for invocation in invocations(case, group):
            if invocation.matched.kind == case.request.kind:
                case.scope["params"] = invocation.param
                if runner.is_silent(case.scope):
                    continue
            _count(case, invocation, _verdict(case, invocation, runner))
    except Misconfigured as error:
        if policy.failure_policy == "Fail":
            named = f" with binding '{binding.name}'" if error.of_binding else ""
            text = f"ValidatingAdmissionPolicy '{policy.name}'{named} denied request: {error}"
            finding = Finding(policy.name, binding.name, "paramRef", str(error), None, "Deny", policy.severity)
            case.tally.deny(text, "Invalid", [finding])


def _verdict(case: Case, invocation: Invocation, runner: Runner) -> Verdict:
    """By the functions of the plan; where one errs, or may have cost too much, to the letter."""
    try:
        case.check_time()
    except EvaluationError as error:
        return Verdict((Ruling(invocation.policy.failure_policy == "Fail", str(error), failed=True),))
    if invocation.matched.kind == case.request.kind:
        try:
            return _validated(invocation, runner.step.lowered, _Sure(runner), case.scope, case.scope)
        except _Unsure:
            pass
    scope, conditions = invocation.scope(case), invocation.conditions(case)
    return _validated(invocation, invocation.lowered, invocation.composed, scope, conditions)


def _validated(
    invocation: Invocation,
    lowered: Lowered,
    evaluator: Composed | _Sure,
    scope: Mapping[str, Value],
    conditions: Mapping[str, Value],
) -> Verdict:
    unasked = {**scope, **NO_AUTHORIZER}
    evaluate = evaluator.evaluate
    messages = [validation.messages[0] if validation.messages else None for validation in lowered.validations]
    return validate(
        invocation.policy.validations,
        invocation.policy.audit_annotations,
        invocation.policy.failure_policy,
        partial(evaluate, [condition.expression for condition in lowered.match_conditions], conditions),
        partial(evaluate, [validation.verdict for validation in lowered.validations], scope),
        partial(evaluate, messages, unasked),
        partial(evaluate, [annotation.value_expression for annotation in lowered.audit_annotations], unasked),
    )


class _Unsure(Exception):
    """Something erred, or the budget may not have sufficed."""


@dataclass(frozen=True, slots=True)
class _Sure:
    """The functions of the plan, as far as there is no doubt about what they give."""

    runner: Runner

    def evaluate(
        self, expressions: Sequence[Expr | None], scope: Mapping[str, Value], budget: int
    ) -> tuple[list[Value], int]:
        try:
            return self.runner.expressions.values(expressions, scope, budget)
        except EvaluationError:
            raise _Unsure from None


def _count(case: Case, invocation: Invocation, verdict: Verdict) -> None:
    policy, binding, tally = invocation.policy, invocation.binding, case.tally
    for index, ruling in enumerate(verdict.rulings):
        if not ruling.denied:
            continue
        rule = f"validations[{index}]" if index < len(policy.validations) else "matchConditions"
        finding = Finding(policy.name, binding.name, rule, ruling.message, None, strongest(binding), policy.severity)
        for action in binding.validation_actions:
            match action:
                case "Deny":
                    tally.deny(_denied(invocation, ruling.message), ruling.reason or "Invalid", [finding])
                case "Warn":
                    tally.warnings.append(
                        f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' "
                        f"with binding '{binding.name}': {ruling.message}"
                    )
                case "Audit":
                    tally.audit(ruling.message, binding, index)
        if "Deny" not in binding.validation_actions:
            tally.findings += [finding]
    for note in verdict.notes:
        if note.value is not None:
            tally.annotate(f"{policy.name}/{note.key}", note.value)
        elif note.error is not None:  # denies whatever the actions
            rule = f"auditAnnotations[{note.key}]"
            finding = Finding(policy.name, binding.name, rule, note.error, None, "Deny", policy.severity)
            tally.deny(_denied(invocation, note.error), "Invalid", [finding])


def _denied(invocation: Invocation, message: str) -> str:
    names = f"'{invocation.policy.name}' with binding '{invocation.binding.name}'"
    return f"ValidatingAdmissionPolicy {names} denied request: {message}"
