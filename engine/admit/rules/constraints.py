"""What the constraint of a rule is in CEL: whether its value passes."""

from __future__ import annotations

from admit.cel.ast import Call, Comprehension, Expr, Ident, Literal, Select
from admit.cel.types import BOOL, BYTES, DOUBLE, INT, STRING, UINT, Kind, Type
from admit.cel.unify import unwrapped_optional
from admit.rules import model
from admit.rules.names import free, fresh
from admit.rules.terms import call_at, negated
from admit.source import Span


def constrained(rule: model.Constraint, type_: Type) -> Expr:
    """Whether the value passes the constraint."""
    missing, span = _missing(rule.value, type_), rule.value.span
    if rule.test == "absent":
        return missing or Literal("bool", False, span=span)
    if rule.test == "present":
        return _present(missing, span)
    test = _test(rule, unwrapped(rule.value, type_))
    return test if missing is None else call_at(span, "_||_", missing, test)


def unwrapped(value: Expr, type_: Type) -> Expr:
    """The value, of an optional what it holds."""
    _, is_optional = unwrapped_optional(type_)
    return call_at(value.span, "value", target=value) if is_optional else value


def _missing(value: Expr, type_: Type) -> Expr | None:
    """Whether the value is absent or null; None where it is never."""
    span = value.span
    inner, is_optional = unwrapped_optional(type_)
    never_null = inner in (INT, UINT, DOUBLE, BOOL, STRING, BYTES) or inner.kind in (Kind.LIST, Kind.MAP)
    if is_optional and never_null:
        return negated(call_at(span, "hasValue", target=value))
    if never_null:
        return None
    plain = call_at(span, "orValue", _null(span), target=value) if is_optional else value
    return call_at(span, "_==_", plain, _null(span))


def _present(missing: Expr | None, span: Span) -> Expr:
    match missing:
        case None:
            return Literal("bool", True, span=span)
        case Call("!_", (there,)):
            return there
        case Call(_, args):
            return call_at(span, "_!=_", *args)
        case _:
            return negated(missing)


def _test(rule: model.Constraint, value: Expr) -> Expr:
    span, operand = rule.value.span, rule.operand
    assert operand is not None
    match rule.test:
        case "equals":
            return call_at(span, "_==_", value, operand)
        case "oneOf":
            return call_at(span, "@in", value, operand)
        case "noneOf":
            return negated(call_at(span, "@in", value, operand))
        case "matches":
            return call_at(span, "matches", operand, target=value)
        case _:
            name = fresh("r", free(value))
            low, high = (Select(Ident(name, span=span), end, span=span) for end in ("min", "max"))
            within = call_at(span, "_&&_", call_at(span, "_<=_", low, value), call_at(span, "_<=_", value, high))
            return Comprehension("exists", operand, name, within, span=span)


def _null(span: Span) -> Expr:
    return Literal("null_type", None, span=span)
