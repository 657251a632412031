"""Cost estimates of what the conformance data leaves out; the bounds are cel-go's, but where a comment says other."""

from __future__ import annotations

from functools import reduce

import pytest

from admit.cel import Environment
from admit.cel.ast import Call, Expr, Literal
from admit.cel.check import check
from admit.cel.cost import MOST, Cost, Path, estimate
from admit.cel.env import Declarations, declarations
from admit.cel.library import functions
from admit.cel.parse import parse
from admit.cel.types import BOOL, INT, Type

VARIABLES = {"o": "dyn", "l": "list(string)", "m": "map(string, string)", "s": "string"}
SIZES = {"s": 20, "l": 3, "l.@items": 40, "m": 2, "m.@keys": 10, "m.@values": 50}

# Expression, at least, at most; in Kubernetes' language
KUBERNETES = [
    ("o.a.b", 1, 1),  # a field of dyn costs nothing
    ("m.a", 2, 2),
    ("has(m.a)", 1, 1),
    ("s.lowerAscii() == s", 3, 6),
    ("s.split(',').size()", 2, 6),
    ("s.split(',', 2).all(x, true)", 2, 12),
    ("s.split(',', -1).all(x, true)", 2, MOST),
    ("l.join(', ')", 1, 14),
    ("l.join()", 1, 13),
    ("s.replace('a', 'bcd').contains('x')", 1, 11),
    ("'%s'.format([s])", 12, 12),
    ("strings.quote(s) == 'a'", 2, 4),
    ("strings.quote(o).contains('x')", 2, 3689348814741910529),  # in cel-go the size of an unbounded text overflows
    ("l.all(i, x, x == m[x])", 2, 35),
    ("m.all(k, v, k == v)", 2, 14),
    ("l.exists(x, l.all(x, x == s))", 2, 83),
    ("l.transformList(i, x, x).all(x, x.contains('a'))", 13, 76),
    ("l.filter(x, x == s).map(x, x.size())", 23, 116),
    ("m.transformMapEntry(k, v, {v: k}).size()", 33, 101),
    ("o.?a.optMap(x, x + 1).orValue(0)", 5, 20),
    ("m[?'a'].optFlatMap(x, l[?0]).hasValue()", 5, 19),
    ("[s, 'a'].map(x, x + x)[0] == 'aaaa'", 52, 60),
    ("dyn([1, 2]).all(x, x == 1)", 18, 22),
    ("o ? [1] : [1, 2, 3]", 11, 11),
    ("[1, 2].distinct().all(x, true)", 42, 42),  # the result has the size of the pairs compared
    ("['b', 'a'].sort() == l", 32, 32),
    ("[[1], [2]].flatten()", 43, 43),
    ("quantity(s) == quantity(s)", 3, 7),
    ("quantity(s) != quantity('1')", 3, 1844674407370955268),
    ("(o ? [1] : [1, 2, 3]).all(x, true)", 15, 21),
]

# What the specification's language has alone, or has other costs for
SPECIFICATION = [
    ("has(m.a)", 2, 2),
    ("s.lowerAscii() == s", 4, 27),
    ("cel.bind(x, l, x.all(y, y == s))", 13, 34),
    ("cel.bind(x, [1, 2], x + x).all(y, true)", 36, 36),
]


def sizes(path: Path, type: Type) -> int | None:
    return SIZES.get(".".join(path))


@pytest.mark.parametrize("text, least, most", KUBERNETES)
def test_kubernetes(text: str, least: int, most: int) -> None:
    assert estimated(text, declarations("1.37", VARIABLES)) == Cost(least, most)


@pytest.mark.parametrize("text, least, most", SPECIFICATION)
def test_specification(text: str, least: int, most: int) -> None:
    assert estimated(text, declarations(None, VARIABLES)) == Cost(least, most)


def estimated(text: str, within: Declarations) -> Cost:
    tree = parse(text, bind=within.bind, two_variable=within.two_variables)
    return estimate(check(tree, within), within, sizes)


def test_any_depth() -> None:
    within = declarations("1.37")
    (negation,) = functions(37)["!_"]
    deep: Expr = Literal("bool", True, type=BOOL)
    deep = reduce(lambda node, _: Call("!_", (node,), overloads=(negation,), type=BOOL), range(20_000), deep)
    assert estimate(deep, within) == Cost(20_000, 20_000)


def test_costs_end_at_the_largest() -> None:
    most = Cost(0, MOST)
    assert most + most == most * most == most.scaled(1) == most
    assert Cost(MOST, MOST) + Cost(1, 1) == Cost(MOST, MOST)


def test_programs_have_one() -> None:
    program = Environment("1.36", {"x": INT}).compile("x in [1, 2, 3] && x > 1")
    assert program.cost == Cost(14, 16)
