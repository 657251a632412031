"""The texts of which sigs.k8s.io/yaml's reading was observed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from admit.errors import RuleSetError
from admit.rules.yaml import load

# Ours is stricter: what sigs.k8s.io/yaml reads, and we refuse.
STRICTER = {
    "v: !foo x\n": "unknown tag !foo",
    "v: !!foo x\n": "unknown tag !!foo",
    "1: a\n'1': b\n": "duplicate key '1'",  # there, either may win
    " a: 1\nb: 2\n": "the document has ended",  # there, what follows the first document is not looked at
}


@pytest.fixture(scope="module")
def documents(conformance: Path) -> list[dict[str, Any]]:
    return json.loads((conformance / "yaml" / "documents.json").read_text(encoding="utf-8"))


def test_documents(documents: list[dict[str, Any]]) -> None:
    failed = [case for case in documents if not agrees(case)]
    assert not failed
    assert len(documents) == 202


def agrees(case: dict[str, Any]) -> bool:
    text = case["yaml"]
    try:
        values = load(text)
    except RuleSetError as error:
        return "error" in case or "strict_error" in case or STRICTER.get(text, "\0") in error.faults[0].message
    if "error" in case or "strict_error" in case or text in STRICTER:
        return False
    value = values[0] if values else None
    expected = json.loads(json.dumps(case["json"]), parse_int=as_json_integer)
    return value == expected and repr(value) == repr(expected)


def as_json_integer(digits: str) -> int | float:
    value = int(digits)
    return value if -(2**63) <= value < 2**63 else float(value)
