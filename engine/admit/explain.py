"""What a rule says, and what it becomes: its page, the CEL that it stands for, its plan, its Python."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import orjson

from admit.admission.kinds import Kind, of_resource
from admit.cel.ast import Call, Expr, Ident, ListExpr, Literal, Message, Select, rebuild
from admit.cel.fold import literal
from admit.cel.unparse import unparse
from admit.engine import Engine
from admit.errors import UsageError
from admit.exporters.documents import document, object_name
from admit.exporters.documents import plain as as_written
from admit.plan.match import Route, may_match
from admit.plan.show import show, shown_route
from admit.rules import model, plain
from admit.rules.lower import Bound, Lowered, Mutation, Patch, Validation
from admit.rules.names import substitute
from admit.rules.patches import json_patch
from admit.rules.restate import restate
from admit.rules.schema import Schema
from admit.rules.terms import TRUE, conjunction
from admit.rules.upstream import PATCH_TYPES
from admit.rules.workloads import WORKLOADS, Workload
from admit.rules.yaml import dump
from admit.source import UNKNOWN


def page(policy: model.Policy) -> str:
    """A policy as a page: name, title, why it matters, settings, and each rule with its expression and message."""
    blocks = [
        [policy.name, *([policy.title] if policy.title else [])],
        _indented(policy.description.strip().splitlines()),
        [*_table(_head(policy))],
        _section("settings", _settings(policy.settings) if policy.settings is not None else ()),
        _section("matchConditions", ((each.name, _written(each.expression)) for each in policy.match_conditions)),
        _section("variables", ((each.name, _written(each.expression)) for each in policy.variables)),
        *(_section(f"validation {each.name}", _validation(each)) for each in policy.validations),
        *(_section(f"mutations[{number}]", _mutation(each)) for number, each in enumerate(policy.mutations)),
        _section(
            "auditAnnotations", ((note.key, _written(note.value_expression)) for note in policy.audit_annotations)
        ),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks if block) + "\n"


def cel(bound: Bound, route: Route) -> str:
    """What a binding stands for on a route, as a ValidatingAdmissionPolicy and a MutatingAdmissionPolicy.

    It is for reading: settings, and what a subject brings, are variables, which matchConditions have not. A policy that
    is one of these is shown as it is written.
    """
    documents: list[Mapping[str, Any]] = []
    for lowered in bound.members:
        if lowered.policy.document is not None:
            return dump(lowered.policy.document)
        constraints = lowered.policy.match_constraints
        if constraints is None or may_match(constraints, route):
            documents += _Plain.of(lowered, route).documents()
    return "---\n".join(map(dump, documents))


def plan(engine: Engine, route: Route) -> str:
    """The plan of a route."""
    return show(engine.plan(route)[0])


def python(engine: Engine, route: Route) -> str:
    """The function that is asked first on a route; where it is not true, the plan is gone through in full.

    It does not speak for bindings of which names, labels or parameters of each request decide.
    """
    plan, quiet = engine.plan(route)
    unsettled = ", ".join(group.bound.binding.name for group in plan.groups if not group.settled)
    besides = f", {unsettled} apart" if unsettled else ""
    return f"# {shown_route(route)}: whether there is nothing to be done{besides}\n{quiet.code.text}\n"


def route_of(
    bound: Bound, kind: str | None = None, operation: str | None = None, defined: Collection[Kind] = ()
) -> Route:
    """The first route that a binding is about, of that kind or resource (`Pod`, `pods/ephemeralcontainers`).

    Raises UsageError where it is about no such thing.
    """
    known: dict[str, None] = {}
    for route in _routes(bound, defined):
        names = (_resource(route), _kind_name(route, defined).lower())
        known[f"{route.operation} {names[0]}"] = None
        if operation in (None, route.operation) and (kind is None or kind.lower() in names):
            return route
    wanted = " ".join(part for part in (operation, kind) if part)
    raise UsageError(f"{bound.binding.policy.name} is not about {wanted}, but about {', '.join(known)}")


def _routes(bound: Bound, defined: Collection[Kind]) -> Iterator[Route]:
    for lowered in bound.members:
        if lowered.policy.subject is not None:
            for operation in ("CREATE", "UPDATE"):
                for w in lowered.workloads:
                    yield Route(w.group, w.version, w.resource, w.subresource, operation, True)
            continue
        constraints = lowered.policy.match_constraints
        for rule in constraints.resource_rules if constraints is not None else ():
            yield from _routes_of(rule, defined)


def _routes_of(rule: model.ResourceRule, defined: Collection[Kind]) -> Iterator[Route]:
    """Those of a resource rule; `*` stands for one of what it may be."""
    for operation, group, version, pattern in product(
        rule.operations, rule.api_groups, rule.api_versions, rule.resources
    ):
        resource, _, subresource = pattern.partition("/")
        group, version, resource = group.replace("*", ""), version.replace("*", "v1"), resource.replace("*", "pods")
        known = of_resource(group, resource, defined)
        namespaced = rule.scope != "Cluster" if known is None else known.namespaced
        yield Route(
            group, version, resource, subresource.replace("*", ""), operation.replace("*", "CREATE"), namespaced
        )


def _resource(route: Route) -> str:
    return "/".join(part for part in (route.resource, route.subresource) if part)


def _kind_name(route: Route, defined: Collection[Kind]) -> str:
    known = of_resource(route.group, route.resource, defined)
    return known.kind if known is not None and not route.subresource else ""


def _workload(route: Route) -> Workload:
    place = (route.group, route.resource, route.subresource)
    return next(w for w in WORKLOADS if (w.group, w.resource, w.subresource) == place)


# The page


def _indented(lines: Iterable[str], by: str = "  ") -> list[str]:
    return [by + line for line in lines]


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """`label  text` for each row, with what follows the text's first line below it."""
    rows = list(rows)
    width = max((len(label) for label, _ in rows), default=0)
    for label, text in rows:
        first, *rest = text.splitlines() or [""]
        yield f"  {label:<{width}}  {first}"
        yield from _indented(rest, " " * (width + 4))


