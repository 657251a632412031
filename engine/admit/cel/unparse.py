"""From nodes back to text: the shortest that parses to the same, with no more parentheses than it takes."""

from __future__ import annotations

import math
import re
from typing import assert_never

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
from admit.cel.grammar import PRECEDENCE
from admit.cel.types import Type
from admit.cel.values import Duration, Map, Optional, Struct, Timestamp, Uint, Value

_BINARY = {f"_{operator}_": operator for operator in PRECEDENCE if operator != "in"} | {"@in": "in"}
_MEMBER = 7
_RANKS = {function: PRECEDENCE[operator] for function, operator in _BINARY.items()}
_RANKS |= {"_?_:_": 0, "!_": 6, "-_": 6, "_[_]": _MEMBER, "_[?_]": _MEMBER, "_?._": _MEMBER}
"""How strongly an operator binds."""


def unparse(node: Expr) -> str:
    """The text of the expression; `parse` makes the same of it, but for how a chain of `&&` or `||` is balanced.

    A constant that no literal can write (a duration, an infinite double) is written as the call that makes it.
    """
    return _text(node)


def _text(node: Expr, rank: int = 0) -> str:
    """The text as an operand of something that binds as strongly as `rank`. Two frames a level: trees are deep."""
    match node:
        case Call(function=function) if function in _RANKS:
            text = _operation(node)
            return f"({text})" if _RANKS[function] < rank else text
        case Call(function=function, args=args, target=target):
            name = _EXTREMES.get(function, function) if target is None else f"{_text(target, _MEMBER)}.{function}"
            return f"{name}({', '.join([_text(arg) for arg in args])})"
        case Literal(value=value):
            return _value(value)
        case Ident(name=name, absolute=absolute):
            return f".{name}" if absolute else _name(name)
        case Select(operand=operand, field=field, test=test):
            text = f"{_text(operand, _MEMBER)}.{_field(field)}"
            return f"has({text})" if test else text
        case ListExpr(items=items, optional=optional):
            return f"[{', '.join(['?' * (i in optional) + _text(item) for i, item in enumerate(items)])}]"
        case MapExpr(entries=entries):
            texts = [f"{'?' * entry.optional}{_text(entry.key)}: {_text(entry.value)}" for entry in entries]
            return f"{{{', '.join(texts)}}}"
        case Message(name=name, fields=fields):
            texts = [f"{'?' * init.optional}{_field(init.field)}: {_text(init.value)}" for init in fields]
            return f"{name}{{{', '.join(texts)}}}"
        case Comprehension(macro=macro, var=var, var2=var2):
            names = _name(var) if var2 is None else f"{_name(var)}, {_name(var2)}"
            bodies = [_text(body) for body in (node.condition, node.result) if body is not None]
            return f"{_text(node.range, _MEMBER)}.{macro}({names}, {', '.join(bodies)})"
        case Bind(
            value=target,
            body=Call(function="@sortByAssociatedKeys", args=(Comprehension(var=var, result=key),)),
        ) if key is not None:
            return f"{_text(target, _MEMBER)}.sortBy({var}, {_text(key)})"
        case Bind(var="@index0"):
            return _block(node)
        case Bind(var=var, value=value, body=body):
            return f"cel.bind({var}, {_text(value)}, {_text(body)})"
        case OptMap(target=target, var=var, body=body, flat=flat):
            return f"{_text(target, _MEMBER)}.{'optFlatMap' if flat else 'optMap'}({var}, {_text(body)})"
        case _:
            assert_never(node)


def _block(node: Expr) -> str:
    items: list[str] = []
    while isinstance(node, Bind) and node.var == f"@index{len(items)}":
        items.append(_text(node.value))
        node = node.body
    return f"cel.block([{', '.join(items)}], {_text(node)})"


def _operation(node: Call) -> str:
    match node:
        case Call(function="_?_:_", args=(condition, yes, no)):
            return f"{_text(condition, 1)} ? {_text(yes, 1)} : {_text(no)}"
        case Call(function="_[_]", args=(operand, key)):
            return f"{_text(operand, _MEMBER)}[{_text(key)}]"
        case Call(function="_[?_]", args=(operand, key)):
            return f"{_text(operand, _MEMBER)}[?{_text(key)}]"
        case Call(function="_?._", args=(operand, Literal(value=field))):
            return f"{_text(operand, _MEMBER)}.?{_field(field)}"
        case Call(function=function, args=(left, right)):
            rank = _RANKS[function]
            operator = _BINARY[function]
            return f"{_text(left, rank)} {operator} {_text(right, rank if operator in ('&&', '||') else rank + 1)}"
        case Call(function=function, args=(operand,)):
            text = _text(operand, _MEMBER)
            if (
                function == "-_" and text[0] in "-0123456789"
            ):  # -1 is a literal, and the minus of -1.f() is its target's
                text = f"({text})"
            return function[0] + text
        case _:
            raise AssertionError(f"no operation: {node}")


_EXTREMES = {"math.@max": "math.greatest", "math.@min": "math.least"}


def _name(name: str) -> str:
    """The name of a variable; those of cel.block are written as calls."""
    if found := re.fullmatch(r"@(index|it:|ac:)(\d+)(?::(\d+))?", name):
        function = {"index": "index", "it:": "iterVar", "ac:": "accuVar"}[found[1]]
        return f"cel.{function}({', '.join(filter(None, found.groups()[1:]))})"
    return name


_IDENTIFIER = re.compile(r"(?!(?:true|false|null|in)\Z)[A-Za-z_][A-Za-z0-9_]*\Z")


def _field(name: str) -> str:
    return name if _IDENTIFIER.match(name) else f"`{name}`"


def _value(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Uint():
            return f"{int(value)}u"
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else f"double('{value}')"
        case str():
            return _quoted(value)
        case bytes():
            return f"b{_quoted(value.decode('latin-1'), ascii_only=True)}"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict() | Map():
            return f"{{{', '.join(f'{_value(key)}: {_value(item)}' for key, item in value.items())}}}"
        case Optional(held=inner, present=present):
            return f"optional.of({_value(inner)})" if present else "optional.none()"
        case Duration(nanoseconds=nanoseconds):
            return f"duration('{_seconds(nanoseconds)}s')"
        case Timestamp():
            return f"timestamp('{value}')"
        case Type():
            return str(value)
        case Struct(TYPE=type_, fields=fields):
            return f"{type_}{{{', '.join(f'{_field(name)}: {_value(item)}' for name, item in fields.items())}}}"
        case _ if type(value).__name__ == "NamedFormat":
            return f"format.{value}()"
        case _:  # quantity('1Gi'), ip('::1'), ...: named for the function that makes it
            return f"{type(value).__name__.lower()}({_quoted(str(value))})"


def _seconds(nanoseconds: int) -> str:
    whole, fraction = divmod(abs(nanoseconds), 10**9)
    return "-" * (nanoseconds < 0) + f"{whole}.{fraction:09d}".rstrip("0").rstrip(".")


_ESCAPES = {ord(c): f"\\{letter}" for c, letter in zip("\\\n\r\t", "\\nrt", strict=True)}


def _quoted(text: str, ascii_only: bool = False) -> str:
    quote = '"' if "'" in text and '"' not in text else "'"
    body = text.translate(_ESCAPES | {ord(quote): f"\\{quote}"})
    shown = body.isascii() if ascii_only else True
    if not (shown and body.isprintable()):
        body = "".join(c if c.isprintable() and (c.isascii() or not ascii_only) else _escaped(c) for c in body)
    return quote + body + quote


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
