"""What ValidatingAdmissionPolicy and MutatingAdmissionPolicy have in common: what they match, and with what they run.

Source: k8s.io/apiserver, plugin/policy/generic (policy_dispatcher.go) and plugin/cel (activation.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from admit.cel.values import Value
from admit.engine.case import Case
from admit.errors import EvaluationError
from admit.plan.composed import Composed
from admit.plan.ir import Group
from admit.plan.match import Matched
from admit.plan.params import params_of, unknown
from admit.rules import model
from admit.rules.lower import Lowered

Object: TypeAlias = Mapping[str, Any]


class Misconfigured(Exception):
    """What cannot be evaluated, of a policy or of its binding; goes by failurePolicy, whatever the actions."""

    def __init__(self, what: str, error: object) -> None:
        super().__init__(f"failed to configure {what}: {error}")
        self.of_binding = what == "binding"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A policy under a binding, for a request that both match, with one parameter (None: without)."""

    group: Group
    lowered: Lowered
    composed: Composed
    matched: Matched
    param: Object | None

    @property
    def policy(self) -> model.Policy:
        return self.lowered.policy

    @property
    def binding(self) -> model.Binding:
        return self.group.bound.binding

    def scope(self, case: Case) -> dict[str, Value]:
        """What expressions see: the object in the version that was matched, and the request as one about that."""
        given = {**case.scope, "params": self.param}
        if self.matched.kind != case.request.kind:
            given["object"] = self._as_matched(given["object"])
            given["oldObject"] = self._as_matched(given["oldObject"])
        given["request"] = {**case.asked, "kind": self._kind(), "resource": self._resource()}
        given["namespaceObject"] = case.namespace
        return given

    def conditions(self, case: Case) -> dict[str, Value]:
        """As `scope`, for matchConditions: there is no namespace, and the resource is that of the request."""
        request = {**case.asked, "kind": self._kind()}
        return {**self.scope(case), "namespaceObject": None, "request": request}

    def _kind(self) -> dict[str, str]:
        assert self.matched.kind is not None
        return dict(zip(("group", "version", "kind"), self.matched.kind, strict=True))

    def _resource(self) -> dict[str, str]:
        return dict(zip(("group", "version", "resource"), self.matched.resource, strict=True))

    def _as_matched(self, object: Object | None) -> Object | None:
        assert self.matched.kind is not None
        group, version, _ = self.matched.kind
        return object if object is None else {**object, "apiVersion": f"{group}/{version}" if group else version}


def invocations(case: Case, group: Group) -> Iterator[Invocation]:
    """A policy's, under one binding; none where it does not match. Raises Misconfigured."""
    (lowered,) = group.bound.members
    policy, binding = lowered.policy, group.bound.binding
    assert policy.match_constraints is not None
    found = case.matched(policy.match_constraints)
    if found is None:
        return
    known = case.engine.params_by_kind
    if policy.param_kind is not None and unknown(policy.param_kind, known):
        group_version = policy.param_kind.api_version
        raise Misconfigured(
            "policy",
            f"failed to find resource referenced by paramKind: '{group_version}, Kind={policy.param_kind.kind}'",
        )
    if binding.match_resources is not None and case.matched(binding.match_resources) is None:
        return
    try:
        params = params_of(policy.param_kind, binding.param_ref, case.request, known)
    except EvaluationError as error:
        raise Misconfigured("binding", error) from None
    if params and found.kind != case.request.kind and not (found.kind and found.converted):
        wanted = "/".join(filter(None, (found.kind or found.resource)[:2]))
        kind = case.request.kind.kind
        raise Misconfigured(
            "binding", f"failed to convert object version: {kind} objects are not converted to {wanted} here"
        )
    composed = case.engine.composed(group.bound)
    for param in params:
        yield Invocation(group, lowered, composed, found, param)
