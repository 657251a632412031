"""Pod Security's own fixtures, with what its checks say of them at each version."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import pytest

import admit

Case: TypeAlias = dict[str, Any]

CHECKS: Mapping[str, str] = {"runAsUser": "pod-security/run-as-user"}


@pytest.mark.cases("psa/pods-baseline.json", "psa/pods-restricted.json")
def test_fixture(case: Case) -> None:
    for run in case["expected"]["restricted"]:
        said = {check: f"{reason} ({detail})" for check, reason, detail in run.get("fail", ())}
        for check in CHECKS:
            for version in (run["from"], run["to"]):
                decision = engine_for(check, version).decide(case["pod"])
                assert (decision.allowed, decision.message) == (check not in said, said.get(check, "")), version


@pytest.mark.cases("psa/policy/unit.json", where=lambda case: case["check"] in CHECKS)
def test_unit(case: Case) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **case["pod"]}
    decision = engine_for(case["check"], case["version"]).decide(pod)
    said = "" if case["expectAllowed"] else f"{case['expectReason']} ({case['expectDetail']})"
    assert (decision.allowed, decision.message) == (case["expectAllowed"], said)


@cache
def engine_for(check: str, version: str) -> admit.Engine:
    spec = {"policyName": CHECKS[check], "settings": {"version": version}}
    return admit.load(
        [{"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "check"}, "spec": spec}]
    )
