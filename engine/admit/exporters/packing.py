"""Bindings as ValidatingAdmissionPolicies: what is asked of the same requests, with the same effect, is one policy."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from typing import Any

from admit.cel.ast import Literal
from admit.cel.env import NEWEST, admission
from admit.engine import Engine
from admit.exporters.constants import inlined
from admit.exporters.documents import about, binding, distinct_name, document, name_under
from admit.exporters.model import Note, Parameters, Refusal
from admit.exporters.parameters import parametrised
from admit.exporters.parts import Part, part_of
from admit.exporters.text import Unwritable
from admit.exporters.validating import Body, Profile
from admit.exporters.versions import api_version
from admit.kubernetes.typecheck import warnings as type_warnings
from admit.kubernetes.validate import problems
from admit.plan.build import EXEMPT
from admit.rules import model
from admit.rules.lower import Bound

POLICY: model.PolicyKind = "ValidatingAdmissionPolicy"
BINDING = "ValidatingAdmissionPolicyBinding"
MOST_RULES = 100
"""Validations in one policy: the API server's budget is one for all of them."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one binding has in a policy: all of its parts, or those that are asked of the same requests."""

    bound: Bound
    profile: Profile


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy without its name; one of the API server's is the `document` that it was."""

    shares: tuple[Share, ...]
    spec: dict[str, Any]
    document: dict[str, Any] | None = None

    @property
    def bound(self) -> Bound:
        return self.shares[0].bound

    @property
    def policies(self) -> list[str]:
        return list(dict.fromkeys(share.bound.binding.policy.name for share in self.shares))


