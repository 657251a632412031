"""Lists and objects as their schemas have them, in both forms of a program."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.check import check
from admit.cel.env import declarations
from admit.cel.evaluate import evaluate
from admit.cel.link import link, parse_in
from admit.cel.schema import declared, typed
from admit.errors import EvaluationError


def listed(items: dict[str, Any], type: str, *keys: str) -> dict[str, Any]:
    of_type = {"x-kubernetes-list-type": type, **({"x-kubernetes-list-map-keys": [*keys]} if keys else {})}
    return {"type": "array", "items": items, **of_type}


TEXT = {"type": "string"}
PORT = {"type": "object", "properties": {"name": TEXT, "port": {"type": "integer"}, "a-b": TEXT}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "set": listed(TEXT, "set"),
        "turned": listed(TEXT, "set"),
        "atomic": listed(TEXT, "atomic"),
        "ports": listed(listed(PORT, "map", "name"), "atomic"),
        "lists": listed(listed(TEXT, "atomic"), "set"),
        "nullable": {"type": "object", "properties": {"a": {**TEXT, "nullable": True}, "b": TEXT}},
        "absent": {"type": "object", "properties": {"a": {**TEXT, "nullable": True}, "b": TEXT}},
        "open": {"type": "object", "properties": {"a": TEXT}, "x-kubernetes-preserve-unknown-fields": True},
        "other": {"type": "object", "properties": {"a": TEXT}, "x-kubernetes-preserve-unknown-fields": True},
        "names": {"type": "object", "properties": {"a-b": TEXT, "namespace": TEXT}},
        "wrong": {"type": "array", "items": {"type": "integer"}},
        "resource": {"type": "object", "x-kubernetes-embedded-resource": True},
    },
}
X, Y = {"name": "x", "port": 1, "a-b": "q"}, {"name": "y", "port": 2}
OBJECT: dict[str, Any] = {
    "set": ["a", "b"],
    "turned": ["b", "a"],
    "atomic": ["b", "c"],
    "ports": [[X, Y], [Y, X], [{**X, "port": 3}]],
    "lists": [["a"]],
    "nullable": {"a": None, "b": "b"},
    "absent": {"b": "b"},
    "open": {"a": "a", "x": 1},
    "other": {"a": "a", "x": 1.0},
    "names": {"a-b": "dash", "namespace": "kept"},
    "wrong": [1, "x"],
    "resource": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n", "labels": {}}, "spec": {}},
}
HOLDS = [
    "self.set == self.turned && self.set == ['b', 'a'] && !(['b', 'a'] == self.set)",
    "self.set + self.atomic == ['c', 'b', 'a']",
    "(self.set + self.atomic).map(x, x) == ['a', 'b', 'c']",
    "self.atomic + self.set == ['b', 'c', 'a', 'b']",
    "self.set != ['a', 'a'] && self.set in [['b', 'a']] && 'a' in self.set && self.set[0] == 'a'",
    "self.set.join() == 'ab' && self.set.size() == 2 && sets.contains(self.set, ['b']) && type(self.set) == list",
    "self.set.exists(x, x == 'b') && self.set.all(i, x, x == self.set[i]) && self.set.sort().reverse()[0] == 'b'",
    "self.ports[0] == self.ports[1] && self.ports[0] != [self.ports[0][0]]",
    "(self.ports[0] + self.ports[2]).map(p, p.port) == [3, 2] && self.ports[0] + self.ports[2] != self.ports[0]",
    "(self.ports[0] + self.ports[1]).size() == 2 && ([self.ports[0][0]] + self.ports[0]).size() == 3",
    "self.ports[0].exists_one(p, has(p.a__dash__b) && p.a__dash__b == 'q')",
    "!has(self.nullable.a) && !self.nullable.?a.hasValue() && dyn(self.nullable) != self.absent",
    "dyn(self.open) != self.other && self.open == self.open",
    "self.names.a__dash__b == 'dash' && self.names.namespace == self.names.__namespace__",
    "self.resource.kind == 'Pod' && self.resource.metadata.name == 'n' && self.resource == self.resource",
    "self.wrong.size() == 2 && self.wrong[0] == 1 && 1 in self.wrong",
]
FAILS = [
    ("self.lists == [['a']]", "listSet operations are only supported on lists of scalar values"),
    ("self.wrong[1] == 1", "invalid data, expected int, got string"),
    ("self.wrong.exists_one(x, x == 1)", "invalid data, expected int, got string"),
    ("self.nullable.a == 'a'", "no such key: a"),
    ("dyn(self.set) == 1", "no such overload"),
    ("dyn(self.nullable) == 1", "no such overload"),
]


@pytest.mark.parametrize("text", HOLDS)
def test_holds(text: str) -> None:
    type, types = declared(SCHEMA, "S")
    within = declarations("1.37", {"self": type}, types=types)
    expr, value = check(parse_in(within, text), within), typed(SCHEMA, OBJECT)
    assert evaluate(expr, {"self": value}, within) is True
    assert link(expr, ("self",), within)(self=value) is True


@pytest.mark.parametrize("text, message", FAILS)
def test_fails(text: str, message: str) -> None:
    type, types = declared(SCHEMA, "S")
    within = declarations("1.37", {"self": type}, types=types)
    expr, value = check(parse_in(within, text), within), typed(SCHEMA, OBJECT)
    for program in (lambda: evaluate(expr, {"self": value}, within), lambda: link(expr, ("self",), within)(self=value)):
        with pytest.raises(EvaluationError) as caught:
            program()
        assert str(caught.value) == message


def test_plain_where_that_is_all() -> None:
    value = typed(SCHEMA, OBJECT)
    assert type(value["atomic"]) is list and type(value["ports"][0][1]) is dict and type(value["absent"]) is dict
