"""A lowered rule in one CEL expression, as a VAP or MAP has it: the message of a denial, a write as JSON patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from admit.cel.ast import Call, Comprehension, Expr, FieldInit, Ident, ListExpr, Literal, MapExpr, Message
from admit.cel.types import Kind
from admit.rules.lower import Loop, Validation, Write, combined
from admit.rules.names import free, fresh, substitute
from admit.rules.paths import Path, Segment
from admit.rules.workloads import NULL, conjunction

_NONE = ListExpr(())
LONGEST = 5 * 1024  # of a message, in bytes; the API server drops what exceeds it


def text(rule: Validation) -> Expr | None:
    """The message of a rule that failed, where it has one: `A.filter(a, !E).map(a, M)` joined, or the summary.

    A message that is the same of every combination is said once.
    """
    if not rule.messages or is_said_once(rule):
        return rule.messages[0] if rule.messages else None
    return _let("found", found(rule), joined(rule, Ident("found")))


def is_said_once(rule: Validation) -> bool:
    """Whether the message is the same of every combination."""
    return free(rule.messages[0]).isdisjoint(loop.variable for loop in rule.loops)


def found(rule: Validation) -> Expr:
    """The messages of the combinations of loops that fail, in lists in one another as the loops are."""
    return _found(rule, rule.loops, rule.messages[0])


def joined(rule: Validation, found: Expr) -> Expr:
    """The texts that `found` has made one, or the summary of what is too long."""
    depth = len(rule.loops)
    all_ = _joined(found, depth, rule.separator)
    summary = rule.summary or _first_and_count(found, depth)
    return Call("_?_:_", (Call("_>_", (_size_in_bytes(all_), Literal("int", LONGEST))), summary, all_))


def json_patch(write: Write) -> Expr | None:
    """The write as a list of `JSONPatch`; a missing parent is made by an operation of its own.

    None where a loop writes several times under one parent: each would make it anew.
    """
    innermost = write.loops[-1].variable if write.loops else "object"
    if not all(path.root == innermost or _is_constant(path) for path in write.paths):
        return None
    return _over(write, write.loops, {"object": Place(Ident("object"), Literal("string", ""))})


def _call(function: str, *args: Expr, target: Expr | None = None) -> Expr:
    return Call(function, args, target)


def _let(name: str, value: Expr, body: Expr) -> Expr:
    """`[value].map(name, body)[0]`, since Kubernetes has no cel.bind."""
    return _call("_[_]", Comprehension("map", ListExpr((value,)), name, None, body), Literal("int", 0))


def _found(rule: Validation, loops: tuple[Loop, ...], message: Expr) -> Expr:
    """The messages of what fails, nested as the loops are:

    `A.filter(a, !B.all(b, E)).map(a, B.filter(b, !E).map(b, M))`
    """
    loop, *inner = loops
    fails = _call("!_", combined(inner, rule.element, rule.span))
    result = _found(rule, tuple(inner), message) if inner else message
    failing = Comprehension("filter", loop.list, loop.variable, fails)
    return Comprehension("map", failing, loop.variable, None, result)


def _joined(found: Expr, depth: int, separator: str) -> Expr:
    if depth > 1:
        found = Comprehension("map", found, "found", None, _joined(Ident("found"), depth - 1, separator))
    return _call("join", Literal("string", separator), target=found)


def _first_and_count(found: Expr, depth: int) -> Expr:
    first = found
    for _ in range(depth):
        first = _call("_[_]", first, Literal("int", 0))
    more = _call("string", _call("_-_", _count(found, depth), Literal("int", 1)))
    return _sum([first, Literal("string", " (and "), more, Literal("string", " more)")])


def _count(found: Expr, depth: int) -> Expr:
    if depth == 1:
        return _call("size", found)
    counts = Comprehension("map", found, "found", None, _count(Ident("found"), depth - 1))
    return _call("sum", target=counts)


def _size_in_bytes(node: Expr) -> Expr:
    return _call("size", _call("bytes", node))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the object: what is there, as an optional below the root, and its JSON pointer as a CEL string."""

    value: Expr
    pointer: Expr

    def at(self, segment: Segment) -> Place:
        key = Literal("string", segment) if isinstance(segment, str) else segment
        step = "_?._" if isinstance(segment, str) else "_[?_]"
        return Place(_call(step, self.value, key), _joined_text(self.pointer, _pointed(segment)))

    @property
    def missing(self) -> Expr:
        return _call("_==_", _call("orValue", NULL, target=self.value), NULL)

    @property
    def list(self) -> Expr:
        """What is there; an empty list where nothing is."""
        return _call("_?_:_", self.missing, ListExpr(()), _call("value", target=self.value))


def _over(write: Write, loops: tuple[Loop, ...], roots: Mapping[str, Place]) -> Expr:
    """The operations of all combinations of the loops."""
    if not loops:
        operations = _operations(write, roots)
        return _call("_?_:_", conjunction(*write.conditions), operations, _NONE) if write.conditions else operations
    loop, *inner = loops
    if loop.elements is None:
        each = Comprehension("map", loop.list, loop.variable, None, _over(write, tuple(inner), roots))
        return _call("flatten", target=each)
    index = fresh("i", _names(write), *(free(root.pointer) for root in roots.values()))
    over = []
    for path in loop.elements.lists:
        where = _place(path, roots)
        element = Place(
            Ident(loop.variable),
            _joined_text(where.pointer, _call("_+_", Literal("string", "/"), _call("string", Ident(index)))),
        )
        kept = [_renamed(condition, name, loop.variable) for name, condition in loop.elements.kept]
        operations = _over(write, tuple(inner), {**roots, loop.variable: element})
        each = Comprehension(
            "transformList", where.list, index, conjunction(*kept) if kept else None, operations, loop.variable
        )
        over.append(_call("flatten", target=each))
    return _sum(over)


