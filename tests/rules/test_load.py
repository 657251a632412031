"""Rule files with faults, each noted where it is expected; and what sound ones load as."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from admit.cel.unparse import unparse
from admit.errors import Fault
from admit.rules.load import load, read_policy
from admit.rules.lower import lower
from admit.rules.model import RuleSet
from admit.rules.profiles import rules_of, settings_of
from admit.rules.yaml import read

HERE = Path(__file__).parent
FILES = sorted((HERE / "faults").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_faults(file: Path) -> None:
    _, faults = load(read(file.read_text(), file.name))
    compare(file, faults)


def test_uncompilable() -> None:
    file = HERE / "uncompilable.yaml"
    rule_set, faults = load(read(file.read_text(), file.name))
    assert faults == []
    compare(file, lower(rule_set.bindings[0], rule_set.policies, "1.36")[1])


def compare(file: Path, faults: Iterable[Fault]) -> None:
    lines = file.read_text().splitlines()
    expected = {(i, line.split("### ", 1)[1]) for i, line in enumerate(lines, 1) if "### " in line}
    found = [(int(fault.place.split(":")[1]), fault.message) for fault in faults]
    unexpected = [one for one in found if not any(one[0] == at and said in one[1] for at, said in expected)]
    missing = [one for one in expected if not any(one[0] == at and one[1] in said for at, said in found)]
    assert (unexpected, missing) == ([], [])


POLICY = """
apiVersion: admit.dev/v1
kind: Policy
metadata: {{name: {name}}}
spec:
  subject: PodSpec
  settings: {{type: object, properties: {{{key}: {{type: integer, default: 1}}}}}}
  validations:
  - {{name: rule, expression: "true"}}
  - {{expression: pod.a == 1}}
"""
PROFILE = """
apiVersion: admit.dev/v1
kind: Policy
metadata: {name: both}
spec:
  settings: {type: object, properties: {a: {type: integer}, b: {type: integer, default: 7}}}
  policies: [one, lib/two]
---
apiVersion: admit.dev/v1
kind: PolicyBinding
metadata: {name: bound}
spec:
  policyName: both
  settings: {a: 5}
  exceptions:
  - {name: e, reason: why, rules: [lib/two, one/rule]}
"""


def sound(text: str) -> RuleSet:
    two, faults = read_policy(read(POLICY.format(name="two", key="b"))[0], "lib/two")
    assert two is not None and not faults
    rule_set, faults = load(read(text), {"lib/two": two})
    assert faults == []
    return rule_set


def test_a_policy_is_in_force_unless_something_names_it() -> None:
    alone = sound(POLICY.format(name="one", key="a"))
    assert [(b.name, b.policy.name, b.validation_actions) for b in alone.bindings] == [("one", "one", ("Deny",))]
    bound = sound(POLICY.format(name="one", key="a") + "---" + PROFILE)
    assert [b.name for b in bound.bindings] == ["bound"]
    assert set(bound.policies) == {"one", "both", "lib/two"}


def test_validations_without_a_name() -> None:
    (policy,) = sound(POLICY.format(name="one", key="a")).policies.values()
    assert [validation.name for validation in policy.validations] == ["rule", "validations[1]"]


def test_profile() -> None:
    rule_set = sound(POLICY.format(name="one", key="a") + "---" + PROFILE)
    policy, settings = rule_set.policies["both"], rule_set.bindings[0].settings
    assert list(rules_of(policy, rule_set.policies)) == [
        "one/rule",
        "one/validations[1]",
        "lib/two/rule",
        "lib/two/validations[1]",
    ]
    assert settings_of(policy, settings, rule_set.policies) == {"a": 5, "b": 7}
    assert settings_of(policy, settings, rule_set.policies, "one/") == {"a": 5}
    assert settings_of(policy, settings, rule_set.policies, "lib/two/") == {"b": 7}
    bound, faults = lower(rule_set.bindings[0], rule_set.policies, "1.36")
    assert faults == []
    assert [(v.name, unparse(v.verdict)) for lowered in bound.members for v in lowered.validations] == [
        ("one/rule", "true || true"),
        ("one/validations[1]", "pod.a == 1"),
        ("lib/two/rule", "true || true"),
        ("lib/two/validations[1]", "pod.a == 1 || true"),
    ]


def test_a_fault_is_shown_underlined_in_the_file() -> None:
    text = POLICY.format(name="one", key="a") + "  - expression: |\n      pod.a &&\n        (1 +)\n"
    _, (fault,) = load(read(text, "rules/one.yaml"))
    assert str(fault).splitlines()[0].startswith("rules/one.yaml:13:13: Syntax error: ")
    assert str(fault).splitlines()[1:] == ["          (1 +)", "              ^"]
