"""Functions of lists: those of Kubernetes, and cel-go's lists extension.

The sort, distinct and flatten of the extension can be called in every version of Kubernetes, though older checkers do
not admit them: a rule's message may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

from admit.cel.library import dispatcher, overload
from admit.cel.library.sorting import sorted_as_go
from admit.cel.library.standard import SAMPLES
from admit.cel.types import DURATION, TIMESTAMP
from admit.cel.values import Duration, Uint, Value, bounded, compare, same, type_of
from admit.errors import EvaluationError

SINCE = 34  # the extension
LONGEST_RANGE = 1_000_000
SUMMABLE: dict[str, Value] = {"int": 0, "uint": Uint(0), "double": 0.0, DURATION.name: Duration(0)}
COMPARABLE = ("int", "uint", "double", "bool", DURATION.name, TIMESTAMP.name, "string", "bytes")
PLAIN = ("int", "uint", "bool", "string", "bytes")  # what is equal is the same, and Python's order is CEL's

kubernetes_overload = partial(overload, library="kubernetes.lists")
lists_overload = partial(overload, library="lists")


# Kubernetes


def is_sorted(items: list[Value]) -> bool:
    """Whether no item is greater than the next."""
    return all(_compared(a, b) != 1 for a, b in pairwise(_comparable(items)))


def smallest(items: list[Value]) -> Value:
    """The least item."""
    return _extreme("min", items, 1)


def greatest(items: list[Value]) -> Value:
    """The greatest item."""
    return _extreme("max", items, -1)


def _extreme(function: str, items: list[Value], worse: int) -> Value:
    """The first item than which none is better."""
    if not items:
        raise EvaluationError(f"{function} called on empty list")
    best, *others = _comparable(items)
    for item in others:
        if _compared(best, item) == worse:
            best = item
    return best


def _comparable(items: list[Value]) -> Iterator[Value]:
    for item in items:
        if type_of(item).name not in COMPARABLE:
            raise EvaluationError("no such overload")
        yield item


def _compared(a: Value, b: Value) -> int | None:
    """-1, 0 or 1; None for what has no order, which is no error here."""
    try:
        return compare(a, b)
    except EvaluationError:
        return None


def _sum(zero: Value) -> Callable[[list[Value]], Value]:
    def total(items: list[Value]) -> Value:
        """All items, added up."""
        add, result = dispatcher("_+_"), zero
        for item in items:
            result = add(result, item)
        return result

    return total


def _declare(name: str) -> None:
    """Kubernetes' functions of a list of one type, with examples for one of the types."""
    of = name.rpartition(".")[2].lower()
    low, high = SAMPLES[name]
    shown = name == "int"
    kubernetes_overload(
        f"list({name}).isSorted() -> bool",
        f"[{low}, {high}, {high}].isSorted() && ![{high}, {low}].isSorted()",
        id=f"list_{of}_is_sorted_bool",
    )(is_sorted)
    for function, call, found in (("min", smallest, low), ("max", greatest, high)):
        kubernetes_overload(
            f"list({name}).{function}() -> {name}",
            f"[{high}, {low}].{function}() == {found}",
            id=f"list_{of}_{function}_{of}",
            fails={f"[].{function}()": f"{function} called on empty list"} if shown else None,
        )(call)
    if name in SUMMABLE:
        kubernetes_overload(
            f"list({name}).sum() -> {name}",
            f"[{low}, {high}].sum() == {low} + {high}",
            *(("[].sum() == 0",) if shown else ()),
            id=f"list_{of}_sum_{of}",
            fails={"[9223372036854775807, 1].sum()": "integer overflow"} if shown else None,
        )(_sum(SUMMABLE[name]))


for _type in COMPARABLE:
    _declare(_type)


@kubernetes_overload("list(A).indexOf(A) -> int", "[1, 2, 2].indexOf(2) == 1", id="list_a_index_of_int")
def index_of(items: list[Value], item: Value) -> int:
    """Where the item is first, or -1."""
    return next((i for i, each in enumerate(items) if same(each, item)), -1)


@kubernetes_overload("list(A).lastIndexOf(A) -> int", "[1, 2, 2].lastIndexOf(2) == 2", id="list_a_last_index_of_int")
def last_index_of(items: list[Value], item: Value) -> int:
    """Where the item is last, or -1."""
    return next((i for i in range(len(items) - 1, -1, -1) if same(items[i], item)), -1)


@kubernetes_overload(
    "dyn.includes(dyn) -> bool",
    "[1, 2].includes(2) && 'a'.includes('a') && !'ab'.includes('a')",
    id="list_includes_dyn_dyn",
    since=37,
)
def includes(target: Value, item: Value) -> bool:
    """Whether an item of the list is equal; of what is no list, whether it is itself."""
    return any(same(each, item) for each in (target if isinstance(target, list) else (target,)))


# The extension


@lists_overload(
    "list(T).slice(int, int) -> list(T)",
    "[1, 2, 3].slice(1, 2) == [2]",
    id="list_slice",
    since=SINCE,
    fails={
        "[1].slice(-1, 1)": "cannot slice(-1, 1), negative indexes not supported",
        "[1].slice(1, 0)": "cannot slice(1, 0), start index must be less than or equal to end index",
        "[1].slice(0, 2)": "cannot slice(0, 2), list is length 1",
    },
)
def slice_(items: list[Value], start: int, end: int) -> list[Value]:
    """The items from a place on and before another."""
    problem = ""
    if start < 0 or end < 0:
        problem = "negative indexes not supported"
    elif start > end:
        problem = "start index must be less than or equal to end index"
    elif end > len(items):
        problem = f"list is length {len(items)}"
    if problem:
        raise EvaluationError(f"cannot slice({start}, {end}), {problem}")
    return items[start:end]


