"""The expressions of admission policies: their values, with an authorizer that the tests describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel.check import check
from admit.cel.env import Declarations, admission
from admit.cel.evaluate import evaluate
from admit.cel.library.authorization import Attributes, Authorizer, User, Verdict, request_resource
from admit.cel.link import link, parse_in
from admit.cel.values import Value, decode, encode
from admit.errors import CompileError, EvaluationError

Case: TypeAlias = dict[str, Any]

NAMES = {
    "path": "path",
    "verb": "verb",
    "aPIGroup": "group",
    "resource": "resource",
    "subresource": "subresource",
    "namespace": "namespace",
    "name": "name",
}


def expressions(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["conditions"]:
        for i, each in enumerate(row["expressions"]):
            yield {**row, **each, "id": f"{row['id']}/{i}"}


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=expressions)
def test_evaluator(case: Case) -> None:
    within, values = _declarations(case), _values(case)
    _verify(case, lambda: evaluate(check(parse_in(within, case["expr"]), within), values, within))


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=expressions)
def test_generated_code(case: Case) -> None:
    within, values = _declarations(case), _values(case)
    _verify(case, lambda: link(check(parse_in(within, case["expr"]), within), tuple(values), within)(**values))


def _declarations(case: Case) -> Declarations:
    return admission("1.37", params=case["has_params"], authorizer="authorizer" in case)


def _values(case: Case) -> dict[str, Value]:
    values = {name: case.get(name) for name in ("object", "oldObject", "request", "namespaceObject")}
    if case["has_params"]:
        values["params"] = case.get("params")
    if "authorizer" in case:
        request, described = case["request"], case["authorizer"]
        asking = Authorizer(User(""), lambda asked: _answer(described, asked, case["expr"]))
        values["authorizer"] = asking
        of = (request["resource"]["group"], request["resource"]["resource"], request["subResource"])
        values["authorizer.requestResource"] = request_resource(asking, *of, request["namespace"], request["name"])
    return values


def _answer(described: Mapping[str, Any], asked: Attributes, text: str) -> Verdict:
    wanted = described.get("allow_if_attributes_equal")
    if wanted is not None and asked == _attributes(wanted, text):
        return Verdict(True)
    default = described["default"]
    return Verdict(default["decision"] == "Allow", default.get("reason", ""), default.get("error"))


def _attributes(row: Mapping[str, Any], text: str) -> Attributes:
    """The row's; of selectors that cannot be read, upstream has an error, and ours the selector as it is written."""
    user = row.get("user", {})
    known = {ours: row[theirs] for theirs, ours in NAMES.items() if theirs in row}
    for field in row.get("fieldSelectorRequirements", ()):
        known["field_selector"] = "{field}{operator}{value}".format(**field)
    for label in row.get("labelSelectorRequirements", ()):
        known["label_selector"] = "{key}{operator}{values[0]}".format(**label)
    for kind in ("field", "label"):
        if f"{kind}SelectorParsingErr" in row:
            (known[f"{kind}_selector"],) = re.findall(rf"{kind}Selector\('(.*?)'\)", text)
    return Attributes(User(user.get("name", ""), groups=tuple(user.get("groups", ()))), **known)


def _verify(case: Case, evaluated: Callable[[], Value]) -> None:
    match case["expect"]:
        case {"value": expected}:
            assert encode(evaluated()) == encode(decode(expected))
        case {"error_contains": part}:
            assert part in _failure(case["expr"], evaluated)
        case other:
            raise AssertionError(f"no way to verify {other}")


def _failure(text: str, evaluated: Callable[[], Value]) -> str:
    """The error as the API server words it."""
    with pytest.raises((CompileError, EvaluationError)) as caught:
        evaluated()
    if isinstance(caught.value, CompileError):
        return f"compilation error: compilation failed: {caught.value}"
    return f"expression '{text}' resulted in error: {caught.value}"
