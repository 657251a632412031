"""The reference evaluator: a tree's value for given variables, slow and to the letter."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TypeAlias

from admit.cel.ast import (
    Bind,
    Call,
    Comprehension,
    Expr,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Message,
    OptMap,
    Select,
)
from admit.cel.env import JSON_PATCH, NEWEST, Declarations, declarations
from admit.cel.library import dispatch, operation
from admit.cel.messages import MESSAGES, message
from admit.cel.types import Kind, Type, object_type
from admit.cel.values import (
    ABSENT,
    NONE,
    Duration,
    Exclusive,
    Map,
    Optional,
    Struct,
    Timestamp,
    Uint,
    Value,
    display,
    has,
    index,
    make_map,
    merged,
    opt_index,
    opt_select,
    select,
    type_of,
)
from admit.errors import EvaluationError

PACKED_ONCE_SINCE = 37  # see Evaluator.chosen

Scope: TypeAlias = Mapping[str, Value]
Steps: TypeAlias = Generator[tuple[Expr, Scope], Value, Value]


def evaluate(expr: Expr, activation: Mapping[str, Value], within: Declarations | None = None) -> Value:
    """The value of an expression, checked or only parsed, in the language of `within`, by default Kubernetes' newest.

    What is not checked is resolved now, by the container and the functions of `within`. Raises EvaluationError with
    the span of the sub-expression that failed. Any depth will do.
    """
    return run(Evaluator(activation, within or _kubernetes()), expr)


def run(evaluator: Evaluator, expr: Expr) -> Value:
    """What the evaluator makes of an expression. Raises EvaluationError, and what else the evaluator does."""
    nodes, running = [expr], [evaluator.steps(expr, {})]
    value: Value = None
    failed: EvaluationError | None = None
    while running:
        try:
            node, scope = running[-1].send(value) if failed is None else running[-1].throw(failed)
        except StopIteration as stop:
            value, failed = stop.value, None
        except EvaluationError as error:
            value, failed = None, error
            if error.span is None:
                error.span = nodes[-1].span
        else:
            nodes.append(node)
            running.append(evaluator.steps(node, scope))
            value = failed = None
            continue
        nodes.pop()
        running.pop()
    if failed is not None:
        raise failed.with_traceback(None)
    return value


@cache
def _kubernetes() -> Declarations:
    return declarations(f"1.{NEWEST}")


@dataclass(slots=True)
class Bound:
    """The variable of cel.bind: computed when it is first used, since a failure counts only there."""

    expr: Expr
    scope: Scope
    value: Value = None
    failed: EvaluationError | None = None
    done: bool = False


class Evaluator:
    """Steps are generators that ask for the value of a sub-expression by yielding it, so that no stack overflows."""

    def __init__(self, activation: Mapping[str, Value], within: Declarations) -> None:
        self.activation = activation
        self.within = within
        self.strict = within.kubernetes is None  # the specification's: see values.select, and `mapped`

    def steps(self, node: Expr, scope: Scope) -> Steps:
        match node:
            case Literal(value=value):
                return value
            case Ident():
                return (yield from self.ident(node, scope))
            case Select(operand=operand, field=field, test=test):
                if not test and (value := self.named(node, scope)) is not ABSENT:
                    return value
                value = self.looked_into(operand, (yield operand, scope))
                return has(value, field, self.strict) if test else select(value, field, self.strict)
            case Call():
                return (yield from self.call(node, scope))
            case ListExpr():
                return (yield from self.listed(node, scope))
            case MapExpr():
                return (yield from self.mapped(node, scope))
            case Message():
                return (yield from self.message(node, scope))
            case Comprehension():
                return (yield from self.comprehension(node, scope))
            case Bind(var=var, value=bound, body=body):
                return (yield body, {**scope, var: Bound(bound, scope)})
            case OptMap(target=target, var=var, body=body, flat=flat):
                value = yield target, scope
                if not isinstance(value, Optional):
                    raise EvaluationError("no such overload")
                if not value.present:
                    return NONE
                held = value.held
                if isinstance(held, EvaluationError):  # see `chosen`: a failure only where it is used
                    held = Bound(target, scope, failed=held, done=True)
                value = yield body, {**scope, var: held}
                return self.chosen(value if flat else Optional(value))

    # Names

    def ident(self, node: Ident, scope: Scope) -> Steps:
        if not node.absolute and node.name in scope:
            value = scope[node.name]
            return (yield from self.bound(value)) if isinstance(value, Bound) else value
        checked = node.type is not None
        names = (node.name,) if checked else tuple(self.within.candidates(node.name, node.absolute))
        for name in names:
            if (value := self.variable(name)) is not ABSENT:
                return value
            if (value := self.within.constants.get(name)) is not None:
                return value
        raise EvaluationError(f"no such attribute(s): {', '.join(names)}")

    def bound(self, variable: Bound) -> Steps:
        if not variable.done:
            try:
                variable.value = yield variable.expr, variable.scope
            except EvaluationError as error:
                variable.failed = error
            variable.done = True
        if variable.failed is not None:
            raise variable.failed
        return variable.value

    def variable(self, name: str) -> Value:
        try:
            return self.activation[name]
        except KeyError:
            return ABSENT

    def named(self, node: Select, scope: Scope) -> Value:
        """What a selection which was not checked is the name of: `a.b.c` before field c of `a.b`."""
        if node.type is None and (path := _path(node)) and (path.absolute or path.first not in scope):
            for name in self.within.candidates(path.text, path.absolute):
                if (value := self.variable(name)) is not ABSENT:
                    return value
                if (value := self.within.constants.get(name)) is not None:
                    return value
        return ABSENT

    # Calls

    def call(self, node: Call, scope: Scope) -> Steps:
        match node:
            case Call(function="_&&_" | "_||_" as operator, args=args):
                return (yield from self.connective(zip(args, repeat(scope), strict=False), operator == "_||_"))
            case Call(function="@in", args=(_, ListExpr(items=()))) if not self.strict:
                return False  # whatever becomes of the item
            case Call(function="_?_:_", args=(condition, yes, no)):
                chosen = yield condition, scope
                if type(chosen) is not bool:
                    raise EvaluationError("no such overload")
                return self.chosen((yield (yes if chosen else no), scope))
            case _:
                function, operands = self.resolved(node)
                values: list[Value] = []
                for operand in operands:
                    if values and function in _LAZY and _is_none(values[0]) is not _LAZY[function]:
                        values.append(NONE)  # not needed, so not evaluated
                    else:
                        values.append((yield operand, scope))
                literal = function in _SEARCHES and isinstance(operands[1], Literal)
                if literal and [*map(type, values)] != [str, str, int][: len(values)]:
                    raise EvaluationError("no such overload")  # without a name, where the pattern is a literal
                if attribute := _ATTRIBUTES.get(function):
                    if (name := _GO_NAMES.get(type(values[1]))) and self.given(operands[1], scope):
                        raise EvaluationError(f"invalid qualifier type: {name}")
                    return attribute(self.looked_into(operands[0], values[0]), values[1], self.strict)
                return dispatch(operation(function, node.overloads), values, self.within.kubernetes)

    def given(self, node: Expr, scope: Scope) -> bool:
        """Whether an expression leads to something of the input, which to cel-go is no value of CEL's yet."""
        match node:
            case Ident(name=name, absolute=absolute):
                return absolute or name not in scope
            case Select(operand=operand, test=False) | Call(function="_[_]", args=(operand, _)):
                return self.given(operand, scope)
            case Call(function="_?_:_", args=(_, yes, no)):
                return self.given(yes, scope) and self.given(no, scope)
            case _:
                return False

    def chosen(self, value: Value) -> Value:
        """What `?:` gives (and optMap is one): cel-go before 0.29 packs an optional's value anew, and fails on some."""
        kubernetes = self.within.kubernetes
        if type(value) is not Optional or not value.present or kubernetes is None or kubernetes >= PACKED_ONCE_SINCE:
            return value
        inner = value.held
        while isinstance(inner, Optional):
            inner = inner.held if inner.present else None
        if isinstance(inner, Exclusive) and (name := _UNPACKED.get(str(inner.TYPE))):
            return Optional(EvaluationError(f"unsupported conversion to ref.Val: ({name}){inner}"))
        return Optional(inner.name if isinstance(inner, Type) else inner)

    def looked_into(self, operand: Expr, value: Value) -> Value:
        """The value as the next step of a chain finds it: an optional out of a list or map has no fields to it."""
        match operand:
            case Select(operand=holder) | Call(function="_[_]", args=(holder, _)) if isinstance(value, Optional):
                if not self.strict and holder.type is not None and holder.type.kind in (Kind.LIST, Kind.MAP):
                    return None
        return value

    def connective(self, terms: Iterable[tuple[Expr, Scope]], decisive: bool) -> Steps:
        """`&&` or `||` of the terms: one decisive term is enough, whichever others fail; else the first failure."""
        failed: EvaluationError | None = None
        for term in terms:
            try:
                value = yield term
                if value is decisive:
                    return value
                if type(value) is not bool:
                    raise EvaluationError("no such overload", term[0].span)
            except EvaluationError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return not decisive

    def resolved(self, node: Call) -> tuple[str, tuple[Expr, ...]]:
        """The function's full name and its operands: not checked, `a.f(x)` may be f of a, or the function `a.f`."""
        if node.type is not None:
            return node.function, node.operands
        if node.target is None:
            absolute, plain = node.function.startswith("."), node.function.removeprefix(".")
            names = [name for name in self.within.candidates(plain, absolute) if name in self.within.functions]
            return (names[0] if names else plain), node.args
        if path := _path(node.target):
            for name in self.within.candidates(f"{path.text}.{node.function}", path.absolute):
                if name in self.within.functions:
                    return name, node.args
        return node.function, node.operands

    # Lists and maps

    def listed(self, node: ListExpr, scope: Scope) -> Steps:
        made = []
        for i, item in enumerate(node.items):
            value = yield item, scope
            if i not in node.optional:
                made.append(value)
            elif not isinstance(value, Optional):
                raise EvaluationError(
                    f"cannot initialize optional list element from non-optional value {display(value)}"
                )
            elif value.present:
                made.append(value.value)
        return made

    def mapped(self, node: MapExpr, scope: Scope) -> Steps:
        pairs: list[tuple[Value, Value]] = []
        for entry in node.entries:
            key = yield entry.key, scope
            value = yield entry.value, scope
            if entry.optional and not isinstance(value, Optional):
                shown = f"'{display(key)}' from non-optional value {display(value)}"
                raise EvaluationError(f"cannot initialize optional entry {shown}")
            pairs.append((key, value if not entry.optional else value.value if value.present else ABSENT))
        return make_map(pairs, self.strict)

    def message(self, node: Message, scope: Scope) -> Steps:
        fields: dict[str, Value] = {}
        for init in node.fields:
            value = yield init.value, scope
            fields.pop(init.field, None)
            if init.optional:
                if not isinstance(value, Optional):
                    shown = f"'{init.field}' from non-optional value {display(value)}"
                    raise EvaluationError(f"cannot initialize optional entry {shown}")
                if not value.present:
                    continue
                value = value.value
            fields[init.field] = value
        type_ = object_type(node.name if node.type is not None else self.message_name(node.name))
        if type_.name in MESSAGES:
            return message(type_.name, fields)
        if type_ == JSON_PATCH:
            for name in fields.keys() - {"value"}:
                if type(fields[name]) is not str:
                    found = type_of(fields[name])
                    raise EvaluationError(f"unexpected type {found} for JSONPatchType '{name}' field")
            fields = {name: value for name, value in fields.items() if name == "value" or value}
        return Struct(type_, fields)

    def message_name(self, name: str) -> str:
        for candidate in self.within.candidates(name.removeprefix("."), name.startswith(".")):
            if self.within.message(candidate) is not None:
                return candidate
        raise EvaluationError(f"unknown type: {name}")

    # Comprehensions

    def comprehension(self, node: Comprehension, scope: Scope) -> Steps:
        elements = _elements(node, (yield node.range, scope))
        scopes = ({**scope, **element} for element in elements)
        if node.condition is not None and node.macro in ("all", "exists"):
            return (yield from self.connective(zip(repeat(node.condition), scopes), node.macro == "exists"))
        kept: list[tuple[Value, Value]] = []
        failed: EvaluationError | None = None
        for inner in scopes:  # to the end: a condition that fails is the failure, even after others
            try:
                keep = True if node.condition is None else (yield node.condition, inner)
                if type(keep) is not bool:
                    raise EvaluationError("no such overload")
            except EvaluationError as error:
                failed = error
                continue
            if keep and (failed is None or node.macro != "transformMap"):  # it has cost what it has
                try:
                    kept.append((inner[node.var], None if node.result is None else (yield node.result, inner)))
                except EvaluationError as error:
                    failed = failed or error
        if failed is not None:
            raise failed
        return _collected(node.macro, kept)


