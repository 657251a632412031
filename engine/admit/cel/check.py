"""The type checker: a parsed expression and declarations in, the same tree with types and overloads out.

What it makes of the tree, beside filling in `type` at every node and `overloads` at every call:

- a selection that names a declared variable is one `Ident` with the whole name; names are complete, container included;
- `optional.of(x)` is `Call("optional.of", (x,))`, without a target;
- the name of a type is `Literal("constant", TYPE)`, of type `type(TYPE)`;
- an `Ident` is `absolute` only where a variable of a comprehension has the same name.

A value whose type is a timestamp, a duration, a wrapper, opaque or an object may be null all the same, as in cel-go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeAlias, assert_never

from admit.cel import regex
from admit.cel.ast import (
    Bind,
    Call,
    Comprehension,
    Entry,
    Expr,
    FieldInit,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Message,
    Node,
    OptMap,
    Select,
    children,
    rebuild,
)
from admit.cel.env import SORT_BY_SINCE, TWO_VARIABLES_SINCE, Declarations
from admit.cel.library import Overload, dispatch
from admit.cel.library.formatting import check_format
from admit.cel.messages import TYPES
from admit.cel.prepare import unfit
from admit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    ERROR,
    INT,
    NULL,
    STRING,
    UINT,
    Kind,
    Type,
    list_of,
    map_of,
    object_type,
    optional_of,
)
from admit.cel.unify import Substitution, TypeTooLarge, equivalent, is_dyn, more_general, unwrapped_optional
from admit.errors import CompileError, EvaluationError, Issue
from admit.source import Span

_MACROS_OF_TWO_VARIABLES = frozenset(
    ("all", "exists", "exists_one", "existsOne", "transformList", "transformMap", "transformMapEntry")
)
_LITERALS = {type.name: type for type in (INT, UINT, DOUBLE, STRING, BYTES, BOOL, NULL)}

_Step: TypeAlias = Generator[Expr, Expr, Expr]
"""Checks one node: yields the nodes it needs checked, is sent them, returns its own."""


def check(expr: Expr, declarations: Declarations, result: Type | tuple[Type, ...] | None = None) -> Expr:
    """The expression with a type at every node. `result`: the type, or types, that it must have, to the letter.

    Raises CompileError with all issues, in the order of their places.
    """
    checker = _Checker(declarations)
    try:
        checked = _walked(checker.visit, expr)
        if not checker.issues:
            checked = _walked(checker.finish, checked)
            checker.validate(checked)
    except TypeTooLarge:
        raise CompileError([Issue("a type in the expression is too large", expr.span)]) from None
    if not checker.issues and result is not None:
        allowed = result if isinstance(result, tuple) else (result,)
        if checked.type not in allowed:
            expected = str(allowed[0]) if len(allowed) == 1 else f"one of [{' '.join(map(str, allowed))}]"
            checker.report(expr.span, f"must evaluate to {expected} but got {checked.type}")
    if checker.issues:
        raise CompileError(checker.issues)
    return checked


def shown(type: Type) -> str:
    """The type as cel-go's messages name it."""
    name = _SHOWN.get(type.name, type.name)
    return f"{name}({', '.join(map(shown, type.params))})" if type.params else name


_SHOWN = {
    "google.protobuf.Any": "any",
    "google.protobuf.Duration": "duration",
    "google.protobuf.Timestamp": "timestamp",
    "null_type": "null",
}


