"""The webhook configurations by which an API server asks `admit serve`: of what a rule set is about, and of no more."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from admit.cel.ast import Expr, Literal
from admit.cel.env import admission
from admit.cel.unparse import unparse
from admit.cel.values import Optional
from admit.engine import Engine
from admit.errors import UsageError
from admit.exporters.documents import DOMAIN, distinct_name
from admit.exporters.subject import WRITING, Subject
from admit.exporters.versions import TooNew, rewritten
from admit.plan.build import FALSE, build
from admit.plan.match import Route, selects_all
from admit.rules.fields import OPERATIONS
from admit.rules.lower import Bound, Lowered, Mutation, Write
from admit.rules.model import MatchResources, ResourceRule
from admit.rules.names import free
from admit.rules.upstream import GROUP
from admit.rules.workloads import SPEC_AND_METADATA, WORKLOADS

SEEN = frozenset(("object", "oldObject", "request"))
"""What a matchCondition of a webhook may mention, of what one of a policy may."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where an API server finds `admit serve`: a Service, or a `url` instead of it. Raises UsageError.

    `ca` are the certificates that the server's is trusted by, PEM; `timeout` is in seconds; of the `excluded`
    namespaces, and of the Service's own, nothing is asked.
    """

    service: str = "admit"
    namespace: str = "admit-system"
    port: int = 443
    url: str | None = None
    ca: bytes | None = None
    timeout: int = 10
    excluded: tuple[str, ...] = ("kube-system",)

    def __post_init__(self) -> None:
        excluded = (("exclude", name) for name in self.excluded)
        for what, name in (("service", self.service), ("namespace", self.namespace), *excluded):
            if not _LABEL.fullmatch(name):
                raise UsageError(f"{what} must be the name of one, of lower-case letters, digits and '-': {name!r}")
        if not 1 <= self.port <= 65535:
            raise UsageError(f"port must lie between 1 and 65535: {self.port}")
        if not 1 <= self.timeout <= 30:
            raise UsageError(f"timeout must lie between 1 and 30 seconds: {self.timeout}")
        if self.url is not None and not _is_base(self.url):
            raise UsageError(
                f"url must be https://HOST, with a port and a path or without, and nothing more: {self.url}"
            )

    def client_config(self, path: str) -> dict[str, Any]:
        trusted = {} if self.ca is None else {"caBundle": b64encode(self.ca).decode()}
        if self.url is not None:
            return {"url": self.url.rstrip("/") + path, **trusted}
        service = {"name": self.service, "namespace": self.namespace, "port": self.port, "path": path}
        return {"service": service, **trusted}


def configurations(engine: Engine, server: Server) -> list[dict[str, Any]]:
    """A MutatingWebhookConfiguration and a ValidatingWebhookConfiguration, as far as there is anything to ask.

    What denies, also where it cannot be asked, is one webhook of each; the rest is one that fails open.
    """
    parts = [*_parts(engine)]
    writing = _webhooks([part for part in parts if part.writes], "mutate", server, engine.kubernetes)
    telling = _webhooks([part for part in parts if part.tells], "validate", server, engine.kubernetes)
    again = "IfNeeded" if all(part.repeatable for part in parts if part.writes) else "Never"
    found = {"Mutating": [{**each, "reinvocationPolicy": again} for each in writing], "Validating": telling}
    return [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": server.service},
            "webhooks": webhooks,
        }
        for kind, webhooks in found.items()
        if webhooks
    ]


def certificates(text: bytes, file: str) -> bytes:
    """The certificates of a PEM file, and nothing else that may be in it. Raises UsageError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return b"".join(each.public_bytes(Encoding.PEM) for each in x509.load_pem_x509_certificates(text))
    except ValueError:
        raise UsageError(f"{file} holds no certificate in PEM") from None


class Place(NamedTuple):
    """Requests of one operation, as resource rules name them; `*` stands for any."""

    group: str
    version: str
    resource: str
    subresource: str
    operation: str
    scope: str = "*"

    def covers(self, other: Place) -> bool:
        return all(mine in ("*", its) for mine, its in zip(self, other, strict=True))

    def meet(self, other: Place) -> Place | None:
        """What both are about."""
        both = [b if a == "*" else a for a, b in zip(self, other, strict=True) if "*" in (a, b) or a == b]
        return Place(*both) if len(both) == len(self) else None


