"""Costs, estimated and counted, against those of cel-go, of Kubernetes' libraries and of the rules of CRDs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from admit.cel import CostModel, Program
from admit.cel.check import check
from admit.cel.cost import Cost, Path, Sizes, estimate
from admit.cel.cost.functions import replaced_size
from admit.cel.env import Declarations, declarations, parse_type
from admit.cel.library.authorization import Authorizer, User, Verdict
from admit.cel.link import link, parse_in
from admit.cel.schema import declared, sizes, typed
from admit.cel.types import BYTES, DOUBLE, INT, STRING, Type, object_type
from admit.cel.values import decode
from admit.errors import EvaluationError

Case: TypeAlias = dict[str, Any]

MESSAGE = object_type("google.expr.proto3.test.TestAllTypes")
TYPES = {MESSAGE.name: {"single_int32": INT, "single_float": DOUBLE, "single_string": STRING}}
AUTHORIZER = "authorizer"
LIBRARIES = CostModel(libraries=True, presence=1, folding=False)


class Lax(Declarations):
    """What the tests of Kubernetes' libraries have: nobody asks whether the items of a literal are of one type."""

    homogeneous = False


def estimated_by_celgo(document: Mapping[str, Any]) -> Iterator[Case]:
    for i, row in enumerate(document["estimated"]):
        yield {**row, "id": f"celgo_cost/{i:02} {row['name']}"}


def counted_by_celgo(document: Mapping[str, Any]) -> Iterator[Case]:
    for i, row in enumerate(document["runtime"]):
        yield {**row, "id": f"celgo_cost/runtime/{i:02} {row['name']}"}


def rules(document: Mapping[str, Any]) -> Iterator[Case]:
    """The rules of both tables of estimates, each with its schema."""
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


def counted_rules(document: Mapping[str, Any]) -> Iterator[Case]:
    for group in document["runtime"]:
        for i, row in enumerate(group["rules"]):
            known = {"schema": group["schema"], "object": group["object"]}
            yield {"id": f"crd_cost/runtime/{group['name']}/{i:02}", **known, **row}


def result_sizes(document: Mapping[str, Any]) -> Iterator[Case]:
    for row in document["result_size_tests"]:
        yield {**row, "id": f"result_size/{row['name']}"}


@pytest.mark.cases("k8s-cel/celgo_cost.json", rows=estimated_by_celgo)
def test_estimates_of_celgo(case: Case) -> None:
    within = celgo(case)
    tree = check(parse_in(within, case["expr"]), within)
    assert estimate(tree, within, hinted(case.get("hints", {})), model(case)) == Cost(*map(int, case["estimated"]))


@pytest.mark.cases("k8s-cel/celgo_cost.json", rows=counted_by_celgo)
def test_counts_of_celgo(case: Case) -> None:
    program = compiled(case["expr"], celgo(case), model(case))
    values = {name: decode(value) for name, value in case.get("in", {}).items()}
    if "limit" in case:
        with pytest.raises(EvaluationError) as caught:
            program.counted(int(case["limit"]), **values)
        assert str(caught.value) == case["expect"]
    else:
        assert program.counted(**values)[1] == int(case["runtime"])


@pytest.mark.cases("k8s-cel/library_cost.json")
def test_estimates_of_libraries(case: Case) -> None:
    within = libraries()
    tree = check(parse_in(within, case["expr"]), within)
    assert estimate(tree, within, twelve) == Cost(*map(int, case["estimated"]))


@pytest.mark.cases("k8s-cel/library_cost.json")
def test_counts_of_libraries(case: Case) -> None:
    program = compiled(case["expr"], libraries(), LIBRARIES)
    allowing = Authorizer(User(""), lambda asked: Verdict(True))
    assert program.counted(**{AUTHORIZER: allowing})[1] == int(case["runtime"])


@pytest.mark.cases("k8s-cel/library_cost.json", rows=result_sizes)
def test_result_sizes(case: Case) -> None:
    assert case["function"] == "replace"
    text, old, new = (Cost(*size) for size in (case["target_size"], *case["arg_sizes"]))
    assert replaced_size(text, old, new) == Cost(*case["expect_result_size"])


@pytest.mark.cases("k8s-cel/crd_cost_stability.json", rows=rules)
def test_estimates_of_rules(case: Case) -> None:
    within = of_schema(case["schema"])
    tree = check(parse_in(within, case["rule"]), within)
    most = estimate(tree, within, sizes(case["schema"])).max
    assert most >= case["least"] if "least" in case else most == case["max"]


@pytest.mark.cases("k8s-cel/crd_cost_stability.json", rows=counted_rules)
def test_counts_of_rules(case: Case) -> None:
    program = compiled(case["rule"], of_schema(case["schema"], resource=True), None)
    value = typed(case["schema"], case["object"], resource=True)
    assert program.counted(self=value) == (True, int(case["runtime_cost"]))


def compiled(text: str, within: Declarations, model: CostModel | None) -> Program:
    return link(check(parse_in(within, text), within), tuple(within.variables), within, model=model)


def celgo(case: Case) -> Declarations:
    variables = {name: parse_type(full_name(type), {MESSAGE.name: MESSAGE}) for name, type in case["vars"].items()}
    return declarations(None, variables, types=TYPES)


def model(case: Case) -> CostModel:
    presence = int(case.get("options", {}).get("presence_test_has_cost", True))
    return CostModel(libraries=False, presence=presence, folding=False, calls={"timestamp_to_year": 7})


def libraries() -> Declarations:
    variables = {AUTHORIZER: "kubernetes.authorization.Authorizer"}
    return Lax(**vars(declarations("1.37", variables, patches=True)))


def of_schema(schema: Mapping[str, Any], resource: bool = False) -> Declarations:
    type, types = declared(schema, "selfType", resource)
    return declarations("1.37", {"self": type, "oldSelf": type}, types=types)


def full_name(type: str) -> str:
    return re.sub(r"\b(timestamp|duration)\b", lambda name: f"google.protobuf.{name[0].capitalize()}", type)


def hinted(hints: Mapping[str, str]) -> Sizes:
    """Sizes by path; bytes of which nothing is said have at most twelve."""

    def largest(path: Path, type: Type) -> int | None:
        hint = hints.get(".".join(path))
        return int(hint) if hint is not None else 12 if type == BYTES else None

    return largest


def twelve(path: Path, type: Type) -> int | None:
    return 12 if type in (STRING, BYTES) else None
