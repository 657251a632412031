"""Configurations of Pod Security where they are wrong: what is said, and of which place."""

from __future__ import annotations

import pytest

from admit.errors import RuleSetError
from admit.podsecurity.configuration import Configuration, document_for, parsed, read
from admit.podsecurity.levels import Standard
from admit.podsecurity.policy import Policy

HEAD = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n"

FAULTS = {
    "defaults: {enforce: 5}": (
        "3:21",
        "json: cannot unmarshal number into Go struct field PodSecurityDefaults.defaults.enforce of type string",
    ),
    "defaults: [enforce]": (
        "3:11",
        "json: cannot unmarshal array into Go struct field PodSecurityConfiguration.defaults of type "
        "v1.PodSecurityDefaults",
    ),
    "exemptions: {usernames: bob}": (
        "3:25",
        "json: cannot unmarshal string into Go struct field PodSecurityExemptions.exemptions.usernames "
        "of type []string",
    ),
    "metadata: {name: a}": ("3:1", 'strict decoding error: unknown field "metadata"'),
    "defaults:\n  enforce: baseline\n  warn: Baseline": (
        "5:9",
        "warn: must be one of privileged, baseline, restricted",
    ),
    "exemptions: {usernames: [bob, bob]}": ("3:31", 'exemptions.usernames[1]: Duplicate value: "bob"'),
}


@pytest.mark.parametrize("text", FAULTS)
def test_fault(text: str) -> None:
    with pytest.raises(RuleSetError) as caught:
        read(HEAD + text, "file")
    (fault,) = caught.value.faults
    assert (fault.place.removeprefix("file:"), fault.message) == FAULTS[text]


def test_every_fault_is_told() -> None:
    with pytest.raises(RuleSetError) as caught:
        read(HEAD + "defaults: {enforce: a, audit-version: b}")
    assert len(caught.value.faults) == 2


def test_nulls_are_nothing() -> None:
    text = "defaults: {enforce: null, warn: ''}\nexemptions: null\n"
    assert read(HEAD + text) == Configuration()


def test_two_documents() -> None:
    with pytest.raises(RuleSetError, match="expected one PodSecurityConfiguration"):
        read(f"{HEAD}---\n{HEAD}")


def test_a_level_for_all() -> None:
    standard = Standard("restricted", "v1.31")
    made, faults = parsed(document_for(standard))
    assert not faults
    assert made == Configuration(Policy(enforce=standard, warn=standard))
