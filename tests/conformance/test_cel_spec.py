"""The conformance tests of the CEL specification, but those that need protocol buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel.check import check
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.link import Environment
from admit.cel.parse import parse
from admit.cel.values import Value, decode, encode
from admit.errors import CompileError, EvaluationError

Case: TypeAlias = dict[str, Any]

FILES = (
    "basic",
    "bindings_ext",
    "block_ext",
    "comparisons",
    "conversions",
    "encoders_ext",
    "fields",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "macros2",
    "math_ext",
    "namespace",
    "network_ext",
    "optionals",
    "parse",
    "plumbing",
    "string",
    "string_ext",
    "timestamps",
)
REFUSED = {"network_ext/ip_type/is_ip_cidr_compile_error"}  # by the checker
PATHS = [f"cel-spec/{name}.json" for name in FILES]


@pytest.mark.cases(*PATHS, where=lambda case: not case["needs"])
def test_evaluator(case: Case) -> None:
    within = _declarations(case)
    tree = parse(case["expr"], backquotes=within.backquotes, bind=within.bind)
    checked = not case.get("disable_check")
    _verify(case, lambda: evaluate(check(tree, within) if checked else tree, _values(case), within))


@pytest.mark.cases(*PATHS, where=lambda case: not case["needs"] and not case.get("disable_check"))
def test_generated_code(case: Case) -> None:
    types = _types(case)
    environment = Environment(None, types, case.get("container", ""))
    given = {name: value for name, value in _values(case).items() if name in types}
    _verify(case, lambda: environment.compile(case["expr"])(**given))


def _declarations(case: Case) -> Declarations:
    return declarations(None, _types(case), container=case.get("container", ""))


def _types(case: Case) -> dict[str, str]:
    return {each["name"]: each["type"] for each in case.get("type_env", ())}


def _values(case: Case) -> dict[str, Value]:
    return {name: decode(value) for name, value in case.get("bindings", {}).items()}


def _verify(case: Case, evaluated: Callable[[], Value]) -> None:
    match case["expect"]:
        case {"error": _} if case["id"] in REFUSED:
            with pytest.raises(CompileError):
                evaluated()
        case {"error": _}:  # only an evaluation may fail: what does not parse or check is no such error
            with pytest.raises(EvaluationError):
                evaluated()
        case {"value": expected}:
            assert _in_order(encode(evaluated())) == _in_order(encode(decode(expected)))
        case other:
            raise AssertionError(f"no way to verify {other}")


def _in_order(encoded: Mapping[str, Any]) -> Any:
    """The encoded value with the entries of its maps in one order."""
    match encoded:
        case {"list": items}:
            return {"list": [_in_order(item) for item in items]}
        case {"map": entries}:
            return {"map": sorted(([_in_order(key), _in_order(value)] for key, value in entries), key=repr)}
        case _:
            return encoded
