"""The engine: a request in, a Decision out. The one place where failurePolicy and validationActions are applied.

| module | what it is |
| --- | --- |
| case, tally | one request under decision; what the bindings come to, and the Decision made of it |
| own | policies of ours: what they write, and what they find |
| kubewarden | Kubewarden's documents: answers as its policy-server makes them |
| upstream, validating, mutating | the API server's policies: what they match, and with what; VAP; MAP |
| authorizer | whom a request speaks for, and that each thing is asked once |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib import import_module
from itertools import groupby
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from admit.admission import Decision, Request, from_manifest, from_raw, read
from admit.admission.kinds import Kind, defined
from admit.cel.env import AUTHORIZER, admission, parse_version
from admit.cel.library.authorization import Authorize, Authorizer, request_resource
from admit.cel.values import Value
from admit.engine import kubewarden
from admit.engine.authorizer import once, unavailable, user
from admit.engine.case import Case
from admit.engine.controller import Controller
from admit.engine.own import Own, ProfileMessage
from admit.errors import RequestError, UsageError
from admit.kubernetes.equivalents import Equivalents, equivalents
from admit.kubernetes.schemas import Schemas
from admit.plan.build import build
from admit.plan.composed import Composed
from admit.plan.ir import Group, Plan
from admit.plan.link import Judge, judges
from admit.plan.match import Route, may_match
from admit.plan.params import CRD, ByKind, by_kind
from admit.plan.run import Runner
from admit.plan.sieve import MUTABLE, Sifting
from admit.rules import model
from admit.rules.lower import Bound
from admit.rules.names import free
from admit.rules.workloads import WORKLOADS

if TYPE_CHECKING:
    from admit.admission.envelope import Envelope

Clock: TypeAlias = Callable[[], datetime]
Way: TypeAlias = Literal["mutate", "validate", "audit"]

_Glance: TypeAlias = tuple[tuple[Any, ...], Judge | None]
"""A route, and what says whether all is well on it; nothing, if more must be read for that."""

MOST_PLANS = 4096
"""Routes of which the plan is kept. An API server has a few hundred."""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, eq=False)
class Engine:
    """A rule set in force; immutable, and safe to share between threads.

    `policies` are those in force; `namespaces` and `params` the objects that rules may look at besides; `authorizer`
    answers what they ask of it, each question once a request; `controller` judges beside them, where no single binding
    is asked.
    """

    bounds: tuple[Bound, ...]
    kubernetes: str
    policies: tuple[model.Policy, ...] = ()
    params: tuple[Mapping[str, Any], ...] = ()
    namespaces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clock: Clock = now
    authorizer: Authorize = unavailable
    controller: Controller | None = None
    _routes: dict[tuple[Any, ...], _Linked] = field(default_factory=dict, init=False, repr=False)
    _glances: dict[tuple[bytes, Way, str | None], _Glance] = field(default_factory=dict, init=False, repr=False)
    _composed: dict[tuple[str, str], Composed] = field(default_factory=dict, init=False, repr=False)

    @property
    def bindings(self) -> tuple[str, ...]:
        """The names of the bindings, in rule-set order."""
        return tuple(bound.binding.name for bound in self.bounds)

    @property
    def hosted(self) -> frozenset[str]:
        """Those of the bindings that are Kubewarden's documents."""
        return frozenset(bound.binding.name for bound in self.bounds if bound.binding.kubewarden is not None)

    @cached_property
    def params_by_kind(self) -> ByKind:
        return by_kind(self.params)

    @cached_property
    def minor(self) -> int:
        """The minor version of Kubernetes that this is for."""
        return parse_version(self.kubernetes)

    @cached_property
    def definitions(self) -> tuple[Mapping[str, Any], ...]:
        """The CustomResourceDefinitions that are known."""
        return tuple(self.params_by_kind.get(CRD, ()))

    @cached_property
    def kinds(self) -> Mapping[tuple[str, str], Kind]:
        """Those of the CustomResourceDefinitions that are known, by group and name."""
        return defined(self.definitions)

    @cached_property
    def equivalents(self) -> Equivalents:
        return equivalents(self.definitions)

    @cached_property
    def schemas(self) -> Schemas:
        return Schemas(self.minor, self.definitions)

    def composed(self, bound: Bound) -> Composed:
        """The expressions of one of the API server's policies, as it evaluates them."""
        key = bound.binding.policy.key, bound.binding.name
        if key not in self._composed:
            (lowered,) = bound.members
            variables = {variable.name: variable.expression for variable in lowered.variables}
            self._composed[key] = Composed(variables, admission(self.kubernetes, variables={}, authorizer=True))
        return self._composed[key]

    def review(self, review: Mapping[str, Any] | bytes, route: Way = "mutate", binding: str | None = None) -> Decision:
        """The decision on an AdmissionReview v1 (or a bare AdmissionRequest).

        `mutate`: mutations, then validations on the result; `validate`: validations of the object as sent; `audit`: the
        same as if all of them denied. With `binding` only that one; a Kubewarden document that is asked for by its name
        answers as Kubewarden's policy-server does. Raises RequestError, UsageError.
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
        request = from_manifest(object, old_object, operation, namespace, user, subresource, kinds=self.kinds)
        return self.answer(request, route=route, binding=binding)

    def answer(
        self, request: Request, *, route: Way = "mutate", binding: str | None = None, deadline: float | None = None
    ) -> Decision:
        """The decision on a request that has been read; `deadline` is a time of `time.monotonic`."""
        bare = route == "audit"
        key = request.resource, request.sub_resource, request.operation, not request.namespace, binding, bare
        linked = self._routes.get(key) or self._link(Route.of(request), binding, bare)
        mutating = route == "mutate" or linked.hosted
        judge = linked.quiet if mutating else linked.holds
        if (
            linked.settled
            and judge.plain
            and not linked.sifting.denying
            and judge.fused(request.object, request.old_object)
        ):
            return linked.unobjected(request, deadline)
        scope = self._scope(request, linked.uses)
        if linked.settled and not judge.plain and judge(scope):
            return linked.unobjected(request, deadline)
        return self._decided(Case(self, request, linked.plan.route, scope, deadline), linked, mutating)

    def raw(self, review: Mapping[str, Any] | bytes, binding: str, deadline: float | None = None) -> Decision:
        """The decision of one binding on a raw review, whose `request` is any JSON: it is the `object`, of no kind.

        Raises RequestError, also where the binding is about objects of some kinds; UsageError.
        """
        request = from_raw(review)
        if not _Linked.of(self, Route.of(request), binding).plan.groups:
            raise RequestError(f"binding {binding!r} is about objects of some kinds, not about any JSON", 422)
        return self.answer(request, binding=binding, deadline=deadline)

    def _decided(self, case: Case, linked: _Linked, mutating: bool) -> Decision:
        """A decision that is not simply `yes`: all mutations in rule-set order, then all validations of the result."""
        if linked.hosted:
            (told,) = linked.sifting.telling
            return kubewarden.answer(case, told.group, told.runners, linked.bare)
        written = mutating and case.request.object is not None and bool(linked.writing)
        failing = linked.sifting.failing(case.scope) if linked.sifting.denying else None
        if failing is not None and not failing & MUTABLE:
            written = False
        if written:
            _mutate(case, linked)
            failing = None
        if case.tally.denial is None:
            if linked.controller is not None:
                case.tally.take(linked.controller.answer(case.current, case.deadline))
            asked = linked.settled and not written  # and it said no, or we were not here
            silent = not asked and linked.holds(case.scope)
            if failing is None and not silent:
                failing = linked.sifting.failing(case.scope)
            for sifted in linked.sifting.telling:
                group, runners = sifted.group, sifted.runners
                if silent and group.settled:
                    continue
                if failing is not None and sifted.mask:
                    if failing & sifted.mask:
                        Own(case, group, runners, linked.message(group)).tell(sifted.failing(failing))
                elif group.native:
                    from admit.engine import validating

                    validating.judge(case, group, runners[0])
                elif not _concerns(case, group):
                    continue
                elif group.bound.binding.tries:
                    kubewarden.judge(case, group, runners)
                else:
                    Own(case, group, runners, linked.message(group)).validate()
        return case.tally.decision(case.request, case.scope["object"], self.minor)

    def glance(self, review: bytes, *, route: Way = "mutate", binding: str | None = None) -> str | None:
        """The uid of a review that is allowed as it is, if that can be seen without reading all of it."""
        about = _envelope().hint(review), route, binding
        key, judge = self._glances.get(about) or self._first_glance(review, about)
        if judge is None:
            return None
        asked = judge.projection.read(review)
        if asked is None:
            return None
        if _key(asked, route, binding) != key:
            self._glances.pop(about, None)  # what it seemed to be about misled
            return None
        return asked.uid if judge.fused(asked.object, asked.oldObject) else None

    def _first_glance(self, review: bytes, about: tuple[bytes, Way, str | None]) -> _Glance:
        """What is to be asked of reviews that seem to be about the same."""
        _, route, binding = about
        asked = _envelope().bare(review)
        key = _key(asked, route, binding) if asked is not None else ()
        linked = self._routes.get(key)
        if linked is None:
            return key, None
        judge = linked.quiet if route == "mutate" or linked.hosted else linked.holds
        known = key, judge if linked.settled and linked.controller is None and judge.plain else None
        if len(self._glances) < MOST_PLANS:
            self._glances[about] = known
        return known

    def warm(self, seconds: float = 5.0) -> None:
        """Plans what concerns pods and workloads, for about so long at most, so that no first request has to wait."""
        end = time.monotonic() + seconds
        _envelope()
        if self.controller is not None:
            self.controller.warm()
        own = {b.binding.name: b.binding.match_resources for b in self.bounds if b.binding.kubewarden is not None}
        for binding, limits in ((None, None), *own.items()):
            for operation in ("CREATE", "UPDATE"):
                for kind in WORKLOADS:
                    route = Route(kind.group, kind.version, kind.resource, kind.subresource, operation, True)
                    if time.monotonic() < end and (limits is None or may_match(limits, route)):
                        self._link(route, binding, False)

    def plan(self, route: Route, binding: str | None = None) -> tuple[Plan, Judge]:
        """What is done on a route, and the function of what must hold for nothing more to be done; for `explain`."""
        linked = _Linked.of(self, route, binding)
        return linked.plan, linked.quiet

    def _link(self, route: Route, binding: str | None, bare: bool) -> _Linked:
        linked = _Linked.of(self, route, binding, bare)
        if len(self._routes) < MOST_PLANS:
            resource = route.group, route.version, route.resource
            self._routes[resource, route.subresource, route.operation, not route.namespaced, binding, bare] = linked
        return linked

    def _scope(self, request: Request, uses: frozenset[str]) -> dict[str, Value]:
        """PARAMETERS of which those that are not used are null."""
        authorizer = requested = None
        if not uses.isdisjoint(AUTHORIZER):
            authorizer = Authorizer(user(request.user_info), once(self.authorizer))
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
    """A plan with its functions; `settled` where they speak of all its groups. `uses`: what its expressions mention;
    `hosted`: of a Kubewarden document that was asked for by its name; `bare`: all of it denies."""

    plan: Plan
    writing: tuple[tuple[Group, tuple[Runner, ...]], ...]  # what has mutations in force
    messages: Mapping[str, ProfileMessage]  # of the bindings of profiles that have one
    holds: Judge
    quiet: Judge
    sifting: Sifting
    settled: bool
    uses: frozenset[str]
    controller: Controller | None  # if it is concerned
    hosted: bool
    bare: bool

    def message(self, group: Group) -> ProfileMessage | None:
        """What makes one message of the findings of a profile's members, if it has one."""
        return self.messages.get(group.bound.binding.name)

    def unobjected(self, request: Request, deadline: float | None) -> Decision:
        """The decision on a request that the rules have nothing to say of."""
        if self.controller is not None:
            return self.controller.answer(request, deadline)
        return Decision(request, object=request.object)

    @classmethod
    def of(cls, engine: Engine, route: Route, binding: str | None, bare: bool = False) -> _Linked:
        bounds: Sequence[Bound] = engine.bounds
        if binding is not None:
            bounds = [bound for bound in bounds if bound.binding.name == binding]
            bounds = [kubewarden.by_name(each) for each in bounds if each.binding.kubewarden is not None] or bounds
            if not bounds:
                raise UsageError(f"there is no binding {binding!r}")
        if bare:
            bounds = [_denying(bound) for bound in bounds]
        within = admission(engine.kubernetes)
        plan = build(bounds, route, within, engine.equivalents)
        runners = [(group, [Runner(step, within, engine.schemas) for step in group.steps]) for group in plan.groups]
        hosted = binding is not None and any(group.bound.binding.kubewarden is not None for group in plan.groups)
        writing = ((group, tuple(r for r in its if r.writes)) for group, its in runners if group.bound.binding.mutates)
        telling = (
            (group, tuple(r for r in its if r.tells or hosted or group.bound.binding.tries)) for group, its in runners
        )
        holds, quiet = judges(plan, within)
        messages = {
            group.bound.binding.name: ProfileMessage(group.bound.message, group.bound.settings)
            for group in plan.groups
            if group.bound.message is not None
        }
        controller = engine.controller
        return cls(
            plan,
            tuple(each for each in writing if each[1]),
            messages,
            holds,
            quiet,
            Sifting(plan, (each for each in telling if each[1]), within, holds.plain and quiet.plain),
            all(group.settled for group in plan.groups),
            frozenset().union(*map(_uses, plan.groups)),
            controller if controller is not None and binding is None and controller.concerns(route) else None,
            hosted,
            bare,
        )


