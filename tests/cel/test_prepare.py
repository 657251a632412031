"""What fails without input is refused, as the API server refuses it; in the specification's language it is not."""

from __future__ import annotations

import pytest

from admit.cel import CompileError, Environment
from admit.cel.ast import Entry, MapExpr
from admit.cel.fold import literal
from admit.cel.prepare import constants
from admit.cel.values import Optional
from admit.source import UNKNOWN

REFUSED = [
    ("has(object.x) ? int('x') : 1", "type conversion error from 'string' to 'int'", 19),
    ("object[int(string(b'\\xff'))]", "invalid UTF-8 in bytes, cannot convert to string", 17),
    ("object.a && bool(dyn([true]))", "no such overload: bool(list)", 16),
    ("object.x in [] ? 1u : uint(-1)", "unsigned integer overflow", 26),
    ("object[duration('1s')]", "invalid qualifier type: types.Duration", 6),
    ("object[?b'a'].hasValue()", "invalid qualifier type: types.Bytes", 6),
    ("matches(object.x, string('('))", "error parsing regexp: missing closing ): `(`", 7),
    ("'a'.find(dyn('('))", "error parsing regexp: missing closing ): `(`", 8),
]


@pytest.mark.parametrize("text, message, at", REFUSED)
def test_refused(text: str, message: str, at: int) -> None:
    with pytest.raises(CompileError) as caught:
        Environment("1.36", {"object": "dyn"}).compile(text)
    (issue,) = caught.value.issues
    assert (issue.message, issue.span.at) == (f"program instantiation failed: {message}", at)


@pytest.mark.parametrize("text", ["int(object.x)", "object[object.x]", "int('1' + 'x')", "{dyn(1): 2, dyn(1.5): 3}"])
def test_left_to_the_evaluation(text: str) -> None:
    Environment("1.36", {"object": "dyn"}).compile(text)


@pytest.mark.parametrize("optional", [False, True])
def test_optional_entry_of_a_value_known_beforehand(optional: bool) -> None:
    key, value = literal("a", UNKNOWN), literal(Optional(1), UNKNOWN)
    node = MapExpr((Entry(key, value, optional=optional, span=UNKNOWN),), span=UNKNOWN)
    assert (id(node) in constants(node, 36)) != optional


def test_specification() -> None:
    Environment(None).compile("int('x')")
