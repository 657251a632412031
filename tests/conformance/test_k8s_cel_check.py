"""What compiles in an admission policy, and what the API server says where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from admit.cel.check import check
from admit.cel.env import Declarations, admission
from admit.cel.library import Overload
from admit.cel.link import parse_in
from admit.cel.types import BOOL
from admit.errors import CompileError

Case: TypeAlias = dict[str, Any]

STORED_ONLY = Overload("test", "test", False, (), BOOL, lambda: True, "test")
"""A function of the tests' own environment."""


def conditions(document: Mapping[str, Any]) -> Iterator[Case]:
    for i, row in enumerate(document["compile"]):
        yield {**row, "id": f"condition/compile/{i}"}


@pytest.mark.cases("k8s-cel/admission_compile.json")
@pytest.mark.parametrize("form", ["{}", "string({})"], ids=["validation", "annotation"])
def test_admission_policies(case: Case, form: str) -> None:
    within = admission("1.37", params=case["has_params"], authorizer=case["has_authorizer"])
    if case["env"] == "StoredExpressions":
        within = replace(within, functions={**within.functions, "test": (STORED_ONLY,)})
    _verify(case, form.format(case["expr"]), within)


@pytest.mark.cases("k8s-cel/admission_condition.json", rows=conditions)
def test_conditions(case: Case) -> None:
    _verify(case, case["expr"], admission("1.37"))


def _verify(case: Case, text: str, within: Declarations) -> None:
    match case["expect"]:
        case {"compile": "ok"}:
            check(parse_in(within, text), within)
        case {"compile_error_contains": part}:
            with pytest.raises(CompileError) as caught:
                check(parse_in(within, text), within)
            assert part in str(caught.value)
        case other:
            raise AssertionError(f"no way to verify {other}")
