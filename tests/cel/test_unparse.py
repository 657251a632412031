from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    OptMap,
    Select,
    rebuild,
)
from admit.cel.parse import parse
from admit.cel.types import DYN, INT, STRING, list_of, map_of, optional_of
from admit.cel.unparse import layout, unparse
from admit.cel.values import NONE, Duration, Map, Optional, Timestamp, Uint

TEXTS = [  # as written; as unparsed, where that differs
    ("( a+b )*c", "(a + b) * c"),
    ("(a*b)+c", "a * b + c"),
    ("a-(b-c)", "a - (b - c)"),
    ("(a-b)-c", "a - b - c"),
    ("a<(b<c)", "a < (b < c)"),
    ("(a&&b)||c", "a && b || c"),
    ("a&&(b||c)", "a && (b || c)"),
    ("(a&&b)&&c", "a && b && c"),
    ("(a?b:c)?d:e", "(a ? b : c) ? d : e"),
    ("a?(b?c:d):e", "a ? (b ? c : d) : e"),
    ("a?b:(c?d:e)", "a ? b : c ? d : e"),
    ("!(a.b)", "!a.b"),
    ("!(a&&b)", "!(a && b)"),
    ("-(1)", "-(1)"),
    ("-(-1)", "-(-1)"),
    ("-(1.f())", "-(1.f())"),
    ("-1.f()", "-1.f()"),
    ("-(-a)", "-(-a)"),
    ("!(!a)", "!(!a)"),
    ("!-1", "!-1"),
    ("a - -1", "a - -1"),
    ("(-a).b", "(-a).b"),
    ("(a+b).size()", "(a + b).size()"),
    ("(a?b:c)[0]", "(a ? b : c)[0]"),
    ('"a"', "'a'"),
    ('"it\'s"', '"it\'s"'),
    ("'\"' + '\\'\"'", "'\"' + '\\'\"'"),
    ("'\\n\\t\\r\\\\\\x00\\x7f\\u200b\\U000E0001é🐱'", "'\\n\\t\\r\\\\\\x00\\x7f\\u200b\\U000e0001é🐱'"),
    ("b'\\xff\\x00aé'", "b'\\xff\\x00a\\xc3\\xa9'"),
    ("1e3", "1000.0"),
    ("1e300", "1e+300"),
    ("0x1fu", "31u"),
    ("[a,?b,]", "[a, ?b]"),
    ("{a:b,?c:d}", "{a: b, ?c: d}"),
    (".a.B{c:1,?d:2}", ".a.B{c: 1, ?d: 2}"),
    ("a.?b[?c]", "a.?b[?c]"),
    ("a.`b-c`.`in`.`d`", "a.`b-c`.`in`.d"),
    ("has(a.b)&&!has(a.?b.c)", "has(a.b) && !has(a.?b.c)"),
    ("a.all(x,x in b)", "a.all(x, x in b)"),
    ("a.map(x,x>0,-x)", "a.map(x, x > 0, -x)"),
    ("a.transformMap(k,v,v>0,v)", "a.transformMap(k, v, v > 0, v)"),
    ("a.optMap(x,x).optFlatMap(y,y)", "a.optMap(x, x).optFlatMap(y, y)"),
    ("cel.bind(x,1,x)", "cel.bind(x, 1, x)"),
    (".f(.a)", ".f(.a)"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_text(text: str, expected: str) -> None:
    node = parse(text, backquotes=True, bind=True)
    assert unparse(node) == expected
    assert parse(expected, backquotes=True, bind=True) == node


CONSTANTS = [
    ([1, Uint(2), 3.0, "a", True, None], "[1, 2u, 3.0, 'a', true, null]"),
    ({"a": [b"b"]}, "{'a': [b'b']}"),
    (Map([(1, "a"), (True, {})]), "{1: 'a', true: {}}"),
    (Optional(1), "optional.of(1)"),
    (NONE, "optional.none()"),
    (Duration(1_000_000_000), "duration('1s')"),
    (Duration(-3_723_500_000_001), "duration('-3723.500000001s')"),
    (Timestamp(0), "timestamp('1970-01-01T00:00:00Z')"),
    (INT, "int"),
    (list_of(DYN), "list"),
    (optional_of(map_of(STRING, INT)), "optional_type"),
    (math.inf, "double('inf')"),
]


@pytest.mark.parametrize(("value", "text"), CONSTANTS)
def test_constant(value: object, text: str) -> None:
    assert unparse(Literal("constant", value)) == text
    parse(text)


NAMES = st.sampled_from(["a", "b", "x", "for_", "isTrue", "_1"])
FIELDS = NAMES | st.sampled_from(["for", "in", "true", "a-b", "a.b/c d", "1"])
LITERALS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda value: Literal("int", value)),
    st.integers(0, 2**64 - 1).map(lambda value: Literal("uint", Uint(value))),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: Literal("double", value)),
    st.text(max_size=5).map(lambda value: Literal("string", value)),
    st.binary(max_size=5).map(lambda value: Literal("bytes", value)),
    st.booleans().map(lambda value: Literal("bool", value)),
    st.just(Literal("null_type", None)),
)
IDENTS = st.builds(Ident, NAMES, st.booleans())
BINARY = "_&&_ _||_ _+_ _-_ _*_ _/_ _%_ _==_ _!=_ _<_ _<=_ _>_ _>=_ @in _[_] _[?_]"