class _Checker:
    def __init__(self, declarations: Declarations) -> None:
        self.declarations = declarations
        self.substitution = Substitution()
        self.scopes: list[dict[str, Type]] = []
        self.issues: list[Issue] = []

    def report(self, span: Span, message: str) -> None:
        self.issues.append(Issue(message, span))

    def visit(self, node: Expr) -> Expr | _Step:
        match node:
            case Literal(kind=kind):
                return replace(node, type=_LITERALS.get(kind, node.type))
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call(function="_?._", args=(operand, Literal() as field)):
                return self._optional_select(node, operand, field)
            case Call():
                return self._call(node)
            case ListExpr():
                return self._list(node)
            case MapExpr():
                return self._map(node)
            case Message():
                return self._message(node)
            case Comprehension():
                return self._comprehension(node)
            case Bind():
                return self._bind(node)
            case OptMap():
                return self._opt_map(node)
            case _:
                assert_never(node)

    def finish(self, node: Expr) -> Expr | _Step:
        """The node with its type variables replaced; those that stand for nothing become dyn."""
        return self._finish(node) if any(True for _ in children(node)) else self._finished(node)

    def _finish(self, node: Expr) -> _Step:
        done = []
        for child in children(node):
            done.append((yield child))
        remaining = iter(done)
        return self._finished(rebuild(node, lambda _: next(remaining)))

    def _finished(self, node: Expr) -> Expr:
        final = self.substitution.resolved(self._type(node), free=DYN)
        return node if final == node.type else replace(node, type=final)

    def _type(self, node: Expr) -> Type:
        assert node.type is not None
        return self.substitution.bounded(node.type)

    # Names

    def _local(self, name: str) -> Type | None:
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)

    def _ident(self, node: Ident) -> Expr:
        local = self._local(node.name)
        if local is not None and not node.absolute:
            return replace(node, type=local)
        found = self._declared(node.name, node.absolute, node.span)
        if found is None:
            self._undeclared(node.span, "." * node.absolute + node.name)
            return replace(node, type=ERROR)
        return found

    def _declared(self, name: str, absolute: bool, span: Span) -> Expr | None:
        """The variable, the type or the constant that a name means."""
        for candidate in self.declarations.candidates(name, absolute):
            type = self.declarations.names.get(candidate)
            if type is not None:
                if (value := self.declarations.constants.get(candidate)) is not None:
                    return Literal("int" if type == INT else "constant", value, span=span, type=type)
                return Ident(candidate, absolute=self._local(candidate) is not None, span=span, type=type)
        return None

    def _undeclared(self, span: Span, name: str, hint: str = "") -> None:
        self.report(span, f"undeclared reference to '{name}' (in container '{self.declarations.container}'){hint}")

    def _function(self, name: str) -> str | None:
        absolute = name.startswith(".")
        for candidate in self.declarations.candidates(name.removeprefix("."), absolute):
            if candidate in self.declarations.functions:
                return candidate
        return None

    # Selections

    def _select(self, node: Select) -> _Step:
        chain = [node]
        while isinstance(inner := chain[-1].operand, Select) and not inner.test:
            chain.append(inner)
        chain.reverse()
        operand, done = self._longest_name(chain)
        if operand is None:
            operand = yield chain[0].operand
        for select in chain[done:]:
            type = self._field(select.span, self._type(operand), select.field)
            operand = replace(select, operand=operand, type=BOOL if select.test else type)
        return operand

    def _longest_name(self, chain: list[Select]) -> tuple[Expr | None, int]:
        """The variable that the most of the selections name, and how many these are."""
        root = chain[0].operand
        if isinstance(root, Ident) and (root.absolute or self._local(root.name) is None):
            fields = [select.field for select in chain if not select.test]
            for count in range(min(len(fields), self.declarations.longest - 1), 0, -1):
                name = ".".join((root.name, *fields[:count]))
                if found := self._declared(name, root.absolute, chain[count - 1].span):
                    return found, count
        return None, 0

    def _optional_select(self, node: Call, operand: Expr, field: Literal) -> _Step:
        operand = yield operand
        type = self._field(node.span, self._type(operand), field.value, optional=True)
        overloads = self.declarations.functions.get("_?._", ())
        args = (operand, replace(field, type=STRING))
        return replace(node, args=args, overloads=overloads, type=type)

    def _field(self, span: Span, operand: Type, field: str, optional: bool = False) -> Type:
        """The type of `operand.field`, or `operand.?field`; of an optional's field too an optional."""
        type, of_optional = unwrapped_optional(self.substitution.resolved(operand))
        found = DYN
        if type.kind is Kind.MAP:
            found = type.params[1]
        elif type.kind is Kind.OBJECT:
            found = self._declared_field(span, type.name, field)
        elif type.kind is Kind.PARAM:
            self.substitution.unify((DYN, type))
        elif not is_dyn(type) and type.kind is not Kind.ERROR:
            self.report(span, f"type '{shown(type)}' does not support field selection")
        return optional_of(found) if optional or of_optional else found

    def _declared_field(self, span: Span, name: str, field: str) -> Type:
        fields = self.declarations.message(name)
        if fields is None:
            self.report(span, f"unexpected failed resolution of '{name}'")
        elif field not in fields:
            self.report(span, f"undefined field '{field}'")
        else:
            return fields[field]
        return ERROR

    # Calls

    def _call(self, node: Call) -> _Step:
        args: list[Expr] = []
        for arg in node.args:
            args.append((yield arg))
        name, target, dotted = node.function, node.target, ""
        if target is not None:
            namespaced = self._namespaced(target, name)
            if namespaced is not None:
                name, target = namespaced, None
            else:
                dotted = _dotted(target, name)
                target = yield target
        if name in ("_&&_", "_||_"):
            type, overloads = self._logical(name, args)
        else:
            operands = args if target is None else [target, *args]
            types = map(self._type, operands)
            name, type, overloads = self._applied(node.span, name, types, target is not None, dotted)
        return replace(node, function=name, args=tuple(args), target=target, overloads=overloads, type=type)

    def _namespaced(self, target: Expr, name: str) -> str | None:
        """The function that `target.name` as a whole is the name of."""
        parts = [name]
        while isinstance(target, Select) and not target.test and len(parts) < self.declarations.longest:
            parts.append(target.field)
            target = target.operand
        if not isinstance(target, Ident):
            return None
        return self._function("." * target.absolute + ".".join((target.name, *reversed(parts))))

    def _logical(self, name: str, args: list[Expr]) -> tuple[Type, tuple[Overload, ...]]:
        results = [self._assert_bool(arg) for arg in args]
        return (BOOL if all(results) else ERROR), self.declarations.functions.get(name, ())

    def _assert_bool(self, node: Expr) -> bool:
        fits = self.substitution.unify((self._type(node), BOOL))
        if not fits:
            self._mismatch(node.span, BOOL, self._type(node))
        return fits

    def _mismatch(self, span: Span, expected: Type, found: Type) -> None:
        self.report(span, f"expected type '{shown(expected)}' but found '{shown(found)}'")

    def _applied(
        self, span: Span, name: str, operands: Iterable[Type], member: bool = False, dotted: str = ""
    ) -> tuple[str, Type, tuple[Overload, ...]]:
        """A function's full name, the type of its call, and the overloads that take the operands.

        `dotted` is what a function without a receiver would be called.
        """
        types = list(operands)
        function = self._function(name)
        if function is None:
            hint = self._hint(name, types, member) or (self._hint(dotted, types[1:], False) if dotted else "")
            self._undeclared(span, name, hint)
            return name, ERROR, ()
        type, overloads = self._overloads(self.declarations.functions[function], types, member)
        if not overloads:
            message = _no_overload(function, [self.substitution.resolved(each, free=DYN) for each in types], member)
            self.report(span, message + self._hint(function, types, member))
        return function, type, overloads

    def _overloads(
        self, candidates: Iterable[Overload], operands: list[Type], member: bool
    ) -> tuple[Type, tuple[Overload, ...]]:
        """All that take the operands, and their common result: dyn, where they differ."""
        type, found = ERROR, list[Overload]()
        for overload in candidates:
            if overload.member is not member or len(overload.params) != len(operands):
                continue
            *params, result = self.substitution.instance((*overload.params, overload.result))
            if self.substitution.unify(*zip(operands, params, strict=True)):
                result = self.substitution.resolved(result)
                type = result if not found or result == type else DYN
                found.append(overload)
        return type, tuple(found)

    def _hint(self, function: str, operands: list[Type], member: bool) -> str:
        """In words, which later version of Kubernetes has the function for these operands."""
        since = None
        if member and len(operands) > 3 and function in _MACROS_OF_TWO_VARIABLES:
            since = None if self.declarations.two_variables else TWO_VARIABLES_SINCE
        if member and len(operands) == 3 and function == "sortBy" and self.declarations.kubernetes is not None:
            since = None if self.declarations.sort_by else SORT_BY_SINCE
        _, newer = self._overloads(self.declarations.newer(function), operands, member)
        since = min((overload.since for overload in newer if overload.since is not None), default=since)
        return "" if since is None else f" (Kubernetes 1.{since} and later have it)"

    # Lists, maps, messages

    def _list(self, node: ListExpr) -> _Step:
        items: list[Expr] = []
        element: Type | None = None
        for i, item in enumerate(node.items):
            item = yield item
            items.append(item)
            element = self._joined(item, element, self._element(item, i in node.optional))
        return replace(node, items=tuple(items), type=list_of(element or self.substitution.fresh()))

    def _map(self, node: MapExpr) -> _Step:
        entries: list[Entry] = []
        key_type: Type | None = None
        value_type: Type | None = None
        for entry in node.entries:
            key = yield entry.key
            key_type = self._joined(key, key_type, self._type(key))
            value = yield entry.value
            value_type = self._joined(value, value_type, self._element(value, entry.optional))
            entries.append(replace(entry, key=key, value=value))
        type = map_of(key_type or self.substitution.fresh(), value_type or self.substitution.fresh())
        return replace(node, entries=tuple(entries), type=type)

    def _element(self, node: Expr, optional: bool) -> Type:
        """The type that an item adds to its list; what an optional one may hold."""
        type = self._type(node)
        if not optional:
            return type
        inner, is_optional = unwrapped_optional(type)
        if not is_optional and not is_dyn(type):
            self._mismatch(node.span, optional_of(type), type)
        return inner

    def _joined(self, node: Expr, previous: Type | None, current: Type) -> Type:
        if previous is None:
            return current
        if self.substitution.unify((previous, current)):
            return more_general(previous, current)
        if not self.declarations.strict_joins:
            return DYN
        self._mismatch(node.span, previous, current)
        return ERROR

    def _message(self, node: Message) -> _Step:
        name = self._message_name(node)
        if name is None:
            return replace(node, type=ERROR)
        fields: list[FieldInit] = []
        for init in node.fields:
            value = yield init.value
            fields.append(replace(init, value=value))
            declared = self._declared_field(init.span, name, init.field)
            type = self._element(value, init.optional)
            if not self.substitution.unify((declared, type)):
                message = f"expected type of field '{init.field}' is '{shown(declared)}'"
                self.report(init.span, f"{message} but provided type is '{shown(type)}'")
        return replace(node, name=name, fields=tuple(fields), type=TYPES.get(name) or object_type(name))

    def _message_name(self, node: Message) -> str | None:
        absolute = node.name.startswith(".")
        for candidate in self.declarations.candidates(node.name.removeprefix("."), absolute):
            if self.declarations.message(candidate) is not None:
                return candidate
            if candidate in self.declarations.names and candidate not in self.declarations.variables:
                self.report(node.span, f"'{candidate}' is not a message type")
                return None
        self._undeclared(node.span, node.name)
        return None

    # Macros, typed as the folds that cel-go expands them to

    def _comprehension(self, node: Comprehension) -> _Step:
        range_ = yield node.range
        self.scopes.append(self._variables(node, range_))
        condition = None if node.condition is None else (yield node.condition)
        result = None if node.result is None else (yield node.result)
        type = self._folded(node, condition, result)
        self.scopes.pop()
        return replace(node, range=range_, condition=condition, result=result, type=self.substitution.resolved(type))

    def _variables(self, node: Comprehension, range_: Expr) -> dict[str, Type]:
        type = self.substitution.resolved(self._type(range_))
        if type.kind is Kind.LIST:
            first, second = INT, type.params[0]
            if node.var2 is None:
                first = second
        elif type.kind is Kind.MAP:
            first, second = type.params
        elif type.kind in (Kind.DYN, Kind.ERROR, Kind.PARAM):
            self.substitution.unify((DYN, type))
            first = second = DYN
        else:
            must = "cannot be range of a comprehension (must be list, map, or dynamic)"
            self.report(range_.span, f"expression of type '{shown(type)}' {must}")
            first = second = ERROR
        return {node.var: first} if node.var2 is None else {node.var: first, node.var2: second}

    def _folded(self, node: Comprehension, condition: Expr | None, result: Expr | None) -> Type:
        """The type of the whole."""
        var = self.scopes[-1][node.var]
        fits = True
        match node.macro:
            case "all" | "exists":
                if condition is not None:
                    self._assert_bool(condition)
                return BOOL
            case "exists_one" | "existsOne":
                held = INT
            case "transformMap" if result is not None:
                held = map_of(var, self._type(result))
            case "transformMapEntry" if result is not None:
                held = map_of(self.substitution.fresh(), self.substitution.fresh())
                fits = self.substitution.unify((self._type(result), held))
                if not fits:
                    operands = (map_of(DYN, DYN), self.substitution.resolved(self._type(result), free=DYN))
                    self.report(node.span, _no_overload("cel.@mapInsert", operands))
            case _:
                held = list_of(var if result is None else self._type(result))
        if condition is not None:
            self._applied(node.span, "_?_:_", (self._type(condition), held if fits else ERROR, held))
        return BOOL if held is INT else held

    def _bind(self, node: Bind) -> _Step:
        value = yield node.value
        self.scopes.append({node.var: self._type(value)})
        body = yield node.body
        self.scopes.pop()
        return replace(node, value=value, body=body, type=self.substitution.resolved(self._type(body)))

    def _opt_map(self, node: OptMap) -> _Step:
        known = len(self.issues)
        target = yield node.target
        if known < len(self.issues) < CompileError.MOST:  # to cel-go the target is there twice
            self.issues += self.issues[known:]
        _, present, _ = self._applied(node.span, "hasValue", (self._type(target),), member=True)
        _, value, _ = self._applied(node.span, "value", (self._type(target),), member=True)
        self.scopes.append({node.var: value})
        body = yield node.body
        self.scopes.pop()
        some = self._type(body) if node.flat else optional_of(self._type(body))
        none = optional_of(self.substitution.fresh())
        _, type, _ = self._applied(node.span, "_?_:_", (present, some, none))
        return replace(node, target=target, body=body, type=type)

    # What cel-go's validators look for in a checked tree

    def validate(self, root: Expr) -> None:
        pending = [(root, False)]
        while pending:
            node, exempt = pending.pop()
            if isinstance(node, Call):
                exempt = exempt or node.function == "format"
                if node.function in self.declarations.checked_literals:
                    self._try_literal(node)
                if self.declarations.checked_formats:
                    self._try_format(node)
            elif self.declarations.homogeneous and not exempt:
                self._check_homogeneous(node)
            pending.extend((child, exempt) for child in children(node))
        kubernetes = self.declarations.kubernetes
        if not self.issues and kubernetes is not None and (issue := unfit(root, kubernetes)):
            self.issues.append(issue)

    def _try_format(self, node: Call) -> None:
        """Reports a literal format that does not fit the literal list of what goes into it."""
        match node:
            case Call("format", (ListExpr(items=items),), Literal(kind="string", value=text)):
                try:
                    check_format(text, items, plain=self.declarations.kubernetes is None)
                except EvaluationError as error:
                    self.report(error.span or node.span, str(error))
            case _:
                pass

    def _try_literal(self, node: Call) -> None:
        """Reports a literal that is no duration, address or the like; of `matches(a, b)`, as cel-go, `a` is tried."""
        match node:
            case Call("matches", (Literal(kind="string", value=pattern) as argument, *_)):
                attempt = partial(regex.compile, pattern)
            case Call(function, (Literal(value=value) as argument,)):
                attempt = partial(dispatch, function, (value,), self.declarations.kubernetes)
            case _:
                return
        try:
            attempt()
        except EvaluationError:
            self.report(argument.span, f"invalid {node.function} argument")

    def _check_homogeneous(self, node: Expr) -> None:
        match node:
            case ListExpr(items=items):
                self._check_same((item, i in node.optional) for i, item in enumerate(items))
            case MapExpr(entries=entries):
                self._check_same(((entry.key, False) for entry in entries), every=True)
                self._check_same(((entry.value, entry.optional) for entry in entries), every=True)
            case _:
                pass

    def _check_same(self, items: Iterable[tuple[Expr, bool]], every: bool = False) -> None:
        """Reports the first item, or every one, that has not the type of the first."""
        expected: Type | None = None
        for item, optional in items:
            type = unwrapped_optional(self._type(item))[0] if optional else self._type(item)
            expected = expected or type
            if not equivalent(expected, type):
                self._mismatch(item.span, expected, type)
                if not every:
                    return


def _walked(visit: Callable[[Expr], Expr | _Step], expr: Expr) -> Expr:
    """What `visit` makes of the expression, however deep that is: the steps wait on a list, not on Python's stack."""
    waiting: list[_Step] = []
    made = visit(expr)
    while True:
        try:
            if not isinstance(made, Node):
                waiting.append(made)
                made = visit(next(made))
            elif waiting:
                made = visit(waiting[-1].send(made))
            else:
                return made
        except StopIteration as stop:
            waiting.pop()
            made = stop.value


def _dotted(target: Expr, name: str) -> str:
    """`a.b.name`; empty where the target is no chain of names."""
    while isinstance(target, Select) and not target.test:
        name = f"{target.field}.{name}"
        target = target.operand
    return f"{target.name}.{name}" if isinstance(target, Ident) else ""


def _no_overload(function: str, operands: Iterable[Type], member: bool = False) -> str:
    names = list(map(shown, operands))
    receiver = f"{names.pop(0)}." if member else ""
    return f"found no matching overload for '{function}' applied to '{receiver}({', '.join(names)})'"
