"""The bundled policies by their own tests, run as `admit test` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from admit.testing import SUFFIX, run

RULESETS = Path(__file__).parents[1] / "rulesets"
POLICIES = sorted(file for file in RULESETS.rglob("*.yaml") if not file.name.endswith(SUFFIX))


def test_each_policy_has_tests_and_each_test_a_policy() -> None:
    beside = {file.with_name(file.stem + SUFFIX) for file in POLICIES}
    assert beside == set(RULESETS.rglob(f"*{SUFFIX}"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda file: str(file.relative_to(RULESETS).with_suffix("")))
def test_policy(policy: Path) -> None:
    report = run(policy.with_name(policy.stem + SUFFIX))
    assert not report.failures, "\n".join(map(str, report.failures))
    assert not report.untested, "\n".join(map(str, report.untested))
