"""Bindings to the plan of a route: every decision that can be taken before a request comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from admit.cel.ast import Call, Comprehension, Expr, Ident, Literal, Node
from admit.cel.emit import may_exceed
from admit.cel.env import Declarations
from admit.cel.fold import literal
from admit.cel.types import BOOL, DYN, optional_of
from admit.kubernetes.equivalents import Equivalents
from admit.plan.ir import Group, Plan, Step
from admit.plan.match import Route, is_settled, may_match
from admit.plan.share import TRUE, conjunction, implied
from admit.plan.simplify import simplify, unrolled
from admit.rules import lower
from admit.rules.change import Change
from admit.rules.lower import Bound, Lowered, Validation, Write
from admit.rules.names import free, substitute
from admit.rules.paths import Path
from admit.rules.restate import restate
from admit.rules.workloads import WORKLOADS, Workload
from admit.source import UNKNOWN

FALSE = Literal("bool", False, type=BOOL)
NULL = literal(None, UNKNOWN)
ITEM = "item#"  # no name of a rule

EXEMPT = frozenset(
    (group, resource)
    for group, resources in (
        ("admissionregistration.k8s.io", "mutatingadmissionpolicies mutatingadmissionpolicybindings"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies validatingadmissionpolicybindings"),
        ("authentication.k8s.io", "selfsubjectreviews tokenreviews"),
        ("authorization.k8s.io", "localsubjectaccessreviews selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews subjectaccessreviews"),
    )
    for resource in resources.split()
)
"""Resources for which an API server asks no policy of its own."""


def build(bounds: Iterable[Bound], route: Route, within: Declarations, known: Equivalents = ()) -> Plan:
    """The plan of a route, of those bindings that a request of it can concern, also in an equivalent form."""
    groups = tuple(group for bound in bounds if (group := _group(bound, route, within, known)) is not None)
    settled = [group for group in groups if group.settled]
    writing = (step for group in settled if group.bound.binding.mutates for step in group.steps)
    idle = tuple(step.idle for step in writing if step.idle is not None)
    return Plan(route, groups, idle, tuple(condition for group in settled for condition in _conditions(group)))


def _conditions(group: Group) -> Iterator[Expr]:
    """Where these hold, the group has nothing to say; its mutations are counted in, where they are only tried."""
    terms = group.bound.binding.kubewarden
    if terms is not None and terms.expression is not None:
        yield _of_members(terms.expression, group.steps)
        return
    for step in group.steps:
        if step.idle is not None and group.bound.binding.tries:
            yield step.idle
        yield step.holds


def _of_members(node: Expr, steps: tuple[Step, ...]) -> Expr:
    """A monotone expression over the members of a Kubewarden group, of what each has to hold."""
    match node:
        case Call("_&&_" | "_||_", (left, right)):
            return replace(node, args=(_of_members(left, steps), _of_members(right, steps)), type=BOOL)
        case Call(name, (), None):
            own = [step for step in steps if step.lowered.prefix == f"{name}/"]
            return conjunction(part for step in own for part in (step.idle, step.holds) if part is not None)
        case _:
            return replace(node, type=BOOL)


def _is_monotone(node: Expr) -> bool:
    """Whether it stays true where more of its members are."""
    match node:
        case Call("_&&_" | "_||_", (left, right)):
            return _is_monotone(left) and _is_monotone(right)
        case Call(_, (), None) | Literal():
            return True
        case _:
            return False


def _group(bound: Bound, route: Route, within: Declarations, known: Equivalents) -> Group | None:
    limits = bound.binding.match_resources
    if bound.binding.policy.kind == "Policy":
        known = ()
    elif (route.group, route.resource) in EXEMPT:
        return None
    if limits is not None and not may_match(limits, route, known):
        return None
    steps = tuple(step for lowered in bound.members if (step := _step(lowered, route, within, known)) is not None)
    if not steps:
        return None
    constraints = [step.lowered.policy.match_constraints for step in steps]
    settled = all(
        match is None or (may_match(match, route) and is_settled(match, route)) for match in (limits, *constraints)
    )
    told = any(step.lowered.policy.param_kind or step.lowered.audit_annotations for step in steps)
    terms = bound.binding.kubewarden
    telling = terms is None or terms.expression is None or _is_monotone(terms.expression)
    return Group(bound, steps, settled and not told and telling)


def workload_of(route: Route) -> Workload | None:
    """The kind of the route that carries a pod."""
    for workload in WORKLOADS:
        if (workload.group, workload.resource, workload.subresource) == (
            route.group,
            route.resource,
            route.subresource,
        ):
            return workload
    return None


def _step(lowered: Lowered, route: Route, within: Declarations, known: Equivalents) -> Step | None:
    """None where the policy has nothing to say on the route."""
    constraints = lowered.policy.match_constraints
    if constraints is not None and not may_match(constraints, route, known):
        return None
    if lowered.policy.subject == "PodSpec":
        workload = workload_of(route)
        if workload is None or route.operation not in ("CREATE", "UPDATE"):
            return None
        lowered = restate(lowered, workload)
    name = f"{lowered.binding.key}/{lowered.prefix}variables"
    specialising = _Specialising(lowered, route, name, within)
    specialised, definitions = specialising.result()
    conditions = [condition.expression for condition in specialised.match_conditions]
    if any(isinstance(condition, Literal) and condition.value is False for condition in conditions):
        return None
    guard = conjunction(conditions)
    idle: Expr | None = None
    holds: Expr = TRUE
    if specialised.mutations:
        idle = implied(guard, conjunction(_idle(mutation, within) for mutation in specialised.mutations))
    if specialised.validations:
        holds = implied(guard, conjunction(v.verdict for v in specialised.validations))
    told = tuple(implied(guard, validation.verdict) for validation in specialised.validations)
    if any(map(may_exceed, specialising.exprs)):  # each by itself; asked together, they share what they ask
        idle, holds = idle and FALSE, FALSE
    return Step(specialised, definitions, idle, told, holds, frozenset().union(*map(free, specialising.exprs)))


class _Specialising(Change):
    """A restated policy with all that its binding and route know folded in.

    `variables` are what stands for the policy's: a constant, or one variable of `prefix` each. `exprs` are all that
    there is of it, simplified.
    """

    def __init__(self, lowered: Lowered, route: Route, prefix: str, within: Declarations) -> None:
        super().__init__(self._simplified)
        self.lowered = lowered
        self.route = route
        self.prefix = prefix
        self.within = within
        self.variables: dict[str, Expr] = {}
        self.exprs: list[Expr] = []

    def result(self) -> tuple[Lowered, dict[str, Expr]]:
        lowered = self.lowered
        definitions: dict[str, Expr] = {}
        for variable in lowered.variables:
            expr = self.expr(variable.expression)
            if not isinstance(expr, Literal):
                name = f"{self.prefix}.{variable.name}"
                definitions[name] = expr
                expr = Ident(name, type=expr.type)
            self.variables[variable.name] = expr
        conditions = (replace(c, expression=self.condition(c.expression)) for c in lowered.match_conditions)
        unconditional = replace(lowered, match_conditions=(), variables=())
        if self.route.operation == "DELETE":
            unconditional = replace(unconditional, mutations=())
        return replace(self.everything(unconditional), match_conditions=tuple(conditions)), definitions

    def _simplified(self, node: Expr) -> Expr:
        constants: dict[str, Expr] = {"settings": literal(self.lowered.settings, node.span, DYN)}
        if self.route.operation in ("CREATE", "CONNECT"):
            constants["oldObject"] = NULL
        elif self.route.operation == "DELETE":
            constants["object"] = NULL
        simplified = simplify(node, constants, self.route.operation, self.variables, self.within)
        self.exprs.append(simplified)
        return simplified

    def condition(self, node: Expr) -> Expr:
        """Of a matchCondition, for which the API server has no namespaceObject."""
        return self.expr(substitute(node, {"namespaceObject": NULL}))

    def validation(self, rule: Validation) -> Validation:
        rule = super().validation(rule)
        return replace(rule, judged=None if rule.judged == TRUE else rule.judged)


def _idle(mutation: lower.Mutation, within: Declarations) -> Expr:
    """Where this holds the mutation changes nothing; where it does not, or errs, it may."""
    span = mutation.span
    if FALSE in mutation.conditions:
        return TRUE
    idle: Expr = FALSE
    if isinstance(mutation, Write):
        idle = conjunction(_is_done(mutation, path, within) for path in mutation.paths)
    for condition in reversed(mutation.conditions):
        idle = implied(condition, idle)
    if isinstance(mutation, lower.Patch):
        return idle
    for loop in reversed(mutation.loops):
        idle = Comprehension("all", loop.list, loop.variable, idle, span=span, type=BOOL)
    return idle


def _is_done(write: Write, path: Path, within: Declarations) -> Expr:
    """Whether there is nothing to write at the path."""
    span, value = write.span, write.value
    there: Expr = Ident(path.root, span=span, type=DYN)
    for segment in path.segments:
        key = Literal("string", segment) if isinstance(segment, str) else segment
        there = Call("_?._" if isinstance(segment, str) else "_[?_]", (there, key), span=span, type=optional_of(DYN))
    if write.action == "set":
        if value.type is not None and value.type.name == "optional_type":
            given = Call("hasValue", (), value, span=span, type=BOOL)
            written = replace(write, value=Call("value", (), value, span=span, type=DYN))
            return implied(given, _is_done(written, path, within))
        same = Call("_==_", (_or(there, None), value), span=span, type=BOOL)
        if isinstance(value, Literal) and value.value is not None:
            return same
        present = Call("hasValue", (), there, span=span, type=BOOL)
        return Call("_&&_", (present, same), span=span, type=BOOL)
    done: Expr = Call("@in", (Ident(ITEM, type=DYN), _or(there, [])), span=span, type=BOOL)
    if write.action == "remove":
        done = Call("!_", (done,), span=span, type=BOOL)
    match value:  # of constants that a condition chooses from, those chosen; then the loop can be unrolled
        case Comprehension(macro="filter", range=Literal() as constants, var=var, condition=Node() as chosen):
            done = implied(substitute(chosen, {var: Ident(ITEM, type=DYN)}), done)
            value = constants
    return unrolled(Comprehension("all", value, ITEM, done, span=span, type=BOOL), within)


def _or(node: Expr, default: object) -> Expr:
    return Call("orValue", (literal(default, node.span, DYN),), node, span=node.span, type=DYN)
