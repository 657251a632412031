"""ValidatingAdmissionPolicy: what its decisions come to under a binding, as the API server has it.

Source: k8s.io/apiserver, plugin/policy/validating (dispatcher.go).
"""

from __future__ import annotations

from functools import partial

from admit.admission import Finding
from admit.engine.case import Case
from admit.engine.tally import strongest
from admit.engine.upstream import AUTHORIZER, Invocation, Misconfigured, invocations
from admit.errors import EvaluationError
from admit.plan.ir import Group
from admit.plan.run import Runner
from admit.plan.validating import Ruling, Verdict, validate


def judge(case: Case, group: Group, runner: Runner) -> None:
    """Adds to the tally what the policy says of the request; `runner` is asked first whether it says anything."""
    policy, binding = runner.step.lowered.policy, group.bound.binding
    try:
        for invocation in invocations(case, group):
            if invocation.matched.kind == case.request.kind:
                case.scope["params"] = invocation.param
                if runner.is_silent(case.scope):
                    continue
            _count(case, invocation, _verdict(case, invocation))
    except Misconfigured as error:
        if policy.failure_policy == "Fail":
            named = f" with binding '{binding.name}'" if error.of_binding else ""
            text = f"ValidatingAdmissionPolicy '{policy.name}'{named} denied request: {error}"
            finding = Finding(policy.name, binding.name, "paramRef", str(error), None, "Deny", policy.severity)
            case.tally.deny(text, "Invalid", [finding])


def _verdict(case: Case, invocation: Invocation) -> Verdict:
    lowered, composed = invocation.lowered, invocation.composed
    scope = invocation.scope(case)
    unasked = {name: value for name, value in scope.items() if name not in AUTHORIZER}
    conditions = [condition.expression for condition in lowered.match_conditions]
    messages = [validation.messages[0] if validation.messages else None for validation in lowered.validations]
    values = [annotation.value_expression for annotation in lowered.audit_annotations]
    try:
        case.check_time()
    except EvaluationError as error:
        return Verdict((Ruling(invocation.policy.failure_policy == "Fail", str(error), failed=True),))
    return validate(
        invocation.policy.validations,
        invocation.policy.audit_annotations,
        invocation.policy.failure_policy,
        partial(composed.evaluate, conditions, invocation.conditions(case)),
        partial(composed.evaluate, [validation.verdict for validation in lowered.validations], scope),
        partial(composed.evaluate, messages, unasked),
        partial(composed.evaluate, values, unasked),
    )


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
            tally.findings.append(finding)
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