def places(lowered: Lowered) -> Iterable[Place]:
    """Where a policy may have something to do: all that it is about, and little more."""
    found: Iterable[Place] = (Place("*", "*", "*", "*", each) for each in OPERATIONS)
    if lowered.policy.subject is not None:
        found = _of_workloads()
    for match in _limits(lowered):
        if match.resource_rules:
            named = [*_named(match.resource_rules)]
            found = [both for a in found for b in named if (both := a.meet(b)) is not None]
        excluded = [*_named(rule for rule in match.exclude_resource_rules if not rule.resource_names)]
        found = [place for place in found if not any(each.covers(place) for each in excluded)]
    return dict.fromkeys(found)


class Part(NamedTuple):
    """What a policy under a binding, or the Pod Security controller, has to do at a place.

    `closed`: it denies, and where it cannot be asked nothing may pass.
    """

    place: Place
    lowered: Lowered | None
    closed: bool
    writes: bool
    tells: bool

    @property
    def repeatable(self) -> bool:
        """Whether its writes may be repeated: those of our policies change nothing the second time."""
        policy = None if self.lowered is None else self.lowered.policy
        return policy is None or policy.kind == "Policy" or policy.reinvocation_policy == "IfNeeded"

    @property
    def limits(self) -> Iterator[MatchResources]:
        if self.lowered is not None:
            yield from _limits(self.lowered)


_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (parts.scheme, parts.query, parts.fragment) == ("https", "", "") and bool(
            parts.hostname and parts.port != 0 and "@" not in parts.netloc and not re.search(r"[\s?#]", url)
        )
    except ValueError:
        return False


def _parts(engine: Engine) -> Iterator[Part]:
    for bound in engine.bounds:
        for lowered in bound.members:
            closed = "Deny" in bound.binding.validation_actions and lowered.policy.failure_policy == "Fail"
            tried = bound.binding.tries and lowered.mutations
            tells = bool(lowered.validations or lowered.audit_annotations or tried)
            for place in places(lowered):
                yield Part(place, lowered, closed, _writes(engine, bound, lowered, place), tells)
    if engine.controller is not None:
        namespaces = (Place("", "v1", "namespaces", "", operation) for operation in WRITING)
        for place in (*namespaces, *_of_workloads()):
            if engine.controller.concerns(_route(place)):
                yield Part(place, None, closed=True, writes=False, tells=True)


def _limits(lowered: Lowered) -> Iterator[MatchResources]:
    """What a policy and its binding say of matching."""
    return (each for each in (lowered.policy.match_constraints, lowered.binding.match_resources) if each is not None)


def _of_workloads() -> Iterator[Place]:
    for each, operation in product(WORKLOADS, WRITING):
        yield Place(each.group, each.version, each.resource, each.subresource, operation)


def _named(rules: Iterable[ResourceRule]) -> Iterator[Place]:
    for rule in rules:
        operations = OPERATIONS if "*" in rule.operations else rule.operations
        for group, version, name, operation in product(rule.api_groups, rule.api_versions, rule.resources, operations):
            resource, _, subresource = name.partition("/")
            yield Place(group, version, resource, subresource, operation, rule.scope)


def _writes(engine: Engine, bound: Bound, lowered: Lowered, place: Place) -> bool:
    """Whether it may change what is there; what a Pod holds, for instance, is written when it is created only."""
    if not lowered.mutations or not bound.binding.mutates or place.operation == "DELETE":
        return False
    if "*" in place[:-1]:
        return True
    alone = replace(bound, members=(lowered,))
    plan = build([alone], _route(place), admission(engine.kubernetes), engine.equivalents)
    return any(_may_write(each) for group in plan.groups for step in group.steps for each in step.lowered.mutations)


def _route(place: Place) -> Route:
    namespaced = place.scope != "Cluster"
    return Route(place.group, place.version, place.resource, place.subresource, place.operation, namespaced)


def _may_write(mutation: Mutation) -> bool:
    match mutation:
        case Write(value=Literal(value=Optional(present=False))):
            return False
        case _:
            return FALSE not in mutation.conditions


def _webhooks(parts: Sequence[Part], route: str, server: Server, kubernetes: str) -> list[dict[str, Any]]:
    """One webhook that fails closed, with all that it would be asked about anyway, and one that fails open."""
    denying = {part.place for part in parts if part.closed}
    split: dict[bool, list[Part]] = {True: [], False: []}
    for part in parts:
        split[any(place.covers(part.place) for place in denying)].append(part)
    return [_webhook(closed, some, route, server, kubernetes) for closed, some in split.items() if some]


