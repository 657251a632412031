"""What people write, loaded: policies, bindings and data, every field checked and every expression parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from admit.cel.ast import Expr
from admit.source import UNKNOWN, Span

if TYPE_CHECKING:
    from admit.rules.schema import Schema
    from admit.rules.yaml import Document

Severity: TypeAlias = Literal["low", "medium", "high", "critical"]
FailurePolicy: TypeAlias = Literal["Fail", "Ignore"]
Action: TypeAlias = Literal["Deny", "Warn", "Audit"]
Subject: TypeAlias = Literal["PodSpec"]
PatchKind: TypeAlias = Literal["applyConfiguration", "jsonPatch"]
PolicyKind: TypeAlias = Literal["Policy", "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"]
Test: TypeAlias = Literal["equals", "oneOf", "noneOf", "inRanges", "matches", "present", "absent"]


@dataclass(frozen=True, slots=True)
class Written:
    """`span` is where the thing is written; for what has a name, the name."""

    span: Span = field(default=UNKNOWN, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Template(Written):
    """`text {{ CEL }} text`: literal text and expressions in turn, without the white space around it."""

    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True)
class MatchCondition(Written):
    name: str
    expression: Expr


@dataclass(frozen=True, slots=True)
class Variable(Written):
    """`variables.NAME`: lazy, and in order"""

    name: str
    expression: Expr


@dataclass(frozen=True, slots=True)
class AuditAnnotation(Written):
    key: str
    value_expression: Expr


@dataclass(frozen=True, slots=True)
class Each(Written):
    """One entry of a `forEach`: the variable, and the list that it runs over."""

    variable: str
    list: Expr


@dataclass(frozen=True, slots=True)
class Constraint(Written):
    """`value` and the test that it must pass; `present` and `absent` have no operand."""

    value: Expr
    test: Test
    operand: Expr | None = None


@dataclass(frozen=True, slots=True)
class Validation(Written):
    """Holds for every combination of `for_each` where `when` does; `name` is `validations[i]` where none is written.
    `field` is the path that findings point to, where it is not that of the value."""

    name: str
    rule: Expr | Constraint
    for_each: tuple[Each, ...] = ()
    when: Expr | None = None
    message: Template | None = None
    message_expression: Expr | None = None
    separator: str = "; "
    summary: Template | None = None
    reason: str = "Invalid"
    severity: Severity | None = None
    field: Expr | None = None


@dataclass(frozen=True, slots=True)
class Write(Written):
    """`set: PATH` `to: value`, `add: value` `to: PATH`, `remove: value` `from: PATH`.

    INVARIANT: only a `set` has several paths.
    """

    action: Literal["set", "add", "remove"]
    paths: tuple[Expr, ...]
    value: Expr
    for_each: tuple[Each, ...] = ()
    when: Expr | None = None


@dataclass(frozen=True, slots=True)
class Patch(Written):
    """`applyConfiguration: {expression}`, `jsonPatch: {expression}`, as in a MutatingAdmissionPolicy"""

    kind: PatchKind
    expression: Expr


Mutation: TypeAlias = Write | Patch


@dataclass(frozen=True, slots=True)
class Requirement(Written):
    """One of a selector's `matchExpressions`."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector(Written):
    """A label selector; an empty one selects everything."""

    match_labels: Mapping[str, str] = field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceRule(Written):
    """One of `resourceRules`, `excludeResourceRules`; `*` stands for any."""

    operations: tuple[str, ...]
    api_groups: tuple[str, ...]
    api_versions: tuple[str, ...]
    resources: tuple[str, ...]
    resource_names: tuple[str, ...] = ()
    scope: Literal["*", "Cluster", "Namespaced"] = "*"

    def names(self, resource: str, subresource: str = "") -> bool:
        """Whether `resources` has it: `pods`, `pods/*`, `*/scale`, `*`, `*/*`."""
        for pattern in self.resources:
            wanted, _, wanted_subresource = pattern.partition("/")
            if wanted in ("*", resource) and wanted_subresource in ("*", subresource):
                return True
        return False

    def in_group(self, group: str) -> bool:
        return any(each in ("*", group) for each in self.api_groups)


@dataclass(frozen=True, slots=True)
class MatchResources(Written):
    """`matchConstraints` of a policy, `matchResources` of a binding."""

    resource_rules: tuple[ResourceRule, ...] = ()
    exclude_resource_rules: tuple[ResourceRule, ...] = ()
    namespace_selector: Selector = Selector()
    object_selector: Selector = Selector()
    match_policy: Literal["Equivalent", "Exact"] = "Equivalent"


@dataclass(frozen=True, slots=True)
class ParamKind(Written):
    api_version: str
    kind: str


@dataclass(frozen=True, slots=True)
class ParamRef(Written):
    """INVARIANT: one of `name` and `selector`."""

    name: str | None = None
    namespace: str | None = None
    selector: Selector | None = None
    parameter_not_found_action: Literal["Allow", "Deny"] = "Deny"