def _larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    bodies = st.lists(inner, max_size=3).map(tuple)
    entries = st.lists(st.builds(Entry, inner, inner, st.booleans()), max_size=3).map(tuple)
    inits = st.lists(st.builds(FieldInit, FIELDS, inner, st.booleans()), max_size=3).map(tuple)
    return st.one_of(
        st.builds(Select, inner, FIELDS, st.booleans()),
        st.builds(lambda name, a, b: Call(name, (a, b)), st.sampled_from(BINARY.split()), inner, inner),
        st.builds(lambda name, a: Call(name, (a,)), st.sampled_from(["!_", "-_"]), inner),
        st.builds(lambda a, b, c: Call("_?_:_", (a, b, c)), inner, inner, inner),
        st.builds(lambda a, field: Call("_?._", (a, Literal("string", field))), inner, FIELDS),
        st.builds(Call, NAMES.map(lambda name: name + "f"), bodies, st.none() | inner),
        st.builds(lambda items: ListExpr(items, frozenset(range(0, len(items), 2))), bodies),
        st.builds(MapExpr, entries),
        st.builds(Message, st.sampled_from(["M", "a.B", ".a.B"]), inits),
        st.builds(Comprehension, st.sampled_from(["all", "exists", "exists_one", "filter"]), inner, NAMES, inner),
        st.builds(Comprehension, st.just("map"), inner, NAMES, st.none() | inner, inner),
        st.builds(Comprehension, st.just("transformMap"), inner, st.just("k"), st.none() | inner, inner, st.just("v")),
        st.builds(OptMap, inner, NAMES, inner, st.booleans()),
    )


@given(st.recursive(LITERALS | IDENTS, _larger, max_leaves=20))
def test_any_tree(node: Expr) -> None:
    assert _flat(parse(unparse(node), backquotes=True)) == _flat(node)


@given(st.recursive(LITERALS | IDENTS, _larger, max_leaves=20), st.integers(1, 40))
def test_any_tree_over_lines(node: Expr, width: int) -> None:
    assert _flat(parse(layout(node, width), backquotes=True)) == _flat(node)


LAID_OUT = """
aaaaaaaaaa.bbbbbbbbbb == 1 && c

aaaaaaaaaa.bbbbbbbbbb == 1 &&
cccccccccc.dddddddddd == 2 &&
(
  eeeeeeeeee.ffffff == 3 ||
  gggg.hh ||
  i
)

aaaaaaaaaa.filter(b,
  b.ccccccccccccccc > 1
).size() == 1

aaaaaaaaaa.all(b,
  b.ccccccccccccccccc in [1, 2]
)

!aaaaaaaaaa.bbbbbbbbbbbbbbb.all(c,
  c.ddd
).eeeeee

object.kind == 'A' ? object.spec
: object.kind == 'CronJob'
  ? object.spec.jobTemplate.spec
: object.spec.template

[
  {
    'a': 1000000000000000000,
    'b': 2000000000000000000
  },
  3
]

Object{
  spec: Object.spec{
    replicas: variables.count
  }
}

Object{
  spec: aaaaaaaaaaaaaaaaaaaaa +
    bbbbbbbbb
}

max(
  aaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbb,
  c
)
"""


@pytest.mark.parametrize("text", LAID_OUT.strip().split("\n\n"))
def test_layout(text: str) -> None:
    assert layout(parse(text), 32) == text


def _flat(node: Expr) -> Expr:
    """The tree with each chain of `&&` or `||` as one call, however it was balanced."""
    node = rebuild(node, _flat)
    match node:
        case Call(function="_&&_" | "_||_" as function):
            terms = [arg.args if isinstance(arg, Call) and arg.function == function else (arg,) for arg in node.args]
            return Call(function, sum(terms, ()))
        case _:
            return node
