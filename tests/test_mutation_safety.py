"""What the bundled policies write into random objects: once, as they themselves demand, where they say, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import admit
from admit.library import Library

Json: TypeAlias = Any

RANGE = {"min": 1000, "max": 2000}
IN_RANGE = {"rule": "MustRunAs", "ranges": [RANGE, {"min": 3000, "max": 3000}]}
OVERWRITE = {**IN_RANGE, "overwrite": True}
RUNNING = r"(initContainers|containers)/\d+"
CONTAINER = r"(initContainers|containers|ephemeralContainers)/\d+"


@dataclass(frozen=True, slots=True)
class Writing:
    """The settings to try, and a pattern of all that may be written (in a pod, from its spec on)."""

    settings: tuple[Json, ...]
    paths: str


WRITING = {
    "allow-privilege-escalation-psp": Writing(
        ({"default_allow_privilege_escalation": False},), f"{CONTAINER}/securityContext/allowPrivilegeEscalation"
    ),
    "allowed-fsgroups-psp": Writing((IN_RANGE,), "securityContext/fsGroup"),
    "capabilities-psp": Writing(
        (
            {"allowed_capabilities": ["*"], "required_drop_capabilities": ["CHOWN"]},
            {
                "allowed_capabilities": ["*"],
                "default_add_capabilities": ["KILL"],
                "required_drop_capabilities": ["ALL"],
            },
            {"allowed_capabilities": ["KILL"], "default_add_capabilities": ["KILL"]},
        ),
        rf"{CONTAINER}/securityContext/capabilities/(add|drop)(/\d+)?",
    ),
    "container-resources": Writing(
        (
            {"cpu": {"defaultLimit": 2, "defaultRequest": "1", "maxLimit": 2}},
            {"memory": {"defaultLimit": "2Gi", "minLimit": "1Gi"}, "cpu": {"defaultRequest": 0.5}},
        ),
        f"{RUNNING}/resources/(limits|requests)/(cpu|memory)",
    ),
    "persistentvolumeclaim-storageclass": Writing(
        (
            {"deniedStorageClasses": ["one"], "fallbackStorageClass": "two"},
            {"allowedStorageClasses": ["two"], "fallbackStorageClass": "two"},
        ),
        "storageClassName",
    ),
    "pod-ndots": Writing(({}, {"ndots": 3}), r"dnsConfig/options/\d+/(name|value)"),
    "pod-runtime-class": Writing(
        (
            {"reservedRuntimes": ["one"], "fallbackRuntime": "two"},
            {"reservedRuntimes": ["one"], "fallbackRuntime": "two", "defaultRuntimeReserved": True},
        ),
        "runtimeClassName",
    ),
    "priority-class": Writing(
        (
            {"denied_priority_classes": ["one"], "default_priority_class": "two"},
            {"allowed_priority_classes": ["two"], "default_priority_class": "two"},
        ),
        "priorityClassName",
    ),
    "psa-label-enforcer": Writing(
        ({"modes": {"enforce": "baseline", "warn": "restricted", "warn-version": "latest"}},),
        r"labels/pod-security\.kubernetes\.io~1(enforce|warn|warn-version)",
    ),
    "selinux-psp": Writing(
        ({"rule": "MustRunAs", "user": "u", "level": "s0:c1,c2"}, {"rule": "MustRunAs", "type": "t"}),
        f"({CONTAINER}/)?securityContext/seLinuxOptions/(user|type|level)",
    ),
    "user-group-psp": Writing(
        (
            {"run_as_user": IN_RANGE, "run_as_group": IN_RANGE, "supplemental_groups": IN_RANGE},
            {"run_as_user": OVERWRITE, "run_as_group": OVERWRITE, "supplemental_groups": OVERWRITE},
            {"run_as_user": {"rule": "MustRunAsNonRoot"}, "run_as_group": {"rule": "MayRunAs", "ranges": [RANGE]}},
        ),
        rf"(({CONTAINER}/)?securityContext/(runAsUser|runAsGroup|runAsNonRoot)|securityContext/supplementalGroups/\d+)",
    ),
}

FORMS = {  # kind, operation and subresource, and where the pod is
    ("v1", "Pod", "CREATE", ""): "spec",
    ("v1", "Pod", "UPDATE", "ephemeralcontainers"): "spec",
    ("apps/v1", "Deployment", "CREATE", ""): "spec/template/spec",
    ("apps/v1", "Deployment", "UPDATE", ""): "spec/template/spec",
    ("batch/v1", "CronJob", "CREATE", ""): "spec/jobTemplate/spec/template/spec",
}
OTHERS = {
    "persistentvolumeclaim-storageclass": (("v1", "PersistentVolumeClaim", "CREATE", ""), "spec"),
    "psa-label-enforcer": (("v1", "Namespace", "CREATE", ""), "metadata"),
}


def some(**fields: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Maps that have any of the fields, and one that no policy knows."""
    return st.fixed_dictionaries({"unknown": st.just({"kept": [None]})}, optional=fields)


