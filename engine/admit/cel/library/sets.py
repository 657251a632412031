"""cel-go's sets extension: lists as sets, whose items are the same where they are equal."""

from __future__ import annotations

from functools import partial

from admit.cel.library import overload
from admit.cel.values import Value, contains_in

sets_overload = partial(overload, library="sets", since=29)


@sets_overload(
    "sets.contains(list(T), list(T)) -> bool",
    "sets.contains([1, 2], [2, 2]) && !sets.contains([1], [1, 2])",
    id="list_sets_contains_list",
)
def contains(items: list[Value], others: list[Value]) -> bool:
    """Whether all items of the second list are in the first."""
    return all(contains_in(other, items) for other in others)


@sets_overload(
    "sets.equivalent(list(T), list(T)) -> bool",
    "sets.equivalent([1, 2], [2, 1, 1]) && sets.equivalent([], [])",
    id="list_sets_equivalent_list",
)
def equivalent(items: list[Value], others: list[Value]) -> bool:
    """Whether all items of each list are in the other."""
    return contains(items, others) and contains(others, items)


@sets_overload(
    "sets.intersects(list(T), list(T)) -> bool",
    "sets.intersects([1, 2], [2, 3]) && !sets.intersects([], [])",
    id="list_sets_intersects_list",
)
def intersects(items: list[Value], others: list[Value]) -> bool:
    """Whether an item is in both lists."""
    return any(contains_in(item, others) for item in items)
