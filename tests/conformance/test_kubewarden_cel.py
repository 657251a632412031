"""Kubewarden's own cases of cel-policy, each as an entry of policies.yml; what was looked up in a cluster is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import admit
from admit.errors import RuleSetError

MODULE = "registry://ghcr.io/kubewarden/policies/cel-policy:v1.6.3"
LISTED = "The settings are invalid: 1 error occurred:\n\t* "
"""What upstream puts before its one error; ours are told each for itself."""


@pytest.mark.cases("kubewarden/cel-policy.json")
def test_policy(case: dict[str, Any]) -> None:
    expected = case["expect"]
    texts = [matcher["value"].removeprefix(LISTED).rstrip(":\n") for matcher in expected.get("message", ())]
    known = [*looked_up(case)]
    namespaces = [each for each in known if each["kind"] == "Namespace"]
    try:
        engine = admit.load(
            [{"id": {"module": MODULE, "settings": case["settings"]}}], params=known, namespaces=namespaces
        )
    except RuleSetError as error:
        assert expected.get("settings_valid") is False, str(error)
        assert [all(text in fault.message for text in texts) for fault in error.faults] == [True]
        return
    assert expected["allowed"] is not None, "expected an error"
    decision = engine.review(case["request"], binding="id")
    assert decision.allowed == expected["allowed"], decision.message
    assert all(text in decision.message for text in texts), decision.message
    if "code" in expected:
        assert decision.code == expected["code"]


def looked_up(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that the case's cluster has."""
    for objects in case.get("host", {}).get("kubernetes", {}).values():
        yield from objects
    for exchange in case.get("host_interactions", ()):
        answer = json.loads(exchange["response"]["payload"])
        head = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        yield from ({**head, **item} for item in answer.get("items", [answer]))
