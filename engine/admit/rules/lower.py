"""A binding rewritten to plain CEL: its verdicts, messages and writes, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from admit.cel.ast import Call, Comprehension, Expr, Ident, ListExpr, Node, Select, children, rebuild
from admit.cel.ast import Literal as Constant
from admit.cel.check import check
from admit.cel.env import AUTHORIZER, JSON_PATCH, NEW_IN_OLDEST, NEWEST, OBJECT, Declarations, admission, declarations
from admit.cel.evaluate import evaluate
from admit.cel.library import Overload, functions
from admit.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    Kind,
    Type,
    list_of,
    map_of,
)
from admit.errors import CompileError, EvaluationError, Fault
from admit.rules import model
from admit.rules.constraints import constrained, unwrapped
from admit.rules.names import free, substitute
from admit.rules.paths import POINTED, Elements, Path, elements_of, path_of, value_path
from admit.rules.profiles import members, settings_of
from admit.rules.terms import call_at, conjunction, disjunction, negated
from admit.rules.workloads import NOT_BEING_DELETED, ROOTS, WORKLOADS, Workload
from admit.source import Span

PRINTED = (STRING, INT, UINT, DOUBLE, BOOL, TIMESTAMP, DURATION)
FINDINGS = list_of(map_of(STRING, STRING))
PATCHED: Mapping[model.PatchKind, Type] = {"applyConfiguration": OBJECT, "jsonPatch": list_of(JSON_PATCH)}
"""What the expression of a patch must give."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One variable of a `forEach`: what it runs over, and where that is in the object, if it is there."""

    variable: str
    list: Expr
    elements: Elements | None


@dataclass(frozen=True, slots=True)
class Validation:
    """One rule of a binding.

    Where `judged` is false, the rule is skipped. `verdict` is a bool, true where it passes: `element` for all
    combinations of the `loops`, or `excepted`. `messages` are strings about one combination: the first that gives
    a text is its message. `value` is where the value is that the rule is about.
    """

    name: str
    verdict: Expr
    loops: tuple[Loop, ...]
    element: Expr
    excepted: Expr | None
    messages: tuple[Expr, ...]
    separator: str
    summary: Expr | None
    reason: str
    severity: model.Severity
    value: Path | None
    span: Span
    judged: Expr | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """`value` set at, added to or removed from `paths`, for all combinations of the `loops` where all `conditions`
    hold, a false one being looked at before the next. An empty optional is no value."""

    action: Literal["set", "add", "remove"]
    loops: tuple[Loop, ...]
    conditions: tuple[Expr, ...]
    paths: tuple[Path, ...]
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Patch:
    """An `Object` to merge or a list of `JSONPatch` to apply, where all `conditions` hold."""

    kind: model.PatchKind
    conditions: tuple[Expr, ...]
    expression: Expr
    span: Span


Mutation: TypeAlias = Write | Patch