@lists_overload(
    "list(list(T)).flatten() -> list(T)", "[[1], [], [2, 3]].flatten() == [1, 2, 3]", id="list_flatten", since=SINCE
)
@lists_overload("dyn.flatten() -> list(dyn)", id="flatten", declared=False)
def flatten(items: Value) -> list[Value]:
    """The items, those of a list in it in place of the list."""
    if type(items) is not list:
        raise EvaluationError(f"no such overload: {_shown(items)}.flatten()")
    flat: list[Value] = []
    for item in items:
        if isinstance(item, list):
            flat += item
        else:
            flat.append(item)
    return flat


@lists_overload(
    "list(dyn).flatten(int) -> list(dyn)",
    "[[[1]], [[2]]].flatten(2) == [1, 2]",
    id="list_flatten_int",
    since=SINCE,
    fails={"[].flatten(-1)": "level must be non-negative"},
)
@bounded
def flatten_deep(items: list[Value], depth: int) -> list[Value]:
    """`flatten` so many times; 0 leaves the list as it is."""
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    flat: list[Value] = []
    for item in items:
        if isinstance(item, list) and depth:
            flat.extend(flatten_deep(item, depth - 1))
        else:
            flat.append(item)
    return flat


@lists_overload("dyn.flatten(dyn) -> list(dyn)", id="flatten_int", declared=False, since=SINCE)
def flatten_other(operand: Value, depth: Value) -> Value:
    """What is said of other operands."""
    raise EvaluationError(f"no such overload: {_shown(operand)}.flatten({_shown(depth)})")


def _shown(value: Value) -> str:
    return {"map": "map(dyn, dyn)", "list": "list(dyn)"}.get(name := type_of(value).name, name)


@lists_overload("list(T).distinct() -> list(T)", "[2, 1, 2].distinct() == [2, 1]", id="list_distinct", since=SINCE)
@lists_overload("list(T).distinct() -> list(T)", id="distinct", declared=False)
def distinct(items: list[Value]) -> list[Value]:
    """The items, each where it is first."""
    if _are_texts(items):
        return list(dict.fromkeys(items))
    found: list[Value] = []
    for item in items:
        if not any(same(item, other) for other in found):
            found.append(item)
    return found


@lists_overload("lists.range(int) -> list(int)", "lists.range(3) == [0, 1, 2]", id="lists_range", since=37)
def range_(size: int) -> list[int]:
    """The numbers from 0 on, so many of them."""
    if size < 0:
        raise EvaluationError(f"lists.range: size must be non-negative, got {size}")
    if size > LONGEST_RANGE:
        raise EvaluationError(f"lists.range: size {size} exceeds maximum allowed ({LONGEST_RANGE})")
    return list(range(size))


@lists_overload("lists.range(int) -> list(int)", "lists.range(-1) == []", id="lists_range", since=SINCE, until=37)
def range_unchecked(size: int) -> list[int]:
    """The numbers from 0 on, so many of them; none if the number is negative."""
    if size > LONGEST_RANGE:  # which costs more than the API server allows for a call
        raise EvaluationError("operation cancelled: actual cost limit exceeded")
    return list(range(size))


@lists_overload("list(T).reverse() -> list(T)", "[1, 2].reverse() == [2, 1]", id="list_reverse", since=SINCE)
def reverse(items: list[Value]) -> list[Value]:
    """The items from the last to the first."""
    return items[::-1]


def sort(items: list[Value]) -> list[Value]:
    """The items in their order; they must be of one type."""
    if _are_texts(items):
        return sorted(items)
    return sort_by_keys(items, items)


def _are_texts(items: list[Value]) -> bool:
    for item in items:  # noqa: SIM110  (`all` takes twice as long)
        if type(item) is not str:
            return False
    return True


def sort_by_keys(items: list[Value], keys: list[Value]) -> list[Value]:
    """The items in the order of the keys; these must be of one type."""
    if len(items) != len(keys):
        problem = "expected a list of the same size as the associated keys list"
        found = f"got {len(items)} and {len(keys)} elements respectively"
        raise EvaluationError(f"@sortByAssociatedKeys() {problem}, but {found}")
    types = list(dict.fromkeys(type_of(key) for key in keys))
    if types and types[0].name not in COMPARABLE:
        raise EvaluationError("list elements must be comparable")
    if len(types) > 1:
        raise EvaluationError("list elements must have the same type")
    if types and types[0].name in PLAIN and (keys is items or len(set(keys)) == len(keys)):
        places = sorted(range(len(keys)), key=keys.__getitem__)
    else:
        places = sorted_as_go(keys, lambda a, b: _compared(a, b) == -1)
    return [items[place] for place in places]


for _type in COMPARABLE:
    _low, _high = SAMPLES[_type]
    lists_overload(
        f"list({_type}).sort() -> list({_type})",
        f"[{_high}, {_low}].sort() == [{_low}, {_high}]",
        id=f"list_{_type}_sort",
        since=SINCE,
    )(sort)
    lists_overload(
        f"list(T).@sortByAssociatedKeys(list({_type})) -> list(T)",
        f"[1, 2].sortBy(x, x == 1 ? {_high} : {_low}) == [2, 1]",
        *(("['b', 'cc', ''].sortBy(x, size(x)) == ['', 'b', 'cc']",) if _type == "int" else ()),
        id=f"list_{_type}_sortByAssociatedKeys",
        since=SINCE,
    )(sort_by_keys)
lists_overload("list(T).sort() -> list(T)", id="sort", declared=False)(sort)
lists_overload("list(T).@sortByAssociatedKeys(list(U)) -> list(T)", id="@sortByAssociatedKeys", declared=False)(
    sort_by_keys
)
