"""The generated code as text, and what it may and may not do."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable

import pytest

from admit.cel.check import check
from admit.cel.emit import SURPRISES
from admit.cel.env import declarations
from admit.cel.link import Environment, link, parse_in
from admit.errors import EvaluationError

VARIABLES = {"object": "dyn", "i": "int", "d": "double", "s": "string", "b": "bool", "l": "list(int)"}
KUBERNETES = Environment("1.36", VARIABLES)
SPECIFICATION = Environment(None, VARIABLES, libraries=["lists"])

# The text of each is tests/golden/emit/NAME.txt.
EXPRESSIONS = {
    "all": "object.spec.containers.all(c, c.image == 'nginx')",
    "all-of-all": "object.spec.containers.all(c, !has(c.ports) || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))",
    "arithmetic": "i * 2 + object.spec.replicas - 1",
    "arithmetic-of-doubles": "d / 2.0 + object.weight < 1.5",
    "bind": "cel.bind(labels, object.metadata.labels, has(labels.app) && labels.app == s)",
    "concatenation": "(object.spec.containers + object.spec.?initContainers.orValue([])).exists(c, c.tty)",
    "condition": "has(object.spec.replicas) ? object.spec.replicas : 1",
    "constants": "1 + 2 == 3 && ['a', 'b'].exists(x, x == 'b') || i > 2 * 3",
    "contains": "'NET_ADMIN' in object.add || object.name in ['a', 'b'] || i in [1, 2, 3]",
    "equality": "object.a == object.b && object.a == 1 && object.a != true && object.b == null || i == 2",
    "exists": "object.metadata.labels.exists(k, k == 'tier')",
    "flattened": "object.items.map(x, x.parts.filter(p, p > 1)).flatten().size() > i",
    "exists-one": "object.items.exists_one(x, x.first)",
    "filter-and-all": "object.spec.containers.filter(c, has(c.ports)).all(c, c.ports.size() > 0)",
    "has": "has(object.spec.securityContext) && has(object.spec.securityContext.runAsUser)",
    "has-and-value": "has(object.spec.replicas) && object.spec.replicas > 1 && object.spec.replicas <= 5",
    "in-maps": "object.profile in [{'type': 'a'}, {'type': 'b', 'file': 'c'}]",
    "index": "object.items[0].name == object.items[i].name",
    "index-by-anything": "object.all(k, object[k] != object.items[k])",
    "library": "s.trim().split(',').size() == 2",
    "loop-in-loop": "object.items.all(x, object.items.exists(y, y.name == x.other) && x.parts.all(p, p > 0))",
    "map-literal": "{'name': s, s: 'name'}",
    "matches": "object.image.matches('^registry[.]io/') && s.matches('[a-z]+') && s.matches('a(b|cd)*e')",
    "message": "'root: ' + object.spec.containers.filter(c, c.id > 99).map(c, c.name + '=' + string(c.id)).join(', ')",
    "not": "!(b || object.c) == !b",
    "non-zero": "optional.ofNonZeroValue(object.?items.orValue(null)).orValue([]).all(x, x.name != '')",
    "nothing-asked": "object.items.all(x, true) && object.items.filter(x, false) == []",
    "optional": "object.?metadata.?labels[?'app'].orValue(s) == s && object.?spec.?paused.hasValue()",
    "optional-map": "object.?metadata.optMap(m, m.name + '!').orValue('nameless')",
    "or-of-and": "(b && i > 1) || (object.x && i > 2) || has(object.y)",
    "order": "object.at < 5 && s >= 'a' && d > 1.0 && timestamp(object.when) < timestamp('2024-01-01T00:00:00Z')",
    "same-twice": "object.a.b.c.d == 1 || object.a.b.c.d == 2",
    "two-variables": "object.items.all(i, v, v == i)",
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_text(name: str, golden: Callable[[str, str], None]) -> None:
    expression = EXPRESSIONS[name]
    environment = SPECIFICATION if "cel.bind" in expression else KUBERNETES
    golden(f"emit/{name}.txt", f"# {expression}\n{environment.compile(expression).code.text}\n")


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_it_is_the_same_each_time(expression: str) -> None:
    programs = [SPECIFICATION.compile(expression) for _ in range(2)]
    assert ast.dump(programs[0].code.tree, include_attributes=True) == ast.dump(
        programs[1].code.tree, include_attributes=True
    )


@pytest.mark.parametrize(
    "expression",
    [
        "object.a == 'x' ? true : true",
        "(object.a == 'x' ? true : true) && object == {}",
        "[object].all(x, x.a == 'x' ? true : true)",
        "has(object.b) || !(object.a == 'x' ? false : false)",
        "object.a.trim().matches('')",
    ],
)
def test_what_nothing_depends_on_may_err(expression: str) -> None:
    with pytest.raises(EvaluationError, match="no such key: a"):
        KUBERNETES.compile(expression)(object={})


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_it_sees_the_library_and_nothing_else(expression: str) -> None:
    code = SPECIFICATION.compile(expression).code
    names = {node.id for node in ast.walk(code.tree) if isinstance(node, ast.Name)}
    assert not names & set(dir(builtins)) - {*code.namespace, *VARIABLES}
    attributes = {node.attr for node in ast.walk(code.tree) if isinstance(node, ast.Attribute)}
    assert attributes <= {"get", "append", "startswith", "endswith", "lower", "upper", "isascii", "join", "nanoseconds"}


@pytest.mark.parametrize("name", ["exact", "surprises", "Surprise", "type", "UNBOUND", "program", "t", "v_x", "class"])
def test_a_variable_may_be_named_like_anything(name: str) -> None:
    program = Environment("1.36", {name: "dyn"}).compile(f"{name}.all(x, x > 1) && [1].exists({name}, {name} == 1)")
    assert program(**{name: [2, 3]}) is True
    with pytest.raises(EvaluationError, match=r"^no such overload$"):
        program(**{name: [2, "3"]})


@pytest.mark.parametrize(
    "expression",
    [
        " && ".join(f"object.f{n} == {n}" for n in range(300)),
        " || ".join(f"object.f{n} == {n + 1}" for n in range(300)) + " || true",
        " + ".join(["1"] * 30 + ["i"] * 200) + " == 230",
        "[" * 12 + "object.f1" + "]" * 12 + " == " + "[" * 12 + "1" + "]" * 12,
        "l" + "".join(f".map(x{n}, [x{n}]" for n in range(15)) + ")" * 15 + ".size() == 1",
        "".join(f"[1].all(x{n}, " for n in range(25)) + "i == 1" + ")" * 25,
        "".join(f"b ? object.f{n} == {n} : " for n in range(24)) + "true",
    ],
    ids=["and", "or", "sum", "brackets", "maps", "loops", "conditions"],
)
def test_any_size_that_parses_will_do(expression: str) -> None:
    program = KUBERNETES.compile(expression)
    assert program(object={f"f{n}": n for n in range(300)}, i=1, d=1.0, s="", b=True, l=[1]) is True


def test_a_sum_of_lists_is_one_behind_a_variable_too() -> None:
    within = declarations("1.36", {"object": "dyn", "v": "dyn"})
    total = check(parse_in(within, "object.a + object.?b.orValue([])"), within)
    expr = check(parse_in(within, "v.all(x, x > 1) && v.exists(x, x > 2)"), within)
    program = link(expr, ("object",), within, definitions={"v": total})
    assert program.code.text.count(" + ") == 1
    assert "call(" not in program.code.text
    assert program(object={"a": [2], "b": [3]}) is True
    with pytest.raises(EvaluationError, match=r"^no such key: a$"):
        program(object={"b": [3]})


def test_a_variable_in_a_loop_is_computed_once() -> None:
    within = declarations("1.36", {"object": "dyn", "v": "dyn"})
    texts = check(parse_in(within, "object.a.map(x, x + '!')"), within)
    expr = check(parse_in(within, "object.b.all(y, y.all(z, z in v)) || object.c.exists(y, y in v)"), within)
    program = link(expr, ("object",), within, definitions={"v": texts})
    assert program.code.text.count("if v_v is MISSING:") == 2
    assert program(object={"a": ["p", "q"], "b": [["p!"], [], ["q!", "p!"]], "c": []}) is True
    assert program(object={"a": ["p", "q"], "b": [["p!"], ["r!"]], "c": ["s!", "q!"]}) is True
    assert program(object={"b": [[]], "c": []}) is True
    with pytest.raises(EvaluationError, match=r"^no such key: a$"):
        program(object={"b": [["p!"]], "c": []})


def test_surprises_hide_no_fault_of_ours() -> None:
    assert not any(
        issubclass(fault, SURPRISES) for fault in (NameError, UnboundLocalError, AssertionError, RecursionError)
    )
