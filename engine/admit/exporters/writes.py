"""What a policy writes, as a MutatingAdmissionPolicy says it: all that is constant done, one expression for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from admit.cel.ast import Call, Expr, ListExpr, Literal, Message, children
from admit.cel.env import Declarations
from admit.cel.fold import fold, literal
from admit.cel.values import Optional
from admit.exporters.parts import Folding
from admit.exporters.text import Unwritable
from admit.rules.lower import Loop, Mutation, Patch, Write
from admit.rules.model import PatchKind
from admit.rules.names import substitute
from admit.rules.patches import Roots, json_patch, needed
from admit.rules.paths import Path
from admit.rules.terms import FALSE, TRUE
from admit.source import UNKNOWN

Field: TypeAlias = tuple[str | None, ...]
"""The variable that a path begins with, and its keys; None for an element of a list, and for what is computed."""

LARGEST = 2**53
"""Integers beyond it become text in what a JSON patch writes."""

MOST_UNROLLED = 16
"""Elements of a constant list that are written one by one."""


def happening(mutation: Mutation, within: Declarations) -> list[Mutation]:
    """The folded mutation as writes that happen at once: loops over few constants unrolled, what never happens gone."""
    if isinstance(mutation, Write):
        return [*_unrolled(mutation, within)]
    return [] if FALSE in mutation.conditions else [replace(mutation, conditions=_open(mutation.conditions))]


def guarded(mutation: Mutation, guard: Expr) -> Mutation:
    """The mutation, where the guard holds."""
    return replace(mutation, conditions=(guard, *mutation.conditions))


def expression(at_once: Sequence[Mutation], roots: Roots) -> tuple[PatchKind, Expr]:
    """The expression of a mutation. Raises Unwritable."""
    match at_once:
        case [Patch(kind, conditions, node)]:
            nothing: Expr = ListExpr(()) if kind == "jsonPatch" else Message("Object", ())
            for condition in reversed(conditions):
                node = Call("_?_:_", (condition, node, nothing))
            return kind, node
    writes = [each for each in at_once if isinstance(each, Write)]
    if any(_is_too_large(write.value) for write in writes):
        raise Unwritable("a JSON patch of an API server writes integers beyond 2**53 as text")
    patch = json_patch(writes, roots)
    if patch is None:
        raise Unwritable("two of the paths that it writes may be one place")
    return "jsonPatch", patch


def written(mutations: Iterable[Mutation]) -> Iterator[Field]:
    """The fields that are written, as far as that can be seen."""
    for write in mutations:
        if isinstance(write, Write):
            for path in write.paths:
                yield from _fields(path, write.loops)


def overlap(a: Field, b: Field) -> bool:
    """Whether two fields may be one, or one inside of the other."""
    return all(one is None or other is None or one == other for one, other in zip(a, b, strict=False))


def _fields(path: Path, loops: Sequence[Loop]) -> Iterator[Field]:
    below = tuple(each if isinstance(each, str) else None for each in path.segments)
    elements = next((loop.elements for loop in loops if loop.variable == path.root), None)
    if elements is None:
        yield path.root, *below
        return
    for each in elements.lists:
        for above in _fields(each, loops):
            yield *above, None, *below


def _unrolled(write: Write, within: Declarations) -> Iterator[Write]:
    value, conditions = write.value, _open(write.conditions)
    match value:
        case Literal(value=Optional(present=False)):
            return
        case Literal(value=Optional(held=held)):
            value = literal(held, value.span)
        case Literal(value=[]) if write.action != "set":
            return
    if FALSE in conditions or any(_constants(loop) == [] for loop in write.loops):
        return
    for loop in write.loops:
        constants = _constants(loop)
        if constants and (write.action == "set" or loop.variable in needed(write.loops, write.paths[0])):
            others = tuple(each for each in write.loops if each is not loop)
            for constant in constants:
                yield from _unrolled(_with(replace(write, loops=others), loop.variable, constant, within), within)
            return
    yield replace(write, value=value, conditions=conditions)


def _constants(loop: Loop) -> list[Any] | None:
    """The constants that a loop runs over, if they are few."""
    match loop:
        case Loop(list=Literal(value=list() | dict() as items), elements=None) if len(items) <= MOST_UNROLLED:
            return [*items]
        case _:
            return None


def _with(write: Write, name: str, value: Any, within: Declarations) -> Write:
    by = {name: literal(value, UNKNOWN)}
    unrolled = Folding(lambda node: fold(substitute(node, by), within)).mutation(write)
    assert isinstance(unrolled, Write)
    return unrolled


def _open(conditions: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return tuple(condition for condition in conditions if condition != TRUE)


def _is_too_large(node: Expr) -> bool:
    match node:
        case Literal(value=value):
            return any(map(_is_large, _leaves(value)))
        case _:
            return any(map(_is_too_large, children(node)))


def _leaves(value: Any) -> Iterator[Any]:
    match value:
        case list():
            for item in value:
                yield from _leaves(item)
        case dict():
            for item in value.values():
                yield from _leaves(item)
        case _:
            yield value


def _is_large(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= LARGEST
