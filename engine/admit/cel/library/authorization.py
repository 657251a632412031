"""Kubernetes' authorizer: whether somebody may do something. Who answers is plugged in.

What an API server binds to `authorizer` is `Authorizer(user, authorize)`; to `authorizer.requestResource`, what
`request_resource` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, TypeAlias

from admit.cel.library import overload
from admit.cel.library.extensions import trim
from admit.cel.library.formats import dns_label_problems, dns_subdomain_problems
from admit.cel.types import Type, object_type
from admit.cel.values import Exclusive, Value
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class User:
    """Who asks; `extra` has further lists by name."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked: may the user do this to a resource, of whatever version, or (where `path` is set) to a path?

    Selectors are as written: one that cannot be read is the authorizer's to judge.
    """

    user: User
    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an authorizer answers; no opinion is not allowed. An `error` is no failure of the expression."""

    allowed: bool
    reason: str = ""
    error: str | None = None


Authorize: TypeAlias = Callable[[Attributes], Verdict]


def unavailable(_: Attributes) -> Verdict:
    """The authorizer where there is none. Raises EvaluationError."""
    raise EvaluationError("no authorizer is configured to ask")


class _Receiver(Exclusive):
    """What has functions and nothing else: not even itself does it equal."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.TYPE.name

    def equals(self, other: Value) -> bool | None:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Authorizer(_Receiver):
    TYPE: ClassVar[Type] = object_type("kubernetes.authorization.Authorizer")
    user: User
    authorize: Authorize = unavailable


@dataclass(frozen=True, slots=True, eq=False)
class GroupCheck(_Receiver):
    TYPE: ClassVar[Type] = object_type("kubernetes.authorization.GroupCheck")
    authorize: Authorize
    attributes: Attributes


@dataclass(frozen=True, slots=True, eq=False)
class ResourceCheck(_Receiver):
    TYPE: ClassVar[Type] = object_type("kubernetes.authorization.ResourceCheck")
    authorize: Authorize
    attributes: Attributes


@dataclass(frozen=True, slots=True, eq=False)
class PathCheck(_Receiver):
    TYPE: ClassVar[Type] = object_type("kubernetes.authorization.PathCheck")
    authorize: Authorize
    attributes: Attributes


@dataclass(frozen=True, slots=True, eq=False)
class Decision(_Receiver):
    TYPE: ClassVar[Type] = object_type("kubernetes.authorization.Decision")
    verdict: Verdict


def request_resource(
    authorizer: Authorizer, group: str, resource: str, subresource: str, namespace: str, name: str
) -> ResourceCheck:
    """The check of the resource that a request is for."""
    attributes = Attributes(authorizer.user, "", "", group, resource, subresource, namespace, name)
    return ResourceCheck(authorizer.authorize, attributes)


authz_overload = partial(overload, library="authz")
_TYPES = "kubernetes.authorization"


@authz_overload(
    f"{_TYPES}.Authorizer.path(string) -> {_TYPES}.PathCheck",
    "authorizer.path('/healthz').check('get').allowed()",
    id="authorizer_path",
    fails={"authorizer.path('')": "path must not be empty"},
)
def path(authorizer: Authorizer, path: str) -> PathCheck:
    """The check of a path that is no resource, such as /healthz."""
    if not trim(path):
        raise EvaluationError("path must not be empty")
    return PathCheck(authorizer.authorize, Attributes(authorizer.user, path=path))


@authz_overload(
    f"{_TYPES}.Authorizer.group(string) -> {_TYPES}.GroupCheck",
    "authorizer.group('apps').resource('deployments').check('get').allowed()",
    id="authorizer_group",
)
def group(authorizer: Authorizer, group: str) -> GroupCheck:
    """What is asked of the resources of an API group; the core group is the empty text."""
    return GroupCheck(authorizer.authorize, Attributes(authorizer.user, group=group))


@authz_overload(
    f"{_TYPES}.Authorizer.serviceAccount(string, string) -> {_TYPES}.Authorizer",
    "authorizer.serviceAccount('default', 'builder').group('').resource('pods').check('get').allowed()",
    id="authorizer_serviceaccount",
    fails={"authorizer.serviceAccount('default', 'A')": "Invalid service account name"},
)
def service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    """What is asked for a service account, by its namespace and name, in place of who made the request."""
    if dns_subdomain_problems(name):
        raise EvaluationError("Invalid service account name")
    if dns_label_problems(namespace):
        raise EvaluationError("Invalid service account namespace")
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return Authorizer(User(f"system:serviceaccount:{namespace}:{name}", groups=groups), authorizer.authorize)


@authz_overload(
    f"{_TYPES}.GroupCheck.resource(string) -> {_TYPES}.ResourceCheck",
    "authorizer.group('').resource('pods').check('get').allowed()",
    id="groupcheck_resource",
    fails={"authorizer.group('').resource('')": "resource must not be empty"},
)
def resource(check: GroupCheck, resource: str) -> ResourceCheck:
    """The check of a resource of the group, in the cluster."""
    if not trim(resource):
        raise EvaluationError("resource must not be empty")
    return ResourceCheck(check.authorize, replace(check.attributes, resource=resource))


def _declare_refinement(
    name: str, example: str, refined: Callable[[Attributes, str], Attributes], doc: str, since: int = 0
) -> None:
    def refine(check: ResourceCheck, value: str) -> ResourceCheck:
        return ResourceCheck(check.authorize, refined(check.attributes, value))

    refine.__doc__ = doc
    owner = "authorizer" if name.endswith("Selector") else "resourcecheck"
    text = f"{_TYPES}.ResourceCheck.{name}(string) -> {_TYPES}.ResourceCheck"
    shown = f"authorizer.group('').resource('pods').{name}('{example}').check('get').allowed()"
    authz_overload(text, shown, id=f"{owner}_{name.lower()}", since=since)(refine)


SELECTORS_SINCE = 32  # there in 1.31, but switched off

_declare_refinement(
    "subresource", "log", lambda of, value: replace(of, subresource=value), "The check of a subresource."
)
_declare_refinement("namespace", "shop", lambda of, value: replace(of, namespace=value), "The check in a namespace.")
_declare_refinement("name", "web", lambda of, value: replace(of, name=value), "The check of one object.")
_declare_refinement(
    "fieldSelector",
    "spec.nodeName=here",
    lambda of, value: replace(of, field_selector=value),
    "The check of objects with such fields.",
    SELECTORS_SINCE,
)
_declare_refinement(
    "labelSelector",
    "app=web",
    lambda of, value: replace(of, label_selector=value),
    "The check of objects with such labels.",
    SELECTORS_SINCE,
)


@authz_overload(
    f"{_TYPES}.PathCheck.check(string) -> {_TYPES}.Decision",
    "!authorizer.path('/healthz').check('delete').allowed()",
    id="pathcheck_check",
)
@authz_overload(
    f"{_TYPES}.ResourceCheck.check(string) -> {_TYPES}.Decision",
    "!authorizer.group('').resource('pods').check('delete').allowed()",
    id="resourcecheck_check",
)
def check(of: PathCheck | ResourceCheck, verb: str) -> Decision:
    """The answer of the authorizer to whether this verb is allowed."""
    return Decision(of.authorize(replace(of.attributes, verb=verb)))


@authz_overload(
    f"{_TYPES}.Decision.allowed() -> bool",
    "authorizer.path('/healthz').check('get').allowed()",
    id="decision_allowed",
)
def allowed(decision: Decision) -> bool:
    """Whether it is allowed."""
    return decision.verdict.allowed


@authz_overload(
    f"{_TYPES}.Decision.reason() -> string",
    "authorizer.path('/healthz').check('get').reason() == ''",
    id="decision_reason",
)
def reason(decision: Decision) -> str:
    """Why, as the authorizer says; it may be empty."""
    return decision.verdict.reason


@authz_overload(
    f"{_TYPES}.Decision.errored() -> bool",
    "!authorizer.path('/healthz').check('get').errored()",
    id="decision_errored",
    since=28,
)
def errored(decision: Decision) -> bool:
    """Whether the authorizer failed."""
    return decision.verdict.error is not None


@authz_overload(
    f"{_TYPES}.Decision.error() -> string",
    "authorizer.path('/healthz').check('get').error() == ''",
    id="decision_error",
    since=28,
)
def error(decision: Decision) -> str:
    """What failed; empty where nothing did."""
    return decision.verdict.error or ""