SELINUX = some(user=st.sampled_from("uv"), type=st.just("t"), level=st.sampled_from(["s0:c2,c1", "s0"])).map(
    lambda options: {key: value for key, value in options.items() if key != "unknown"}
)
IDS = st.sampled_from([0, 1000, 1500, 2500])
NAMES = st.lists(st.sampled_from(["KILL", "CAP_CHOWN", "ALL", "BPF"]), max_size=2)
AMOUNTS = some(cpu=st.sampled_from(["500m", "1", "2", "3"]), memory=st.sampled_from(["1Gi", "4Gi"]))
CLASSES = st.sampled_from(["one", "two", "three"])
CONTAINERS = st.lists(
    some(
        securityContext=some(
            allowPrivilegeEscalation=st.booleans(),
            runAsUser=IDS,
            runAsGroup=IDS,
            runAsNonRoot=st.booleans(),
            seLinuxOptions=SELINUX,
            capabilities=some(add=NAMES, drop=NAMES),
        ),
        resources=some(limits=AMOUNTS, requests=AMOUNTS),
    ),
    min_size=1,
    max_size=2,
)
OPTIONS = st.lists(st.sampled_from([{"name": "edns0"}, {"name": "ndots", "value": "5"}]), max_size=2)
PODS = st.tuples(
    some(
        initContainers=CONTAINERS,
        ephemeralContainers=CONTAINERS,
        securityContext=some(
            fsGroup=IDS,
            runAsUser=IDS,
            runAsGroup=IDS,
            runAsNonRoot=st.booleans(),
            seLinuxOptions=SELINUX,
            supplementalGroups=st.lists(IDS, max_size=2),
        ),
        dnsConfig=some(options=OPTIONS),
        priorityClassName=CLASSES,
        runtimeClassName=CLASSES,
        os=st.just({"name": "windows"}),
    ),
    CONTAINERS,
).map(lambda parts: named({**parts[0], "containers": parts[1]}))
BODIES = {
    "persistentvolumeclaim-storageclass": some(storageClassName=CLASSES),
    "psa-label-enforcer": some(
        labels=some(**{"pod-security.kubernetes.io/warn": st.sampled_from(["baseline", "privileged"])}).map(
            lambda labels: {**labels, "unknown": "kept"}
        )
    ),
}


def named(pod: Json) -> Json:
    """The pod, its containers with names and images."""
    return {
        key: [{**each, "name": f"{key[0]}{i}", "image": "web"} for i, each in enumerate(value)]
        if key.endswith("ontainers")
        else value
        for key, value in pod.items()
    }


def test_every_policy_that_writes() -> None:
    assert {f"kubewarden/{name}" for name in WRITING} == {
        name for name, policy in Library().items() if policy.mutations and name.startswith("kubewarden/")
    }


@pytest.mark.parametrize("name", WRITING)
@settings(max_examples=60)
@given(data=st.data())
def test_mutation(name: str, data: st.DataObject) -> None:
    writing = WRITING[name]
    chosen = data.draw(st.integers(0, len(writing.settings) - 1))
    form, place = OTHERS[name] if name in OTHERS else data.draw(st.sampled_from([*FORMS.items()]))
    body = data.draw(BODIES.get(name, PODS))
    engine = engine_for(name, chosen)
    first = decide(engine, form, place, body)
    assert not any(finding.rule.startswith("mutations[") for finding in first.findings), first.message
    if not first.allowed or first.object is None:
        return
    written = at(first.object, place)
    second = decide(engine, form, place, written)
    assert second.allowed and not second.patch
    before, after = dict(leaves(body)), dict(leaves(written))
    changed = {path for path in before.keys() | after.keys() if before.get(path, ...) != after.get(path, ...)}
    filled = {path for path in changed - after.keys() if before[path] in ({}, [])}
    for path in changed - filled:
        assert re.fullmatch(writing.paths, path), path
        assert form[3] != "ephemeralcontainers" or path.startswith("ephemeralContainers/"), path


@cache
def engine_for(name: str, chosen: int) -> admit.Engine:
    spec = {"policyName": f"kubewarden/{name}", "settings": WRITING[name].settings[chosen]}
    return admit.load(
        [{"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "case"}, "spec": spec}]
    )


def decide(engine: admit.Engine, form: tuple[str, str, str, str], place: str, body: Json) -> admit.Decision:
    """On an object with this at its place; in one that is updated it was empty before."""
    version, kind, operation, subresource = form
    head = {"apiVersion": version, "kind": kind}
    old = None
    if operation == "UPDATE":
        kept = {key: value for key, value in body.items() if subresource and key != "ephemeralContainers"}
        old = {**head, **within(place, kept)}
    object = {**head, **within(place, body)}
    return engine.decide(object, old, operation=operation, subresource=subresource)


def within(place: str, value: Json) -> Json:
    for key in reversed(place.split("/")):
        value = {key: value}
    return value


def at(value: Json, place: str) -> Json:
    for key in place.split("/"):
        value = value[key]
    return value


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """What there is below maps and lists, by its path; an empty one is its own leaf."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        yield path, value
    for key, item in items:
        token = str(key).replace("/", "~1")
        yield from leaves(item, f"{path}/{token}" if path else token)
