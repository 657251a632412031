"""The conformance tests of the CEL specification, but those that need protocol buffers of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import pytest

from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.env import Declarations, declarations, parse_type
from admit.cel.evaluate import evaluate
from admit.cel.library import Overload
from admit.cel.link import Program, link, parse_in
from admit.cel.values import Value, decode, encode
from admit.errors import CompileError, EvaluationError

from .conftest import DATA

Case: TypeAlias = dict[str, Any]
Checked = TypeVar("Checked", Expr, Program)

PATHS = sorted(f"cel-spec/{path.name}" for path in (DATA / "cel-spec").glob("*.json"))
REFUSED = {"network_ext/ip_type/is_ip_cidr_compile_error"}  # by the checker


def native(case: Case) -> bool:
    return not {"proto2", "proto3"} & set(case["needs"])


@pytest.mark.cases(*PATHS, where=native)
def test_evaluator(case: Case) -> None:
    within = _declarations(case)

    def checked() -> Expr:
        parsed = parse_in(within, case["expr"])
        return parsed if case.get("disable_check") else check(parsed, within)

    _verify(case, checked, lambda expr: evaluate(expr, _values(case), within))


@pytest.mark.cases(*PATHS, where=lambda case: native(case) and not case.get("disable_check"))
def test_generated_code(case: Case) -> None:
    within = _declarations(case)
    given = {name: value for name, value in _values(case).items() if name in within.variables}

    def checked() -> Program:
        return link(check(parse_in(within, case["expr"]), within), tuple(within.variables), within)

    _verify(case, checked, lambda program: program(**given))


def _declarations(case: Case) -> Declarations:
    declared = case.get("type_env", ())
    variables = {each["name"]: each["type"] for each in declared if "type" in each}
    plain = declarations(None, variables, container=case.get("container", ""))
    functions = {each["name"]: tuple(_overloads(each)) for each in declared if "function" in each}
    return replace(plain, functions={**plain.functions, **functions})


def _overloads(declared: dict[str, Any]) -> Iterator[Overload]:
    for each in declared["function"]:
        params = tuple(map(parse_type, each["params"]))
        result = parse_type(each["result"])
        yield Overload(each["id"], declared["name"], each["member"], params, result, lambda *args: None, "test")


def _values(case: Case) -> dict[str, Value]:
    return {name: decode(value) for name, value in case.get("bindings", {}).items()}


def _verify(case: Case, check: Callable[[], Checked], evaluated: Callable[[Checked], Value]) -> None:
    if case["id"] in REFUSED:
        with pytest.raises(CompileError):
            check()
        return
    checked = check()
    match case["expect"]:
        case {"error": _}:
            with pytest.raises(EvaluationError):
                evaluated(checked)
        case {"value": expected}:
            assert _in_order(encode(evaluated(checked))) == _in_order(encode(decode(expected)))
        case {"typed_result": {"type": type, **result}}:
            assert str(checked.type) == type
            if result:
                assert encode(evaluated(checked)) == result["value"]
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
