"""The tests of Kubernetes' libraries and of cel-go's: by the evaluator, and by generated code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from admit.cel.check import check
from admit.cel.cost import Cost, estimate
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.library import Overload
from admit.cel.link import link, parse_in
from admit.cel.types import STRING, object_type
from admit.cel.values import Value, decode, encode
from admit.errors import AdmitError, CompileError, EvaluationError

Case: TypeAlias = dict[str, Any]
Functions: TypeAlias = Mapping[str, tuple[Overload, ...]]

# What the tests of a file have: a version of Kubernetes, or the language of the specification with more libraries.
MESSAGES = {"google.expr.proto2.test.ExampleType": {"name": STRING}}
MORE_MESSAGES = {"ext.TestAllTypes": {"PbVal": object_type("test.TestAllTypes")}, "test.TestAllTypes": {}}
ENVIRONMENTS: Mapping[str, Mapping[str, Any]] = {
    "celgo_bindings": {},
    "celgo_comprehensions": {"libraries": ("lists",)},
    "celgo_encoders": {},
    "celgo_formatting_v1": {"kubernetes": "1.32", "types": MORE_MESSAGES},
    "celgo_formatting_v2": {"types": MORE_MESSAGES},
    "celgo_lists": {"libraries": ("lists",), "container": "google.expr.proto2.test", "types": MESSAGES},
    "celgo_math": {},
    "celgo_network": {"libraries": ("network",)},
    "celgo_regex": {"libraries": ("regex",)},
    "celgo_sets": {"libraries": ("sets",)},
    "celgo_strings": {},
    "library_cidr": {"kubernetes": "1.37"},
    "library_format": {"kubernetes": "1.37"},
    "library_ip": {"kubernetes": "1.37"},
    "library_quantity": {"kubernetes": "1.37"},
    "library_semver": {"kubernetes": "1.37"},
}
PATHS = [f"k8s-cel/{name}.json" for name in ENVIRONMENTS]


def has_result(case: Case) -> bool:
    """Whether a case is of more than costs; those of cel-go 0.26 alone are of a regex extension that we have not."""
    return "expect" in case and "only_in" not in case


def has_cost(case: Case) -> bool:
    return "runtime" in case


@pytest.mark.cases(*PATHS, where=has_result)
def test_evaluator(case: Case) -> None:
    within, values = _declarations(case), _values(case)
    tree = parse_in(within, case["expr"]) if case.get("unchecked") else None
    _verify(case, lambda: evaluate(tree or check(parse_in(within, case["expr"]), within), values, within))


@pytest.mark.cases(*PATHS, where=lambda case: has_result(case) and not case.get("unchecked"))
def test_generated_code(case: Case) -> None:
    within, values = _declarations(case), _values(case)
    _verify(case, lambda: link(check(parse_in(within, case["expr"]), within), tuple(values), within)(**values))


@pytest.mark.cases(*PATHS, where=has_cost)
def test_costs(case: Case) -> None:
    within, values = _declarations(case), _values(case)
    hints = {tuple(path.split(".")): int(size) for path, size in case.get("hints", {}).items()}
    tree = check(parse_in(within, case["expr"]), within)
    assert estimate(tree, within, lambda path, type: hints.get(path), "cel-go") == Cost(*map(int, case["estimated"]))
    assert link(tree, tuple(values), within, model="cel-go").counted(**values)[1] == int(case["runtime"])


def _declarations(case: Case) -> Declarations:
    """Ids begin with the file's name, without its prefix."""
    name = case["id"].partition("/")[0]
    (options,) = (options for file, options in ENVIRONMENTS.items() if file.partition("_")[2] == name)
    variables = dict.fromkeys(case.get("in", {}), "dyn") | case.get("vars", {})
    if "$container" in variables:
        options = {**options, "container": variables.pop("$container")}
    if name == "strings" and "expect" in case and "reverse" not in case["expr"]:
        options = {"kubernetes": "1.37"}  # where places beyond the text are none, as in cel-go, but there is no reverse
    if case.get("locale", "*") != "*":
        options = {**options, "locale": case["locale"]}
    within = declarations(variables=variables, **options)
    return replace(within, functions=_without_optionals(within.functions)) if name == "lists" else within


def _without_optionals(functions: Functions) -> Functions:
    """Without their indices, the overload of a function of `m["x"]` is known."""
    return {name: tuple(o for o in overloads if o.library != "optional") for name, overloads in functions.items()}


def _values(case: Case) -> dict[str, Value]:
    return {name: decode(value) for name, value in case.get("in", {}).items()}


def _verify(case: Case, evaluated: Callable[[], Value]) -> None:
    match case["expect"]:
        case {"value": expected}:
            assert encode(evaluated()) == encode(decode(expected))
        case {"compile": "ok"}:
            evaluated()
        case {"runtime_error": message}:
            assert _failure(evaluated, EvaluationError) == message
        case {"runtime_error_contains": part}:
            assert part in _failure(evaluated, EvaluationError)
        case {"error_contains": part}:
            assert part in _failure(evaluated, AdmitError)  # since 0.26 cel-go ignores that formats are not to be tried
        case {"runtime_error_regex": pattern}:
            assert re.search(pattern, _failure(evaluated, EvaluationError))
        case {"compile_error_contains": part}:
            assert part in _failure(evaluated, CompileError)
        case {"compile_error_regex": patterns}:
            failure = _failure(evaluated, CompileError)
            assert all(re.search(pattern, failure) for pattern in patterns), failure
        case other:
            raise AssertionError(f"no way to verify {other}")


def _failure(evaluated: Callable[[], Value], kind: type[AdmitError]) -> str:
    with pytest.raises(kind) as caught:
        evaluated()
    return str(caught.value)
