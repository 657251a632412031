"""The checker on the specification's tests: what they mean to be well typed is, and types are deduced as they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from admit.cel.check import check
from admit.cel.env import Declarations, declarations, parse_type
from admit.cel.library import Overload
from admit.cel.parse import parse
from admit.errors import CompileError

FILES = (
    *("basic", "logic", "comparisons", "fields", "integer_math", "fp_math", "string", "lists", "macros", "parse"),
    *("plumbing", "namespace", "conversions", "optionals", "bindings_ext", "macros2", "timestamps"),
    *("block_ext", "encoders_ext", "math_ext", "string_ext"),
)

# cel-go, which is what Kubernetes runs, takes null for the more general of null and another type.
DIFFERENT = {"type_deduction/legacy_nullable_types/null_assignable_to_abstract_parameter_candidate"}


def test_every_expression_is_well_typed(conformance: Path) -> None:
    failed, count = [], 0
    for name in FILES:
        for case in cases(conformance, name):
            if case.get("disable_check"):
                continue
            count += 1
            try:
                deduced(case)
            except CompileError as error:
                failed.append(f"{case['id']}: {error}")
    assert not failed, "\n".join(failed)
    assert count > 1000


def test_types_are_deduced(conformance: Path) -> None:
    count = 0
    for case in cases(conformance, "type_deduction"):
        expected = case["expect"]["typed_result"]["type"]
        assert (deduced(case) == expected) is (case["id"] not in DIFFERENT), case["id"]
        count += 1
    assert count == 26


def cases(conformance: Path, name: str) -> Iterator[dict[str, Any]]:
    """The cases of a file that need no messages."""
    text = (conformance / "cel-spec" / f"{name}.json").read_text(encoding="utf-8")
    return (case for case in json.loads(text)["tests"] if not case["needs"])


def deduced(case: dict[str, Any]) -> str:
    """The type of the case's expression, which has one at each node."""
    within = environment(case)
    return str(check(parse(case["expr"], backquotes=within.backquotes, bind=within.bind), within).type)


def environment(case: dict[str, Any]) -> Declarations:
    declared = case.get("type_env", ())
    variables = {each["name"]: each["type"] for each in declared if "type" in each}
    plain = declarations(None, variables, container=case.get("container", ""))
    functions = {each["name"]: tuple(overloads(each)) for each in declared if "function" in each}
    return replace(plain, functions={**plain.functions, **functions})


def overloads(declared: dict[str, Any]) -> Iterator[Overload]:
    for each in declared["function"]:
        params = tuple(map(parse_type, each["params"]))
        result = parse_type(each["result"])
        yield Overload(each["id"], declared["name"], each["member"], params, result, lambda *args: None, "test")
