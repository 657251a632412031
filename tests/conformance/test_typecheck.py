"""Type checking of policies by the schemas of what they match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from admit.kubernetes.schemas import GroupVersionKind, Schemas
from admit.kubernetes.typecheck import checked_kinds, warnings

KINDS = {GroupVersionKind("", "v1", "Pod"), GroupVersionKind("apps", "v1", "Deployment")}
# What the rows that say nothing of it expect; in the source of the data this is code.
EXPECTED = {
    "undefined field": [("spec.validations[0].expression", "undefined field 'foo'")],
    "field type mismatch": [("spec.validations[0].expression", "found no matching overload")],
    "params": [("spec.validations[0].expression", "undefined field 'bar'")],
    "multiple expressions": [("spec.validations[1].expression", "undefined field 'bar'")],
    "message expressions": [("spec.validations[0].messageExpression", "found no matching overload for '_+_'")],
    "authorizer invalid": [
        (
            "spec.validations[0].expression",
            "found no matching overload for 'allowed' applied to 'kubernetes.authorization.Authorizer",
        )
    ],
    "variables valid": [],
    "variables missing field": [("spec.validations[0].expression", "undefined field 'nonExisting'")],
    "variables field wrong type": [
        ("spec.validations[0].expression", "found no matching overload for '_==_' applied to '(string, int)'")
    ],
    "error in variables, not reported during type checking.": [],
}


@dataclass(frozen=True, eq=False)
class OneSchema(Schemas):
    """Two kinds, and one schema for them, as in the tests that the data is from."""

    schema: Any = None

    def whole(self, kind: GroupVersionKind) -> Any:
        return self.schema

    def kinds(self, group: str, version: str, resource: str) -> list[GroupVersionKind]:
        return [kind for kind in super().kinds(group, version, resource) if kind in KINDS]


@pytest.mark.cases("k8s-cel/vap_typecheck.json")
def test_warnings(case: dict[str, Any]) -> None:
    found = warnings(case["policy"], OneSchema(37, (), case["schema"]))
    expected = [] if case["expect"] == {"warnings": 0} else EXPECTED[case["name"]]
    assert [each.field_ref for each in found] == [place for place, _ in expected]
    for each, (_, text) in zip(found, expected, strict=True):
        assert each.warning.startswith("apps/v1, Kind=Deployment: ERROR: <input>:1:")
        assert text in each.warning
        assert each.warning.endswith("^\n")


def kinds_rows(content: Any) -> list[dict[str, Any]]:
    return content["extract_types"]  # type: ignore[no-any-return]


@pytest.mark.cases("k8s-cel/vap_typecheck.json", rows=kinds_rows)
def test_kinds(case: dict[str, Any]) -> None:
    assert [kind._asdict() for kind in checked_kinds(case["policy"], OneSchema(37))] == (case["expect"] or [])