def _denying(bound: Bound) -> Bound:
    """The binding as if each violation denied; of a Kubewarden document only the verdict is looked at then."""
    if bound.binding.kubewarden is not None:
        return bound
    return replace(bound, binding=replace(bound.binding, validation_actions=("Deny",)))


@cache
def _envelope() -> ModuleType:
    """What reads a review in passing, with msgspec: a command that decides once does not wait for that."""
    return import_module("admit.admission.envelope")


def _key(asked: Envelope[Any, Any], route: Way, binding: str | None) -> tuple[Any, ...]:
    """Of `_routes`."""
    bare = route == "audit"
    return asked.gvr, asked.subResource or "", asked.operation, not asked.namespace, binding, bare


def _mutate(case: Case, linked: _Linked) -> None:
    """All mutations, in rule-set order."""
    if not any(group.native for group, _ in linked.writing):
        _write(case, linked.writing)
        return
    from admit.engine.mutating import Mutating  # with what an API server knows of patches, which few rule sets need

    upstream = Mutating(case)
    for native, groups in groupby(linked.writing, lambda each: each[0].native):
        if native:
            upstream.run(group for group, _ in groups)
        else:
            _write(case, groups)
    upstream.reinvoke()


def _write(case: Case, groups: Iterable[tuple[Group, tuple[Runner, ...]]]) -> None:
    for group, runners in groups:
        if _concerns(case, group):
            Own(case, group, runners).mutate()


def _uses(group: Group) -> frozenset[str]:
    message = group.bound.message
    return frozenset().union(*(step.uses for step in group.steps), free(message) if message is not None else ())


def _concerns(case: Case, group: Group) -> bool:
    limits = group.bound.binding.match_resources
    return group.settled or limits is None or case.matches(limits)
