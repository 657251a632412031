"""Functions that Python has itself: each takes emitted operands and gives emitted code, guarded where they differ.

A guard is left out where Python raises by itself for every other kind (`x.startswith` of what is no str): any
exception is a surprise, and the exact form decides. None is returned where there is nothing better than a call.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

from admit.cel.ast import Call, Expr, Ident, Literal, children
from admit.cel.emit.frame import Frame, Py, Surprise, both, negated
from admit.cel.quote import constant, quote
from admit.cel.regex import plan
from admit.cel.times import parse_duration, parse_timestamp
from admit.cel.types import Type
from admit.cel.values import Exclusive, Map, Optional, Value, contains_in, equal
from admit.errors import EvaluationError
from admit.source import Span

Native: TypeAlias = Callable[[Frame, Span, tuple[Py, ...]], Py | None]

EXACT = 2**53
"""Below this doubles hold every integer, and Python compares int and float as CEL does."""

LONGEST_REMEMBERED = 64
"""Characters of a text whose result is kept; a bound on what a client can make us remember."""

_NUMBERS = ("int", "float")
_SAME = {"str", "int", "bool", "bytes", "NoneType", "Duration", "Timestamp"}
_ORDERED = ("str", "int", "bytes")  # a NaN has no order in Kubernetes


def may_be_exclusive(node: Expr) -> bool:
    """Whether a part of the expression is an address, a quantity or the like."""
    match node:
        case Literal(kind="constant", value=value):
            return _is_exclusive(value)
        case Ident(type=Type(name=name)) if name.startswith("kubernetes.authorization."):
            return True
        case Call(type=Type(name=name)) if name.startswith(("net.", "kubernetes.")):
            return True
    return any(map(may_be_exclusive, children(node)))


def _is_exclusive(value: Value) -> bool:
    match value:
        case list():
            return any(map(_is_exclusive, value))
        case dict() | Map():
            return any(_is_exclusive(item) for _, item in value.items())
        case Optional(held=inner):
            return _is_exclusive(inner)
    return isinstance(value, Exclusive)


def _equals(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    a, b = operands
    value, literal = (a, b.literal) if a.literal is None else (b, a.literal)
    if literal is not None:
        code = _equals_literal(frame, span, value, literal)
        if code is not None:
            return Py(code, "bool")
    kinds = frame.kind(a), frame.kind(b)
    if (kinds[0] == kinds[1] and kinds[0] in _SAME) or "str" in kinds:
        return Py(quote("a == b", span, a=a.code, b=b.code), "bool")
    a, b = frame.named(a, span), frame.named(b, span)
    return Py(
        quote(
            "a == b if type(a) is str else equal(a, b)",
            span,
            a=a.code,
            b=b.code,
            type=frame.helper(type, "type"),
            str=frame.type_name("str"),
            equal=frame.helper(equal, "equal"),
        ),
        "bool",
    )


def _equals_literal(frame: Frame, span: Span, a: Py, literal: Literal) -> ast.expr | None:
    value = literal.value
    if value is None or type(value) is bool:
        if isinstance(a.code, ast.Constant):  # Python warns of `1 is True`
            return constant(a.code.value is value, span)
        if frame.exclusives and value is not None and not frame.kind(a):  # of which a comparison is an error
            a = frame.guard(a, span, "bool")
        return quote("a is b", span, a=a.code, b=constant(value, span))
    if type(value) is str or type(value) is bytes:
        return quote("a == b", span, a=a.code, b=constant(value, span))
    if type(value) not in (int, float) or not -EXACT < value < EXACT:
        return None
    if value not in (0, 1) or frame.kind(a) in ("int", "float", "str"):
        return quote("a == b", span, a=a.code, b=constant(value, span))
    a = frame.named(a, span)
    return quote("a == b and a is not c", span, a=a.code, b=constant(value, span), c=constant(bool(value), span))


def _differs(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    same = _equals(frame, span, operands)
    return None if same is None else Py(negated(same.code, span), "bool")


def _order(template: str) -> Native:
    def native(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
        a, b = operands
        kind = _shared_kind(frame, a, b)
        if kind in ("Duration", "Timestamp"):
            a, b = frame.guard(a, span, kind), frame.guard(b, span, kind)
            return Py(quote(template, span, a=_nanoseconds(a, span), b=_nanoseconds(b, span)), "bool")
        if kind not in _ORDERED:
            return None
        a, b = frame.guard(a, span, kind), frame.guard(b, span, kind)
        return Py(quote(template, span, a=a.code, b=b.code), "bool")

    return native


def _nanoseconds(value: Py, span: Span) -> ast.expr:
    if value.literal is not None:
        return constant(value.literal.value.nanoseconds, span)
    return quote("a.nanoseconds", span, a=value.code)


def _shared_kind(frame: Frame, a: Py, b: Py) -> str:
    """The kind that both must have, "" where neither is known; a known pair that differs is none."""
    kinds = {frame.kind(a), frame.kind(b)} - {""}
    return kinds.pop() if len(kinds) == 1 else ""


def _arithmetic(template: str, *, joins: bool = False) -> Native:
    def native(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
        a, b = operands
        kind = _shared_kind(frame, a, b)
        if kind == "int":
            a, b = frame.guard(a, span, "int"), frame.guard(b, span, "int")
            total = frame.named(Py(quote(template, span, a=a.code, b=b.code), "int"), span)
            _check_int64(frame, total, span)
            return total
        if kind == "float":
            a, b = frame.guard(a, span, "float"), frame.guard(b, span, "float")
            return Py(quote(template, span, a=a.code, b=b.code), "float")
        if joins and kind in ("str", "list"):
            element = a.element if a.element == b.element else ""
            return Py(quote(template, span, a=a.code, b=b.code), kind, element)
        return None

    return native


def _check_int64(frame: Frame, value: Py, span: Span) -> None:
    frame.emit(
        "if not low <= a <= high: raise surprise",
        span,
        a=value.code,
        low=constant(-(2**63), span),
        high=constant(2**63 - 1, span),
        surprise=frame.helper(Surprise, "Surprise"),
    )


def _negate(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    (a,) = operands
    if frame.kind(a) == "float":
        return Py(quote("-a", span, a=a.code), "float")
    return None


def _in(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    item, container = operands
    if container.literal is not None and type(container.literal.value) is list:
        return _in_constants(frame, span, item, container.literal.value)
    if frame.kind(item) != "str":
        return None
    if frame.kind(container) not in ("list", "dict"):
        container = frame.guard(container, span, "list", "dict")
    return Py(quote("a in b", span, a=item.code, b=container.code), "bool")


def _in_constants(frame: Frame, span: Span, item: Py, values: list[object]) -> Py | None:
    """A set look-up: strings equal nothing but strings; of numbers those that are no bool in disguise."""
    if all(type(v) is str for v in values):
        if len(values) == 1:
            return Py(quote("a == b", span, a=item.code, b=constant(values[0], span)), "bool")
        if not frame.kind(item):
            item = frame.named(item, span)
        names = quote("values", span, values=frame.helper(frozenset(values), "k"))
        return Py(quote("a in b", span, a=item.code, b=names), "bool")
    if values and all(map(_is_flat, values)) and not frame.exclusives and frame.kind(item) in ("", "dict"):
        item = frame.named(item, span)
        return Py(
            quote(
                "a in b if type(a) is dict else called(a, b)",
                span,
                a=item.code,
                b=frame.fixed(values, span),
                type=frame.helper(type, "type"),
                dict=frame.type_name("dict"),
                called=frame.helper(contains_in, "contained"),
            ),
            "bool",
        )
    if not values or not all(type(v) is int and -EXACT < v < EXACT for v in values):
        return None
    if not frame.kind(item):
        item = frame.named(item, span)
    names = quote("values", span, values=frame.helper(frozenset(values), "k"))
    found = quote("a in b", span, a=item.code, b=names)
    for value in (0, 1):
        if value in values and frame.kind(item) not in _NUMBERS:
            found = both([found, quote("a is not c", span, a=item.code, c=constant(bool(value), span))], span)
    return Py(found, "bool")


def _is_flat(value: object) -> bool:
    """Whether a value is a map of texts, which Python compares as CEL does."""
    return type(value) is dict and all(type(item) is str for item in value.values())


def _index(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    container, key = operands
    kind = frame.kind(container)
    if kind in ("", "dict") and frame.kind(key) == "str":
        return Py(quote("a[b]", span, a=container.code, b=key.code))
    literal = None if key.literal is None else key.literal.value
    if kind in ("", "list") and type(literal) is int and literal >= 0:
        container = frame.guard(container, span, "list")
        return Py(quote("a[b]", span, a=container.code, b=key.code), container.element)
    if kind == "list" and frame.kind(key) == "int":
        key = frame.named(key, span)
        frame.emit("if a < 0: raise surprise", span, a=key.code, surprise=frame.helper(Surprise, "Surprise"))
        return Py(quote("a[b]", span, a=container.code, b=key.code), container.element)
    return None


def _size(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    (a,) = operands
    if frame.kind(a) not in ("list", "dict", "str", "bytes"):
        a = frame.guard(a, span, "list", "dict", "str")
    return Py(quote("len(a)", span, a=a.code, len=frame.helper(len, "len")), "int")


def _affix(template: str) -> Native:
    def native(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
        text, affix = operands
        if frame.kind(affix) != "str":
            affix = frame.guard(affix, span, "str")
        return Py(quote(template, span, a=text.code, b=affix.code), "bool")

    return native


def _contains(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    text, part = (frame.guard(operand, span, "str") for operand in operands)
    return Py(quote("b in a", span, a=text.code, b=part.code), "bool")


def _matches(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    text, pattern = operands
    if pattern.literal is None or type(pattern.literal.value) is not str:
        return None
    try:
        matcher = plan(pattern.literal.value)
    except EvaluationError:
        return None  # the exact form says what is wrong with the pattern
    match matcher.kind:
        case "prefix":
            template = "a.startswith(b)"
        case "suffix":
            template = "a.endswith(b)"
        case "contains" | "exact" | "always":
            text = frame.guard(text, span, "str")
            template = {"contains": "b in a", "exact": "a == b", "always": "True"}[matcher.kind]
            if template == "True":
                frame.named(text, span)  # it may yet err
        case "re":
            template = "search(a) is not None"
        case _:
            text = frame.guard(text, span, "str")
            template = "search(a)"
    search = frame.helper(matcher.search, "search") if "search" in template else ""
    return Py(quote(template, span, a=text.code, b=constant(matcher.text, span), search=search), "bool")


def _string(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    (a,) = operands
    if frame.kind(a) == "str":
        return a
    text = quote("str(a)", span, a=a.code, str=frame.type_name("str"))
    if frame.kind(a) == "int":
        return Py(text, "str")
    if frame.kind(a):
        return None
    a = frame.guard(a, span, "str", "int")
    text = quote("str(a)", span, a=a.code, str=frame.type_name("str"))
    return Py(text, "str")


def _remembered(kind: str, parse: Callable[[str], object]) -> Native:
    """A function of a short text, whose results are kept: the same few annotations come again and again."""
    cached = lru_cache(maxsize=1024)(parse)

    def native(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
        (a,) = operands
        if frame.kind(a) not in ("", "str"):
            return None
        a = frame.guard(frame.named(a, span), span, "str")
        frame.emit(
            "if len(a) > longest: raise surprise",
            span,
            a=a.code,
            longest=constant(LONGEST_REMEMBERED, span),
            len=frame.helper(len, "len"),
            surprise=frame.helper(Surprise, "Surprise"),
        )
        return Py(quote("parse(a)", span, a=a.code, parse=frame.helper(cached, kind.lower())), kind)

    return native


def _ascii(template: str) -> Native:
    def native(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
        text = frame.named(operands[0], span)
        surprise = frame.helper(Surprise, "Surprise")
        frame.emit("if not a.isascii(): raise surprise", span, a=text.code, surprise=surprise)
        return Py(quote(template, span, a=frame.guard(text, span, "str").code), "str")

    return native


def _join(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    items = operands[0]
    separator = operands[1] if len(operands) == 2 else Py(constant("", span), "str")
    if frame.kind(items) != "list":
        items = frame.guard(items, span, "list")
    separator = frame.guard(separator, span, "str")
    return Py(quote("b.join(a)", span, a=items.code, b=separator.code), "str")


def _identity(frame: Frame, span: Span, operands: tuple[Py, ...]) -> Py | None:
    return operands[0]


NATIVE: Mapping[str, Native] = {
    "_==_": _equals,
    "_!=_": _differs,
    "_<_": _order("a < b"),
    "_<=_": _order("a <= b"),
    "_>_": _order("a > b"),
    "_>=_": _order("a >= b"),
    "_+_": _arithmetic("a + b", joins=True),
    "_-_": _arithmetic("a - b"),
    "_*_": _arithmetic("a * b"),
    "-_": _negate,
    "@in": _in,
    "_[_]": _index,
    "size": _size,
    "startsWith": _affix("a.startswith(b)"),
    "endsWith": _affix("a.endswith(b)"),
    "contains": _contains,
    "matches": _matches,
    "string": _string,
    "duration": _remembered("Duration", parse_duration),
    "timestamp": _remembered("Timestamp", parse_timestamp),
    "lowerAscii": _ascii("a.lower()"),
    "upperAscii": _ascii("a.upper()"),
    "join": _join,
    "dyn": _identity,
}
