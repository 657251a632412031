"""The function under construction: its names, its blocks, and what is known of its values at each point."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from admit.cel.ast import Literal
from admit.cel.quote import constant, quote, statements
from admit.cel.values import Duration, Optional, Timestamp, Uint
from admit.errors import EvaluationError
from admit.source import UNKNOWN, Span


class Surprise(Exception):
    """Raised by generated code where the fast form does not hold; the exact form decides."""


class Exceeded(Exception):
    """Raised by generated code that counts, where the limit is passed."""


SURPRISES = (Surprise, EvaluationError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What ends the fast form. Not NameError and the like: those would be our mistakes."""

KINDS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "list": list,
    "dict": dict,
    "NoneType": type(None),
    "Uint": Uint,
    "Duration": Duration,
    "Timestamp": Timestamp,
    "Optional": Optional,
}


class Unfit(Exception):
    """An expression that has no fast form (too deep, or a construct that is not worth one)."""


@dataclass(frozen=True, slots=True)
class Py:
    """A value in generated code: an expression without effects, and what is sure of it.

    `kind` is a name of KINDS, or "" where the kind is not known; `element` the same of a list's elements or
    a dict's keys.
    """

    code: ast.expr
    kind: str = ""
    element: str = ""
    literal: Literal | None = None

    @property
    def simple(self) -> bool:
        return isinstance(self.code, ast.Name | ast.Constant)


@dataclass(frozen=True, slots=True)
class Exit:
    """Statements that leave the place they stand in: return, break, continue. `far`: from inside any loop."""

    stmts: Sequence[ast.stmt]
    far: bool = False


@dataclass(slots=True)
class Frame:
    """Names, statements and facts. Facts hold from where they are found to the end of their block."""

    parameters: Sequence[str]
    namespace: dict[str, Any] = field(default_factory=dict)
    prologue: list[ast.stmt] = field(default_factory=list)
    block: list[ast.stmt] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    choices: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of names that are of one kind of several."""
    known: dict[object, Py] = field(default_factory=dict)
    loops: int = 0
    exclusives: bool = False
    """Whether a value may be one that is compared with its own kind only."""
    _taken: set[str] = field(default_factory=set)
    _helpers: dict[int, str] = field(default_factory=dict)
    _bound: set[str] = field(default_factory=set)
    _work: str = ""

    def __post_init__(self) -> None:
        self._taken.update(self.parameters)

    def fresh(self, stem: str) -> str:
        """A name that is not in use; stems are ours, or CEL identifiers with `v_` before them."""
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name)
        return name

    def helper(self, value: Any, stem: str) -> str:
        """The global name under which generated code sees an object of ours."""
        name = self._helpers.get(id(value))
        if name is None:
            name = self._helpers[id(value)] = self.fresh(stem)
            self.namespace[name] = value
        return name

    def emit(self, template: str, span: Span, **fillings: Any) -> None:
        self.block.extend(statements(template, span, **fillings))

    def named(self, value: Py, span: Span, stem: str = "t") -> Py:
        """The value under a name (or as a constant), so that it can be used more than once."""
        if value.simple:
            return value
        name = self.fresh(stem)
        self.emit("name = value", span, name=name, value=value.code)
        return Py(quote("name", span, name=name), value.kind, value.element)

    def kind(self, value: Py) -> str:
        match value.code:
            case ast.Name(id=name) if not value.kind:
                return self.kinds.get(name, "")
            case ast.Constant(value=constant):
                return type(constant).__name__
        return value.kind

    def guard(self, value: Py, span: Span, *kinds: str) -> Py:
        """The value, of one of the kinds from here on: anything else is a surprise."""
        if self.kind(value) in kinds:
            return value
        if self.kind(value):
            self.emit("raise surprise", span, surprise=self.helper(Surprise, "Surprise"))
            return value
        value = self.named(value, span)
        name = value.code.id if isinstance(value.code, ast.Name) else ""
        if name in self.choices and self.choices[name].issubset(kinds):
            return value
        if kinds == ("bool",):
            test = quote("a is not True and a is not False", span, a=value.code)
        elif kinds == ("NoneType",):
            test = quote("a is not None", span, a=value.code)
        else:
            tests = [
                quote("type(a) is not kind", span, a=value.code, type=self.helper(type, "type"), kind=self.type_name(k))
                for k in kinds
            ]
            test = tests[0] if len(tests) == 1 else both(tests, span)
        self.emit("if test: raise surprise", span, test=test, surprise=self.helper(Surprise, "Surprise"))
        if len(kinds) == 1:
            self.learn(value, kinds[0])
        elif name:
            self.choices[name] = frozenset(kinds)
        return value

    def learn(self, value: Py, kind: str) -> None:
        if isinstance(value.code, ast.Name):
            self.kinds[value.code.id] = kind

    def type_name(self, kind: str) -> str:
        return self.helper(KINDS[kind], kind)

    def bound(self, name: str) -> None:
        """A parameter used in a way that would not notice its absence: asked for at the start."""
        if name not in self._bound:
            self._bound.add(name)
            self.prologue.extend(
                statements(
                    "if name is UNBOUND: raise surprise",
                    UNKNOWN,
                    name=name,
                    UNBOUND=self.helper(UNBOUND, "UNBOUND"),
                    surprise=self.helper(Surprise, "Surprise"),
                )
            )

    def work(self) -> str:
        """The variable that counts what loops inside loops do."""
        if not self._work:
            self._work = self.fresh("work")
            self.prologue.extend(statements("work = 0", UNKNOWN, work=self._work))
        return self._work

    def fixed(self, value: Any, span: Span) -> ast.expr:
        """A constant of any kind."""
        if value is None or type(value) in (bool, int, float, str, bytes):
            return constant(value, span)
        name = self.fresh("k")
        self.namespace[name] = value
        return quote("name", span, name=name)

    @contextmanager
    def scope(self) -> Iterator[list[ast.stmt]]:
        """A block of its own: what is emitted inside goes into the list given, facts found inside end with it."""
        outer = self.block, self.kinds, self.choices, self.known
        self.block, self.kinds, self.choices, self.known = [], {**self.kinds}, {**self.choices}, {**self.known}
        try:
            yield self.block
        finally:
            self.block, self.kinds, self.choices, self.known = outer


class Unbound:
    """A variable that was not given."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND = Unbound()


def negated(test: ast.expr, span: Span) -> ast.expr:
    """`not test`, written as a person would."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPPOSITE:
            opposite = _OPPOSITE[type(op)]()
            return ast.copy_location(ast.Compare(left, [opposite], [right]), test)
        case ast.Constant(value=bool(value)):
            return constant(not value, span)
    return quote("not test", span, test=test)


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


def both(tests: Iterable[ast.expr], span: Span) -> ast.expr:
    """`a and b`, flat."""
    return _joined(ast.And, tests, span)


def either(tests: Iterable[ast.expr], span: Span) -> ast.expr:
    """`a or b`, flat."""
    return _joined(ast.Or, tests, span)


def _joined(operator: type[ast.boolop], tests: Iterable[ast.expr], span: Span) -> ast.expr:
    values: list[ast.expr] = []
    for test in tests:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, operator):
            values.extend(test.values)
        else:
            values.append(test)
    return ast.copy_location(ast.BoolOp(operator(), values), quote("x", span))
