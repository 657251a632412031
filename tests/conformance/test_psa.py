"""Pod Security's own fixtures, and the tables of its checks: decisions and texts at every version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from admit.cel.env import NEWEST
from admit.kubernetes.normalise import normalise
from admit.podsecurity import Failure, Result, evaluate
from admit.podsecurity.levels import LEVELS, Standard
from admit.podsecurity.profiles import Profile, checks
from admit.rules.load import read_policy
from admit.rules.model import Policy
from admit.rules.yaml import document_of

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


def test_registry() -> None:
    for registry in document("psa/policy/unit.json")["registry"].values():
        policies = registered(registry["checks"])
        for case in registry["cases"]:
            level, version = case["level"], case["version"]
            found = []
            if level in policies:
                profile = Profile(level, Standard(level, version).at(NEWEST), policies)
                found = [failure.reason for failure in profile.result({"spec": {}}).failures]
            assert found == case["expectOrder"], (level, version)


def registered(checks: list[Case]) -> dict[str, Policy]:
    """Checks that always fail, and say which version of them does; and the profiles of these."""
    documents: dict[str, dict[str, Any]] = {}
    unless: dict[str, list[str]] = {}
    for check in checks:
        minors = [int(each["minimumVersion"].removeprefix("v1.")) for each in check["versions"]]
        for i, (version, minor) in enumerate(zip(check["versions"], minors, strict=True)):
            end = minors[i + 1] if minors[i + 1 :] else 10**5
            for overridden in version["overrides"]:
                unless.setdefault(f"checks/{overridden}", []).append(f"{MINOR} >= {minor} && {MINOR} < {end}")
        first, *later = minors
        said = f"'{check['id']}:v1.{first}'"
        for minor in later:
            said = f"{MINOR} >= {minor} ? '{check['id']}:v1.{minor}' : {said}"
        always = {"when": f"{MINOR} >= {first}", "expression": "pod.?hostPID.orValue(false)"}
        validations = [{**always, "messageExpression": said}]
        documents[f"checks/{check['id']}"] = {"subject": "PodSpec", "settings": SETTINGS, "validations": validations}
    of = {level: sorted(f"checks/{check['id']}" for check in checks if check["level"] == level) for level in LEVELS}
    if of["baseline"]:
        documents["baseline"] = {"settings": SETTINGS, "policies": of["baseline"]}
    if both := [*of["baseline"], *of["restricted"]]:
        known = {name: " || ".join(f"({each})" for each in when) for name, when in unless.items() if name in both}
        documents["restricted"] = {"settings": SETTINGS, "policies": both, "unless": known}
    policies = {}
    for name, spec in documents.items():
        written = {"apiVersion": "admit.dev/v1", "kind": "Policy", "metadata": {"name": "a"}, "spec": spec}
        policy, faults = read_policy(document_of(written), name)
        assert policy is not None and not faults, faults
        policies[name] = policy
    return policies


MINOR = "(settings.version == 'latest' ? 9999 : int(settings.version.substring(3)))"
SETTINGS = {"type": "object", "properties": {"version": {"type": "string"}}}


def test_emulation() -> None:
    emulation = document("psa/policy/unit.json")["emulation"]
    for case in emulation["cases"]:
        newest = int((case["emulate"] or f"v1.{NEWEST}").removeprefix("v1."))
        for version, allowed in case["allowed"].items():
            standard = Standard(emulation["level"], version)
            assert evaluate(standard.level, standard.at(newest), emulation["pod"]).allowed is allowed, case["name"]


def between(first: str, last: str) -> Iterator[str]:
    return iter(VERSIONS[VERSIONS.index(first) : VERSIONS.index(last) + 1])
