"""Cost estimates against those of cel-go, of Kubernetes' libraries, and of rules in custom resource definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel.check import check
from admit.cel.cost import Cost, Path, Sizes, estimate
from admit.cel.cost.functions import replaced_size
from admit.cel.env import Declarations, declarations, parse_type
from admit.cel.parse import parse
from admit.cel.schema import declared, sizes
from admit.cel.types import BYTES, DOUBLE, INT, STRING, Type, object_type

Case: TypeAlias = dict[str, Any]

MESSAGE = object_type("google.expr.proto3.test.TestAllTypes")


class Lax(Declarations):
    """What the tests of Kubernetes' libraries have: nobody asks whether the items of a literal are of one type."""

    homogeneous = False


def celgo(document: Mapping[str, Any]) -> Iterator[Case]:
    for i, row in enumerate(document["estimated"]):
        yield {**row, "id": f"celgo_cost/{i:02} {row['name']}"}


def rules(document: Mapping[str, Any]) -> Iterator[Case]:
    """The rules of both tables, each with its schema."""
    for group in document["estimated"]:
        for i, row in enumerate(group["rules"]):
            id = f"crd_cost/{group['name']}/{i:02}"
            yield {"id": id, "schema": group["schema"], "rule": row["rule"], "max": int(row["estimated_max_cost"])}
    for row in document["cost_estimation"]:
        for limits in ("no_limits", "with_limits"):
            schema = row[f"schema_{limits}"]
            (rule,) = schema["x-kubernetes-validations"]
            for bound in ("", "_at_least"):
                if (cost := row.get(f"cost_{limits}{bound}")) is not None:
                    case = {"schema": schema, "rule": rule["rule"], "max" if not bound else "least": int(cost)}
                    yield {"id": f"crd_cost/{row['name']}/{limits}", **case}


def result_sizes(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["result_size_tests"]:
        yield {**row, "id": f"result_size/{row['name']}"}


@pytest.mark.cases("k8s-cel/celgo_cost.json", rows=celgo)
def test_celgo(case: Case) -> None:
    presence = case.get("options", {}).get("presence_test_has_cost", True)
    types = {MESSAGE.name: {"single_int32": INT, "single_float": DOUBLE, "single_string": STRING}}
    variables = {name: parse_type(full_name(type), {MESSAGE.name: MESSAGE}) for name, type in case["vars"].items()}
    within = declarations(None if presence else "1.37", variables, types=types)
    assert estimated(case["expr"], within, hinted(case.get("hints", {}))) == bounds(case)


@pytest.mark.cases("k8s-cel/library_cost.json")
def test_libraries(case: Case) -> None:
    assert estimated(case["expr"], Lax(**vars(declarations("1.37", patches=True))), twelve) == bounds(case)


@pytest.mark.cases("k8s-cel/library_cost.json", rows=result_sizes)
def test_result_sizes(case: Case) -> None:
    assert case["function"] == "replace"
    text, old, new = (Cost(*size) for size in (case["target_size"], *case["arg_sizes"]))
    assert replaced_size(text, old, new) == Cost(*case["expect_result_size"])


@pytest.mark.cases("k8s-cel/crd_cost_stability.json", rows=rules)
def test_rules(case: Case) -> None:
    type, types = declared(case["schema"], "selfType")
    within = declarations("1.37", {"self": type, "oldSelf": type}, types=types)
    most = estimated(case["rule"], within, sizes(case["schema"])).max
    assert most >= case["least"] if "least" in case else most == case["max"]


def full_name(type: str) -> str:
    return re.sub(r"\b(timestamp|duration)\b", lambda name: f"google.protobuf.{name[0].capitalize()}", type)


def estimated(text: str, within: Declarations, known: Sizes) -> Cost:
    return estimate(check(parse(text), within), within, known)


def bounds(case: Case) -> Cost:
    return Cost(*map(int, case["estimated"]))


def hinted(hints: Mapping[str, str]) -> Sizes:
    """Sizes by path; bytes of which nothing is said have at most twelve."""

    def largest(path: Path, type: Type) -> int | None:
        hint = hints.get(".".join(path))
        return int(hint) if hint is not None else 12 if type == BYTES else None

    return largest


def twelve(path: Path, type: Type) -> int | None:
    return 12 if type in (STRING, BYTES) else None
