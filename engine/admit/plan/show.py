"""A plan as text: what is left to do on a route, with every expression as it was simplified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from admit.cel.ast import Expr, Ident, rebuild
from admit.cel.unparse import unparse
from admit.plan.ir import Group, Plan, Step
from admit.plan.match import Route
from admit.plan.share import conjunction
from admit.rules.lower import Loop, Mutation, Patch, Validation
from admit.rules.paths import Path

LONG = 40  # characters of a list that gets a name, since it is sure to come again


def show(plan: Plan) -> str:
    """The plan, a line each for what is asked and what is written; nested things are indented."""
    return "\n".join(_Printer(plan).lines()) + "\n"


def shown_route(route: Route) -> str:
    """`CREATE apps/v1 deployments, namespaced`"""
    resource = "/".join(part for part in (route.resource, route.subresource) if part)
    version = "/".join(part for part in (route.group, route.version) if part)
    return f"{route.operation} {version} {resource}, {'namespaced' if route.namespaced else 'not namespaced'}"


class _Printer:
    """The lines of one plan. The long lists that rules loop over are named, and shown once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        steps = [step for group in plan.groups for step in group.steps]
        rules = [rule for step in steps for rule in (*step.lowered.mutations, *step.lowered.validations)]
        loops = [loop for rule in rules if not isinstance(rule, Patch) for loop in rule.loops]
        lists = [each for each in dict.fromkeys(loop.list for loop in loops) if len(unparse(each)) > LONG]
        self.names = {each: f"LIST{number}" for number, each in enumerate(lists, 1)}

    def lines(self) -> Iterator[str]:
        yield shown_route(self.plan.route)
        for node, name in self.names.items():
            yield f"{name} = {unparse(node)}"
        for group in self.plan.groups:
            yield ""
            yield from self.group(group)
        if not self.plan.groups:
            yield "nothing is to be done"
        if self.plan.idle:
            yield f"\nno mutation changes anything, if\n  {self.text(conjunction(self.plan.idle))}"
        if self.plan.holds:
            yield f"\nno validation fails, if\n  {self.text(conjunction(self.plan.holds))}"

    def group(self, group: Group) -> Iterator[str]:
        binding = group.bound.binding
        yield f"binding {binding.name}: {', '.join(binding.validation_actions)}"
        if not group.settled:
            yield "  names, labels or parameters of each request decide whether it is in force"
        terms = binding.kubewarden
        if terms is not None and terms.expression is not None:
            yield f"  policies {unparse(terms.expression)}"
        if binding.tries and any(step.idle is not None for step in group.steps):
            yield "  mutations are tried only"
        if not group.native:
            yield f"  settings {orjson.dumps(group.bound.settings).decode()}"
        for step in group.steps:
            yield f"  policy {step.lowered.policy.name}: {step.lowered.policy.failure_policy}"
            yield from (f"    {line}" for line in self.step(step))

    def step(self, step: Step) -> Iterator[str]:
        lowered = step.lowered
        for name, definition in step.definitions.items():
            yield f"{name} = {self.text(definition)}"
        for condition in lowered.match_conditions:
            yield f"condition {condition.name}: {self.text(condition.expression)}"
        for mutation in lowered.mutations:
            yield from self.mutation(mutation)
        for validation in lowered.validations:
            yield from self.validation(validation)
        for annotation in lowered.audit_annotations:
            yield f"annotation {annotation.key}: {self.text(annotation.value_expression)}"

    def mutation(self, mutation: Mutation) -> Iterator[str]:
        if isinstance(mutation, Patch):
            yield f"{mutation.kind} {self.text(mutation.expression)}"
        else:
            paths, value = ", ".join(map(self.path, mutation.paths)), self.text(mutation.value)
            match mutation.action:
                case "set":
                    yield f"set {paths} to {value}"
                case "add":
                    yield f"add {value} to {paths}"
                case "remove":
                    yield f"remove {value} from {paths}"
            yield from self.loops(mutation.loops)
        yield from self.parts("where", mutation.conditions)

    def validation(self, validation: Validation) -> Iterator[str]:
        yield f"validation {validation.name}: {self.text(validation.verdict)}"
        yield from self.parts("where", [validation.judged] if validation.judged is not None else [])
        yield from self.loops(validation.loops)
        yield from self.parts("each", [validation.element] if validation.loops else [])
        yield from self.parts("message", validation.messages)
        if validation.value is not None:
            yield f"  at {self.path(validation.value)}"

    def loops(self, loops: Iterable[Loop]) -> Iterator[str]:
        for loop in loops:
            yield f"  for {loop.variable} in {self.text(loop.list)}"

    def parts(self, name: str, expressions: Iterable[Expr]) -> Iterator[str]:
        for expression in expressions:
            yield f"  {name} {self.text(expression)}"

    def path(self, path: Path) -> str:
        segments = (f".{each}" if isinstance(each, str) else f"[{self.text(each)}]" for each in path.segments)
        return path.root + "".join(segments)

    def text(self, node: Expr) -> str:
        return unparse(self.named(node))

    def named(self, node: Expr) -> Expr:
        name = self.names.get(node)
        return rebuild(node, self.named) if name is None else Ident(name)
