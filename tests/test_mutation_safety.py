"""What the bundled policies write into random Pods: once, as they themselves demand, and where they say."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import admit

Json: TypeAlias = Any

IN_RANGE = {"rule": "MustRunAs", "ranges": [{"min": 1000, "max": 2000}]}
WRITING: dict[str, tuple[Json, tuple[str, ...]]] = {
    "allow-privilege-escalation-psp": ({"default_allow_privilege_escalation": False}, ("allowPrivilegeEscalation",)),
    "allowed-fsgroups-psp": (IN_RANGE, ("fsGroup",)),
    "capabilities-psp": (
        {"allowed_capabilities": ["*"], "default_add_capabilities": ["KILL"], "required_drop_capabilities": ["CHOWN"]},
        ("capabilities",),
    ),
    "container-resources": ({"cpu": {"defaultLimit": 2, "defaultRequest": "1", "maxLimit": 2}}, ("resources",)),
    "pod-ndots": ({}, ("dnsConfig",)),
    "pod-runtime-class": ({"reservedRuntimes": ["one"], "fallbackRuntime": "two"}, ("runtimeClassName",)),
    "priority-class": ({"denied_priority_classes": ["one"], "default_priority_class": "two"}, ("priorityClassName",)),
    "selinux-psp": ({"rule": "MustRunAs", "user": "u", "level": "s0:c1,c2"}, ("seLinuxOptions",)),
    "user-group-psp": (
        {"run_as_user": IN_RANGE, "run_as_group": IN_RANGE, "supplemental_groups": IN_RANGE},
        ("runAsUser", "runAsGroup", "supplementalGroups"),
    ),
}


def some(**fields: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Maps that have any of the fields, and one that no policy knows."""
    return st.fixed_dictionaries({"unknown": st.just({"kept": [None]})}, optional=fields)


SELINUX = some(user=st.sampled_from("uv"), level=st.sampled_from(["s0:c2,c1", "s0"])).map(
    lambda options: {key: value for key, value in options.items() if key != "unknown"}
)
IDS = st.sampled_from([0, 1000, 1500])
NAMES = st.lists(st.sampled_from(["KILL", "CAP_CHOWN", "ALL", "BPF"]), max_size=2)
AMOUNTS = some(cpu=st.sampled_from(["500m", "1", "2", "3"]), memory=st.just("1Gi"))
CONTAINER = some(
    securityContext=some(
        allowPrivilegeEscalation=st.booleans(),
        runAsUser=IDS,
        runAsGroup=IDS,
        seLinuxOptions=SELINUX,
        capabilities=some(add=NAMES, drop=NAMES),
    ),
    resources=some(limits=AMOUNTS, requests=AMOUNTS),
)
CONTAINERS = st.lists(CONTAINER, min_size=1, max_size=2).map(
    lambda found: [container | {"name": f"c{i}", "image": "web"} for i, container in enumerate(found)]
)
OPTIONS = st.lists(st.sampled_from([{"name": "edns0"}, {"name": "ndots", "value": "5"}]), max_size=2)
PODS = st.tuples(
    CONTAINERS,
    some(
        initContainers=CONTAINERS,
        securityContext=some(
            fsGroup=IDS, runAsUser=IDS, seLinuxOptions=SELINUX, supplementalGroups=st.lists(IDS, max_size=2)
        ),
        dnsConfig=some(options=OPTIONS),
        priorityClassName=st.sampled_from(["one", "two", "three"]),
        runtimeClassName=st.sampled_from(["one", "two", "three"]),
        os=st.just({"name": "windows"}),
    ),
).map(lambda parts: {"containers": parts[0], **parts[1]})


@pytest.mark.parametrize("name", WRITING)
@settings(max_examples=60, deadline=None)
@given(spec=PODS)
def test_mutation(name: str, spec: Json) -> None:
    engine = engine_for(name)
    first = decide(engine, spec)
    assert not any(finding.rule.startswith("mutations[") for finding in first.findings), first.message
    if not first.allowed or first.object is None:
        return
    written = first.object["spec"]
    second = decide(engine, written)
    assert second.allowed and not second.patch
    assert without(written, WRITING[name][1]) == without(spec, WRITING[name][1])


@cache
def engine_for(name: str) -> admit.Engine:
    spec = {"policyName": f"kubewarden/{name}", "settings": WRITING[name][0]}
    return admit.load(
        [{"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "case"}, "spec": spec}]
    )


def decide(engine: admit.Engine, spec: Json) -> admit.Decision:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    return engine.review({"uid": "1", "kind": kind, "operation": "CREATE", "object": pod})


def without(value: Json, fields: tuple[str, ...]) -> Json:
    """The value without these fields, wherever they are, and without the maps that are empty then."""
    if isinstance(value, list):
        return [without(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without(item, fields) for key, item in value.items() if key not in fields}
    return {key: item for key, item in kept.items() if item != {}}
