"""The conformance tests of the CEL specification: each through the evaluator, on the checked tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel.check import check
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.parse import parse
from admit.cel.values import Value, decode, encode
from admit.errors import EvaluationError

Case: TypeAlias = dict[str, Any]

FILES = (
    "basic",
    "comparisons",
    "conversions",
    "fields",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "namespace",
    "optionals",
    "parse",
    "plumbing",
    "string",
)


def by_evaluator(case: Case, within: Declarations, values: Mapping[str, Value]) -> Value:
    tree = parse(case["expr"], backquotes=within.backquotes, bind=within.bind)
    if not case.get("disable_check"):
        tree = check(tree, within)
    return lambda: evaluate(tree, values, within)


RUNNERS = {"evaluator": by_evaluator}


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.cases(*(f"cel-spec/{name}.json" for name in FILES), where=lambda case: not case["needs"])
def test_case(case: Case, runner: Callable[[Case, Declarations, Mapping[str, Value]], Callable[[], Value]]) -> None:
    variables = {each["name"]: each["type"] for each in case.get("type_env", ())}
    values = {name: decode(value) for name, value in case.get("bindings", {}).items()}
    evaluated = runner(case, declarations(None, variables, container=case.get("container", "")), values)
    match case["expect"]:
        case {"error": _}:  # only an evaluation may fail: what does not parse or check is no such error
            with pytest.raises(EvaluationError):
                evaluated()
        case {"value": expected}:
            assert _in_order(encode(evaluated())) == _in_order(encode(decode(expected)))


def _in_order(encoded: Mapping[str, Any]) -> Any:
    """The encoded value with the entries of its maps in one order."""
    match encoded:
        case {"list": items}:
            return {"list": [_in_order(item) for item in items]}
        case {"map": entries}:
            return {"map": sorted(([_in_order(key), _in_order(value)] for key, value in entries), key=repr)}
        case _:
            return encoded
