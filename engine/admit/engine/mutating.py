"""MutatingAdmissionPolicy: all that match, one after the other, and again where the object changed after them.

Source: k8s.io/apiserver, plugin/policy/mutating (dispatcher.go, reinvocationcontext.go), plugin/policy/generic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from admit.admission import Finding
from admit.cel.values import equal
from admit.engine.case import Case
from admit.engine.upstream import Invocation, Misconfigured, invocations
from admit.errors import EvaluationError, StatusError
from admit.kubernetes.normalise import redefaulted
from admit.plan.ir import Group
from admit.plan.patch import patched
from admit.plan.validating import BUDGET, applies
from admit.rules import lower, model

Key: TypeAlias = tuple[str, str, str | None, str | None]
"""An invocation: the policy, the binding, and the namespace and name of the parameter."""


@dataclass(slots=True)
class Mutating:
    """The MutatingAdmissionPolicies of one request. `changed`: whether they are to be run again."""

    case: Case
    groups: list[Group] = field(default_factory=list)
    changed: bool = False
    again: set[Key] = field(default_factory=set)
    """What is to be run again, if there is a second pass."""
    _before: set[Key] = field(default_factory=set)  # what may be run again, and has run since the last change
    _output: Any = None
    _dirty: bool = False

    def run(self, groups: Iterable[Group]) -> None:
        """The first pass, or a part of it. Denials go into the tally."""
        groups = [*groups]
        self.groups += groups
        self._dispatch(groups, second=False)

    def reinvoke(self) -> None:
        """The second pass, where an object has changed since a policy ran that wants to see it then."""
        if self.groups and not equal(self._output, self.case.scope["object"]):  # by others
            self.changed = True
            self._require_again()
        if self.changed and self.case.tally.denial is None:
            self._dispatch(self.groups, second=True)

    def _dispatch(self, groups: list[Group], second: bool) -> None:
        failed: list[_Failure] = []
        invoked: list[Invocation] = []
        self._dirty = False
        for group in groups:
            try:
                invoked += invocations(self.case, group)
            except Misconfigured as error:
                failed.append(_Failure(group, str(error), "Forbidden", error.of_binding))
        try:
            for invocation in invoked:
                failed += self._invoke(invocation, second)
        except StatusError as error:  # whatever the failurePolicy
            reason = "ServiceUnavailable" if error.code == 503 else "InternalError"
            self.case.tally.deny(str(error), reason, [], error.code)
        if self._dirty:  # be it with what was there before
            self.changed = True
            self._require_again()
        self._output = self.case.scope["object"]
        self._deny([each for each in failed if each.policy.failure_policy == "Fail"])

    def _invoke(self, invocation: Invocation, second: bool) -> list[_Failure]:
        case, lowered, group = self.case, invocation.lowered, invocation.group
        evaluate = invocation.composed.evaluate
        conditions = [condition.expression for condition in lowered.match_conditions]
        try:
            case.check_time()
            if not applies(partial(evaluate, conditions, invocation.conditions(case)), lowered.policy.failure_policy):
                return []
        except EvaluationError as error:
            return [_Failure(group, str(error), "Invalid")]
        key = _key(invocation)
        if second and key not in self.again:
            return []
        failed: list[_Failure] = []
        before = case.scope["object"]
        for mutation in lowered.mutations:
            assert isinstance(mutation, lower.Patch)
            if case.scope["object"] is None:
                continue
            try:
                self._mutate(invocation, mutation)
            except StatusError:
                raise
            except EvaluationError as error:
                failed.append(_Failure(group, str(error), "Invalid"))
        if not equal(before, case.scope["object"]):
            self.changed = True
            self._require_again()
        if lowered.policy.reinvocation_policy == "IfNeeded":
            self._before.add(key)
        return failed

    def _mutate(self, invocation: Invocation, mutation: lower.Patch) -> None:
        """Raises EvaluationError."""
        case = self.case
        scope = invocation.scope(case)
        (outcome,), _ = invocation.composed.evaluate([mutation.expression], scope, BUDGET)
        if isinstance(outcome, EvaluationError):
            raise outcome
        made = patched(mutation.kind, scope["object"], outcome, case.engine.schemas)
        made = redefaulted(scope["object"], made, case.engine.schemas)
        sent = {key: value for key, value in case.scope["object"].items() if key == "apiVersion"}
        case.scope["object"] = made | sent  # not in the version that was matched
        self._dirty = True

    def _require_again(self) -> None:
        self.again |= self._before
        self._before = set()

    def _deny(self, failed: list[_Failure]) -> None:
        """The first failure speaks for all, and each is a cause."""
        if failed:
            findings = [
                Finding(
                    each.policy.name,
                    each.group.bound.binding.name,
                    "mutations",
                    each.text,
                    severity=each.policy.severity,
                )
                for each in failed
            ]
            self.case.tally.deny(failed[0].told, failed[0].reason, findings, 403)


@dataclass(frozen=True, slots=True)
class _Failure:
    group: Group
    text: str
    reason: str
    of_binding: bool = True

    @property
    def policy(self) -> model.Policy:
        return self.group.bound.members[0].policy

    @property
    def told(self) -> str:
        if not self.of_binding:
            return f'policy "{self.policy.name}" denied request: {self.text}'
        return f"policy '{self.policy.name}' with binding '{self.group.bound.binding.name}' denied request: {self.text}"


def _key(invocation: Invocation) -> Key:
    param: Mapping[str, Any] = (invocation.param or {}).get("metadata") or {}
    return invocation.policy.name, invocation.binding.name, param.get("namespace"), param.get("name")
