"""Where in the object an expression points: the path of a selection, and the lists that a `forEach` runs over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from admit.cel.ast import Call, Comprehension, Expr, Ident, ListExpr, Literal, Select
from admit.rules.workloads import CONTAINER_LISTS

Segment: TypeAlias = str | Expr
POINTED = ("object", "pod", "podMetadata")


@dataclass(frozen=True, slots=True)
class Path:
    """A field for each string, a computed key or index for each expression, from a variable on."""

    root: str
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of some lists, one list after the other, absent and null ones empty; of them those `kept`.

    `kept` has the variable and the condition of each `filter`, the first applied first.
    """

    lists: tuple[Path, ...]
    kept: tuple[tuple[str, Expr], ...] = ()


def path_of(node: Expr) -> Path | None:
    """The path that a selection names, optional or not; None for what is no selection from a variable."""
    match node:
        case Ident(name=name):
            return Path(name)
        case Select(operand=operand, field=field, test=False):
            return _extended(operand, field)
        case Call("_?._" | "_[_]" | "_[?_]", (operand, Literal("string", field))):
            return _extended(operand, field)
        case Call("_[_]" | "_[?_]", (operand, index)):
            return _extended(operand, index)
        case _:
            return None


def value_path(node: Expr) -> Path | None:
    """The path of a value, also with a default and as a string: `string(port.?hostPort.orValue(0))`."""
    match node:
        case Call("string", (inner,), target=None):
            return value_path(inner)
        case Call("orValue", (_,), target=target) if target is not None:
            return path_of(target)
        case _:
            return path_of(node)


def elements_of(node: Expr, pointed: Collection[str], variables: Mapping[str, Expr]) -> Elements | None:
    """Where the elements of a list are: a path from one of the `pointed` variables, `containers`, `.orValue([])` of
    such, a sum of such, a `filter` over such, or a policy variable that is one of these; None for any other list."""
    match node:
        case Ident("containers"):
            return Elements(tuple(Path("pod", (name,)) for name in CONTAINER_LISTS))
        case Select(Ident("variables"), name, test=False) if name in variables:
            return elements_of(variables[name], POINTED, variables)
        case Call("orValue", (ListExpr(()),), target=target) if target is not None:
            return elements_of(target, pointed, variables)
        case Call("_+_", (left, right)):
            first, second = elements_of(left, pointed, variables), elements_of(right, pointed, variables)
            if first is None or second is None or first.kept or second.kept:
                return None
            return Elements((*first.lists, *second.lists))
        case Comprehension("filter", range_, variable, condition, var2=None) if condition is not None:
            inner = elements_of(range_, pointed, variables)
            return inner and replace(inner, kept=(*inner.kept, (variable, condition)))
        case _:
            path = path_of(node)
            return Elements((path,)) if path is not None and path.root in pointed else None


def _extended(operand: Expr, segment: Segment) -> Path | None:
    path = path_of(operand)
    return path and Path(path.root, (*path.segments, segment))
