"""Writes as one CEL expression of `JSONPatch` operations, as a MutatingAdmissionPolicy has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from admit.admission.patch import pointer
from admit.cel.ast import (
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
    Select,
)
from admit.cel.types import DYN, STRING
from admit.cel.unify import unwrapped_optional
from admit.rules.lower import Loop, Write
from admit.rules.names import free, fresh, substitute
from admit.rules.paths import Path, Segment
from admit.rules.terms import FALSE, NULL, TRUE, call, disjunction

_NONE = ListExpr(())


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the object: what is there, as an optional below the root, and its JSON pointer as a CEL string."""

    value: Expr
    pointer: Expr

    def at(self, segment: Segment) -> Place:
        key = Literal("string", segment) if isinstance(segment, str) else segment
        step = "_?._" if isinstance(segment, str) else "_[?_]"
        return Place(call(step, self.value, key), joined(self.pointer, _pointed(segment)))

    @property
    def missing(self) -> Expr:
        return call("_==_", call("orValue", NULL, target=self.value), NULL)

    @property
    def list(self) -> Expr:
        """What is there; an empty list where nothing is."""
        nothing: Expr = NULL
        if isinstance(self.value, Call) and self.value.function == "_[?_]":
            nothing = call("dyn", NULL)  # else a checker takes what is there for null, too
        there = call("optional.ofNonZeroValue", call("orValue", nothing, target=self.value))
        return call("orValue", _NONE, target=there)


Roots: TypeAlias = Mapping[str, Place]
OBJECT: Roots = {"object": Place(Ident("object"), Literal("string", ""))}


def json_patch(writes: Sequence[Write], roots: Roots = OBJECT) -> Expr | None:
    """The operations of writes over the same loops, each on the object as it is before all of them.

    None where one place could be written from two of the paths, or an operation would undo another.
    """
    gathered = [_gathered(write) for write in writes]
    targets = [Target(write, path) for write in gathered if write is not None for path in write.paths]
    if None in gathered or not _are_apart(targets):
        return None
    alone = [_makes_its_parents(target, targets) for target in targets]
    together = [target for target, is_alone in zip(targets, alone, strict=True) if not is_alone]
    writing = [_Writing(target, with_parents) for target, with_parents in zip(targets, alone, strict=True)]
    return _sum([*_made(together, roots), *(each.over(each.target.write.loops, roots) for each in writing)])


def needed(loops: Sequence[Loop], path: Path) -> frozenset[str]:
    """The variables of loops that say where the path is, themselves or by what they run over."""
    found: set[str] = set()
    pending = [path.root, *(name for s in path.segments if not isinstance(s, str) for name in free(s))]
    by_name = {loop.variable: loop for loop in loops}
    while pending:
        name = pending.pop()
        if name in by_name and name not in found:
            found.add(name)
            pending += [*free(by_name[name].list), *_roots(by_name[name])]
    return frozenset(found)


class Target(NamedTuple):
    """One path of a write."""

    write: Write
    path: Path

    @property
    def parents(self) -> list[Path]:
        """What is made where it is missing, outermost first; what an index must find is not."""
        root, segments = self.path.root, self.path.segments
        if self.write.action == "remove":
            return []
        first = max((i + 2 for i, s in enumerate(segments) if isinstance(s, Literal) and s.kind == "int"), default=1)
        above = [Path(root, segments[:end]) for end in range(first, len(segments))]
        return [parent for parent in above if parent != _METADATA]

    @property
    def is_static(self) -> bool:
        """Whether every combination of the loops writes the same below a parent that is made."""
        parents = self.parents
        below = self.path.segments[len(parents[0].segments) :] if parents else ()
        return all(isinstance(segment, str) for segment in below)

    @property
    def needs(self) -> frozenset[str]:
        """The variables of loops that say where the place is."""
        return needed(self.write.loops, self.path)


_METADATA = Path("object", ("metadata",))  # which every object has


