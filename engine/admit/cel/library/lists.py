"""The lists extension of cel-go, of which what messages need.

Its functions can be called in every version of Kubernetes, though older checkers do not admit them: a message may.
"""

from __future__ import annotations

from functools import cmp_to_key, partial

from admit.cel.library import overload
from admit.cel.values import Value, compare, equal, type_of
from admit.errors import EvaluationError

SINCE = 34
COMPARABLE = (
    *("int", "uint", "double", "bool", "string", "bytes"),
    *("google.protobuf.Duration", "google.protobuf.Timestamp"),
)

lists_overload = partial(overload, library="lists")


@lists_overload("list(A).flatten() -> list(dyn)", id="flatten", declared=False)
@lists_overload(
    "list(list(A)).flatten() -> list(A)", "[[1], [], [2, 3]].flatten() == [1, 2, 3]", id="list_flatten", since=SINCE
)
def flatten(items: list[Value]) -> list[Value]:
    """The items, those of a list in it in place of the list."""
    return [inner for item in items for inner in (item if type(item) is list else [item])]


@lists_overload("list(A).distinct() -> list(A)", id="distinct", declared=False)
@lists_overload("list(A).distinct() -> list(A)", "[2, 1, 2].distinct() == [2, 1]", id="list_distinct", since=SINCE)
def distinct(items: list[Value]) -> list[Value]:
    """The items, each where it is first."""
    if all(type(item) is str for item in items):
        return list(dict.fromkeys(items))
    found: list[Value] = []
    for item in items:
        if not any(equal(item, other) for other in found):
            found.append(item)
    return found


def sort(items: list[Value]) -> list[Value]:
    """The items in their order; they must be of one type."""
    types = list(dict.fromkeys(type_of(item) for item in items))
    if types and types[0].name not in COMPARABLE:
        raise EvaluationError("list elements must be comparable")
    if len(types) > 1:
        raise EvaluationError("list elements must have the same type")
    return sorted(items, key=cmp_to_key(compare))


for _type in COMPARABLE:
    _examples = ("['b', 'c', 'a'].sort() == ['a', 'b', 'c']",) if _type == "string" else ()
    lists_overload(f"list({_type}).sort() -> list({_type})", *_examples, id=f"list_{_type}_sort", since=SINCE)(sort)
lists_overload("list(A).sort() -> list(A)", id="sort", declared=False)(sort)