def _is_none(value: Value) -> bool:
    return isinstance(value, Optional) and not value.present


_SEARCHES = frozenset(("matches", "find", "findAll"))
_UNPACKED = {
    "kubernetes.Quantity": "*resource.Quantity",
    "kubernetes.Semver": "semver.Version",
    "kubernetes.URL": "*url.URL",
    "net.CIDR": "netip.Prefix",
    "net.IP": "netip.Addr",
}
# Of these the second operand is evaluated only where the first is NONE, or only where it is not.
_LAZY = {"or": True, "orValue": True, "_[_]": False, "_[?_]": False}
_GO_NAMES = {dict: "map[string]interface {}", list: "[]interface {}", type(None): "<nil>"}
_ATTRIBUTES: Mapping[str, Callable[..., Value]] = {
    "_[_]": index,
    "_[?_]": opt_index,
    "_?._": opt_select,
}


@dataclass(frozen=True, slots=True)
class _Path:
    """A chain of selections from a name: `a.b.c`, `.a.b`"""

    first: str
    text: str
    absolute: bool


def _path(node: Expr) -> _Path | None:
    fields: list[str] = []
    while isinstance(node, Select) and not node.test:
        fields.append(node.field)
        node = node.operand
    if not isinstance(node, Ident):
        return None
    return _Path(node.name, ".".join((node.name, *reversed(fields))), node.absolute)