def _roots(loop: Loop) -> list[str]:
    return [path.root for path in loop.elements.lists] if loop.elements is not None else []


def _gathered(write: Write) -> Write | None:
    """The write with what the inner loops only add up put together; None where that cannot be."""
    if write.action == "set" or not write.loops:
        return write
    (path,) = write.paths
    here = needed(write.loops, path)
    outer = [loop for loop in write.loops if loop.variable in here]
    inner = write.loops[len(outer) :]
    if outer != [*write.loops[: len(outer)]] or any(_is_computed(segment) for segment in path.segments):
        return None
    if not inner:
        return write
    value, condition = write.value, _all(write.conditions)
    for loop in reversed(inner):
        value = Comprehension("map", loop.list, loop.variable, condition, value)
        value, condition = call("flatten", target=value), None
    return replace(write, loops=tuple(outer), conditions=(), value=value)


def _is_computed(segment: Segment) -> bool:
    return not isinstance(segment, str | Literal | Ident)


def _are_apart(targets: Sequence[Target]) -> bool:
    """Whether no two paths can be one place, or one above the other, but for what their fields show."""
    if len(targets) == 1:
        return True
    if any(_holds(one.path, other.path) for one in targets for other in targets):
        return False
    loops = {loop.variable for target in targets for loop in target.write.loops}
    roots = {target.path.root for target in targets}
    if not all(isinstance(segment, str) for target in targets for segment in target.path.segments):
        return len(roots) == 1 and not loops
    return len(roots & loops) <= 1 and ("object" not in roots or roots <= {"object", *loops})


def _holds(one: Path, other: Path) -> bool:
    return one.root == other.root and one.segments == other.segments[: len(one.segments)] and one != other


def _makes_its_parents(target: Target, targets: Sequence[Target]) -> bool:
    """Whether the parents can be made together with what is written: nothing else is then written under them."""
    others = {place for each in targets if each is not target for place in (*each.parents, each.path)}
    if not others.isdisjoint(target.parents):
        return False
    return target.is_static or all(loop.variable in _visiting(target) for loop in target.write.loops)


def _visiting(target: Target) -> set[str]:
    """The loops of which every combination is another element, from the one that the path begins with outwards."""
    found: set[str] = set()
    by_name = {loop.variable: loop for loop in target.write.loops}
    pending = [target.path.root]
    while pending:
        loop = by_name.get(pending.pop())
        if loop is not None and loop.elements is not None:
            found.add(loop.variable)
            pending += _roots(loop)
    return found


def _made(targets: Sequence[Target], roots: Roots) -> Iterator[Expr]:
    """The missing parents of all targets, those above before those below."""
    parents: dict[Path, list[Target]] = {}
    for target in targets:
        for parent in target.parents:
            parents.setdefault(parent, []).append(target)
    for parent, under in sorted(parents.items(), key=lambda item: len(item[0].segments)):
        loops = under[0].write.loops
        here, outer = needed(loops, parent), len(loops)
        while outer and loops[outer - 1].variable not in here:
            outer -= 1
        written = [_written_within(loops[outer:], target.write) for target in under]
        asked = [condition for each in written if (condition := _all(each)) is not None]
        conditions = (disjunction(*dict.fromkeys(asked)),) if len(asked) == len(written) else ()
        yield _Making(Target(replace(under[0].write, conditions=conditions), parent)).over(loops[:outer], roots)