@dataclass(frozen=True, slots=True)
class Reference(Written):
    """The name of a policy or of a rule, where something else names it."""

    name: str
    kind: PolicyKind = "Policy"

    @property
    def key(self) -> str:
        """What a policy is known by in a rule set: policies of different kinds may have one name."""
        return self.name if self.kind == "Policy" else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Policy(Written):
    """Rules with typed settings; or a profile, which has `policies` instead of rules; or one of the API server's own.

    `name` is what bindings call it: `metadata.name`, for a policy of the library its path. A policy of the API server's
    has no subject, settings, forEach and so on, and is evaluated as the API server does it; `document` is what it was
    read from.
    """

    name: str
    title: str = ""
    description: str = ""
    severity: Severity = "medium"
    subject: Subject | None = None
    settings: Schema | None = None
    match_constraints: MatchResources | None = None
    match_conditions: tuple[MatchCondition, ...] = ()
    variables: tuple[Variable, ...] = ()
    validations: tuple[Validation, ...] = ()
    mutations: tuple[Mutation, ...] = ()
    audit_annotations: tuple[AuditAnnotation, ...] = ()
    failure_policy: FailurePolicy = "Fail"
    param_kind: ParamKind | None = None
    policies: tuple[Reference, ...] = ()
    unless: Mapping[str, Expr] = field(default_factory=dict)  # of a profile: where true, that member is left out
    message_expression: Expr | None = None
    kind: PolicyKind = "Policy"
    reinvocation_policy: Literal["Never", "IfNeeded"] = "Never"
    document: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        return Reference(self.name, self.kind).key

    @property
    def writes(self) -> tuple[Write, ...]:
        return tuple(mutation for mutation in self.mutations if isinstance(mutation, Write))

    @property
    def loop_variables(self) -> set[str]:
        """The variables of every `forEach`."""
        chains = [*(rule.for_each for rule in self.validations), *(write.for_each for write in self.writes)]
        return {each.variable for chain in chains for each in chain}


@dataclass(frozen=True, slots=True)
class RuleException(Written):
    """What a binding excepts: `rules` of it (None: all) where `when` holds, up to and with the day `expires`."""

    name: str
    reason: str
    rules: tuple[Reference, ...] | None = None
    mutations: bool = False
    expires: date | None = None
    when: Expr | None = None

    def covers(self, rule: str) -> bool:
        """Whether it is about the rule: MEMBER covers MEMBER/RULE."""
        return self.rules is None or any(f"{rule}/".startswith(f"{each.name}/") for each in self.rules)


@dataclass(frozen=True, slots=True)
class Member(Written):
    """A policy of a Kubewarden document, in a group with the name that the expression has for it; `place`: where in
    the document its settings are; `strict`: they may be no other than those that there are."""

    name: str
    policy: Reference
    settings: Mapping[str, Any]
    place: tuple[str | int, ...]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Kubewarden(Written):
    """What a Kubewarden document says of a binding besides: how an answer is made of the verdict.

    `match_conditions` are for an API server, which has asked them before it asks for the binding by its name.

    INVARIANT: without an `expression` there is one member.
    """

    members: tuple[Member, ...]
    mutating: bool = False
    message: str = ""
    failure_policy: FailurePolicy = "Fail"
    match_conditions: tuple[MatchCondition, ...] = ()
    expression: Expr | None = None  # of a group: calls of its members, in !, &&, ||, == and !=
    code: int = 0  # of a rejection whose rule gives no reason of its own; 0: none is told


@dataclass(frozen=True, slots=True)
class Binding(Written):
    """A policy in force. `settings` is as written, validated, without the defaults."""

    name: str
    policy: Reference
    settings: Mapping[str, Any] = field(default_factory=dict)
    validation_actions: tuple[Action, ...] = ("Deny",)
    match_resources: MatchResources | None = None
    exceptions: tuple[RuleException, ...] = ()
    param_ref: ParamRef | None = None
    kubewarden: Kubewarden | None = None

    @property
    def mutates(self) -> bool:
        """Whether its mutations are in force: one without Deny changes nothing."""
        return "Deny" in self.validation_actions and (self.kubewarden is None or self.kubewarden.mutating)

    @property
    def tries(self) -> bool:
        """Whether its mutations are tried only, for the verdict: those of a Kubewarden document that may not mutate."""
        return self.kubewarden is not None and not self.mutates

    @property
    def key(self) -> str:
        """What it is known by in a rule set: bindings of policies of different kinds may have one name."""
        return Reference(self.name, self.policy.kind).key


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set without faults. `policies` has those that a binding needs, the library's among them, by their keys;
    `bindings` are in order, implicit ones where their policy is written."""

    policies: Mapping[str, Policy]
    bindings: tuple[Binding, ...]
    data: tuple[Mapping[str, Any], ...] = ()
    pod_security: tuple[Document, ...] = ()  # configurations, as they are written