@dataclass(slots=True)
class Packing:
    """The export of bindings; what is refused, and noted, on the way."""

    engine: Engine
    kubernetes: str
    split: bool = False
    accept_expiring: bool = False
    params: Parameters | None = None
    namespace: str = "default"
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _policies: dict[str, model.Policy] = field(init=False)

    def __post_init__(self) -> None:
        self._policies = {policy.key: policy for policy in self.engine.policies}

    def documents(self, bounds: Sequence[Bound]) -> list[dict[str, Any]]:
        """Each policy before its bindings, in the order of the first binding that is in it."""
        groups: dict[Hashable, list[Share]] = {}
        parameters: list[dict[str, Any]] = []
        for bound in bounds:
            if bound.binding.policy.kind == POLICY:
                groups[bound.binding.key] = [Share(bound, Profile(bound.binding.policy.name, ()))]
            elif bound.binding.policy.kind == "Policy" and self._is_timeless(bound) and self._is_on_its_own(bound):
                bound, objects = self._parametrised(bound)
                parameters += objects
                for key, share in self._shares(bound):
                    groups.setdefault(key, []).append(share)
        drafts = [draft for group in groups.values() for draft in self._drafts(group)]
        written = [document for draft, document in self._written(drafts) if self._is_accepted(draft, document)]
        return [*(each for i, each in enumerate(parameters) if each not in parameters[:i]), *written]

    def _parametrised(self, bound: Bound) -> tuple[Bound, list[dict[str, Any]]]:
        """The binding, and the documents of what its policy reads in the cluster."""
        if self.params is None or bound.binding.policy.key not in self._policies:
            return bound, []
        try:
            return parametrised(bound, self._policies[bound.binding.policy.key], self.params, self.namespace)
        except Unwritable as error:
            self.refused.append(Refusal(bound.binding.policy.name, "", str(error)))
            return replace(bound, members=()), []

    @property
    def _version(self) -> str:
        return api_version(POLICY, self.kubernetes)

    def _is_accepted(self, draft: Draft, document: dict[str, Any]) -> bool:
        """Whether an API server takes the document; its limits are not ours."""
        found = problems(document)
        self.refused += [Refusal(policy, "", problem.text) for problem in found for policy in draft.policies]
        return not found

    def _is_timeless(self, bound: Bound) -> bool:
        """Whether its exceptions hold without an end, as far as an API server is concerned."""
        expiring = [each for each in bound.binding.exceptions if self._is_running(each)]
        for exception in expiring:
            policy, where = bound.binding.policy.name, f"exception {exception.name}"
            if self.accept_expiring:
                self.notes.append(Note(policy, where, f"has no end there; it was to expire on {exception.expires}"))
            else:
                reason = f"it expires on {exception.expires}, and an API server has no clock (see --accept-expiring)"
                self.refused.append(Refusal(policy, where, reason))
        return self.accept_expiring or not expiring

    def _is_on_its_own(self, bound: Bound) -> bool:
        """Whether nothing in a Kubewarden document makes another verdict of that of its rules."""
        name, terms = bound.binding.name, bound.binding.kubewarden
        if terms is None:
            return True
        if terms.expression is not None:
            self.refused.append(Refusal(name, "", "it decides by an expression over the verdicts of several policies"))
            return False
        if bound.binding.tries and any(lowered.mutations for lowered in bound.members):
            self.refused.append(Refusal(name, "", "it rejects what it would have to change, but may not mutate"))
            return False
        return True

    def _is_running(self, exception: model.RuleException) -> bool:
        return exception.expires is not None and exception.expires >= self.today

    @property
    def today(self) -> date:
        return self.engine.clock().astimezone(UTC).date()

    def _shares(self, bound: Bound) -> Iterator[tuple[Hashable, Share]]:
        """What a binding has in policies, each with what these must have in common."""
        message = None
        if bound.message is not None and "Deny" in bound.binding.validation_actions:
            message = inlined(bound.message, {"settings": dict(bound.settings)}, {}, admission(f"1.{NEWEST}"))
        alike: dict[Hashable, list[Part]] = {}
        for lowered in bound.members:
            if _is_about_exempt(lowered.policy):
                self.notes.append(
                    Note(lowered.policy.name, "", "an API server asks no policy about policies and reviews")
                )
            part = _saying(part_of(lowered, self.today.isoformat(), self.engine.kubernetes), bound.binding)
            if lowered.mutations:
                self.notes.append(Note(lowered.policy.name, "", "what it mutates is exported by `admit export map`"))
            if part.validations or part.annotations:
                alike.setdefault(_asked(part), []).append(part)
            elif lowered.validations:
                self.notes.append(Note(lowered.policy.name, "", "it forbids nothing under these settings"))
        of, rules = bound.binding, sum(len(part.validations) for parts in alike.values() for part in parts)
        if of.validation_actions != ("Deny",) and rules > 1:
            self.notes.append(Note(of.policy.name, "", f"under {of.name} each rule warns, and is audited, for itself"))
        if message is not None and len(alike) > 1:
            self.notes.append(
                Note(of.policy.name, "", "its policies match differently: each message is of what is alike")
            )
        for asked, parts in alike.items():
            alone = self.split or any(part.annotations for part in parts)
            in_common = (asked, of.validation_actions, repr(of.match_resources), repr(of.param_ref))
            yield (*in_common, of.name if alone else None), Share(bound, Profile(of.policy.name, tuple(parts), message))

    def _drafts(self, shares: Sequence[Share]) -> Iterator[Draft]:
        if shares[0].bound.binding.policy.kind == POLICY:
            (lowered,) = shares[0].bound.members
            assert lowered.policy.document is not None
            document = dict(lowered.policy.document)
            yield Draft(tuple(shares), document["spec"], document)
            return
        for some in _bounded(shares):
            profiles = [share.profile for share in some]
            body = Body(profiles, self.kubernetes)
            try:
                spec = body.spec()
                if body.subject is None and type_warnings({"spec": spec}, self.engine.schemas):
                    body = Body(profiles, self.kubernetes, untyped=True)
                    spec = body.spec()
            except Unwritable as error:
                for part in body.parts:
                    self.refused.append(Refusal(part.policy.name, "", str(error), error.since))
                continue
            self.refused += body.refused
            self.notes += body.notes
            if "validations" in spec or "auditAnnotations" in spec:
                yield Draft(tuple(some), spec)

    def _written(self, drafts: Sequence[Draft]) -> Iterator[tuple[Draft, dict[str, Any]]]:
        named = {draft.bound.binding.policy.name for draft in drafts if draft.document is not None}
        bindings = {draft.bound.binding.name for draft in drafts if draft.document is not None}
        written: dict[str, Draft] = {}
        for draft in drafts:
            name = self._name(draft, drafts, written, named)
            if name not in written:
                written[name] = draft
                spec, annotations = draft.spec, self._annotations(draft)
                yield draft, draft.document or document(POLICY, name, spec, annotations, self._version)
            bound_as = draft.bound.binding.name
            if draft.document is None:
                bound_as = distinct_name(bound_as if len(draft.shares) == 1 else name, bindings)
                bindings.add(bound_as)
            yield draft, binding(draft.bound.binding, bound_as, name, BINDING, {}, self._version)

    def _name(self, draft: Draft, drafts: Sequence[Draft], written: Mapping[str, Draft], taken: Collection[str]) -> str:
        """What a policy is called: as one that has been written, if it is the same."""
        if draft.document is not None:
            return draft.bound.binding.policy.name
        if len(draft.shares) > 1:
            return distinct_name(_packed_name(draft), {*taken, *written})
        alike = [each for each in drafts if each.policies == draft.policies and len(each.shares) == 1]
        for name, each in written.items():
            if each in alike and each.spec == draft.spec:
                return name
        of, alone = draft.bound.binding, all(each.spec == draft.spec for each in alike)
        return distinct_name(name_under(of.name, of.policy.name, alone), {*taken, *written})

    def _annotations(self, draft: Draft) -> dict[str, str]:
        of = draft.bound.binding
        expiring = [
            f"{each.name}: {each.expires}"
            for share in draft.shares
            for each in share.bound.binding.exceptions
            if self._is_running(each)
        ]
        if len(draft.shares) > 1:
            return {"policies": ", ".join(draft.policies), "expires": ", ".join(expiring)}
        return {"policy": of.policy.name, **about(self._policies[of.policy.key]), "expires": ", ".join(expiring)}