@dataclass(frozen=True, slots=True)
class Lowered:
    """One policy as a binding has it. `prefix` is that of its rules' names: `MEMBER/` under a profile.

    With the subject PodSpec its expressions mention `pod`, `podMetadata` and `containers` until `restate` makes it one
    about a `workload`.
    """

    policy: model.Policy
    binding: model.Binding
    prefix: str
    settings: Mapping[str, Any]
    match_conditions: tuple[model.MatchCondition, ...]
    variables: tuple[model.Variable, ...]
    validations: tuple[Validation, ...]
    mutations: tuple[Mutation, ...]
    audit_annotations: tuple[model.AuditAnnotation, ...]
    workload: Workload | None = None

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """The kinds that a policy about PodSpec is for."""
        constraints = self.policy.match_constraints
        rules = constraints.resource_rules if constraints is not None else ()
        return tuple(
            w
            for w in WORKLOADS
            if not rules or any(rule.in_group(w.group) and rule.names(w.resource, w.subresource) for rule in rules)
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """A binding: its policy, or the members of its profile, and the profile's `message` of their `findings`."""

    binding: model.Binding
    members: tuple[Lowered, ...]
    settings: Mapping[str, Any]
    message: Expr | None = None


def lower(binding: model.Binding, policies: Mapping[str, model.Policy], kubernetes: str) -> tuple[Bound, list[Fault]]:
    """The binding in plain CEL, checked for that version of Kubernetes, and what is wrong with its expressions."""
    policy = policies[binding.policy.name]
    faults: list[Fault] = []
    lowered = []
    variables = {name for _, member in members(policy, policies) for name in member.loop_variables}
    left_out = tuple(_left_out(policy, binding, policies, kubernetes, faults))
    for prefix, member in members(policy, policies):
        if prefix.startswith(left_out):
            continue
        settings = settings_of(policy, binding.settings, policies, prefix)
        lowered.append(_Lowering(member, binding, prefix, settings, kubernetes, faults, variables).result())
    settings = settings_of(policy, binding.settings, policies, "")
    message = policy.message_expression
    if message is not None:
        scope = admission(kubernetes, also={"settings": DYN, "findings": FINDINGS})
        message = checked_in(message, replace(scope, functions=_of_messages()), faults, STRING)
    return Bound(binding, tuple(lowered), settings, message), list(dict.fromkeys(faults))


def _left_out(
    policy: model.Policy,
    binding: model.Binding,
    policies: Mapping[str, model.Policy],
    kubernetes: str,
    faults: list[Fault],
    prefix: str = "",
) -> Iterator[str]:
    """The prefixes of the members that a profile leaves out under these settings."""
    scope = declarations(kubernetes, {"settings": DYN}, oldest=NEW_IN_OLDEST)
    settings = settings_of(policies[binding.policy.name], binding.settings, policies, prefix)
    for member in policy.policies:
        inner = f"{prefix}{member.name}/"
        condition = policy.unless.get(member.name)
        if condition is not None:
            found: list[Fault] = []
            checked = checked_in(condition, scope, found)
            if not found and checked.type not in (BOOL, DYN):
                found.append(_no_bool(checked))
            try:
                if not found and evaluate(check(_truth(checked), scope), {"settings": settings}, scope):
                    yield inner
            except EvaluationError as error:
                found.append(Fault(str(error), error.span or condition.span))
            faults += found
        yield from _left_out(policies[member.name], binding, policies, kubernetes, faults, inner)


def _of_messages() -> Mapping[str, tuple[Overload, ...]]:
    """What messages may call: the functions of the newest Kubernetes, whatever the version, and some of our own."""
    return functions(NEWEST, messages=True)


def combined(loops: Iterable[Loop | model.Each], element: Expr, span: Span) -> Expr:
    """`A.all(a, B.all(b, element))`"""
    for loop in reversed([*loops]):
        element = Comprehension("all", loop.list, loop.variable, element, span=span)
    return element


def checked_in(
    node: Expr, scope: Declarations, faults: list[Fault], result: Type | tuple[Type, ...] | None = None
) -> Expr:
    """The expression, checked; what is wrong with it is added to the faults."""
    try:
        return check(node, scope, result)
    except CompileError as error:
        faults += [Fault(issue.message, issue.span) for issue in error.issues]
        return replace(node, type=DYN)


class _Lowering:
    """One policy under one binding."""

    def __init__(
        self,
        policy: model.Policy,
        binding: model.Binding,
        prefix: str,
        settings: Mapping[str, Any],
        kubernetes: str,
        faults: list[Fault],
        loop_variables: set[str],
    ) -> None:
        self.policy, self.binding, self.prefix = policy, binding, prefix
        self.settings = settings
        self.kubernetes = kubernetes
        self.faults = faults
        self.variables = {variable.name: variable.expression for variable in policy.variables}
        self.loop_variables = loop_variables  # of all members of a profile
        self.texts: dict[model.Template, Expr] = {}

    def result(self) -> Lowered:
        types: dict[str, Type] = {}
        variables = []
        deciding = self.deciding()
        for variable in self.policy.variables:
            scope = self.scope(types)
            expression = variable.expression
            if variable.name not in deciding:
                expression = self.said(expression, scope)
                scope = replace(self.dated(scope), functions=_of_messages())
            checked = self.check(expression, scope)
            types[variable.name] = checked.type or DYN
            variables.append(replace(variable, expression=checked))
        scope, conditions = self.scope(types), self.scope(None)
        return Lowered(
            self.policy,
            self.binding,
            self.prefix,
            self.settings,
            (
                model.MatchCondition("admit.dev/not-being-deleted", self.check(NOT_BEING_DELETED, conditions, BOOL)),
                *(
                    replace(c, expression=self.check(c.expression, conditions, BOOL))
                    for c in self.policy.match_conditions
                ),
            ),
            tuple(variables),
            tuple(self.validation(validation, scope) for validation in self.policy.validations),
            tuple(self.mutation(mutation, scope) for mutation in self.policy.mutations),
            tuple(
                replace(a, value_expression=self.check(a.value_expression, scope, (STRING, NULL)))
                for a in self.policy.audit_annotations
            ),
        )

    def deciding(self) -> set[str]:
        """The variables that something else than messages uses."""
        pending = [*_deciding((self.policy, self.binding.exceptions))]
        used: set[str] = set()
        while pending:
            new = _variables(pending.pop()) - used
            used |= new
            pending += (self.variables[name] for name in new if name in self.variables)
        return used

    def scope(self, variables: dict[str, Type] | None) -> Declarations:
        """What expressions may mention; None for `variables` in matchConditions, which have none."""
        also = {"settings": DYN}
        if self.policy.subject == "PodSpec":
            also |= dict.fromkeys(ROOTS, DYN)
        return admission(
            self.kubernetes,
            params=self.policy.param_kind is not None,
            variables=variables and dict(variables),
            also=also,
            authorizer=True,
        )

    def dated(self, scope: Declarations) -> Declarations:
        """With the day, which exceptions see; the engine's clock gives it."""
        if all(exception.expires is None for exception in self.binding.exceptions):
            return scope
        return replace(scope, variables={**scope.variables, "today": STRING})

    def saying(self, scope: Declarations) -> Declarations:
        """What a message may mention: functions of its own, and no authorizer."""
        variables = {name: type_ for name, type_ in scope.variables.items() if name not in AUTHORIZER}
        return self.dated(replace(scope, functions=_of_messages(), variables=variables))

    def said(self, node: Expr, scope: Declarations) -> Expr:
        """What a message mentions, with each `fails(RULE, element, ...)` as what it stands for: that the rule fails
        for these elements of its loops, whatever those of the others are."""
        node = rebuild(node, partial(self.said, scope=scope))
        match node:
            case Call("fails", (Constant("string", name), *given), None):
                rule = next((rule for rule in self.policy.validations if rule.name == name), None)
                if rule is not None and len(given) <= len(rule.for_each):
                    verdict = self.verdict(rule, *self.loops(rule.for_each, scope), skipped=len(given))
                    by = {each.variable: element for each, element in zip(rule.for_each, given, strict=False)}
                    return negated(substitute(verdict, by))
                known = " and at most as many elements as it has loops" if rule is not None else ""
                self.faults.append(Fault(f"expected a rule of this policy{known}", node.span))
                return Constant("bool", False, span=node.span)
            case _:
                return node

    def check(self, node: Expr, scope: Declarations, result: Type | tuple[Type, ...] | None = None) -> Expr:
        return checked_in(node, scope, self.faults, result)

    def validation(self, written: model.Validation, scope: Declarations) -> Validation:
        before = len(self.faults)
        loops, inner = self.loops(written.for_each, scope)
        rule = written.rule
        by: dict[str, Expr] = {}
        if isinstance(rule, model.Constraint):
            by["value"] = unwrapped(rule.value, self.check(rule.value, inner).type or DYN)
        path = self.finding_path(written, loops, inner)
        verdict = self.verdict(written, loops, inner)
        everywhere, here = self.exceptions(self.prefix + written.name, loops)
        holds = self.holds(rule, inner)
        parts = [part for part in (holds, written.when, everywhere, here) if part is not None]
        sound = len(self.faults) == before
        faults: list[Fault] = []
        checked = checked_in(verdict, self.dated(scope), faults)
        self.faults += faults and (self.clearer(parts, self.dated(inner)) or (faults if sound else []))
        element = checked
        if everywhere is not None and isinstance(checked, Call):
            element, everywhere = checked.args
        for _ in loops:
            assert isinstance(element, Comprehension) and element.condition is not None
            element = element.condition
        if checked.type == DYN and not faults:
            checked = self.check(_truth(verdict), self.dated(scope))
        elif checked.type not in (BOOL, DYN):
            self.faults.append(_no_bool(checked))
        messages = []
        if written.message_expression is not None:
            text = self.said(substitute(written.message_expression, by), scope)
            messages.append(self.check(text, self.saying(inner), STRING))
        if written.message is not None:
            messages.append(self.text(written.message, self.saying(inner), by))
        return Validation(
            self.prefix + written.name,
            checked,
            loops,
            element,
            everywhere,
            tuple(messages),
            written.separator,
            None if written.summary is None else self.text(written.summary, self.saying(scope), {}),
            written.reason,
            written.severity or self.policy.severity,
            path,
            written.span,
        )

    def holds(self, rule: Expr | model.Constraint, inner: Declarations) -> Expr:
        """What must hold of one combination."""
        if isinstance(rule, model.Constraint):
            return constrained(rule, self.check(rule.value, inner).type or DYN)
        return rule

    def verdict(
        self, written: model.Validation, loops: tuple[Loop, ...], inner: Declarations, skipped: int = 0
    ) -> Expr:
        """The whole rule, exceptions and all, without the outermost loops if some are skipped; not yet checked."""
        holds = self.holds(written.rule, inner)
        at = written.rule.value.span if isinstance(written.rule, model.Constraint) else written.rule.span
        everywhere, here = self.exceptions(self.prefix + written.name, loops)
        if written.when is not None:
            holds = call_at(at, "_?_:_", written.when, holds, Constant("bool", True, span=at))
        if here is not None:
            holds = call_at(at, "_||_", holds, here)
        verdict = combined(written.for_each[skipped:], holds, at)
        return verdict if everywhere is None else call_at(at, "_||_", verdict, everywhere)

    def clearer(self, conditions: list[Expr], scope: Declarations) -> list[Fault]:
        """What is wrong with the conditions of a verdict as they are written, rather than with what they became."""
        faults: list[Fault] = []
        for condition in conditions:
            checked = checked_in(condition, scope, faults)
            if checked.type not in (BOOL, DYN):
                faults.append(_no_bool(checked))
        return faults

    def mutation(self, written: model.Mutation, scope: Declarations) -> Mutation:
        match written:
            case model.Patch(kind, expression):
                conditions = self.conditions(None, (), scope)
                within = replace(scope, patches=True, functions=functions(scope.kubernetes, patches=True))
                return Patch(kind, conditions, self.check(expression, within, PATCHED[kind]), written.span)
            case model.Write(action, paths, value):
                loops, inner = self.loops(written.for_each, scope)
                conditions = self.conditions(written.when, loops, inner)
                to = tuple(self.path(path, inner) for path in paths)
                return Write(action, loops, conditions, to, self.check(value, inner), written.span)

    def path(self, written: Expr, scope: Declarations) -> Path:
        self.check(written, scope)
        path = path_of(written) or Path("object")
        return Path(path.root, tuple(s if isinstance(s, str) else self.check(s, scope) for s in path.segments))

    def conditions(self, when: Expr | None, loops: tuple[Loop, ...], scope: Declarations) -> tuple[Expr, ...]:
        """`W && !EXCEPTED`, if there is any of it."""
        excepted = self.exceptions(None, loops)
        written = [*([] if when is None else [when]), *(negated(each) for each in excepted if each is not None)]
        if not written:
            return ()
        condition = conjunction(*written)
        checked = self.check(condition, self.dated(scope))
        if checked.type == DYN:
            checked = self.check(_truth(condition), self.dated(scope))
        elif checked.type != BOOL:
            self.faults.append(_no_bool(checked))
        return (checked,)

    def loops(self, for_each: tuple[model.Each, ...], scope: Declarations) -> tuple[tuple[Loop, ...], Declarations]:
        """The loops, and what is declared inside them."""
        loops: list[Loop] = []
        pointed = [*POINTED]
        for each in for_each:
            checked = self.check(each.list, scope)
            type_ = checked.type or DYN
            element = DYN
            if type_.kind is Kind.LIST:
                element = type_.params[0]
            elif type_.kind is not Kind.DYN:
                self.faults.append(Fault(f"expected a list but found {type_}", each.list.span))
            elements = elements_of(each.list, pointed, self.variables)
            if elements is not None:
                pointed.append(each.variable)
            loops.append(Loop(each.variable, checked, elements))
            scope = replace(scope, variables={**scope.variables, each.variable: element})
        return tuple(loops), scope

    def finding_path(self, written: model.Validation, loops: tuple[Loop, ...], scope: Declarations) -> Path | None:
        """Where the rule's findings are: at its `field`, or its value."""
        roots = {*POINTED, *(loop.variable for loop in loops if loop.elements is not None)}
        if written.field is not None:
            path = self.path(written.field, scope)
            if path_of(written.field) is None or path.root not in roots:
                said = "expected a path from object, pod, podMetadata, or a variable over a list of the object"
                self.faults.append(Fault(said, written.field.span))
            return path
        path_ = value_path(written.rule.value) if isinstance(written.rule, model.Constraint) else None
        return path_ if path_ is not None and path_.root in roots else None

    def exceptions(self, rule: str | None, loops: tuple[Loop, ...]) -> tuple[Expr | None, Expr | None]:
        """What is excepted of a rule (None: of a mutation) everywhere, and what in some combinations of its loops."""
        variables = {loop.variable for loop in loops}
        everywhere: list[Expr] = []
        here: list[Expr] = []
        for exception in self.binding.exceptions:
            if not (exception.mutations if rule is None else exception.covers(rule)):
                continue
            when = exception.when or Constant("bool", True, span=exception.span)
            needed = free(when) & self.loop_variables
            if exception.expires is not None:
                day = Constant("string", exception.expires.isoformat(), span=exception.span)
                over = call_at(exception.span, "_<=_", Ident("today", span=exception.span), day)
                when = over if exception.when is None else call_at(exception.span, "_&&_", over, when)
            if needed <= variables:
                (here if needed else everywhere).append(when)
        return disjunction(*everywhere) if everywhere else None, disjunction(*here) if here else None

    def text(self, template: model.Template, scope: Declarations, by: Mapping[str, Expr]) -> Expr:
        """`'text ' + string(X) + ...`; one that is the same everywhere is checked once."""
        mentioned = frozenset().union(*(free(part) for part in template.parts if not isinstance(part, str)))
        same = mentioned.isdisjoint((*self.loop_variables, *by))
        if same and template in self.texts:
            return self.texts[template]
        node: Expr | None = None
        for part in template.parts:
            piece: Expr = Constant("string", part) if isinstance(part, str) else self.printed(part, scope, by)
            node = piece if node is None else call_at(template.span, "_+_", node, piece)
        text = self.check(node or Constant("string", ""), scope, STRING)
        if same:
            self.texts[template] = text
        return text

    def printed(self, node: Expr, scope: Declarations, by: Mapping[str, Expr]) -> Expr:
        node = self.said(substitute(node, by), scope)
        if self.check(node, scope).type in PRINTED:
            return call_at(node.span, "string", node)
        return call_at(
            node.span, "format", ListExpr((node,), span=node.span), target=Constant("string", "%s", span=node.span)
        )


def _deciding(written: object) -> Iterator[Expr]:
    """The expressions of a policy but for its messages, and but for its variables by themselves."""
    match written:
        case Node():
            yield written  # type: ignore[misc]
        case model.Variable() | model.Template():
            pass
        case tuple():
            for item in written:
                yield from _deciding(item)
        case model.Written():
            for field in fields(written):
                if field.name != "message_expression":
                    yield from _deciding(getattr(written, field.name))


def _variables(node: Expr) -> set[str]:
    own = {node.field} if isinstance(node, Select) and node.operand == Ident("variables") else set()
    return own.union(*map(_variables, children(node)))


def _no_bool(checked: Expr) -> Fault:
    return Fault(f"must evaluate to bool but got {checked.type}", checked.span)


def _truth(node: Expr) -> Expr:
    """`node ? true : false`, an error for what is no bool"""
    return call_at(node.span, "_?_:_", node, *(Constant("bool", value, span=node.span) for value in (True, False)))