def _webhook(closed: bool, parts: Sequence[Part], route: str, server: Server, kubernetes: str) -> dict[str, Any]:
    excluded = {*server.excluded, *(() if server.url is not None else (server.namespace,))}
    outside = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": sorted(excluded)}
    asked = _conditions(parts, route, strict=closed)
    conditions = [{"name": name, "expression": unparse(node)} for name, node in asked if not _is_new(node, kubernetes)]
    exact = all(next(part.limits, MatchResources()).match_policy == "Exact" for part in parts)
    return {
        "name": f"{route}.{DOMAIN}" if closed else f"{route}-open.{DOMAIN}",
        "clientConfig": server.client_config(f"/{route}"),
        "rules": _rules({part.place for part in parts}),
        **({"namespaceSelector": {"matchExpressions": [outside]}} if excluded else {}),
        **({"matchConditions": conditions} if conditions else {}),
        "matchPolicy": "Exact" if exact else "Equivalent",
        "failurePolicy": "Fail" if closed else "Ignore",
        "sideEffects": "None",
        "timeoutSeconds": server.timeout,
        "admissionReviewVersions": ["v1"],
    }


def _is_new(node: Expr, kubernetes: str) -> bool:
    """Whether an API server of that version does not take it as it is."""
    try:
        return rewritten(node, kubernetes) != node
    except TooNew:
        return True


def _conditions(parts: Sequence[Part], route: str, strict: bool) -> Iterator[tuple[str, Expr]]:
    """What all parts ask of a request before anything else.

    An author's condition may err, and then denies; here as well where the webhook is `strict`, if its policies are
    about every request that reaches it.
    """
    lowered = [part.lowered for part in parts if part.lowered is not None]
    if len(lowered) < len(parts):
        return
    strict = strict and not any(map(_selects_some, parts))
    updated = any(part.place.operation == "UPDATE" for part in parts)  # what our own conditions are about
    names: list[str] = []
    for condition in lowered[0].match_conditions:
        if not free(condition.expression) <= SEEN or not (updated if condition.name.startswith(DOMAIN) else strict):
            continue
        if all(any(condition.expression == own.expression for own in each.match_conditions) for each in lowered):
            names.append(distinct_name(condition.name, names))
            yield names[-1], condition.expression
    if route == "validate" and updated and all(map(_is_silent_without_change, lowered)):
        yield f"{DOMAIN}/changed", Subject(WORKLOADS).changed(*SPEC_AND_METADATA)


def _selects_some(part: Part) -> bool:
    """Whether names or labels of a request decide if it is one that the part is about."""
    return any(
        not selects_all(match.namespace_selector)
        or not selects_all(match.object_selector)
        or any(rule.resource_names for rule in (*match.resource_rules, *match.exclude_resource_rules))
        for match in part.limits
    )


def _is_silent_without_change(lowered: Lowered) -> bool:
    """Whether nothing is told of a Pod whose spec, labels and annotations stay as they are."""
    policy = lowered.policy
    return policy.subject is not None and not (policy.match_conditions or policy.param_kind or policy.audit_annotations)


def _rules(places: Collection[Place]) -> list[dict[str, Any]]:
    """The fewest rules for places: those of other places left out, and what differs in one respect written as one."""
    needed = {place for place in places if not any(other != place and other.covers(place) for other in places)}
    rules: set[tuple[tuple[str, ...], ...]] = {
        ((place.group,), (place.version,), (_resource(place),), (place.operation,), (place.scope,)) for place in needed
    }
    for respect in (3, 2, 1, 0):  # operations first, groups last
        merged: dict[tuple[Any, ...], set[str]] = {}
        for rule in rules:
            merged.setdefault((rule[:respect], rule[respect + 1 :]), set()).update(rule[respect])
        rules = {(*before, tuple(sorted(those, key=_order)), *after) for (before, after), those in merged.items()}
    return [_rule(*rule) for rule in sorted(rules)]


def _resource(place: Place) -> str:
    return "/".join(part for part in (place.resource, place.subresource) if part)


def _order(name: str) -> tuple[int, str]:
    return OPERATIONS.index(name) if name in OPERATIONS else 0, name


def _rule(
    groups: Sequence[str],
    versions: Sequence[str],
    resources: Sequence[str],
    operations: Sequence[str],
    scope: Sequence[str],
) -> dict[str, Any]:
    return {
        "apiGroups": [*groups],
        "apiVersions": [*versions],
        "operations": ["*"] if len(operations) == len(OPERATIONS) else [*operations],
        "resources": [*resources],
        **({"scope": scope[0]} if scope[0] != "*" else {}),
    }
