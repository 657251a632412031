"""What is too new for an API server, written as it may be: the value is the same, and so is whether there is one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admit.cel import Environment, Program, encode
from admit.cel.check import check
from admit.cel.link import parse_in
from admit.cel.unparse import unparse
from admit.errors import CompileError, EvaluationError
from admit.exporters.versions import TooNew, api_version, rewritten

VARIABLES = {
    "a": "dyn",
    "words": "list(string)",
    "ints": "list(int)",
    "lists": "list(list(int))",
    "map": "map(string, int)",
}
NEW = Environment(kubernetes="1.37", variables=VARIABLES)

EXPRESSIONS = (
    *("words.sort()", "ints.sort()", "a.sort()", "words.distinct().sort()", "a.distinct().sort()"),
    *("words.distinct()", "a.distinct()", "lists.distinct()", "[a, a].distinct()", "words.map(l, l + l).distinct()"),
    *("lists.flatten()", "a.flatten()", "a.flatten(1)", "a.flatten(2)", "lists.map(l, l.distinct()).flatten().sort()"),
    *("ints.slice(1, 2)", "ints.slice(size(ints) - 1, 2)", "a.slice(0, 3)", "a.reverse()", "ints.first()", "a.last()"),
    *("lists.range(size(ints))", "optional.unwrap(ints.map(l, optional.of(l)))", "[a.?b].unwrapOpt()"),
    *("a.includes(1)", "words.includes('a')", "a.includes(a)"),
    *("words.all(i, w, w != 'a' || i > 1)", "a.exists(k, v, v == 1)", "map.exists_one(k, v, k == 'a' && v > 0)"),
    *("words.transformList(i, w, i % 2 == 0, w + string(i))", "a.transformList(k, l, [k, l, a].size())"),
    *("lists.all(i, l, l.existsOne(j, x, x == i && j >= 0))", "map.transformList(k, v, v > 0, v)"),
    "a.transformList(i, l, l.transformList(j, m, [i, j].sum() + size(m) + size(l)))",
)  # fmt: skip
SCALARS = st.sampled_from((0, 1, 2, 1.5, True, None, "a", "b", "B", "é", ""))
WORDS = st.lists(st.sampled_from(("a", "b", "B", "é", "", "ab")), max_size=7)
INTS = st.lists(st.integers(-3, 3), max_size=7)
ANY = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("ab"), inner))


@pytest.mark.parametrize("minor", (30, 34))
@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(max_examples=12)
@given(data=st.data())
def test_what_is_rewritten_has_the_same_value(expression: str, minor: int, data: st.DataObject) -> None:
    values = {
        "a": data.draw(WORDS | INTS | st.lists(ANY, max_size=5) | ANY),
        "words": data.draw(WORDS),
        "ints": data.draw(INTS),
        "lists": data.draw(st.lists(INTS, max_size=5)),
        "map": data.draw(st.dictionaries(st.sampled_from("abc"), st.integers(-1, 1))),
    }
    assert _outcome(*_older(expression, minor), values) == _outcome(NEW, expression, values)


def test_what_is_not_too_new_stays() -> None:
    checked = check(parse_in(NEW.declarations, "a.?b.orValue([]).exists(x, x == 'c')"), NEW.declarations)
    assert rewritten(checked, "1.30") is checked


@pytest.mark.parametrize(
    "expression, minor, since",
    [
        ("ip('::1').family() == 6", 30, "1.31"),
        ("format.named('uuid').hasValue()", 31, "1.32"),
        ("map.transformMap(k, v, v + 1)", 32, "1.33"),
        ("semver('1.2.3').major()", 33, "1.34"),
        ("a.sortBy(x, x.y)", 34, "1.35"),
        ("lists.flatten(size(a))", 34, "1.35"),
        ("[quantity('1')].distinct()", 34, "1.35"),
        ("ints.slice(0, a)", 34, "1.35"),
        ("a.`b-c`", 37, "1.38"),
    ],
)
def test_what_has_no_other_form_is_told_with_the_version(expression: str, minor: int, since: str) -> None:
    with pytest.raises(TooNew) as raised:
        _rewritten(expression, minor)
    assert raised.value.since == since
    if since != "1.38":
        assert _rewritten(expression, int(since[2:])) == expression
    with pytest.raises(CompileError):
        Environment(kubernetes=f"1.{minor - 1}", variables=VARIABLES).compile(expression)


def test_lists_of_a_thousand_are_the_longest() -> None:
    old = _compiled(*_older("ints.reverse()", 34))
    assert old(ints=[*range(1000)], **NOTHING) == [*range(999, -1, -1)]
    with pytest.raises(EvaluationError):
        old(ints=[*range(1001)], **NOTHING)


def test_kinds_are_written_in_the_versions_that_an_api_server_has() -> None:
    wanted = {28: ("v1beta1", None), 30: ("v1", None), 32: ("v1", "v1alpha1"), 35: ("v1", "v1beta1"), 37: ("v1", "v1")}
    for minor, versions in wanted.items():
        for kind, version in zip(
            ("ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"), versions, strict=True
        ):
            if version is not None:
                assert api_version(kind, f"1.{minor}") == version
            else:
                with pytest.raises(TooNew, match="MutatingAdmissionPolicy is too new"):
                    api_version(kind, f"1.{minor}")


NOTHING: Mapping[str, Any] = {"a": None, "words": [], "lists": [], "map": {}}


@cache
def _older(expression: str, minor: int) -> tuple[Environment, str]:
    """The environment of new policies, and the expression in its language."""
    return Environment(kubernetes=f"1.{minor - 1}", variables=VARIABLES), _rewritten(expression, minor)


@cache
def _compiled(environment: Environment, expression: str) -> Program:
    return environment.compile(expression)


def _rewritten(expression: str, minor: int) -> str:
    within = NEW.declarations
    return unparse(rewritten(check(parse_in(within, expression), within), f"1.{minor}"))


def _outcome(environment: Environment, expression: str, values: Mapping[str, Any]) -> Any:
    try:
        return encode(_compiled(environment, expression)(**values))
    except EvaluationError:
        return "an error"
