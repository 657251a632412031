"""The JSON Schema of rule files: in step with the loader's tables, and of one mind with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from admit.resources import folder
from admit.rules import yaml
from admit.rules.fields import json_schema

SCHEMA = folder("grammar") / "rules.schema.json"


def test_schema_is_in_step(request: pytest.FixtureRequest) -> None:
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-golden"):
        Path(str(SCHEMA)).write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text


def documents() -> list[Any]:
    return yaml.load((Path(__file__).parent / "lowering.yaml").read_text())[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", documents(), ids=lambda case: case["name"])
def test_schema_takes_what_is_right(case: dict[str, Any]) -> None:
    rules = {f"{key}s": [case[key]] for key in ("validation", "mutation") if key in case}
    errors = problems({"subject": "PodSpec", **rules})
    assert errors == []


@pytest.mark.parametrize(
    "spec, said",
    [
        ({"subjekt": "PodSpec"}, "'subjekt' was unexpected"),
        ({"severity": "hihg"}, "'hihg' is not one of"),
        ({"validations": [{"expression": "true", "value": "a"}]}, "is not valid under any of the given schemas"),
        ({"validations": [{"value": "a", "equals": 1, "matches": "b"}]}, "is not valid under any of the given schemas"),
        ({"mutations": [{"set": "pod.a"}]}, "is not valid under any of the given schemas"),
        ({"mutations": [{"jsonPatch": {"expression": "[]"}, "when": "true"}]}, "is not valid under any"),
        ({"variables": [{"name": "a b", "expression": "1"}]}, "does not match"),
    ],
)
def test_schema_refuses_what_is_wrong(spec: dict[str, Any], said: str) -> None:
    assert any(said in error for error in problems(spec))


def problems(spec: dict[str, Any]) -> list[str]:
    document = {"apiVersion": "admit.dev/v1", "kind": "Policy", "metadata": {"name": "case"}, "spec": spec}
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(document)]