def _saying(part: Part, of: model.Binding) -> Part:
    """The part with the one message of a Kubewarden document, where that has one."""
    if of.kubewarden is None or not of.kubewarden.message or "Deny" not in of.validation_actions:
        return part
    message = Literal("string", of.kubewarden.message)
    return replace(part, validations=tuple(replace(rule, messages=(message,)) for rule in part.validations))


def _is_about_exempt(policy: model.Policy) -> bool:
    """Whether it is about resources for which an API server asks no policy."""
    constraints = policy.match_constraints
    rules = constraints.resource_rules if constraints is not None and policy.subject is None else ()
    return any(rule.in_group(group) and rule.names(resource) for rule in rules for group, resource in EXEMPT)


def _asked(part: Part) -> Hashable:
    """What decides of which requests a policy is asked, and what an error means."""
    policy = part.policy
    return repr(part.match), part.conditions, policy.failure_policy, policy.param_kind


def _bounded(shares: Sequence[Share]) -> Iterator[list[Share]]:
    """The shares in runs that make no policy too large."""
    run: list[Share] = []
    count = 0
    for share in shares:
        more = sum(len(part.validations) for part in share.profile.parts)
        if run and count + more > MOST_RULES:
            yield run
            run, count = [], 0
        run.append(share)
        count += more
    if run:
        yield run


def _packed_name(draft: Draft) -> str:
    """`pods-deny`: what is judged, and what comes of it."""
    rules = draft.spec["matchConstraints"]["resourceRules"]
    resource = rules[0]["resources"][0].partition("/")[0]
    ignoring = ["Ignore"] if draft.spec["failurePolicy"] == "Ignore" else []
    return "-".join([resource.replace("*", "all"), *draft.bound.binding.validation_actions, *ignoring]).lower()
