"""Optionals in the fast form: never built, only looked through."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from admit.cel.ast import Call, Expr, Ident, Literal, OptMap, Select
from admit.cel.emit.frame import Py, Surprise, Unfit
from admit.cel.quote import constant, quote
from admit.cel.types import Kind, Type
from admit.source import Span

if TYPE_CHECKING:
    from admit.cel.emit.emitter import Emitter

_EMPTY: dict[str, Any] = {}
_JSON = frozenset((dict, list, str, int, float, bool, type(None)))
_MISSING = type("Missing", (), {"__slots__": (), "__repr__": lambda self: "<missing>"})()


class Optionals:
    """Emits what is done with optionals into the emitter's function."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter

    def missing(self) -> str:
        return self.emitter.frame.helper(_MISSING, "MISSING")

    def found(self, node: Expr) -> Py:
        """The value of an optional, under a name; MISSING where it is none."""
        key = ("found", self.emitter.numbering.of(node))
        found = self.emitter.frame.known.get(key)
        if found is None:
            code = self._looked_up(node, quote("missing", node.span, missing=self.missing()))
            if isinstance(code, ast.Constant):  # Python warns of `1 is MISSING`
                code = quote("name", node.span, name=self.emitter.flag(code, node.span))
            found = self.emitter.frame.known[key] = self.emitter.frame.named(Py(code), node.span, stem(node))
        return found

    def value_or(self, node: Expr, default: ast.expr) -> ast.expr:
        """The value of an optional, `default` (a constant) where it is none."""
        if not self.emitter.numbering.shared(node):
            return self._looked_up(node, default)
        found, missing = self.found(node), self.missing()
        return quote("default if a is missing else a", node.span, a=found.code, missing=missing, default=default)

    def _looked_up(self, node: Expr, default: ast.expr) -> ast.expr:
        match node:
            case Call(function="optional.none"):
                return default
            case Call(function="optional.of", args=(operand,)):
                return self.emitter.value(operand).code
            case Call(function="optional.ofNonZeroValue", args=(operand,)):
                return self._non_zero(self.emitter.value(operand), default, node.span)
            case OptMap(target=target, var=var, body=body) if _is_packed_as_it_is(body):
                name = self.emitter.flag(default, node.span)
                self.emitter.variables[var] = found = self.found(target)
                with self.emitter.frame.scope() as inner:
                    value = self.value_or(body, default) if node.flat else self.emitter.value(body).code
                    self.emitter.frame.emit("name = value", node.span, name=name, value=value)
                self.emitter.frame.emit(
                    "if found is not missing: inner", node.span, found=found.code, missing=self.missing(), inner=inner
                )
                return quote("name", node.span, name=name)
            case Call(function="_?._" | "_[?_]", args=(operand, Literal(kind="string", value=str(field)))):
                pass
            case Select(operand=operand, field=field, test=False) if is_optional(operand.type):
                pass
            case Call(function="_[_]", args=(operand, Literal(kind="string", value=str(field)))) if is_optional(
                operand.type
            ):
                pass
            case _:
                raise Unfit("an optional of another form")
        span = node.span
        if is_optional(operand.type):
            key = ("optional", self.emitter.numbering.of(operand))
            base = self.emitter.frame.known.get(key)
            if base is None:
                empty = quote("empty", span, empty=self.emitter.frame.helper(_EMPTY, "EMPTY"))
                asked = ("found", self.emitter.numbering.of(operand)) in self.emitter.frame.known
                base = Py(self.value_or(operand, empty) if asked else self._looked_up(operand, empty))
                if self.emitter.numbering.shared(operand):
                    base = self.emitter.frame.named(base, span, stem(operand))
                    self.emitter.frame.known[key] = base
        else:
            base = self.emitter.operand(operand)
        return quote("a.get(key, default)", span, a=base.code, key=constant(field, span), default=default)

    def _non_zero(self, value: Py, default: ast.expr, span: Span) -> ast.expr:
        """A value of JSON, which is zero where Python takes it for false; others have zeros of their own."""
        frame = self.emitter.frame
        value = frame.named(value, span)
        names = {"type": frame.helper(type, "type"), "json": frame.helper(_JSON, "JSON")}
        surprise = frame.helper(Surprise, "Surprise")
        frame.emit("if type(a) not in json: raise surprise", span, a=value.code, surprise=surprise, **names)
        return quote("a if a else default", span, a=value.code, default=default)

    def or_value(self, node: Expr, target: Expr, default: Expr) -> Py:
        """`target.orValue(default)`, which is the node."""
        span = node.span
        if isinstance(default, Literal):
            fixed = self.emitter.frame.fixed(default.value, default.span)
            once = self.emitter.numbering.only_in(target, node)
            return Py(self._looked_up(target, fixed) if once else self.value_or(target, fixed))
        found = self.found(target)
        name = self.emitter.frame.fresh("t")
        self.emitter.frame.emit("name = found", span, name=name, found=found.code)
        with self.emitter.frame.scope() as inner:
            value = self.emitter.value(default)
            self.emitter.frame.emit("name = value", span, name=name, value=value.code)
        self.emitter.frame.emit("if name is missing: inner", span, name=name, missing=self.missing(), inner=inner)
        return Py(quote("name", span, name=name))


def is_optional(type_: Type | None) -> bool:
    return type_ is not None and type_.name == "optional_type"


def stem(node: Expr) -> str:
    """A name for a value: the field it was selected by."""
    match node:
        case Select(field=field) | Call(function="_?._", args=(_, Literal(value=str(field)))):
            return "v_" + field if field.isidentifier() and field.isascii() else "t"
        case Ident(name=name):
            return "v_" + name.rpartition(".")[2]
    return "t"


def _is_packed_as_it_is(node: Expr) -> bool:
    """Whether the value is sure to be none of those that `_Evaluator.chosen` changes in an optional."""
    type_ = node.type
    if is_optional(type_) and type_ is not None:
        type_ = type_.params[0]
    if type_ is not None and type_.kind is Kind.DYN:
        return isinstance(node, Select) or (isinstance(node, Call) and node.function == "_?._")
    return type_ is not None and type_.kind in (Kind.PRIMITIVE, Kind.WELL_KNOWN, Kind.LIST, Kind.MAP)
