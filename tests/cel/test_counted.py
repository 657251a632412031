"""Counted costs: what the conformance data leaves out, and generated code against the counting evaluator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from random import Random
from typing import Any, NoReturn

import pytest

from admit.cel import CostModel, Environment
from admit.cel.check import check
from admit.cel.cost import LIMIT
from admit.cel.count import Account, Plan, plan
from admit.cel.emit import UNBOUND, Unfit, emit_counted
from admit.cel.env import declarations
from admit.cel.evaluate import Evaluator
from admit.cel.link import link, load, parse_in
from admit.cel.values import Value, encode
from admit.errors import CompileError, EvaluationError, UsageError

from .differential import PRESETS, Values
from .expressions import VARIABLES, Expressions, Objects

COUNT = 600  # expressions
OBJECT = {"a": {"b": "0123456789ab"}, "l": [3, 1, 2], "n": None, "t": "x" * 25}

# Expression over OBJECT (o) and its cost in Kubernetes 1.37; in this order the terms are evaluated
COSTS = [
    ("o.a.b", 3),
    ("o['a'][o.n == null ? 'b' : 'c']", 6),
    ("has(o.a.b)", 2),
    ("has(o.missing)", 1),
    ("o.?missing.?b.orValue(1)", 1),
    ("o.?a.?b.orValue('')", 3),
    ("{'a': 1}.a", 2),
    ("[1, 2, 3][0] + int('1')", 3),
    ("1 in [1, 2]", 0),
    ("o.l[0] in [1, 2]", 3),
    ("o.l[0] in o.l.map(x, x)", 48),
    ("o.l.map(x, 1)", 9),
    ("o.l.map(x, x)", 42),
    ("o.l.map(x, x > 1, x)", 35),
    ("o.l.filter(x, x > 1)", 35),
    ("o.l.exists(x, x == 3)", 12),
    ("o.l.exists(x, x == 2)", 21),
    ("o.l.all(x, x == 3)", 15),
    ("o.l.exists_one(x, x == 3)", 12),
    ("o.l.transformMap(i, x, x)", 15),
    ("o.l.transformMapEntry(i, x, {i: x})", 105),
    ("o.?a.optMap(x, x.b)", 9),
    ("o.?a.optMap(x, 1)", 4),
    ("o.?missing.optMap(x, x.b)", 3),
    ("o.?missing.optMap(x, x.b).orValue('').size()", 4),
    ("o.t.contains('x')", 5),
    ("o.t == o.t", 7),
    ("'' == ''", 0),
    ("o.t.startsWith('xx')", 3),
    ("o.a.b.matches('^[0-9]*')", 7),
    ("matches(o.t, 'x')", 5),
    ("quantity('1') == quantity('1')", 3),
    ("ip('::1') == ip('::1')", 3),
    ("ip('::1') != ip('::1')", 4),
    ("o.l.sortBy(x, -x)", 48),
    ("o.l.isSorted()", 5),
    ("o.t.indexOf('y')", 4),
]

# What fails is charged as well, where the failure is absorbed
ABSORBED = [
    ("o.x.y == 1 || true", 3),
    ("o.x == o.a.b || true", 6),
    ("o.x.matches(o.t) || true", 11),
    ("o.x.matches('a') || true", 2),  # a pattern that is compiled before is not reached
    ("o.x.startsWith(o.t) || true", 7),
    ("[o.x, o.a, o.l].size() == 1 || true", 14),
    ("o.l.map(x, o.x + x) == o.l || true", 54),
    ("o.l.exists(x, o.x) || true", 21),
    ("o.n.map(x, x) == [] || true", 2),
]

# A version of Kubernetes, or the specification's language (None), and the cost
VERSIONS = [
    ("o.t.lowerAscii() == o.t", "1.31", 8),
    ("o.t.lowerAscii() == o.t", "1.32", 10),
    ("o.t.startsWith('xx')", "1.36", 5),
    ("matches(o.t, 'x')", "1.36", 3),
    ("o.?a.optMap(x, 1)", "1.31", 7),  # the variable is computed at once
    ("o.?t == optional.of(o.t)", "1.32", 6),
    ("o.?t == optional.of(o.t)", "1.33", 8),
    ("has(o.a)", None, 2),
    ("o.l.map(x, 1)", None, 49),
    ("cel.bind(x, o.l, 1)", None, 10),
    ("cel.bind(x, o.l, x + x)", None, 15),
]


@pytest.mark.parametrize("text, cost", COSTS + ABSORBED)
def test_costs(text: str, cost: int) -> None:
    program = Environment("1.37", {"o": "dyn"}).compile(text)
    assert program.counted(o=OBJECT) == (program(o=OBJECT), cost)
    assert plan_of(text, "1.37").count({"o": OBJECT})[1] == cost


@pytest.mark.parametrize("text, kubernetes, cost", VERSIONS)
def test_versions(text: str, kubernetes: str | None, cost: int) -> None:
    assert Environment(kubernetes, {"o": "dyn"}).compile(text).counted(o=OBJECT)[1] == cost


def test_models() -> None:
    def counted(model: str | CostModel | None) -> int:
        return (
            Environment("1.31", {"o": "dyn"}, cost_model=model)
            .compile("has(o.a) && o.t.trim() == 'x'")
            .counted(o=OBJECT)[1]
        )

    own = CostModel(libraries=True, presence=1, folding=False, calls={"string_trim": 100})
    assert [counted(model) for model in (None, "kubernetes", "cel-go", own)] == [5, 7, 6, 105]
    with pytest.raises(UsageError, match="unknown cost model 'x': expected cel-go or kubernetes"):
        Environment(cost_model="x")


@pytest.mark.parametrize("text", ["o.l.all(x, o.l.all(y, x + y > 0))", "o.?l.optMap(x, x.map(y, y)).hasValue()"])
def test_limit(text: str) -> None:
    program = Environment("1.37", {"o": "dyn"}).compile(text)
    value, cost = program.counted(o=OBJECT)
    assert program.counted(cost, o=OBJECT) == (value, cost)
    for limit in range(cost):
        with pytest.raises(EvaluationError, match="operation cancelled: actual cost limit exceeded") as caught:
            program.counted(limit, o=OBJECT)
        assert limit < (caught.value.cost or 0) <= cost


def test_limit_of_what_doubles() -> None:
    text = reduce(lambda target, _: f"({target}).optMap(x, x)", range(60), "o.?l")
    with pytest.raises(EvaluationError, match="cost limit"):
        Environment("1.37", {"o": "dyn"}).compile(text).counted(1000, o=OBJECT)


def test_limit_is_not_absorbed() -> None:
    with pytest.raises(EvaluationError, match="cost limit"):
        Environment("1.37", {"o": "dyn"}).compile("o.l.all(x, x > 0) || true").counted(10, o=OBJECT)


def test_errors_have_a_cost() -> None:
    with pytest.raises(EvaluationError, match="no such key: x") as caught:
        Environment("1.37", {"o": "dyn"}).compile("o.a.b == 'a' || o.x.y").counted(o=OBJECT)
    assert caught.value.cost == 6


def test_exact_form_is_within_the_limit() -> None:
    program = Environment("1.37", {"l": "dyn"}).compile("l.all(x, l.all(y, l.all(z, z > 0)))")
    with pytest.raises(EvaluationError, match="operation cancelled: actual cost limit exceeded"):
        program(l=[1] * 300)


def test_variables_are_counted_once() -> None:
    within = declarations("1.37", {"o": "dyn", "v": "dyn", "w": "dyn"})
    definitions = {"v": check(parse_in(within, "o.l.size()"), within), "w": check(parse_in(within, "v + o.x"), within)}
    program = link(check(parse_in(within, "v + v == 6"), within), ("o",), within, definitions=definitions)
    assert program.counted(o=OBJECT) == (True, 3 + 4)
    account = Account({"o": OBJECT}, {name: plan(expr, within) for name, expr in definitions.items()})
    reads = plan(check(parse_in(within, "w == 1 || v == 3"), within), within)
    assert account.evaluate(reads) is True
    assert account.cost == 4 + 4 + 3  # the expression; w, which fails; v
    assert account.evaluate(reads) is True
    assert account.cost == 4 + 4 + 3 + 4


def test_generated_code() -> None:
    seen: Counter[str] = Counter()
    expressions, objects, random = Expressions("counted", Counter(), 0.4), Objects("counted"), Random(0)
    for _ in range(COUNT):
        text, given = expressions.next(), [objects.next() for _ in range(2)]
        for within in (*PRESETS, declarations("1.30", VARIABLES)):
            try:
                tree = check(parse_in(within, text), within)
            except CompileError:
                continue
            folding = within.kubernetes is not None and random.random() < 0.5  # else bad constants are not refused
            model = CostModel(random.random() < 0.5, random.randrange(2), folding)
            planned = plan(tree, within, model if random.random() < 0.2 else None)
            generated = compiled(planned)
            for values in given:
                expected = outcome(planned.count, values)
                found = HANDED_OVER if generated is None else outcome(generated, values)
                assert found in (expected, HANDED_OVER), f"{text}\n{within.kubernetes}\n{values!r}"
                seen.update((expected[0], f"generated {found[0]}"))
    assert seen["generated value"] > 0.5 * seen["value"] > 0.3 * COUNT
    assert not seen["generated error"]


HANDED_OVER = ("surprise",)


def compiled(planned: Plan) -> Callable[[Values], tuple[Value, int]] | None:
    """The generated form by itself."""
    try:
        code = emit_counted(planned, tuple(VARIABLES), surprised, Evaluator({}, planned.within).chosen)
    except Unfit:
        return None
    program = load(code, planned.expr.span)
    return lambda values: program(*[values.get(name, UNBOUND) for name in VARIABLES], LIMIT)


def surprised(**given: Value) -> NoReturn:
    raise AssertionError


def outcome(run: Callable[[Values], tuple[Value, int]], values: Values) -> tuple[Any, ...]:
    try:
        value, cost = run(values)
    except EvaluationError as error:
        return "error", str(error), error.cost
    except AssertionError:
        return HANDED_OVER
    with suppress(EvaluationError):  # of what has no encoding
        return "value", encode(value), cost
    return "value", type(value), cost


def plan_of(text: str, kubernetes: str) -> Plan:
    within = declarations(kubernetes, {"o": "dyn"})
    return plan(check(parse_in(within, text), within), within)
