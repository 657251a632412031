"""Profiles: policies that stand for others, the names that rules have under them, and the settings they pass on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from admit.rules.model import Policy, Validation
from admit.rules.schema import defaulted


def members(policy: Policy, policies: Mapping[str, Policy]) -> Iterator[tuple[str, Policy]]:
    """The policies that a binding of this one puts in force, each with the prefix of its rules: '', or 'MEMBER/'."""
    if not policy.policies:
        yield "", policy
    for member in policy.policies:
        for prefix, inner in members(policies[member.name], policies):
            yield f"{member.name}/{prefix}", inner


def rules_of(policy: Policy, policies: Mapping[str, Policy]) -> dict[str, Validation]:
    """The validations by the names that findings and exceptions have for them."""
    return {prefix + v.name: v for prefix, member in members(policy, policies) for v in member.validations}


def settings_of(
    policy: Policy, settings: Mapping[str, Any], policies: Mapping[str, Policy], prefix: str = ""
) -> dict[str, Any]:
    """The settings, defaults applied, of the member with that prefix: of its profile's the keys that its schema has."""
    complete = defaulted(policy.settings, settings) if policy.settings is not None else {}
    for member in policy.policies:
        inner, start = policies[member.name], f"{member.name}/"
        if prefix.startswith(start):
            known = inner.settings.properties if inner.settings is not None else ()
            share = {key: value for key, value in complete.items() if key in known}
            return settings_of(inner, share, policies, prefix.removeprefix(start))
    return complete
