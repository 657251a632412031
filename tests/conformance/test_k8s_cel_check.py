"""What compiles in an admission policy, and what the API server says where it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from admit.cel.check import check
from admit.cel.env import admission
from admit.cel.parse import parse
from admit.errors import CompileError

EXCEPTIONS = {
    "compile/032": "a function that the test's own environment declares",
}


def test_admission_policies(conformance: Path) -> None:
    text = (conformance / "k8s-cel" / "admission_compile.json").read_text(encoding="utf-8")
    cases = json.loads(text)["tests"]
    wrong = {case["id"]: f"{case['expr']}: {issues(case)}" for case in cases if not agrees(case, issues(case))}
    assert wrong.keys() == EXCEPTIONS.keys(), wrong
    assert len(cases) > 50


def issues(case: dict[str, Any]) -> str:
    try:
        check(parse(case["expr"]), admission("1.37", params=case["has_params"], authorizer=case["has_authorizer"]))
    except CompileError as error:
        return str(error)
    return ""


def agrees(case: dict[str, Any], found: str) -> bool:
    if "compile" in case["expect"]:
        return not found
    return case["expect"]["compile_error_contains"] in found
