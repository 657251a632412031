"""From nodes back to text: the shortest that parses to the same, with no more parentheses than it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
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
_INDENT = "  "
_SHORT = 16
"""What ends an operation stays on its last line, if it is shorter than this."""


def unparse(node: Expr) -> str:
    """The text of the expression; `parse` makes the same of it, but for how a chain of `&&` or `||` is balanced.

    A constant that no literal can write (a duration, an infinite double) is written as the call that makes it.
    """
    return _text(node)


def layout(node: Expr, width: int = 100) -> str:
    """The same text over as many lines as it takes to keep within the width, as far as its operators allow."""
    return "\n".join(_lines(node, 0, width))


def _text(node: Expr, rank: int = 0) -> str:
    """Two frames a level: trees are deep."""
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


def _lines(node: Expr, rank: int, width: int) -> list[str]:
    """`_text`, over lines where it is too wide for one."""
    text = _text(node, rank)
    if len(text) <= width:
        return [text]
    match node:
        case Call(function=function) if _RANKS.get(function, _MEMBER) < rank:
            return _enclosed("(", [_lines(node, 0, width - len(_INDENT))], ")")
        case Call(function="_?_:_"):
            return _choices(node, width)
        case Call(function=function) if function in _BINARY:
            return _operands(node, width)
        case Call(function="!_", args=(operand,)):
            first, *rest = _lines(operand, _MEMBER, width - 1)
            return [f"!{first}", *rest]
        case ListExpr(items=items, optional=optional):
            items_ = [_led("?" * (i in optional), item, width) for i, item in enumerate(items)]
            return _enclosed("[", items_, "]")
        case MapExpr(entries=entries):
            pairs = [_led(f"{'?' * each.optional}{_text(each.key)}: ", each.value, width) for each in entries]
            return _enclosed("{", pairs, "}")
        case Message(name=name, fields=fields):
            inits = [_led(f"{'?' * each.optional}{_field(each.field)}: ", each.value, width) for each in fields]
            return _enclosed(f"{name}{{", inits, "}")
        case Call(function=function, args=[_, *_] as args, target=None) if function not in _RANKS:
            return _enclosed(f"{_EXTREMES.get(function, function)}(", [_led("", arg, width) for arg in args], ")")
        case Call(target=target, function=function, args=args) if target is not None:
            return _after(target, f".{function}(", args, width)
        case Comprehension(range=range_, macro=macro, var=var, var2=var2):
            names = _name(var) if var2 is None else f"{_name(var)}, {_name(var2)}"
            bodies = [body for body in (node.condition, node.result) if body is not None]
            return _after(range_, f".{macro}({names},", bodies, width)
        case OptMap(target=target, var=var, body=body, flat=flat):
            return _after(target, f".{'optFlatMap' if flat else 'optMap'}({var},", [body], width)
        case Select(operand=operand, field=field, test=False):
            return _ended(_lines(operand, _MEMBER, width), f".{_field(field)}")
        case _:
            return [text]


def _choices(node: Expr, width: int) -> list[str]:
    """`A ? B`, `: C ? D`, `: E`, each on lines of its own."""
    lines: list[str] = []
    while isinstance(node, Call) and node.function == "_?_:_":
        condition, yes, node = node.args
        lead = ": " if lines else ""
        arm = f"{lead}{_text(condition, 1)} ? {_text(yes, 1)}"
        if len(arm) <= width:
            lines.append(arm)
        else:
            lines += _hung(lead, _lines(condition, 1, width - len(lead)))
            lines += _hung(f"{_INDENT}? ", _lines(yes, 1, width - len(_INDENT) - 2))
    return lines + _hung(": ", _lines(node, 0, width - 2))


def _operands(node: Call, width: int) -> list[str]:
    """The operands of a chain of one operator, each on lines of its own, the operator at their end."""
    function, rank, operator = node.function, _RANKS[node.function], _BINARY[node.function]
    associative = operator in ("&&", "||")
    operands: list[tuple[Expr, int]] = []
    waiting: list[tuple[Expr, int]] = [(node, rank)]
    while waiting:
        each, of = waiting.pop()
        if isinstance(each, Call) and each.function == function and of == rank:
            left, right = each.args
            waiting += [(right, rank if associative else rank + 1), (left, rank)]
        else:
            operands.append((each, of))
    end = f" {operator} {_text(*operands[-1])}"
    if len(operands) == 2 and len(end) < _SHORT:
        above = _ended(_lines(*operands[0], width - len(end)), end)
        if len(above[-1]) <= width:
            return above
    written = [_lines(each, of, width - len(operator) - 1) for each, of in operands]
    return [line for lines in written[:-1] for line in _ended(lines, f" {operator}")] + written[-1]


def _after(target: Expr, opening: str, args: Sequence[Expr], width: int) -> list[str]:
    """A call of a method: after its target on one line if it fits there, else its arguments on lines of their own."""
    *above, last = _lines(target, _MEMBER, width)
    line = f"{last}{opening}{' ' * opening.endswith(',')}{', '.join(map(_text, args))})"
    if len(line) <= width or not args:
        return [*above, line]
    return [*above, *_enclosed(last + opening, [_led("", arg, width) for arg in args], ")")]


def _led(lead: str, node: Expr, width: int) -> list[str]:
    """The lines of an item of something enclosed, behind what leads to it."""
    first, *rest = _lines(node, 0, width - len(_INDENT) - len(lead))
    goes_on = _INDENT if lead and isinstance(node, Call) and _RANKS.get(node.function, _MEMBER) < _MEMBER else ""
    return [lead + first, *(goes_on + line for line in rest)]


def _enclosed(opening: str, items: list[list[str]], closing: str) -> list[str]:
    if not items:
        return [opening + closing]
    inner = [line for item in items[:-1] for line in _ended(item, ",")] + items[-1]
    return [opening, *(_INDENT + line for line in inner), closing]


def _hung(lead: str, lines: list[str]) -> list[str]:
    first, *rest = lines
    return [lead + first, *(" " * len(lead) + line for line in rest)]


def _ended(lines: list[str], end: str) -> list[str]:
    return [*lines[:-1], lines[-1] + end]


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
            return value.name  # a type is named without its parameters
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