def _elements(node: Comprehension, ranging: Value) -> Iterable[Scope]:
    """What the variables stand for, element by element."""
    mapping = isinstance(ranging, dict | Map)
    if not mapping and not isinstance(ranging, list):
        shown = _GO_TYPES.get(type(ranging), f"cel.{type(ranging).__name__}")
        if node.var2 is None:
            raise EvaluationError(f"got '{shown}', expected iterable type")
        raise EvaluationError(f"unsupported comprehension range type: {shown}")
    if node.var2 is None:
        return ({node.var: element} for element in ranging)
    return ({node.var: a, node.var2: b} for a, b in (ranging.items() if mapping else enumerate(ranging)))


_GO_TYPES: Mapping[type, str] = {
    int: "types.Int",
    Uint: "types.Uint",
    float: "types.Double",
    bool: "types.Bool",
    str: "types.String",
    bytes: "types.Bytes",
    type(None): "types.Null",
    Timestamp: "types.Timestamp",
    Duration: "types.Duration",
    Optional: "*types.Optional",
    Type: "*types.Type",
}


def _collected(macro: str, kept: list[tuple[Value, Value]]) -> Value:
    """What a comprehension makes of the first variable's values that were kept, and of the results."""
    match macro:
        case "exists_one" | "existsOne":
            return len(kept) == 1
        case "filter":
            return [element for element, _ in kept]
        case "map" | "transformList":
            return [result for _, result in kept]
        case "transformMap":
            return make_map(kept, strict=False)
        case _:
            return merged(result for _, result in kept)
