"""What policies mutate is exported, loaded again, and makes of every object what the policies make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import admit
from admit.engine import Engine
from admit.exporters import export
from admit.kubernetes.normalise import bare, redefaulted
from admit.library import Library, path_of
from admit.loading import binding_of, check
from admit.rules.workloads import WORKLOADS, Workload

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "mutating.yaml").read_text())  # our reader has no overrides
BUNDLED = yaml.safe_load((HERE / "bundled.yaml").read_text())


def engine_of(case: Mapping[str, Any]) -> Engine:
    documents = [("Policy", name, spec) for name, spec in case["policies"].items()]
    documents += [
        ("PolicyBinding", name, {"policyName": name, **spec}) for name, spec in case.get("bindings", {}).items()
    ]
    written = (
        {"apiVersion": "admit.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in documents
    )
    return admit.load([*written, *case.get("objects", ())])


def outcome(engine: Engine, request: Mapping[str, Any]) -> tuple[bool, Any]:
    """Whether it is allowed, and what is stored then."""
    object = request.get("object", request)
    operation, subresource = request.get("operation", "CREATE"), request.get("subresource", "")
    decision = engine.decide(object, request.get("oldObject"), operation, subresource=subresource)
    return decision.allowed, bare(redefaulted(object, decision.object, engine.schemas)) if decision.allowed else None


RUN = [(case, version) for case in CASES if "requests" in case for version in ("1.37", *case.get("also", ()))]


@pytest.mark.parametrize("case, kubernetes", RUN, ids=[f"{case['name']}, {version}" for case, version in RUN])
def test_export(case: Mapping[str, Any], kubernetes: str) -> None:
    engine = engine_of(case)
    exported = export(engine, "map", kubernetes=kubernetes)
    assert not exported.refused
    names = [each["metadata"]["name"] for each in exported.documents if each["kind"] == "MutatingAdmissionPolicy"]
    assert names == case.get("documents", names)
    assert [*map(str, exported.notes)] == case.get("notes", [])
    again, faults = check([*exported.documents, *case.get("objects", ())], kubernetes=kubernetes, advice=True)
    assert not faults
    assert_alike(engine, again, case["requests"])


def assert_alike(engine: Engine, again: Engine, requests: Sequence[Mapping[str, Any]]) -> None:
    outcomes = [outcome(engine, request) for request in requests]
    assert [outcome(again, request) for request in requests] == outcomes
    before = [bare(request.get("object", request)) for request in requests]
    assert any(after not in (None, object) for object, (_, after) in zip(before, outcomes, strict=True))


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case], ids=lambda case: case["name"])
def test_refused(case: Mapping[str, Any]) -> None:
    exported = export(engine_of(case), "map", kubernetes=case.get("kubernetes"))
    assert ([*map(str, exported.refused)], exported.documents) == ([case["refused"]], ())


@cache
def bundled(name: str) -> tuple[Engine, Engine]:
    """What a bundled policy mutates, and what is exported of it."""
    policy = yaml.safe_load(path_of(name).read_text())
    policy["spec"].pop("validations", None)
    binding = binding_of(policy["metadata"]["name"], BUNDLED[name])
    engine = admit.load([policy, binding])
    exported = export(engine, "map")
    assert exported.documents, exported
    return engine, admit.load(exported.documents)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


NUMBER, FLAG, TEXT = st.sampled_from([0, 5, 7, 100]), st.booleans(), st.sampled_from("ab")
CAPABILITIES = st.lists(st.sampled_from(["A", "CAP_A", "C", "cap_d", "ALL"]), max_size=3)
QUANTITIES = some(cpu=st.sampled_from(["500m", "1", "3"]), memory=st.sampled_from(["1G", "2G"]))
CONTEXT = {
    "runAsUser": NUMBER,
    "runAsGroup": NUMBER,
    "seLinuxOptions": some(user=st.sampled_from("uv"), level=st.sampled_from(["s0:c2,c1", "s1"])),
}
CONTAINER = st.fixed_dictionaries(
    {"image": TEXT},
    optional={
        "securityContext": some(
            **CONTEXT, allowPrivilegeEscalation=FLAG, capabilities=some(add=CAPABILITIES, drop=CAPABILITIES)
        ),
        "resources": some(limits=QUANTITIES, requests=QUANTITIES),
    },
)
CONTAINERS = st.lists(CONTAINER, max_size=2).map(
    lambda all_: [{"name": f"c{i}", **each} for i, each in enumerate(all_)]
)
POD = st.fixed_dictionaries(
    {"containers": CONTAINERS},
    optional={
        "initContainers": CONTAINERS,
        "ephemeralContainers": CONTAINERS,
        "securityContext": some(**CONTEXT, fsGroup=NUMBER),
        "os": st.sampled_from([{"name": "windows"}, {"name": "linux"}]),
        "priorityClassName": TEXT,
        "runtimeClassName": TEXT,
        "dnsConfig": some(
            options=st.lists(some(value=TEXT).map(lambda option: {"name": "ndots", **option}), max_size=2)
        ),
    },
)


def carrying(workload: Workload, pod: dict[str, Any]) -> dict[str, Any]:
    holder: dict[str, Any] = {"spec": pod}
    for field in reversed(workload.holder):
        holder = {field: holder}
    version = f"{workload.group}/{workload.version}".removeprefix("/")
    return {"apiVersion": version, "kind": workload.kind, "metadata": {"name": "x", "namespace": "n"}, **holder}


ABOUT_PODS = [name for name in BUNDLED if name != "kubewarden/psa-label-enforcer" and "claim" not in name]


@settings(max_examples=60, derandomize=True)
@given(st.sampled_from(ABOUT_PODS), st.sampled_from(WORKLOADS), FLAG, POD, POD, FLAG)
def test_bundled_policies(
    name: str, workload: Workload, created: bool, pod: dict[str, Any], before: dict[str, Any], normal: bool
) -> None:
    object, old = (carrying(workload, each) for each in (pod, before))
    if normal:
        object, old = admit.normalise(object), admit.normalise(old)
    request = {"object": object, "subresource": workload.subresource}
    if workload.subresource or not created:
        request |= {"operation": "UPDATE", "oldObject": old}
    engine, again = bundled(name)
    assert outcome(again, request) == outcome(engine, request)


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"a": "b"}}}
CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "n"}}
SAID = [
    *((name, carrying(WORKLOADS[0], {"containers": [{"name": "b", "image": "b"}]})) for name in ABOUT_PODS),
    ("kubewarden/psa-label-enforcer", NAMESPACE),
    ("kubewarden/persistentvolumeclaim-storageclass", {**CLAIM, "spec": {"storageClassName": "fast"}}),
]


@pytest.mark.parametrize("name, object", SAID, ids=[name for name, _ in SAID])
def test_every_bundled_policy_writes(name: str, object: dict[str, Any]) -> None:
    assert_alike(*bundled(name), [object])


def test_no_bundled_policy_is_left_out() -> None:
    assert {name for name, policy in Library().items() if policy.mutations} == {*BUNDLED}


def test_policies_of_an_api_server_stay_as_they_are() -> None:
    head = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["services"]}]
    spec = {
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": rules},
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}],
    }
    documents = [
        {**head, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "m"}, "spec": spec},
        {**head, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": "b"}, "spec": {"policyName": "m"}},
    ]
    exported = export(admit.load(documents), "map", kubernetes="1.36")
    assert [*exported.documents] == documents
