"""Free names, and names replaced without capture."""

from __future__ import annotations

import pytest

from admit.cel.parse import parse
from admit.cel.unparse import unparse
from admit.rules.names import free, substitute

FREE = [
    ("a.b + c", "a c"),
    ("a.all(x, x == y)", "a y"),
    ("x.all(x, x == y)", "x y"),
    ("a.all(x, .x == y)", "a x y"),
    ("a.all(i, x, x == i)", "a"),
    ("a.?b.optMap(v, v + w)", "a w"),
    ("{a: b}", "a b"),
    ("has(a.b)", "a"),
]

REPLACED = [  # pod is object.spec
    ("pod.a", "object.spec.a"),
    ("a.pod", "a.pod"),
    ("pods", "pods"),
    ("a.all(pod, pod.x)", "a.all(pod, pod.x)"),
    ("pod.all(pod, pod.x)", "object.spec.all(pod, pod.x)"),
    ("a.all(x, pod.b == x)", "a.all(x, object.spec.b == x)"),
    ("a.all(object, pod.b == object)", "a.all(object_, object.spec.b == object_)"),
    ("a.all(object, pod.b == object && object_)", "a.all(object__, object.spec.b == object__ && object_)"),
    ("a.all(object, object.all(pod, pod))", "a.all(object, object.all(pod, pod))"),
    ("a.all(pod, .pod.x == pod)", "a.all(pod, object.spec.x == pod)"),
    ("a.map(object, pod, object)", "a.map(object_, object.spec, object_)"),
    ("a.transformList(object, x, pod[object])", "a.transformList(object_, x, object.spec[object_])"),
    ("a.optMap(object, pod + object)", "a.optMap(object_, object.spec + object_)"),
]


@pytest.mark.parametrize("text, names", FREE)
def test_free(text: str, names: str) -> None:
    assert free(parse(text)) == frozenset(names.split())


@pytest.mark.parametrize("text, expected", REPLACED)
def test_substitute(text: str, expected: str) -> None:
    replaced = substitute(parse(text), {"pod": parse("object.spec")})
    assert unparse(replaced) == expected
    assert replaced.span == parse(text).span or replaced.span.text == text


def test_what_replaces_a_name_takes_over_its_place() -> None:
    node = substitute(parse("1 + pod"), {"pod": parse("object.spec")})
    assert [child.span.text for child in node.args] == ["1", "pod"]  # type: ignore[union-attr]


@pytest.mark.parametrize("start, step", [("pod", "{} + 1"), ("pod", "a.all(object, {})"), ("pod", "[{}]")])
def test_deep(start: str, step: str) -> None:
    text = start
    for _ in range(240):
        text = step.format(text)
    assert "object" in free(substitute(parse(text), {"pod": parse("object.spec")}))
