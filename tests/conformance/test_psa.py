"""Pod Security's own fixtures, and the tables of its checks: decisions and texts at every version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from admit.cel.env import NEWEST
from admit.kubernetes.normalise import normalise
from admit.podsecurity import Failure, Result, evaluate
from admit.podsecurity.profiles import checks

from .conftest import document

Case: TypeAlias = dict[str, Any]

VERSIONS = [*(f"v1.{minor}" for minor in range(NEWEST + 1)), "latest"]


@pytest.mark.cases("psa/pods-baseline.json", "psa/pods-restricted.json")
def test_fixture(case: Case) -> None:
    pod = normalise(case["pod"]) if "defaulting" in case else case["pod"]
    for level, runs in case["expected"].items():
        for run in runs:
            failures = tuple(Failure(*failure) for failure in run.get("fail", ()))
            assert (run["allowed"], run.get("detail", "")) == (not failures, Result(failures).message)
            for version in between(run["from"], run["to"]):
                assert evaluate(level, version, pod) == Result(failures), (level, version)
    for version, outcome in case["versions"].items():
        result = evaluate(case["level"], version, pod)
        assert result.allowed is (outcome == "pass"), version
        assert result.allowed or case.get("expectErrorSubstring", case["check"]) in result.message


@pytest.mark.cases("psa/policy/unit.json")
def test_unit(case: Case) -> None:
    found = {failure.check: failure for failure in evaluate(case["level"], case["version"], case["pod"]).failures}
    expected = Failure(case["check"], case.get("expectReason", ""), case.get("expectDetail", ""))
    assert found.get(case["check"]) == (None if case["expectAllowed"] else expected)


def test_aggregation() -> None:
    for case in document("psa/policy/aggregate.json"):
        failures = [Failure("", r["reason"], r["detail"]) for r in case["results"] if not r["allowed"]]
        if all(failure.reason for failure in failures):  # ours have one
            result = Result(tuple(failures))
            assert (result.allowed, result.reasons, result.message) == (case["allowed"], case["reason"], case["detail"])


def test_checks_and_their_order() -> None:
    table = document("psa/checks.json")
    assert table["latestVersion"] == VERSIONS[-2]
    for level, runs in table["evaluationOrder"].items():
        for run in runs:
            for version in between(run["from"], run["to"]):
                assert checks(level, version) == [check for check, _ in run["checks"]], (level, version)


def between(first: str, last: str) -> Iterator[str]:
    return iter(VERSIONS[VERSIONS.index(first) : VERSIONS.index(last) + 1])