def _operations(write: Write, roots: Mapping[str, Place]) -> Expr:
    """The operations of one combination."""
    parents: list[Path] = []
    operations = []
    for path in write.paths:
        above = [Path(path.root, path.segments[:end]) for end in range(1, len(path.segments))]
        made = [_made(_place(parent, roots)) for parent in above if parent not in parents]
        operations.append(_written(write, path, _place(path, roots), made))
        parents += above
    return _sum(operations)


def _is_constant(path: Path) -> bool:
    """Whether each combination of the loops writes the same field: then it is made, and written, alike every time."""
    return path.root == "object" and all(isinstance(segment, str) for segment in path.segments)


def _made(parent: Place) -> Expr:
    return _where(parent.missing, _operation("add", parent.pointer, MapExpr(())))


def _written(write: Write, path: Path, place: Place, made: list[Expr]) -> Expr:
    match write.action:
        case "set":
            is_field = bool(path.segments) and isinstance(path.segments[-1], str)
            return _set(write.value, place, made, "add" if is_field else "replace")
        case "add":
            return _add(write, place, made)
        case "remove":
            item = fresh("item", _names(write))
            there = _call("@in", Ident(item), write.value)
            left = Comprehension("filter", place.list, item, _call("!_", there))
            return _where(Comprehension("exists", place.list, item, there), _operation("replace", place.pointer, left))


def _set(value: Expr, place: Place, made: list[Expr], operation: str) -> Expr:
    if value.type is not None and value.type.kind is Kind.OPAQUE and value.type.name == "optional_type":
        unwrapped = _call("value", target=value)
        return _where(_call("hasValue", target=value), _sum([*made, _operation(operation, place.pointer, unwrapped)]))
    return _sum([*made, _operation(operation, place.pointer, value)])


def _add(write: Write, place: Place, made: list[Expr]) -> Expr:
    taken = _names(write)
    item, missing = fresh("item", taken), fresh("missing", taken)
    absent = Comprehension("filter", write.value, item, _call("!_", _call("@in", Ident(item), place.list)))
    end = _joined_text(place.pointer, Literal("string", "/-"))
    appended = Comprehension("map", Ident(missing), item, None, _patch("add", end, Ident(item)))
    created = _operation("add", place.pointer, Ident(missing))
    operations = _sum([*made, _call("_?_:_", place.missing, created, appended)])
    some = _call("_!=_", Ident(missing), ListExpr(()))
    return _let(missing, _call("distinct", target=absent), _where(some, operations))


def _where(condition: Expr, operations: Expr) -> Expr:
    return _call("_?_:_", condition, operations, _NONE)


def _operation(op: str, pointer: Expr, value: Expr) -> Expr:
    return ListExpr((_patch(op, pointer, value),))


def _patch(op: str, pointer: Expr, value: Expr) -> Expr:
    fields = {"op": Literal("string", op), "path": pointer, "value": value}
    return Message("JSONPatch", tuple(FieldInit(name, node) for name, node in fields.items()))


def _sum(terms: list[Expr]) -> Expr:
    first, *rest = terms
    for each in rest:
        first = _call("_+_", first, each)
    return first


def _place(path: Path, roots: Mapping[str, Place]) -> Place:
    place = roots[path.root]
    for segment in path.segments:
        place = place.at(segment)
    return place


def _pointed(segment: Segment) -> Expr:
    """`/segment`, escaped; of an expression, if it is an index or a key."""
    if isinstance(segment, str):
        return Literal("string", "/" + segment.replace("~", "~0").replace("/", "~1"))
    if isinstance(segment, Literal) and segment.kind == "int":
        return Literal("string", f"/{segment.value}")
    return _call("_+_", Literal("string", "/"), _call("jsonpatch.escapeKey", _call("string", segment)))


def _joined_text(a: Expr, b: Expr) -> Expr:
    """`a + b`, literals written as one."""
    match a, b:
        case Literal("string", ""), _:
            return b
        case Literal("string", one), Literal("string", other):
            return Literal("string", one + other)
        case Call("_+_", (first, Literal("string") as last)), Literal("string"):
            return _call("_+_", first, _joined_text(last, b))
        case _, Call("_+_", (first, last)):
            return _joined_text(_joined_text(a, first), last)
        case _:
            return _call("_+_", a, b)


def _renamed(node: Expr, name: str, to: str) -> Expr:
    return substitute(node, {name: Ident(to)}) if name != to else node


def _names(write: Write) -> frozenset[str]:
    """The names that the write uses, inside of comprehensions too."""
    nodes = [write.value, *write.conditions, *(loop.list for loop in write.loops)]
    nodes += [condition for loop in write.loops if loop.elements for _, condition in loop.elements.kept]
    nodes += [segment for path in write.paths for segment in path.segments if not isinstance(segment, str)]
    used: frozenset[str] = frozenset(loop.variable for loop in write.loops)
    return used.union(*map(free, nodes))
