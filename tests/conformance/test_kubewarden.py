"""Kubewarden's own cases of the policies that are bundled, by its own documents: verdict, message, settings errors, and
what is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

import admit
from admit.errors import RuleSetError

Case: TypeAlias = dict[str, Any]

POLICIES = (
    "user-group-psp",
    "host-namespaces-psp",
    "capabilities-psp",
    "allow-privilege-escalation-psp",
    "allowed-fsgroups-psp",
    "allowed-proc-mount-types-psp",
    "flexvolume-drivers-psp",
    "hostpaths-psp",
    "apparmor-psp",
    "pod-privileged",
    "readonly-root-filesystem-psp",
    "seccomp-psp",
    "selinux-psp",
    "sysctl-psp",
    "volumes-psp",
    "labels",
    "annotations",
    "safe-labels",
    "safe-annotations",
    "environment-variable",
    "env-variable-secrets-scanner",
    "priority-class",
    "pod-runtime-class",
    "pod-ndots",
    "share-pid-namespace",
    "psa-label-enforcer",
    "persistentvolumeclaim-storageclass",
    "disallow-service-nodeport",
    "disallow-service-loadbalancer",
    "volumeMounts",
    "ingress",
    "probes",
    "container-resources",
    "trusted-repos",
    "deprecated-api-versions",
)


@pytest.mark.cases(*(f"kubewarden/{name}-policy.json" for name in POLICIES))
def test_policy(case: Case) -> None:
    expected = case["expect"]
    texts = expected.get("message", [])
    if expected.get("settings_valid") is False:
        with pytest.raises(RuleSetError) as raised:
            engine_for(case)
        assert any(says(fault.message, texts) for fault in raised.value.faults), str(raised.value)
        return
    engine = engine_for(case)
    if expected["allowed"] is None:
        return
    decision = engine.review(case["request"], binding="clusterwide-case")
    assert decision.allowed == expected["allowed"], decision.message
    assert says(decision.message, texts), decision.message
    if "code" in expected:
        assert decision.code == expected["code"]
    if "patch" in expected:
        assert bool(decision.patch) == (expected["patch"] == "present"), decision.patch
    if "patch_ops" in expected:
        assert decision.patch == expected["patch_ops"]
    for path in expected.get("mutated_paths", ()):
        assert list(at(decision.object, path["path"])) == path["values"]
    if "mutated_spec_expected" in expected:
        assert decision.object is not None
        assert comparable(decision.object["spec"]) == comparable(expected["mutated_spec_expected"])
    if "mutated_object" in expected:
        assert comparable(decision.object) == comparable(expected["mutated_object"])


def engine_for(case: Case) -> admit.Engine:
    spec = {
        "module": f"registry://ghcr.io/kubewarden/policies/{case['id'].partition('/')[0]}:latest",
        "mutating": True,
        "settings": case["settings"],
        "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "operations": ["*"]}],
    }
    kind = {"apiVersion": "policies.kubewarden.io/v1", "kind": "ClusterAdmissionPolicy"}
    return admit.load([{**kind, "metadata": {"name": "case"}, "spec": spec}])


def says(text: str, matchers: list[dict[str, str]]) -> bool:
    """Whether a policy's own text has what is asked; upstream's host puts a prefix before that of settings.

    What upstream looks for in the output of its tool is written as in JSON.
    """
    return all(
        m["value"].strip() == text
        if m["match"] == "exact"
        else m["value"].removeprefix("Provided settings are not valid").removeprefix(": ").replace("\\n", "\n") in text
        for m in matchers
    )


def at(value: Any, path: str) -> Iterator[Any]:
    """The values at a JSONPath of names and `[*]`."""
    key, _, rest = path.removeprefix("$.").partition(".")
    name, star, _ = key.partition("[*]")
    for item in value.get(name, ()) if star else [value[name]]:
        yield from at(item, rest) if rest else [item]


def comparable(value: Any, key: str = "") -> Any:
    """An object without what upstream's passage through typed structures adds and takes: nulls, empty lists and maps.

    Capabilities are sets: upstream's order is random.
    """
    if isinstance(value, dict):
        found = {name: comparable(item, name) for name, item in value.items()}
        return {name: item for name, item in found.items() if item not in (None, [], {})}
    if isinstance(value, list):
        items = [comparable(item) for item in value]
        return sorted(items) if key in ("add", "drop") else items
    return value
