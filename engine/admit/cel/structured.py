"""Lists and objects as schemas have them: sets, lists of objects by key, and what has more in it than CEL may see.

Source: k8s.io/apiserver, pkg/cel/common/valuesunstructured.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, SupportsIndex

from admit.cel.escaping import escape, unescape
from admit.cel.types import DYN, Type
from admit.cel.values import ABSENT, LIST, Map, Structured, Value, bounded, slot_of
from admit.errors import EvaluationError


class FaultyList(Structured, list[Value]):
    """A list with items that are not valid: for each an EvaluationError, which is raised when it is met."""

    __slots__ = ()
    TYPE: ClassVar[Type] = LIST

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        return list(self)[at] if isinstance(at, slice) else _valid(super().__getitem__(at))

    def __iter__(self) -> Iterator[Value]:
        return map(_valid, super().__iter__())

    def __add__(self, other: list[Value]) -> list[Value]:
        return [*self, *_list(other)]

    def __radd__(self, other: list[Value]) -> list[Value]:
        return [*other, *self]

    def paired(self, other: Value) -> Iterable[tuple[Value, Value]] | None:
        return zip(self, other, strict=True) if len(self) == len(_list(other)) else None


class SetList(Structured, list[Value]):
    """x-kubernetes-list-type: set. Its order does not count; `+` adds what is not there."""

    __slots__ = ()
    TYPE: ClassVar[Type] = LIST

    def __add__(self, other: list[Value]) -> SetList:
        made, known = SetList(self), set(map(_scalar, self))
        for item in _list(other):
            if (slot := _scalar(item)) not in known:
                known.add(slot)
                made.append(item)
        return made

    def __radd__(self, other: list[Value]) -> list[Value]:
        return [*other, *self]

    def paired(self, other: Value) -> Iterable[tuple[Value, Value]] | None:
        same = len(self) == len(_list(other)) and set(map(_scalar, self)) == set(map(_scalar, other))
        return () if same else None


class MapList(Structured, list[Value]):
    """x-kubernetes-list-type: map. Its order does not count; `+` replaces items of the same `keys`, and adds others."""

    __slots__ = ("keys",)
    TYPE: ClassVar[Type] = LIST

    def __init__(self, items: Iterable[Value], keys: Iterable[str]) -> None:
        super().__init__(items)
        self.keys = tuple(keys)

    def __add__(self, other: list[Value]) -> MapList:
        made = MapList(self, self.keys)
        places = {self._slots_of(item): place for place, item in enumerate(self)}
        for item in _list(other):
            if (place := places.get(self._slots_of(item))) is None:
                made.append(item)
            else:
                made[place] = item
        return made

    def __radd__(self, other: list[Value]) -> list[Value]:
        return [*other, *self]

    def paired(self, other: Value) -> Iterable[tuple[Value, Value]] | None:
        own = {self._slots_of(item): item for item in self}
        others = [(self._slots_of(item), item) for item in _list(other)]
        if len(self) != len(others) or own.keys() != {slots for slots, _ in others}:
            return None
        return [(own[slots], item) for slots, item in others]

    def _slots_of(self, item: Value) -> tuple[Value, ...]:
        """What tells items apart. What is no object has no keys, and is like nothing else."""
        if not isinstance(item, dict | Map):
            return (object(),)
        found = (item.get(key) if isinstance(item, dict) else item.find(escape(key) or key) for key in self.keys)
        return tuple(slot_of(None if value is ABSENT else value) for value in found)


class Object(Structured, Map):
    """An object, or a map, of which a dict would not tell all.

    What is null is ABSENT, but counts. What the schema does not know, CEL does not see; when objects are compared, this
    `unknown` counts as well. What is not valid is an EvaluationError, which is raised when it is met. Names of `fields`
    are escaped, the keys of a map are not.
    """

    __slots__ = ("fields", "unknown")

    def __init__(self, known: Mapping[str, Value], unknown: Mapping[str, Any], fields: bool) -> None:
        super().__init__(known.items())
        self.unknown = unknown
        self.fields = fields

    def find(self, key: Value) -> Value:
        name = unescape(key) if self.fields and type(key) is str else key
        return _valid(super().find(name))

    def items(self) -> Iterator[tuple[Value, Value]]:
        for key in self:
            if (value := self.find(key)) is ABSENT:
                raise EvaluationError(f"no such key: {key}")
            yield key, value

    def __iter__(self) -> Iterator[Value]:
        names = super().__iter__()
        return (escape(name) or name for name in names) if self.fields else names

    def __len__(self) -> int:
        return super().__len__() + len(self.unknown)

    @bounded
    def paired(self, other: Value) -> Iterable[tuple[Value, Value]] | None:
        if not isinstance(other, dict | Map):
            raise EvaluationError("no such overload")
        theirs = dict(Map.items(other)) if isinstance(other, Map) else other
        unknown = other.unknown if isinstance(other, Object) else {}
        pairs = [(_valid(value), _valid(theirs.get(name, ABSENT))) for name, value in Map.items(self)]
        same = all((mine is ABSENT) == (its is ABSENT) for mine, its in pairs) and all(
            _identical(value, unknown[name]) for name, value in self.unknown.items() if name in unknown
        )
        return [pair for pair in pairs if pair[0] is not ABSENT] if same and len(self) == len(other) else None


class Unknown(Structured):
    """A value of which the schema says nothing, where there is one: it can be compared, and no more."""

    __slots__ = ("json",)
    TYPE: ClassVar[Type] = DYN

    def __init__(self, value: Any) -> None:
        self.json = value

    @bounded
    def paired(self, other: Value) -> Iterable[tuple[Value, Value]] | None:
        return () if isinstance(other, Unknown) and _identical(self.json, other.json) else None


def _valid(value: Value) -> Value:
    if isinstance(value, EvaluationError):
        raise EvaluationError(str(value))
    return value


def _list(other: Value) -> list[Value]:
    if not isinstance(other, list):
        raise EvaluationError("no such overload")
    return other


def _scalar(item: Value) -> Value:
    if isinstance(item, list | dict | Map):
        raise EvaluationError("listSet operations are only supported on lists of scalar values")
    return slot_of(item)


def _identical(a: Any, b: Any) -> bool:
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
