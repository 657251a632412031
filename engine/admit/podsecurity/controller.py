"""The controller: what Pod Security Admission answers to a request, in its own words.

Source: k8s.io/pod-security-admission, admission/admission.go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

from admit.admission import Action, Decision, Finding, Request
from admit.admission.patch import pointer
from admit.cel.library.formatting import quoted
from admit.errors import ClusterError
from admit.plan.match import Route
from admit.podsecurity import existing
from admit.podsecurity.cluster import Cluster, Object
from admit.podsecurity.configuration import Configuration
from admit.podsecurity.levels import LEVELS, PRIVILEGED, Standard
from admit.podsecurity.metrics import Recorder
from admit.podsecurity.objects import (
    RESOURCES,
    Unreadable,
    has_new_template,
    holder_of,
    is_significant,
    labels_of,
    name_of,
    spec_of,
    template_of,
    typed,
)
from admit.podsecurity.policy import MODES, PREFIX, LabelError, Mode, Policy, aggregate, policy_of
from admit.podsecurity.profiles import Result

MOST_PODS = 3000
LONGEST_CHECK = 1.0  # seconds, for the pods of a namespace; at most half of what is left of the request

IGNORED_SUBRESOURCES = frozenset({"exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"})
"""Of pods. All others are taken for ones that may change the spec."""

ENFORCED = "enforce-policy"
"""The audit annotation that has the level of a pod."""

Evaluate: TypeAlias = Callable[[str, str, Mapping[str, Any]], Result]
"""Gets a level, a version that the cluster knows, and what has the metadata and spec of a pod."""


@dataclass(frozen=True, eq=False)
class Controller:
    """`newest` is the minor version of the cluster, which is what `latest` means; `clock` gives seconds.

    With `enforce_controllers`, which upstream has not, what makes pods that would be refused is refused itself.
    """

    configuration: Configuration
    cluster: Cluster
    evaluate: Evaluate
    newest: int
    recorder: Recorder
    clock: Callable[[], float] = time.monotonic
    most_pods: int = MOST_PODS
    enforce_controllers: bool = False

    def concerns(self, route: Route) -> bool:
        """Whether an API server asks for such requests at all."""
        return route.operation in ("CREATE", "UPDATE") and (route.group, route.resource) in RESOURCES

    def answer(self, request: Request, deadline: float | None = None) -> Decision:
        """The decision; `deadline` is a time of the clock."""
        match request.resource[::2]:
            case "", "namespaces":
                return self._namespace(request, deadline)
            case "", "pods":
                return self._pod(request)
            case _:
                return self._pod_controller(request)

    def warm(self) -> None:
        for standard in (*map(Standard, LEVELS), *map(self.configuration.defaults.of, MODES)):
            self._result(standard, {})

    def _namespace(self, request: Request, deadline: float | None) -> Decision:
        if request.request_sub_resource:
            return _allowed(request)
        try:
            labels = labels_of(typed(request.object, request, ("v1", "Namespace")))
            policy, errors = policy_of(labels, self.configuration.defaults)
            if request.operation == "CREATE":
                if errors:
                    return _invalid(request, errors)
                return _allowed(request, self._ignored(request, policy, labels))
            if request.operation != "UPDATE":
                return _allowed(request)
            # with the two spaces of upstream's text
            old_labels = labels_of(typed(request.old_object, request, ("v1", "Namespace"), "  old"))
        except Unreadable as error:
            return _denied(request, 400, "BadRequest", str(error), annotations={"error": error.in_full})
        old_policy, old_errors = policy_of(old_labels, self.configuration.defaults)
        if errors and errors != old_errors:
            return _invalid(request, errors)
        new, old = policy.enforce, old_policy.enforce
        if new == old or new.level == "privileged" or (new.version == old.version and not new.is_stricter_than(old)):
            return _allowed(request)
        if request.namespace in self.configuration.namespaces:
            return _allowed(request, self._ignored(request, policy, labels))
        return _allowed(request, self._misfits(request, new, deadline))

    def _ignored(self, request: Request, policy: Policy, labels: Mapping[str, str]) -> list[str]:
        """The warning that labels are in vain: those of an exempt namespace, if they ask for anything."""
        if request.namespace not in self.configuration.namespaces:
            return []
        if policy.privileged or policy.is_equivalent_to(self.configuration.defaults):
            return []
        asked = ", ".join(
            f"{mode}={policy.of(mode)}"
            for mode in MODES
            if policy.of(mode).level != "privileged" and {PREFIX + mode, f"{PREFIX}{mode}-version"} & labels.keys()
        )
        name = quoted(name_of(request.object))
        return [f"namespace {name} is exempt from Pod Security, and the policy ({asked}) will be ignored"]

    def _misfits(self, request: Request, standard: Standard, deadline: float | None) -> list[str]:
        """What to say of the pods that are there already."""
        now = self.clock()
        end = now + (LONGEST_CHECK if deadline is None else min(LONGEST_CHECK, (deadline - now) / 2))
        name = name_of(request.object)
        try:
            pods = self.cluster.pods(name, end)
        except ClusterError:
            return ["failed to list pods while checking new PodSecurity enforce level"]

        subject = existing.first_of_each(pod for pod in pods if not self._is_exempt_class(pod))
        evaluate = partial(self._result, standard)
        return existing.warnings(subject, evaluate, name, standard, self.most_pods, lambda: self.clock() >= end)

    def _pod(self, request: Request) -> Decision:
        if request.request_sub_resource in IGNORED_SUBRESOURCES:
            return _allowed(request)
        if exempt := self._exempt(request):
            return exempt
        try:
            policy, errors = self._policy(request)
        except ClusterError as error:
            return self._nowhere(request, error)
        if not errors and policy.privileged:
            self.recorder.evaluated("allow", policy.enforce, "enforce", request)
            return _allowed(request, annotations={ENFORCED: str(PRIVILEGED)})
        try:
            pod = typed(request.object, request, ("v1", "Pod"))
            old = typed(request.old_object, request, ("v1", "Pod"), " old") if request.operation == "UPDATE" else None
        except Unreadable as error:
            return self._unread(request, error)
        if old is not None and not is_significant(spec_of(pod), spec_of(old)):
            return _allowed(request)
        return self._evaluated(request, policy, errors, pod, ("enforce", "audit", "warn"))

    def _pod_controller(self, request: Request) -> Decision:
        if request.request_sub_resource:
            return _allowed(request)
        if exempt := self._exempt(request):
            return exempt
        try:
            policy, errors = self._policy(request)
            modes: tuple[Mode, ...] = ("enforce", "audit", "warn") if self.enforce_controllers else ("audit", "warn")
            if not errors and all(policy.of(mode).level == "privileged" for mode in modes):
                return _allowed(request)
            template = template_of(request)
        except ClusterError as error:
            if self.enforce_controllers:
                return self._nowhere(request, error)
            self.recorder.failed(True, request)
            said = f"failed to lookup namespace {quoted(request.namespace)}: {error}"
            return _allowed(request, annotations={"error": said})
        except Unreadable as error:
            if self.enforce_controllers:
                return self._unread(request, error)
            self.recorder.failed(True, request)
            return _allowed(request, annotations={"error": error.in_full})
        if template is None:
            return _allowed(request)
        if self.enforce_controllers and not has_new_template(request):
            modes = ("audit", "warn")  # what was there before can still be scaled, or lose a finalizer
        return self._evaluated(request, policy, errors, template, modes)

    def _nowhere(self, request: Request, error: ClusterError) -> Decision:
        """The denial where the namespace cannot be looked up."""
        self.recorder.failed(True, request)
        said = f"failed to lookup namespace {quoted(request.namespace)}"
        message, details = f"Internal error occurred: {said}", {"causes": [{"message": said}]}
        return _denied(request, 500, "InternalError", message, details, {"error": f"{message}: {error}"})

    def _unread(self, request: Request, error: Unreadable) -> Decision:
        self.recorder.failed(True, request)
        return _denied(request, 400, "BadRequest", str(error), annotations={"error": error.in_full})

    def _exempt(self, request: Request) -> Decision | None:
        if request.namespace in self.configuration.namespaces:
            why = "namespace"
        elif request.user_info.get("username") in self.configuration.usernames:
            why = "user"
        else:
            return None
        self.recorder.exempted(request)
        return _allowed(request, annotations={"exempt": why})

    def _is_exempt_class(self, pod: Object) -> bool:
        return spec_of(pod).get("runtimeClassName") in self.configuration.runtime_classes

    def _policy(self, request: Request) -> tuple[Policy, tuple[LabelError, ...]]:
        """Raises ClusterError."""
        return policy_of(labels_of(self.cluster.namespace(request.namespace)), self.configuration.defaults)

    def _evaluated(
        self, request: Request, policy: Policy, errors: Sequence[LabelError], pod: Object, modes: Iterable[Mode]
    ) -> Decision:
        if self._is_exempt_class(pod):
            self.recorder.exempted(request)
            return _allowed(request, annotations={"exempt": "runtimeClass"})
        verdicts = _Verdicts()
        if errors:
            self.recorder.failed(False, request)
            verdicts.annotations["error"] = f"Failed to parse policy: {aggregate(errors)}"
        results: dict[Standard, Result] = {}
        for mode in modes:
            if mode == "warn" and verdicts.denial:
                continue  # who is refused is not warned too
            standard = policy.of(mode)
            result = results.get(standard) or results.setdefault(standard, self._result(standard, pod))
            if mode == "enforce" or not result.allowed:
                self.recorder.evaluated("allow" if result.allowed else "deny", standard, mode, request)
            verdicts.add(mode, standard, result)
        return verdicts.decision(request)

    def _result(self, standard: Standard, pod: Object) -> Result:
        return self.evaluate(standard.level, standard.at(self.newest), pod)


@dataclass(slots=True)
class _Verdicts:
    """What the modes come to."""

    denial: str = ""
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    violations: dict[Standard, tuple[Action, Result]] = field(default_factory=dict)

    def add(self, mode: Mode, standard: Standard, result: Result) -> None:
        if mode == "enforce":
            self.annotations[ENFORCED] = str(standard)
        if result.allowed:
            return
        said = f"PodSecurity {quoted(str(standard))}: {result.message}"
        match mode:
            case "enforce":
                self.denial = f"violates {said}"
            case "audit":
                self.annotations["audit-violations"] = f"would violate {said}"
            case "warn":
                self.warnings.append(f"would violate {said}")
        known = self.violations.get(standard)
        if known is None or known[0] == "Audit":
            self.violations[standard] = _ACTIONS[mode], result

    def decision(self, request: Request) -> Decision:
        at = pointer(holder_of(request))
        findings = tuple(
            Finding(
                f"pod-security/{standard.level}",
                "pod-security",
                failure.check,
                str(failure),
                at + place if place is not None else None,
                action,
            )
            for standard, (action, result) in self.violations.items()
            for failure in result.failures
            for place in failure.pointers or (None,)
        )
        if not self.denial:
            return _allowed(request, self.warnings, self.annotations, findings)
        group, resource = request.resource[::2]
        told = {"name": request.name, "group": group, "kind": resource}
        details = {key: value for key, value in told.items() if value}
        name = f" {quoted(request.name)}" if request.name else ""
        message = f"{resource}{'.' if group else ''}{group}{name} is forbidden: {self.denial}"
        return _denied(request, 403, "Forbidden", message, details, self.annotations, findings)


_ACTIONS: Mapping[Mode, Action] = {"enforce": "Deny", "warn": "Warn", "audit": "Audit"}


def _allowed(
    request: Request,
    warnings: Sequence[str] = (),
    annotations: Mapping[str, str] = MappingProxyType({}),
    findings: tuple[Finding, ...] = (),
) -> Decision:
    return Decision(
        request,
        warnings=tuple(warnings),
        audit_annotations=_prefixed(annotations),
        object=request.object,
        findings=findings,
    )


def _denied(
    request: Request,
    code: int,
    reason: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] = MappingProxyType({}),
    findings: tuple[Finding, ...] = (),
) -> Decision:
    return Decision(
        request, False, message, code, reason, (), _prefixed(annotations), request.object, findings, details
    )


def _prefixed(annotations: Mapping[str, str]) -> dict[str, str]:
    return {PREFIX + key: text for key, text in annotations.items()}


def _invalid(request: Request, errors: Sequence[LabelError]) -> Decision:
    """The answer to a Namespace with labels that cannot be."""
    causes = [{"reason": "FieldValueInvalid", "message": error.text, "field": error.field} for error in errors]
    details = {"name": request.name, "kind": request.kind.kind, "causes": causes}
    message = f"{request.kind.kind} {quoted(request.name)} is invalid: {aggregate(errors)}"
    return _denied(request, 422, "Invalid", message, details)
