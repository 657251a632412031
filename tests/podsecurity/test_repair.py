"""pod-security/repair over random pods: what it repairs passes, what is said stays, nothing refused is written."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

import admit
from admit.admission.patch import apply
from admit.podsecurity import evaluate

Json: TypeAlias = Any

REPAIRED = ("allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot", "seccompProfile_restricted")
WINDOWS = {"name": "windows"}
ROOT = {"runAsNonRoot": True}
SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"


def some(**fields: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Maps that have any of the fields, and one that no API server knows."""
    return st.fixed_dictionaries({"unknown": st.just({"kept": [None]})}, optional=fields)


CAPABILITIES = st.lists(st.sampled_from(["KILL", "ALL", "CAP_SYS_ADMIN"]), max_size=2)
BOTH = {
    "runAsNonRoot": st.sampled_from([True, True, False]),
    "runAsUser": st.sampled_from([0, 1000]),
    "seccompProfile": st.sampled_from([{"type": "RuntimeDefault"}, {"type": "Unconfined"}]),
}
CONTAINER = some(
    securityContext=some(
        **BOTH,
        allowPrivilegeEscalation=st.booleans(),
        privileged=st.booleans(),
        capabilities=some(add=CAPABILITIES, drop=CAPABILITIES),
    )
).map(lambda container: {"name": "a", "image": "a", **container})
PODS = st.builds(
    lambda spec, annotations: {"metadata": {"name": "web", **annotations}, "spec": spec},
    st.tuples(
        st.lists(CONTAINER, min_size=1, max_size=2).map(lambda found: {"containers": found}),
        some(
            initContainers=st.lists(CONTAINER, max_size=1),
            securityContext=some(**BOTH),
            os=st.sampled_from([WINDOWS, {"name": "linux"}]),
            hostUsers=st.booleans(),
        ),
    ).map(lambda parts: parts[0] | parts[1]),
    st.sampled_from([{}, {}, {"annotations": {SECCOMP: "localhost/a"}}, {"annotations": {SECCOMP: "runtime/default"}}]),
)


@settings(max_examples=150)
@given(pod=PODS, version=st.sampled_from(["v1.7", "v1.18", "v1.24", "latest"]))
def test_repair(pod: Json, version: str) -> None:
    engine = engine_at(version)
    written = engine.decide({"apiVersion": "v1", "kind": "Pod", **pod}).object
    assert written is not None
    assert not engine.decide(written).patch
    assert is_kept(pod, written)
    assert set(checks(written, version)) == {check for check in checks(pod, version) if is_beyond(check, pod)}
    spec, before = written["spec"], pod["spec"]
    if spec.get("os") == WINDOWS:
        assert of(spec) == of(before)
        assert (spec.get("securityContext", {}) | ROOT) == (before.get("securityContext", {}) | ROOT)
    for container, old in zip(of(spec), of(before), strict=True):
        context = container.get("securityContext", {})
        if old.get("securityContext", {}).get("allowPrivilegeEscalation") is not False:
            refused = context.get("privileged") or "CAP_SYS_ADMIN" in context.get("capabilities", {}).get("add", ())
            assert not (refused and context.get("allowPrivilegeEscalation") is False)


@settings(max_examples=60)
@given(pod=PODS)
def test_no_more_than_is_needed(pod: Json) -> None:
    """What brings a pod to the level does so with no operation less."""
    pod = {"apiVersion": "v1", "kind": "Pod", **pod}
    patch = engine_at("latest", ranges=()).decide(pod).patch or []
    if checks(apply(pod, patch), "latest"):
        return
    for i in range(len(patch)):
        assert checks(apply(pod, patch[:i] + patch[i + 1 :]), "latest")


def is_beyond(check: str, pod: Json) -> bool:
    """Whether the check fails for something that is said, or that must not be written."""
    spec = pod["spec"]
    contexts = [container.get("securityContext", {}) for container in of(spec)]
    every = [spec.get("securityContext", {}), *contexts]
    if check not in REPAIRED or (spec.get("os") == WINDOWS and check != "runAsNonRoot"):
        return True
    match check:
        case "allowPrivilegeEscalation":
            return any(
                context.get("allowPrivilegeEscalation") is True
                or (
                    "allowPrivilegeEscalation" not in context
                    and (context.get("privileged") or "CAP_SYS_ADMIN" in added(context))
                )
                for context in contexts
            )
        case "capabilities_restricted":
            return any(added(context) or (context.get("privileged") and not drops_all(context)) for context in contexts)
        case "runAsNonRoot":
            meant = any(each.get("runAsUser") == 0 or each.get("runAsNonRoot") is False for each in every)
            return meant or spec.get("hostUsers") is False
        case _:
            named = pod["metadata"].get("annotations") == {SECCOMP: "localhost/a"}
            return any(each.get("seccompProfile", {}).get("type") == "Unconfined" for each in every) or named


def added(context: Json) -> list[str]:
    names: list[str] = context.get("capabilities", {}).get("add", [])
    return names


def drops_all(context: Json) -> bool:
    return "ALL" in context.get("capabilities", {}).get("drop", ())


def of(spec: Json) -> list[Json]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def is_kept(before: Json, after: Json) -> bool:
    """Whether all that was there is there."""
    match before:
        case dict():
            return all(key in after and is_kept(value, after[key]) for key, value in before.items())
        case list():
            return len(after) >= len(before) and all(map(is_kept, before, after))
        case _:
            return bool(before == after)


def checks(pod: Json, version: str) -> list[str]:
    return [failure.check for failure in evaluate("restricted", version, pod).failures]


@cache
def engine_at(version: str, ranges: tuple[tuple[int, int], ...] = ((1000, 2000),)) -> admit.Engine:
    users = [{"min": least, "max": most} for least, most in ranges]
    asked = {"version": version, "runAsNonRoot": True, "userRanges": users}
    spec = {"policyName": "pod-security/repair", "settings": asked}
    head = {"apiVersion": "admit.dev/v1", "kind": "PolicyBinding", "metadata": {"name": "repair"}}
    return admit.load([{**head, "spec": spec}])