def _section(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    """None of it where there are no rows."""
    lines = [*_table(rows)]
    return [title, *lines] if lines else []


def _head(policy: model.Policy) -> Iterator[tuple[str, str]]:
    if policy.kind == "Policy":
        yield "severity", policy.severity
    else:
        yield "kind", policy.kind
        yield "failurePolicy", policy.failure_policy
    if policy.kind == "MutatingAdmissionPolicy":
        yield "reinvocationPolicy", policy.reinvocation_policy
    if policy.subject is not None:
        yield "subject", policy.subject
    if policy.match_constraints is not None:
        yield "matches", "\n".join(map(_resource_rule_text, policy.match_constraints.resource_rules))
    if policy.param_kind is not None:
        yield "paramKind", f"{policy.param_kind.api_version} {policy.param_kind.kind}"
    if policy.policies:
        yield "policies", ", ".join(member.name for member in policy.policies)
    if policy.span.source is not UNKNOWN.source:
        yield "file", policy.span.place


def _resource_rule_text(rule: model.ResourceRule) -> str:
    """`CREATE, UPDATE of deployments, apps/v1`"""
    versions = (f"{group}/{version}".strip("/") for group, version in product(rule.api_groups, rule.api_versions))
    return f"{', '.join(rule.operations)} of {', '.join(rule.resources)}, {', '.join(versions)}"


def _written(node: Expr) -> str:
    return node.span.text.strip() or unparse(node)


def _template(template: model.Template) -> str:
    parts = (
        part.replace("{{", "{{{{") if isinstance(part, str) else f"{{{{ {_written(part)} }}}}"
        for part in template.parts
    )
    return "".join(parts)


def _settings(schema: Schema) -> Iterator[tuple[str, str]]:
    for name, inner in schema.properties.items():
        said = [str(inner.keywords.get("type", "any"))]
        if "default" in inner.keywords:
            said.append(f"default {orjson.dumps(inner.keywords['default']).decode()}")
        description = str(inner.keywords.get("description", "")).strip()
        yield name, ", ".join(said) + (f": {description}" if description else "")


def _validation(validation: model.Validation) -> Iterator[tuple[str, str]]:
    yield from _conditions(validation.for_each, validation.when)
    rule = validation.rule
    if isinstance(rule, model.Constraint):
        yield "value", _written(rule.value)
        yield rule.test, "true" if rule.operand is None else _written(rule.operand)
    else:
        yield "expression", _written(rule)
    if validation.field is not None:
        yield "field", _written(validation.field)
    if validation.message_expression is not None:
        yield "messageExpression", _written(validation.message_expression)
    if validation.message is not None:
        yield "message", _template(validation.message)
    if validation.severity is not None:
        yield "severity", validation.severity


def _mutation(mutation: model.Mutation) -> Iterator[tuple[str, str]]:
    if isinstance(mutation, model.Patch):
        yield mutation.kind, _written(mutation.expression)
        return
    yield from _conditions(mutation.for_each, mutation.when)
    paths, value = ", ".join(map(_written, mutation.paths)), _written(mutation.value)
    yield mutation.action, paths if mutation.action == "set" else value
    yield "from" if mutation.action == "remove" else "to", value if mutation.action == "set" else paths


def _conditions(for_each: Iterable[model.Each], when: Expr | None) -> Iterator[tuple[str, str]]:
    for each in for_each:
        yield "forEach", f"{each.variable}: {_written(each.list)}"
    if when is not None:
        yield "when", _written(when)


# Plain CEL


@dataclass(frozen=True, slots=True)
class _Plain:
    """A lowered policy as Kubernetes' documents; `variables` are those that are added to its own."""

    lowered: Lowered
    route: Route
    variables: Mapping[str, Expr]

    @classmethod
    def of(cls, lowered: Lowered, route: Route) -> _Plain:
        variables: dict[str, Expr] = {}
        if lowered.policy.settings is not None:
            variables["settings"] = literal(dict(lowered.settings), UNKNOWN)
        if lowered.policy.subject is not None:
            workload = _workload(route)
            lowered = restate(lowered, workload)
            variables |= {name: root for name, root in workload.roots.items() if name != "pod"}
        return cls(lowered, route, variables)

    def documents(self) -> Iterator[dict[str, Any]]:
        lowered = self.lowered
        if lowered.validations or lowered.audit_annotations:
            rules: dict[str, Any] = {"validations": [self.validation(rule) for rule in lowered.validations]}
            if lowered.audit_annotations:
                rules["auditAnnotations"] = [
                    {"key": each.key, "valueExpression": self.text(each.value_expression)}
                    for each in lowered.audit_annotations
                ]
            yield self.document("ValidatingAdmissionPolicy", rules)
        if lowered.mutations:
            rules = {"reinvocationPolicy": "Never", "mutations": [self.mutation(each) for each in lowered.mutations]}
            yield self.document("MutatingAdmissionPolicy", rules)

    def document(self, kind: str, rules: Mapping[str, Any]) -> dict[str, Any]:
        policy = self.lowered.policy
        constraints = policy.match_constraints
        own = [{"name": each.name, "expression": self.text(each.expression)} for each in self.lowered.variables]
        used = [name for name in self.variables if f"variables.{name}" in f"{own}{rules}"]
        variables = [*({"name": name, "expression": unparse(self.variables[name])} for name in used), *own]
        spec = {
            "failurePolicy": policy.failure_policy,
            "matchConstraints": (
                {"resourceRules": [_resource_rule(self.route)]}
                if policy.subject is not None
                else as_written(constraints)
            ),
            "matchConditions": [
                {"name": each.name, "expression": unparse(substitute(each.expression, self.variables))}
                for each in self.lowered.match_conditions
            ],
            **({"variables": variables} if variables else {}),
        }
        return document(kind, object_name(policy.name), {**spec, **rules}, {})

    def text(self, node: Expr) -> str:
        names = {name: Select(Ident("variables"), name) for name in self.variables}
        return unparse(self.shortened(substitute(node, names)))

    def shortened(self, node: Expr) -> Expr:
        """With what the variables stand for replaced by them."""
        for name, value in self.variables.items():
            if node == value:
                return Select(Ident("variables"), name)
        return rebuild(node, self.shortened)

    def validation(self, rule: Validation) -> dict[str, Any]:
        verdict = rule.verdict
        if rule.judged is not None:
            verdict = Call("_?_:_", (rule.judged, verdict, TRUE))
        constants = [message.value for message in rule.messages if isinstance(message, Literal)]
        written = {
            "expression": self.text(verdict),
            "message": constants[0] if constants else f"failed rule {rule.name}",
        }
        message = plain.text(rule)
        if message is not None and not isinstance(message, Literal):
            written["messageExpression"] = self.text(message)
        return written | ({"reason": rule.reason} if rule.reason != "Invalid" else {})

    def mutation(self, mutation: Mutation) -> dict[str, Any]:
        kind: model.PatchKind = "jsonPatch"
        expression: Expr | None
        if isinstance(mutation, Patch):
            kind, expression = mutation.kind, mutation.expression
            nothing: Expr = ListExpr(()) if kind == "jsonPatch" else Message("Object", ())
            if mutation.conditions:
                expression = Call("_?_:_", (conjunction(*mutation.conditions), expression, nothing))
        else:
            expression = json_patch((mutation,))
        written: dict[str, Any] = {"patchType": PATCH_TYPES[kind]}
        if expression is None:
            return written | {"note": "paths that may be one place: there is no such expression"}
        return written | {kind: {"expression": self.text(expression)}}


def _resource_rule(route: Route) -> dict[str, Any]:
    return {
        "apiGroups": [route.group],
        "apiVersions": [route.version],
        "operations": ["CREATE", "UPDATE"],
        "resources": [_resource(route)],
    }