def _written_within(loops: Sequence[Loop], write: Write) -> list[Expr]:
    """The conditions under which there is something to write in some combination of inner loops."""
    conditions = [*write.conditions]
    if _is_optional(write.value):
        conditions.append(call("hasValue", target=write.value))
    if write.action == "add":
        conditions.append(call("_!=_", write.value, _NONE))
    for loop in reversed(loops):
        condition = _all(conditions)
        some = call("_>_", call("size", target=loop.list), Literal("int", 0))
        conditions = [Comprehension("exists", loop.list, loop.variable, condition) if condition is not None else some]
    return conditions


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is written at a target; `with_parents`: each that is missing together with all below it."""

    target: Target
    with_parents: bool = False

    def over(self, loops: Sequence[Loop], roots: Roots) -> Expr:
        """The operations for all combinations of the loops."""
        if not loops:
            guards, operation = self.operation(roots)
            some = ListExpr((operation,))
            condition = _all(guards)
            return some if condition is None else call("_?_:_", condition, some, _NONE)
        loop, *inner = loops
        if loop.elements is None or loop.variable not in self.target.needs:
            return self.looped(loop.list, (loop.variable,), [], inner, roots)
        index = fresh("i", _names(self.target.write), *(free(root.pointer) for root in roots.values()))
        terms = []
        for path in loop.elements.lists:
            where = _place(path, roots)
            number = call("_+_", Literal("string", "/"), call("string", Ident(index)))
            element = Place(Ident(loop.variable), joined(where.pointer, number))
            kept = [_renamed(condition, name, loop.variable) for name, condition in loop.elements.kept]
            within = {**roots, loop.variable: element}
            terms.append(self.looped(where.list, (index, loop.variable), kept, inner, within))
        return _sum(terms)

    def looped(
        self, items: Expr, names: tuple[str, ...], kept: list[Expr], inner: Sequence[Loop], roots: Roots
    ) -> Expr:
        guards, result = ([], self.over(inner, roots)) if inner else self.operation(roots)
        condition = _all([*kept, *guards])
        first, *second = names
        macro = "transformList" if second else "map"
        each = Comprehension(macro, items, first, condition, result, *second)
        return call("flatten", target=each) if inner else each

    def operation(self, roots: Roots) -> tuple[list[Expr], Expr]:
        """Of one combination: conditions, a false one being looked at before the next, and what is done then."""
        write, path = self.target
        place = _place(path, roots)
        guards, value, alone = _value(write, place)
        operation = _patch(_op(write, path), place.pointer, value)
        for parent in reversed(self.target.parents) if self.with_parents else ():
            above, below = _place(parent, roots), path.segments[len(parent.segments) :]
            made = _patch("add", above.pointer, _nested(below, alone))
            operation = call("_?_:_", above.missing, made, operation)
        return [*write.conditions, *guards], operation


class _Making(_Writing):
    """What is made where it is missing: a map."""

    def operation(self, roots: Roots) -> tuple[list[Expr], Expr]:
        write, path = self.target
        place = _place(path, roots)
        return [*write.conditions, place.missing], _patch("add", place.pointer, MapExpr(()))


def _value(write: Write, place: Place) -> tuple[list[Expr], Expr, Expr]:
    """What must hold for something to be written, what is, and what is where nothing was."""
    value, item = write.value, fresh("item", _names(write))
    match write.action:
        case "set" if _is_optional(value):
            unwrapped = call("value", target=value)
            return [call("hasValue", target=value)], unwrapped, unwrapped
        case "set":
            return [], value, value
        case "add":
            new = call("!_", call("@in", Ident(item), place.list))
            items = value if _is_distinct(value) else call("distinct", target=value)
            all_ = call("_+_", place.list, Comprehension("filter", items, item, new))
            return [Comprehension("exists", value, item, new)], all_, items
        case "remove":
            left = Comprehension("filter", place.list, item, call("!_", call("@in", Ident(item), value)))
            return [Comprehension("exists", value, item, call("@in", Ident(item), place.list))], left, left


def _op(write: Write, path: Path) -> str:
    """`add` also replaces what a field holds; in a list it would insert."""
    last = path.segments[-1] if path.segments else ""
    return "add" if isinstance(last, str) or last.type == STRING else "replace"


def _is_optional(value: Expr) -> bool:
    return unwrapped_optional(value.type or DYN)[1]


def _is_distinct(value: Expr) -> bool:
    """Whether a list has no element twice, as far as can be seen."""
    match value:
        case Literal(value=list(items)):
            return len({repr(item) for item in items}) == len(items)
        case Comprehension("filter", range=items):
            return _is_distinct(items)
        case ListExpr(items):
            return len(items) == 1
        case _:
            return False


def _nested(segments: Sequence[Segment], value: Expr) -> Expr:
    """`{a: {b: value}}`"""
    for segment in reversed(segments):
        key = Literal("string", segment) if isinstance(segment, str) else _text(segment)
        value = MapExpr((Entry(key, value),))
    return value


def _all(conditions: Sequence[Expr]) -> Expr | None:
    """`a && b`, or `a ? b : false`, which unlike that errs where the first does; None where all is true."""
    asked = [condition for condition in conditions if condition != TRUE]
    if not asked:
        return None
    *others, result = asked
    for condition in reversed(others):
        if _is_sure(condition):
            result = call("_&&_", condition, result)
        else:
            result = call("_?_:_", condition, result, FALSE)
    return result


def _is_sure(condition: Expr) -> bool:
    """Whether it cannot err, as far as can be seen: what is compared is looked up where it may be missing."""
    match condition:
        case Call("!_" | "_&&_" | "_||_", operands):
            return all(map(_is_sure, operands))
        case Call("_==_" | "_!=_", (a, b)):
            return _is_there(a) and _is_there(b)
        case _:
            return False


def _is_there(value: Expr) -> bool:
    match value:
        case Call("orValue", (Literal(),), target):
            return target is not None and _is_there(target)
        case Call("_?._", (operand, Literal())):
            return isinstance(operand, Ident) or _is_there(operand)
        case Select(Ident("request"), "operation"):
            return True
        case _:
            return isinstance(value, Literal)


def _patch(op: str, path: Expr, value: Expr) -> Expr:
    fields = {"op": Literal("string", op), "path": path, "value": value}
    return Message("JSONPatch", tuple(FieldInit(name, node) for name, node in fields.items()))


def _sum(terms: list[Expr]) -> Expr:
    first, *rest = terms
    for each in rest:
        match first, each:
            case ListExpr(some), ListExpr(others):
                first = ListExpr((*some, *others))
            case Call("_+_", (before, ListExpr(some))), ListExpr(others):
                first = call("_+_", before, ListExpr((*some, *others)))
            case _:
                first = call("_+_", first, each)
    return first


def _place(path: Path, roots: Roots) -> Place:
    place = roots[path.root]
    for segment in path.segments:
        place = place.at(segment)
    return place


def _pointed(segment: Segment) -> Expr:
    """`/segment`, escaped; of an expression, if it is an index or a key."""
    match segment:
        case str(token) | Literal("int", token):
            return Literal("string", pointer([token]))
        case _:
            return call("_+_", Literal("string", "/"), call("jsonpatch.escapeKey", _text(segment)))


def _text(segment: Expr) -> Expr:
    return segment if segment.type == STRING else call("string", segment)


def joined(a: Expr, b: Expr) -> Expr:
    """`a + b`, literals written as one."""
    match a, b:
        case Literal("string", ""), _:
            return b
        case Literal("string", one), Literal("string", other):
            return Literal("string", one + other)
        case Call("_+_", (first, Literal("string") as last)), Literal("string"):
            return call("_+_", first, joined(last, b))
        case _, Call("_+_", (first, last)):
            return joined(joined(a, first), last)
        case _:
            return call("_+_", a, b)


def _renamed(node: Expr, name: str, to: str) -> Expr:
    return substitute(node, {name: Ident(to)}) if name != to else node


def _names(write: Write) -> frozenset[str]:
    """The names that the write uses, inside of comprehensions too."""
    nodes = [write.value, *write.conditions, *(loop.list for loop in write.loops)]
    nodes += [condition for loop in write.loops if loop.elements for _, condition in loop.elements.kept]
    nodes += [segment for path in write.paths for segment in path.segments if not isinstance(segment, str)]
    used: frozenset[str] = frozenset(loop.variable for loop in write.loops)
    return used.union(*map(free, nodes))
