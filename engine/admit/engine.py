"""The engine: a request in, a Decision out. The one place where failurePolicy and validationActions are applied."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias

import orjson

from admit.admission import Decision, Finding, Request, envelope, from_manifest, read
from admit.cel.env import AUTHORIZER, admission
from admit.cel.library.authorization import Attributes, Authorize, Authorizer, User, Verdict, request_resource
from admit.cel.values import Value
from admit.errors import EvaluationError, UsageError
from admit.plan.build import build, mutates
from admit.plan.ir import Group, Plan
from admit.plan.link import Expression, Judge, judges
from admit.plan.match import Route, matches
from admit.plan.params import ByKind, by_kind, params_of
from admit.plan.run import Failure, Runner, Scope, failed_text
from admit.rules import model
from admit.rules.lower import Bound
from admit.rules.names import free
from admit.rules.workloads import WORKLOADS

Clock: TypeAlias = Callable[[], datetime]
Way: TypeAlias = Literal["mutate", "validate"]

CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
"""The code of a reason; of all others it is 422. Source: apiserver, plugin/policy/validating, reasonToCode."""

AUDIT_KEY = "validation.policy.admission.k8s.io/validation_failure"
MOST_PLANS = 4096
"""Routes of which the plan is kept. An API server has a few hundred."""


def now() -> datetime:
    return datetime.now(UTC)


def unavailable(_: Attributes) -> Verdict:
    """The authorizer where none was given. Raises EvaluationError."""
    raise EvaluationError(
        "no authorizer was given: admit.load(authorizer=...) takes one, and so does a case of a rule test; "
        "admit run and admit serve have none"
    )


@dataclass(frozen=True, eq=False)
class Engine:
    """A rule set in force; immutable, and safe to share between threads.

    `policies` are those in force; `namespaces` and `params` the objects that rules may look at besides; `authorizer`
    answers what they ask of it, each question once a request.
    """

    bounds: tuple[Bound, ...]
    kubernetes: str
    policies: tuple[model.Policy, ...] = ()
    params: tuple[Mapping[str, Any], ...] = ()
    namespaces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clock: Clock = now
    authorizer: Authorize = unavailable
    _routes: dict[tuple[Any, ...], _Linked] = field(default_factory=dict, init=False, repr=False)

    @property
    def bindings(self) -> tuple[str, ...]:
        """The names of the bindings, in rule-set order."""
        return tuple(bound.binding.name for bound in self.bounds)

    @cached_property
    def params_by_kind(self) -> ByKind:
        return by_kind(self.params)

    def review(self, review: Mapping[str, Any] | bytes, route: Way = "mutate", binding: str | None = None) -> Decision:
        """The decision on an AdmissionReview v1 (or a bare AdmissionRequest).

        `mutate`: mutations, then validations on the result; `validate`: validations of the object as sent. With
        `binding` only that one. Raises RequestError, UsageError.
        """
        return self.answer(read(review), route=route, binding=binding)

    def decide(
        self,
        object: Mapping[str, Any],
        old_object: Mapping[str, Any] | None = None,
        operation: str = "CREATE",
        namespace: str | None = None,
        user: Mapping[str, Any] | None = None,
        subresource: str = "",
        *,
        route: Way = "mutate",
        binding: str | None = None,
    ) -> Decision:
        """The decision on a manifest, as if it were created, updated or (then `object` is the old one) deleted.

        The resource follows from the kind; a namespaced object without a namespace is in `default`. Raises
        RequestError, UsageError.
        """
        request = from_manifest(object, old_object, operation, namespace, user, subresource)
        return self.answer(request, route=route, binding=binding)

    def answer(
        self, request: Request, *, route: Way = "mutate", binding: str | None = None, deadline: float | None = None
    ) -> Decision:
        """The decision on a request that has been read; `deadline` is a time of `time.monotonic`."""
        key = request.resource, request.sub_resource, request.operation, not request.namespace, binding
        linked = self._routes.get(key) or self._link(Route.of(request), binding)
        mutating = route == "mutate"
        judge = linked.quiet if mutating else linked.holds
        if linked.settled and judge.plain and judge.fused(request.object, request.old_object):
            return Decision(request, object=request.object)
        scope = self._scope(request, linked.uses)
        if linked.settled and not judge.plain and judge(scope):
            return Decision(request, object=request.object)
        return _Deciding(self, request, linked, scope, deadline).decision(mutating)

    def glance(self, review: bytes, *, route: Way = "mutate", binding: str | None = None) -> str | None:
        """The uid of a review that is allowed as it is, if that can be seen without reading all of it."""
        asked = envelope(review)
        if asked is None:
            return None
        key = asked.gvr, asked.subResource or "", asked.operation, not asked.namespace, binding
        linked = self._routes.get(key)
        if linked is None or not linked.settled:
            return None
        judge = linked.quiet if route == "mutate" else linked.holds
        if not judge.plain:
            return None
        parts = judge.projection.parts(asked.object, asked.oldObject)
        return asked.uid if parts is not None and judge.fused(*parts) else None

    def warm(self, seconds: float = 5.0) -> None:
        """Plans what concerns pods and workloads, for about so long at most, so that no first request has to wait."""
        end = time.monotonic() + seconds
        for operation in ("CREATE", "UPDATE"):
            for kind in WORKLOADS:
                if time.monotonic() < end:
                    self._link(Route(kind.group, kind.version, kind.resource, kind.subresource, operation, True), None)

    def plan(self, route: Route, binding: str | None = None) -> tuple[Plan, Judge]:
        """What is done on a route, and the function of what must hold for nothing more to be done; for `explain`."""
        linked = _Linked.of(self, route, binding)
        return linked.plan, linked.quiet

    def _link(self, route: Route, binding: str | None) -> _Linked:
        linked = _Linked.of(self, route, binding)
        if len(self._routes) < MOST_PLANS:
            resource = route.group, route.version, route.resource
            self._routes[resource, route.subresource, route.operation, not route.namespaced, binding] = linked
        return linked

    def _scope(self, request: Request, uses: frozenset[str]) -> dict[str, Value]:
        """PARAMETERS of which those that are not used are null."""
        authorizer = requested = None
        if not uses.isdisjoint(AUTHORIZER):
            authorizer = Authorizer(_user(request.user_info), _once(self.authorizer))
            requested = request_resource(
                authorizer,
                request.request_resource.group,
                request.request_resource.resource,
                request.request_sub_resource,
                request.namespace,
                request.name,
            )
        return {
            "object": request.object,
            "oldObject": request.old_object,
            "request": request.cel if "request" in uses else None,
            "namespaceObject": self.namespace_of(request) if "namespaceObject" in uses else None,
            "params": None,
            "today": self.clock().astimezone(UTC).date().isoformat() if "today" in uses else None,
            "authorizer": authorizer,
            "authorizer.requestResource": requested,
        }

    def namespace_of(self, request: Request) -> Mapping[str, Any] | None:
        """The Namespace that the request is in; one that was not given has only its name, and the label of it."""
        if not request.namespace or request.resource[::2] == ("", "namespaces"):
            return None
        return self.namespaces.get(request.namespace) or {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": request.namespace, "labels": {"kubernetes.io/metadata.name": request.namespace}},
        }

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        known = self.namespaces.get(name)
        labels = (known.get("metadata") or {}).get("labels") if known is not None else None
        return {"kubernetes.io/metadata.name": name, **(labels or {})}


@dataclass(frozen=True, slots=True)
class _Linked:
    """A plan with its functions; `settled` where they speak of all its groups. `uses`: what its expressions mention."""

    plan: Plan
    writing: tuple[tuple[Group, tuple[Runner, ...]], ...]  # what has mutations in force
    telling: tuple[tuple[Group, tuple[Runner, ...]], ...]  # what has validations or audit annotations
    messages: Mapping[str, Expression]  # of the bindings of profiles that have one
    holds: Judge
    quiet: Judge
    settled: bool
    uses: frozenset[str]

    @classmethod
    def of(cls, engine: Engine, route: Route, binding: str | None) -> _Linked:
        bounds: Sequence[Bound] = engine.bounds
        if binding is not None:
            bounds = [bound for bound in bounds if bound.binding.name == binding]
            if not bounds:
                raise UsageError(f"there is no binding {binding!r}")
        within = admission(engine.kubernetes)
        plan = build(bounds, route, within)
        runners = [(group, [Runner(step, within) for step in group.steps]) for group in plan.groups]
        writing = ((group, tuple(r for r in its if r.writes)) for group, its in runners if mutates(group.bound))
        telling = ((group, tuple(r for r in its if r.tells)) for group, its in runners)
        holds, quiet = judges(plan, within)
        messages = {
            group.bound.binding.name: Expression(group.bound.message, within, {}, ("settings", "findings"))
            for group in plan.groups
            if group.bound.message is not None
        }
        return cls(
            plan,
            tuple(each for each in writing if each[1]),
            tuple(each for each in telling if each[1]),
            messages,
            holds,
            quiet,
            all(group.settled for group in plan.groups),
            frozenset().union(*map(_uses, plan.groups)),
        )


def _uses(group: Group) -> frozenset[str]:
    message = group.bound.message
    return frozenset().union(*(step.uses for step in group.steps), free(message) if message is not None else ())


class _Deciding:
    """One decision that is not simply `yes`."""

    def __init__(
        self, engine: Engine, request: Request, linked: _Linked, scope: dict[str, Value], deadline: float | None
    ) -> None:
        self.engine, self.request, self.linked, self.scope, self.deadline = engine, request, linked, scope, deadline
        self.findings: list[Finding] = []
        self.denials: list[tuple[str, str]] = []  # text and reason of each binding that denies
        self.warnings: list[str] = []
        self.audits: list[dict[str, Any]] = []
        self.annotations: dict[str, list[str]] = {}

    def decision(self, mutating: bool) -> Decision:
        if mutating and self.request.object is not None:
            for group, runners in self.linked.writing:
                if self._concerned(group):
                    self._mutate(group, runners)
        if not self.denials:
            for group, runners in self.linked.telling:
                if self._concerned(group):
                    self._validate(group, runners)
        message, reason = self.denials[0] if self.denials else ("", "")
        annotations = {key: ", ".join(dict.fromkeys(texts)) for key, texts in self.annotations.items()}
        if self.audits:
            annotations[AUDIT_KEY] = orjson.dumps(self.audits[:50]).decode()
        return Decision(
            self.request,
            not self.denials,
            message,
            CODES.get(reason, 422) if self.denials else 200,
            reason,
            tuple(self.warnings),
            annotations,
            self.scope["object"],
            tuple(self.findings),
        )

    def _concerned(self, group: Group) -> bool:
        limits = group.bound.binding.match_resources
        return group.settled or limits is None or self._matches(limits)

    def _matches(self, limits: model.MatchResources) -> bool:
        request, object = self.request, self.scope["object"]
        if object is not request.object:
            request = request.with_object(object)
        return matches(limits, self.linked.plan.route, request, self.engine.namespace_labels)

    def _applicable(
        self, group: Group, runners: Iterable[Runner], is_done: Callable[[Runner, Scope], bool]
    ) -> Iterator[Runner]:
        """The runners that have something to do, whose policies match and whose conditions hold; where that errs,
        failurePolicy decides. One with parameters comes once for each, which is then in the scope."""
        for runner in runners:
            constraints = runner.step.lowered.policy.match_constraints
            if not group.settled and constraints is not None and not self._matches(constraints):
                continue
            for param in self._params(group, runner):
                self.scope["params"] = param
                if is_done(runner, self.scope):
                    continue
                try:
                    self._check_time()
                    if runner.applies(self.scope):
                        yield runner
                except EvaluationError as error:
                    self._failed(group, runner, "matchConditions", error)

    def _params(self, group: Group, runner: Runner) -> Sequence[Mapping[str, Any] | None]:
        policy, binding = runner.step.lowered.policy, group.bound.binding
        try:
            return params_of(policy.param_kind, binding.param_ref, self.request, self.engine.params_by_kind)
        except EvaluationError as error:  # denies whatever the actions, as in the API server
            if policy.failure_policy == "Fail":
                rule = runner.step.lowered.prefix + "paramRef"
                self._refuse(group, runner, rule, f"failed to configure binding: {error}")
            return ()

    def _mutate(self, group: Group, runners: Sequence[Runner]) -> None:
        for runner in self._applicable(group, runners, Runner.is_idle):
            for index, mutation in enumerate(runner.step.lowered.mutations):
                try:
                    self.scope["object"] = runner.written(mutation, self.scope)
                except EvaluationError as error:
                    self._failed(group, runner, f"mutations[{index}]", error)

    def _validate(self, group: Group, runners: Sequence[Runner]) -> None:
        failures: list[tuple[Runner, Failure]] = []
        unsaid: list[tuple[Runner, EvaluationError]] = []
        for runner in self._applicable(group, runners, Runner.is_silent):
            policy = runner.step.lowered.policy
            for failure in runner.failures(self.scope):
                if failure.error is None or policy.failure_policy == "Fail":
                    failures.append((runner, failure))
            try:
                for key, text in runner.annotations(self.scope):
                    self.annotations.setdefault(f"{policy.name}/{key}", []).append(text)
            except EvaluationError as error:
                if policy.failure_policy == "Fail":
                    unsaid.append((runner, error))
        if failures:
            findings = [finding for runner, failure in failures for finding in self._found(group, runner, failure)]
            first = failures[0][1]
            text = self._profile_text(group, findings) or first.text
            self._act(group, text, first.validation.reason if first.error is None else "Invalid", findings)
        for runner, failed in unsaid:  # denies whatever the actions, as in the API server
            rule = runner.step.lowered.prefix + "auditAnnotations"
            self._refuse(group, runner, rule, failed_text(rule, failed))

    def _found(self, group: Group, runner: Runner, failure: Failure) -> Iterator[Finding]:
        validation = failure.validation
        for message, pointer in failure.findings:
            yield Finding(
                runner.step.lowered.policy.name,
                group.bound.binding.name,
                validation.name,
                message,
                pointer,
                _strongest(group),
                validation.severity,
            )

    def _profile_text(self, group: Group, findings: Sequence[Finding]) -> str:
        """The one message that a profile makes of its members' findings; of a denial only."""
        if group.bound.message is None or _strongest(group) != "Deny":
            return ""
        told = [
            {"policy": f.policy, "rule": f.rule, "message": f.message, "field": f.field, "pointer": f.pointer or ""}
            for f in findings
        ]
        scope = {**self.scope, "settings": group.bound.settings, "findings": told}
        try:
            text = self.linked.messages[group.bound.binding.name](scope)
        except EvaluationError:
            return ""
        return text.strip() if isinstance(text, str) else ""

    def _failed(self, group: Group, runner: Runner, rule: str, error: EvaluationError) -> None:
        """What could not be evaluated is a failing validation, or nothing, as failurePolicy says."""
        policy = runner.step.lowered.policy
        if policy.failure_policy == "Ignore":
            return
        rule = runner.step.lowered.prefix + rule
        text = failed_text(rule, error)
        finding = Finding(policy.name, group.bound.binding.name, rule, text, None, _strongest(group), policy.severity)
        self._act(group, text, "Invalid", [finding])

    def _refuse(self, group: Group, runner: Runner, rule: str, text: str) -> None:
        policy = runner.step.lowered.policy
        finding = Finding(policy.name, group.bound.binding.name, rule, text, None, "Deny", policy.severity)
        self._deny(text, "Invalid", [finding])

    def _act(self, group: Group, text: str, reason: str, findings: Iterable[Finding]) -> None:
        """What the binding's actions make of a failure."""
        actions = group.bound.binding.validation_actions
        if "Deny" in actions:
            self._deny(text, reason, findings)
        else:
            self.findings += findings
        if "Warn" in actions:
            self.warnings.append(text)
        if "Audit" in actions:
            binding = group.bound.binding
            self.audits.append(
                {
                    "message": text,
                    "policy": binding.policy.name,
                    "binding": binding.name,
                    "validationActions": list(actions),
                }
            )

    def _deny(self, text: str, reason: str, findings: Iterable[Finding]) -> None:
        self.findings += findings
        self.denials.append((text, reason))

    def _check_time(self) -> None:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise EvaluationError("the deadline of the request has passed")


def _strongest(group: Group) -> Literal["Deny", "Warn", "Audit"]:
    actions = group.bound.binding.validation_actions
    return "Deny" if "Deny" in actions else "Warn" if "Warn" in actions else "Audit"


def _once(authorize: Authorize) -> Authorize:
    """The same, but asked each thing once, also where its answer is an error.

    Raises EvaluationError, and RuntimeError for all else that it raises: a KeyError, say, would mean something in CEL.
    """
    answers: dict[Attributes, Verdict | str] = {}

    def ask(attributes: Attributes) -> Verdict:
        if attributes not in answers:
            try:
                answers[attributes] = authorize(attributes)
            except EvaluationError as error:
                answers[attributes] = str(error)
            except Exception as error:
                raise RuntimeError(f"the authorizer failed: {error}") from error
        answer = answers[attributes]
        if isinstance(answer, str):
            raise EvaluationError(answer)
        return answer

    return ask


def _user(info: Mapping[str, Any]) -> User:
    """The user of a request's userInfo."""
    extra = {key: tuple(texts or ()) for key, texts in (info.get("extra") or {}).items()}
    return User(info.get("username") or "", info.get("uid") or "", tuple(info.get("groups") or ()), extra)
