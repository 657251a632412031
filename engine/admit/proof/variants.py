"""Requests like those of tests, changed at random: most of all in the fields that rules are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from random import Random
from typing import Any, TypeAlias

from admit.cel.ast import Call, Expr, Literal, Select, children
from admit.kubernetes.normalise import normalise
from admit.plan.write import MISSING, set_at, value_at
from admit.rules.lower import Bound, Lowered, Patch
from admit.rules.workloads import WORKLOADS, Workload
from admit.testing import Asked

Slot: TypeAlias = tuple[Any, Any]
"""A map or a list, and a key or an index of it."""

_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    65536,
    1.5,
    "",
    "x",
    "a: b\nc",
    [],
    {},
    [None],
    ["x"],
    {"x": 1},
    [{}],
    [[1]],
)
_KEPT = frozenset(("apiVersion", "kind", "metadata"))  # every object has these
_MOST_CHANGES = 4


def variants(asked: Sequence[Asked], bounds: Iterable[Bound], seed: int) -> Iterator[Asked]:
    """Requests without end, the same for the same seed; `bounds` are the rules that they are to try."""
    return iter(_Variants(asked, bounds, Random(seed)))


class _Variants:
    def __init__(self, asked: Sequence[Asked], bounds: Iterable[Bound], random: Random) -> None:
        self.asked = [each for each in asked if isinstance(each.object, Mapping)]
        self.random = random
        fields: dict[str, None] = {}
        texts: dict[str, None] = {}
        for bound in bounds:
            for text in _texts_in(dict(bound.settings)):
                texts[text] = None
            for node in (node for lowered in bound.members for node in _nodes(lowered)):
                _learn(node, fields, texts)
        self.fields, self.texts = [*fields], [*texts, "", "x"]
        self.known: dict[str, list[Any]] = defaultdict(list)
        for each in self.asked:
            for document in (each.object, each.old_object):
                for container, key in _slots(document):
                    if isinstance(key, str):
                        self.known[key].append(container[key])

    def __iter__(self) -> Iterator[Asked]:
        while self.asked:
            yield self._variant(self.random.choice(self.asked))

    def _variant(self, asked: Asked) -> Asked:
        item, old = deepcopy(asked.object), deepcopy(asked.old_object)
        operation, subresource = asked.operation, asked.subresource
        if operation in ("CREATE", "UPDATE") and self._chance(0.3):
            item, old, subresource = self._rehoused(item, old)
        if operation == "CREATE" and not subresource and self._chance(0.2):
            operation, old = "UPDATE", deepcopy(item)
        if subresource:
            operation, old = "UPDATE", old or deepcopy(item)
        item = self._changed(item)
        if old is not None and self._chance(0.5):
            old = self._changed(old)
        if operation != "CONNECT" and self._chance(0.7):  # else the types are as odd as they came out
            item = normalise(item, asked.namespace, created=operation == "CREATE")
            old = old and normalise(old, asked.namespace, created=False)
        return Asked(item, old, operation, asked.namespace, asked.user, subresource)

    def _chance(self, of: float) -> bool:
        return self.random.random() < of

    def _rehoused(self, item: Any, old: Any) -> tuple[Any, Any, str]:
        """The pod in another kind of workload."""
        of = next((w for w in WORKLOADS if w.kind == item.get("kind")), None)
        if of is None:
            return item, old, ""
        to = self.random.choice(WORKLOADS)
        return _moved(item, of, to), old and _moved(old, of, to), to.subresource

    def _changed(self, item: Any) -> Any:
        for _ in range(self.random.randrange(_MOST_CHANGES + 1)):
            slots = [(place, key) for place, key in _slots(item) if not (place is item and key in _KEPT)]
            aimed = [slot for slot in slots if slot[1] in self.fields]
            if slots:
                self._change(*self.random.choice(aimed if aimed and self._chance(0.6) else slots))
        return item

    def _change(self, container: Any, key: Any) -> None:
        there = container[key]
        match self.random.randrange(6):
            case 0:
                del container[key]
            case 1 if isinstance(there, dict) and self.fields:
                field = self.random.choice(self.fields)
                there[field] = self._value(field)
            case 2 if isinstance(there, dict) and self.texts:
                there[self.random.choice(self.texts)] = self._text()
            case 3 if isinstance(there, list) and there:
                there.insert(self.random.randrange(len(there) + 1), deepcopy(self.random.choice(there)))
            case 4:
                container[key] = deepcopy(self.random.choice(_ODD))
            case _:
                container[key] = self._value(key)

    def _value(self, key: Any) -> Any:
        """A value such as the key has elsewhere; or any of the texts that the rules know."""
        if self.known.get(key) and self._chance(0.7):
            return deepcopy(self.random.choice(self.known[key]))
        text = self._text()
        return self.random.choice((text, text, [text], [text, self._text()], {text: self._text()}, True, False, 8080))

    def _text(self) -> str:
        text = self.random.choice(self.texts)
        return text if self._chance(0.9) else text.upper() + self.random.choice(("", "/x", ":1"))


def _nodes(lowered: Lowered) -> Iterator[Expr]:
    """The expressions that decide, and what is written."""
    yield from (condition.expression for condition in lowered.match_conditions)
    yield from (variable.expression for variable in lowered.variables)
    yield from (rule.verdict for rule in lowered.validations)
    for mutation in lowered.mutations:
        yield from mutation.conditions
        if isinstance(mutation, Patch):
            yield mutation.expression
            continue
        yield mutation.value
        yield from (loop.list for loop in mutation.loops)
        for segment in (segment for path in mutation.paths for segment in path.segments):
            yield Literal("string", segment) if isinstance(segment, str) else segment


def _learn(node: Expr, fields: dict[str, None], texts: dict[str, None]) -> None:
    """Adds the fields that an expression selects, and the texts that it has."""
    match node:
        case Select(field=field):
            fields[field] = None
        case Call("_?._", (_, Literal(value=str(field)))):
            fields[field] = None
        case Literal(value=value):
            texts.update(dict.fromkeys(_texts_in(value)))
    for child in children(node):
        _learn(child, fields, texts)


def _texts_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from _texts_in(key)
                yield from _texts_in(item)
        case list():
            for item in value:
                yield from _texts_in(item)


def _slots(value: Any) -> Iterator[Slot]:
    """Every place in a document."""
    for key in [*value] if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _slots(value[key])


def _moved(item: Any, of: Workload, to: Workload) -> Any:
    """The pod of one kind of workload in another."""
    version = f"{to.group}/{to.version}".strip("/")
    moved: Any = {"apiVersion": version, "kind": to.kind, "metadata": {"name": "moved"}}
    for part, path in (("metadata", of.metadata), ("spec", of.spec)):
        value = value_at(item, path)
        if value is not MISSING:
            moved = set_at(moved, (*to.holder, part), value)
    return moved
