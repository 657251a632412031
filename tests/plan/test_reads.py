"""What conditions read of an object."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.check import check
from admit.cel.env import admission
from admit.cel.parse import parse
from admit.plan.reads import Reads, reads

ALL = "all"
CASES: list[tuple[str, Any]] = [
    ("object.a.b == 1", {"a": {"b": ALL}}),
    ("object.a == object.b", {"a": ALL, "b": ALL}),
    ("has(object.a.b)", {"a": {"b": ALL}}),
    ("has(object.a) && object.a != null ? object.a.b > 1 : true", {"a": {"b": ALL}}),
    ("object.?a.?b.orValue(object.c) == 'x'", {"a": {"b": ALL}, "c": ALL}),
    ("object.a['b'].c > 0", {"a": {"b": {"c": ALL}}}),
    ("object.a[object.k].c > 0", {"a": ALL, "k": ALL}),
    ("object.l.all(x, x.a > 1 && has(x.b))", {"l": [{"a": ALL, "b": ALL}]}),
    ("object.l.all(x, x > 1)", {"l": ALL}),
    ("object.l.exists(x, true)", {"l": ALL}),
    ("(object.l + object.m).exists(x, x.a == 1)", {"l": [{"a": ALL}], "m": [{"a": ALL}]}),
    ("object.l.filter(x, x.a > 1).all(y, y.b > 1)", {"l": [{"a": ALL, "b": ALL}]}),
    ("object.l.filter(x, x.a > 1).size() == 0", {"l": [{"a": ALL}]}),
    ("object.l.map(x, x.a).exists(y, y.b == 1)", {"l": [{"a": ALL}]}),
    ("object.l.all(x, x.m.all(y, y.a == x.b))", {"l": [{"m": [{"a": ALL}], "b": ALL}]}),
    ("object.l.all(x, x.a > 1) && object.l.b > 1", {"l": ALL}),
    ("size(object.m) == 1", {"m": ALL}),
    ("'a' in object.m", {"m": ALL}),
    ("object.m == {'a': 1}", {"m": ALL}),
    ("object.m == 1 || object.m.a == 1", {"m": {"a": ALL}}),
    ("object.?a.optMap(x, x.b).orValue(1) == 1", {"a": {"b": ALL}}),
    ("[1].all(object, object == 1)", {}),
    ("object.l.all(i, x, x.a > i)", {"l": ALL}),
    ("oldObject.a == 1", {}),
    ("string(object) == ''", ALL),
]


@pytest.mark.parametrize("text, expected", CASES, ids=[text for text, _ in CASES])
def test_reads(text: str, expected: Any) -> None:
    condition = check(parse(text), admission("1.36"))
    read = reads([condition], {}, "object")
    assert (ALL if read.whole else {name: _shown(part) for name, part in read.fields.items()}) == expected


def test_definitions_are_read_where_they_are_used() -> None:
    scope = admission("1.36", also={"v": "dyn"})
    definition = check(parse("object.a"), admission("1.36"))
    read = reads([check(parse("v.b == 1 && v.c.all(x, x.d == 2)"), scope)], {"v": definition}, "object")
    assert {name: _shown(part) for name, part in read.fields.items()} == {"a": {"b": ALL, "c": [{"d": ALL}]}}


def _shown(read: Reads) -> Any:
    if read.is_leaf:
        return ALL
    if read.items is not None:
        return [_shown(read.items)]
    return {name: _shown(part) for name, part in read.fields.items()}
