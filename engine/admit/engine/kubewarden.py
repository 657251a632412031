"""Kubewarden's documents: a verdict, and the answer that Kubewarden's policy-server makes of it.

Source: policy-evaluator, admission_response_handler and policy_group_evaluator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from admit.admission import Decision, Finding, diff
from admit.cel.ast import Call, Expr, Literal
from admit.engine.case import Case
from admit.engine.own import Own
from admit.engine.tally import CODES
from admit.errors import EvaluationError
from admit.plan.ir import Group
from admit.plan.run import Runner
from admit.rules.lower import Bound
from admit.rules.model import Binding

log = logging.getLogger("admit.kubewarden")

NO_MUTATION = (
    "Request rejected by policy {id}. The policy attempted to mutate the request, "
    "but it is currently configured to not allow mutations."
)
NO_MUTATION_IN_GROUP = "mutation is not allowed inside of policy group"
TOO_LATE = "Policy execution interrupted because it exceeded the allowed execution time"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies come to by themselves: `denial` is the text of a rejection, `object` what they leave. A
    rejection of a group has `causes`, that of a policy a `reason`."""

    object: Any
    denial: str | None = None
    reason: str = ""
    causes: tuple[Mapping[str, str], ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()


def by_name(bound: Bound) -> Bound:
    """The binding as it is when asked for by its name: then an API server has seen to what it is about."""
    terms = bound.binding.kubewarden
    assert terms is not None
    extra = len(terms.match_conditions)
    members = (
        replace(m, match_conditions=m.match_conditions[: len(m.match_conditions) - extra]) for m in bound.members
    )
    return replace(bound, binding=replace(bound.binding, match_resources=None), members=tuple(members))


def answer(case: Case, group: Group, runners: Sequence[Runner], bare: bool) -> Decision:
    """What the policy-server answers; `bare` the verdict alone, as to its audit scanner."""
    verdict = _verdict(case, group, runners)
    if not bare:
        verdict = _processed(verdict, case, group.bound.binding)
    denied = verdict.denial is not None
    return Decision(
        case.request,
        not denied,
        verdict.denial or "",
        _code(verdict, group.bound.binding) or 0 if denied else 200,
        audit_annotations=verdict.annotations,
        object=verdict.object,
        findings=verdict.findings,
        details={"causes": list(verdict.causes)} if verdict.causes else {},
    )


def judge(case: Case, group: Group, runners: Sequence[Runner]) -> None:
    """Adds to the tally what a document that may write nothing says of the request, among others."""
    verdict, binding, tally = _verdict(case, group, runners), group.bound.binding, case.tally
    if "Deny" not in binding.validation_actions and verdict.denial is not None:
        tally.audit(verdict.denial, binding)
    verdict = _processed(verdict, case, binding)
    if verdict.denial is not None:
        tally.deny(verdict.denial, verdict.reason or "Invalid", verdict.findings, _code(verdict, binding))
    else:
        tally.findings += verdict.findings
    for key, text in verdict.annotations.items():
        tally.annotate(key, text)


def holds(node: Expr, allows: Callable[[str], bool | None]) -> bool | None:
    """The expression of a group, from left to right; what need not be asked is not.

    None where that hangs on a member that errs: the negation of what is not known is not known either.
    """
    match node:
        case Call("_&&_", (left, right)):
            return holds(right, allows) if (known := holds(left, allows)) else known
        case Call("_||_", (left, right)):
            if (known := holds(left, allows)) is True:
                return True
            other = holds(right, allows)
            return None if known is None and not other else other
        case Call("!_", (inner,)):
            return None if (known := holds(inner, allows)) is None else not known
        case Call("_==_" | "_!=_" as function, (left, right)):
            one, other = holds(left, allows), holds(right, allows)
            return None if one is None or other is None else (one == other) is (function == "_==_")
        case Call(name, (), None):
            return allows(name)
        case Literal("bool", value):
            return value is True
        case _:
            raise TypeError(node)  # the reader has refused it


def _verdict(case: Case, group: Group, runners: Sequence[Runner]) -> Verdict:
    """That of the policy, or of a group's expression over those of its members."""
    binding = group.bound.binding
    terms = binding.kubewarden
    assert terms is not None
    alone = replace(binding, validation_actions=("Deny",), kubewarden=None)
    group = replace(group, bound=replace(group.bound, binding=alone))
    if terms.expression is None:
        return _alone(case, group, runners)
    rejected: dict[str, Verdict] = {}

    def allows(name: str) -> bool | None:
        verdict = _alone(case, group, [each for each in runners if each.step.lowered.prefix == f"{name}/"])
        if verdict.denial is None and _has_mutated(case, verdict):
            finding = Finding(binding.policy.name, binding.name, f"{name}/mutations", NO_MUTATION_IN_GROUP)
            verdict = replace(verdict, denial=NO_MUTATION_IN_GROUP, findings=(finding,))
        if verdict.denial is not None:
            rejected[name] = verdict
        return None if verdict.reason == "InternalError" else verdict.denial is None

    if holds(terms.expression, allows):
        return Verdict(case.scope["object"])
    told = {member.name: rejected[member.name] for member in terms.members if member.name in rejected}
    causes = [{"field": f"spec.policies.{name}", "message": each.denial or ""} for name, each in told.items()]
    findings = [finding for each in told.values() for finding in each.findings]
    if not findings:
        findings = [Finding(binding.policy.name, binding.name, "expression", terms.message)]
    return Verdict(case.scope["object"], terms.message, causes=tuple(causes), findings=tuple(findings))


def _code(verdict: Verdict, binding: Binding) -> int | None:
    assert binding.kubewarden is not None
    codes = {**CODES, "InternalError": 500, "Invalid": binding.kubewarden.code or None}
    return codes.get(verdict.reason)


def _alone(case: Case, group: Group, runners: Sequence[Runner]) -> Verdict:
    """Of one policy: its mutations, and its validations of what they leave."""
    inner = Case(case.engine, case.request, case.route, {**case.scope}, case.deadline)
    binding = group.bound.binding
    try:
        inner.check_time()
    except EvaluationError:
        finding = Finding(binding.policy.name, binding.name, "timeout", TOO_LATE)
        return Verdict(case.scope["object"], TOO_LATE, "InternalError", findings=(finding,))
    own = Own(inner, group, runners, failed="InternalError")
    if case.request.object is not None:
        own.mutate()
    if inner.tally.denial is None:
        own.validate()
    decision = inner.tally.decision(case.request, inner.scope["object"], case.engine.minor)
    denial = None if decision.allowed else decision.message
    return Verdict(decision.object, denial, decision.reason, (), decision.audit_annotations, decision.findings)


def _processed(verdict: Verdict, case: Case, binding: Binding) -> Verdict:
    """The verdict as mode, permission to mutate and message have it, in this order."""
    terms = binding.kubewarden
    assert terms is not None
    if "Deny" not in binding.validation_actions:
        if verdict.denial is not None:
            log.info("request %s passes %s in monitor mode: %s", case.request.uid, binding.name, verdict.denial)
        findings = tuple(replace(finding, action="Audit") for finding in verdict.findings)
        return Verdict(case.scope["object"], annotations=verdict.annotations, findings=findings)
    if verdict.denial is None and not terms.mutating and _has_mutated(case, verdict):
        text = NO_MUTATION.format(id=binding.name)
        finding = Finding(binding.policy.name, binding.name, "mutations", text)
        verdict = Verdict(case.scope["object"], text, annotations=verdict.annotations, findings=(finding,))
    if verdict.denial is not None and terms.message and terms.expression is None:
        causes = (*verdict.causes, {"message": verdict.denial})
        verdict = replace(verdict, denial=terms.message, causes=causes)
    return verdict


def _has_mutated(case: Case, verdict: Verdict) -> bool:
    before = case.scope["object"]
    return verdict.object is not before and bool(diff(before, verdict.object))
