"""What the functions for whole routes and steps decide is what comes out where everything is gone through."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import admit
from admit import Verdict
from admit.admission import Request, from_manifest
from admit.engine import Engine
from admit.plan.match import Route

from .cases import HEAD, in_full, outcome

ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
ERRS = {"matchConditions": [{"name": "m", "expression": "object.spec.a > 0"}]}
ASKED = "authorizer.requestResource.subresource(pod.?a.orValue(''))"
SPECS: list[dict[str, Any]] = [
    {
        "validations": [
            {"expression": "!pod.?a.orValue(false)"},
            {"value": "pod.?b", "inRanges": [{"min": 0, "max": 1}]},
        ]
    },
    {
        "validations": [
            {"forEach": {"c": "containers"}, "value": "c.?image", "matches": "'^a'", "message": "{{ c.name }}"}
        ]
    },
    {"validations": [{"forEach": {"c": "containers", "p": "c.ports"}, "expression": "p.x < 2", "when": "has(p.x)"}]},
    {"validations": [{"forEach": {"a": "pod.a", "b": "pod.b"}, "expression": "a == b", "message": "{{ a }}{{ b }}"}]},
    {"validations": [{"forEach": {"d": "pod.a"}, "expression": "pod.b.all(a, a == d)"}]},
    {"validations": [{"forEach": {"b": "pod.a"}, "expression": "pod.b.all(a, a == b && pod.a.all(b, b != a))"}]},
    {"validations": [{"expression": "podMetadata.?labels.?a.orValue('b') in ['b', 'c']"}], "failurePolicy": "Ignore"},
    {"validations": [{"expression": "true"}], **ERRS},
    {"validations": [{"expression": "true"}], "matchConditions": [{"name": "m", "expression": "object.spec.a == 'a'"}]},
    {"mutations": [{"set": "pod.a", "to": 1}], **ERRS},
    {"mutations": [{"set": "pod.a", "to": 1, "when": "pod.b"}]},
    {"mutations": [{"set": ["pod.a.b", "podMetadata.labels.a"], "to": "pod.?b"}], "failurePolicy": "Ignore"},
    {"mutations": [{"forEach": {"c": "containers"}, "set": "c.image", "to": "'a'"}]},
    {"mutations": [{"forEach": {"c": "pod.a"}, "set": "c.x", "to": "c", "when": "has(c.y)"}]},
    {"mutations": [{"add": ["a", 1], "to": "pod.a"}, {"remove": ["b", 1], "from": "pod.a"}]},
    {"mutations": [{"add": "pod.a", "to": "pod.b"}]},
    {"mutations": [{"remove": "pod.a", "from": "pod.b.a"}]},
    {"mutations": [{"remove": [1], "from": "pod.a[pod.b]"}, {"set": "pod.a[0].x", "to": False}]},
    {"mutations": [{"add": "variables.w", "to": "podMetadata.finalizers"}]},
    {"mutations": [{"set": "pod.a", "to": "pod.b", "when": "settings.on"}]},
    {"validations": [{"expression": "settings.on ? variables.v == 1 : true"}]},
    {"validations": [{"expression": f"pod.?a.orValue('a') == 1 || {ASKED}.check(pod.b).allowed()"}]},
    {"mutations": [{"set": "pod.a", "to": f"{ASKED}.check('get').reason()", "when": "pod.b"}]},
    {"validations": [{"expression": "['x'].all(request, request == 'x') && has(request.operation)"}]},
]
VARIABLES = [
    {"name": "v", "expression": "pod.?a.orValue(1)"},
    {"name": "w", "expression": "['a', 'b'].filter(x, !(x in pod.?a.orValue([])))"},
]
BINDINGS: list[dict[str, Any]] = [
    {"settings": {"on": True}},
    {"settings": {"on": False}, "exceptions": [{"name": "e", "reason": "r", "when": "pod.b == 1", "mutations": True}]},
    {"settings": {"on": True}, "validationActions": ["Warn"]},
]


@cache
def engine(picked: tuple[tuple[int, int, bool], ...]) -> Engine:
    """Of those SPECS, each with one of the BINDINGS; `selective`: of objects with a label alone."""
    documents: list[dict[str, Any]] = []
    for i, (spec, binding, selective) in enumerate(picked):
        policy = {"subject": "PodSpec", "settings": ANY, "variables": VARIABLES, **SPECS[spec]}
        bound = {"policyName": f"p{i}", **BINDINGS[binding]}
        if selective:
            bound |= {"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}}
        documents.append({**HEAD, "kind": "Policy", "metadata": {"name": f"p{i}"}, "spec": policy})
        documents.append({**HEAD, "kind": "PolicyBinding", "metadata": {"name": f"b{i}"}, "spec": bound})
    return admit.load(documents, authorizer=lambda asked: Verdict(asked.verb == "a", asked.subresource))


ATOMS: st.SearchStrategy[Any] = st.sampled_from([None, True, False, 0, 1, 1.0, 2, "a", "b", "1", "", [], {}])
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x", "y"]), inner, max_size=3)
    ),
    max_leaves=5,
)
CONTAINERS = st.lists(
    st.fixed_dictionaries({}, optional={"name": VALUES, "image": VALUES, "ports": VALUES}) | VALUES, max_size=3
)
PODS = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES,
        "b": VALUES,
        "containers": CONTAINERS | VALUES,
        "initContainers": CONTAINERS | VALUES,
        "ephemeralContainers": CONTAINERS,
    },
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(st.just("a"), st.sampled_from(["b", "c"]) | VALUES) | VALUES,
        "finalizers": st.lists(st.sampled_from(["a", "b"]), max_size=2) | VALUES,
        "annotations": VALUES,
        "deletionTimestamp": st.sampled_from([None, "2026-01-01T00:00:00Z"]),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    kind = draw(st.sampled_from(["Pod", "Deployment"]))

    def manifest() -> dict[str, Any]:
        metadata, spec = draw(METADATA), draw(PODS | VALUES)
        if kind == "Deployment":
            template = draw(st.just({"spec": spec, "metadata": draw(METADATA | VALUES)}) | VALUES)
            return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": template}}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}

    if draw(st.booleans()):
        return from_manifest(manifest())
    return from_manifest(manifest(), manifest(), "UPDATE")


PICKS = st.lists(
    st.tuples(st.integers(0, len(SPECS) - 1), st.integers(0, len(BINDINGS) - 1), st.booleans()),
    min_size=1,
    max_size=3,
).map(tuple)


def same(rules: Engine, request: Request, route: str) -> None:
    got = outcome(rules, request, route)
    with in_full(rules, request, None):
        assert outcome(rules, request, route) == got
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request.raw, "uid": "u"}}
    if rules.glance(orjson.dumps(review), route=route) is not None:
        decision = rules.answer(request, route=route)
        assert decision.response["response"] == {"uid": decision.request.uid, "allowed": True}
        assert not decision.findings


ROUTES = st.sampled_from(["mutate", "validate"])
EACH = tuple((i, 0, False) for i in range(len(SPECS)))


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(SPECS) - 1), st.integers(0, len(BINDINGS) - 1), st.booleans(), requests(), ROUTES)
def test_one_policy(spec: int, binding: int, selective: bool, request: Request, route: str) -> None:
    same(engine(((spec, binding, selective),)), request, route)


MANY = [EACH[:8], EACH[7:14], EACH[13:], EACH, tuple((i, i % 3, i % 4 == 0) for i in range(len(SPECS)))]


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(MANY), requests(), ROUTES)
def test_many_policies(picked: tuple[tuple[int, int, bool], ...], request: Request, route: str) -> None:
    same(engine(picked), request, route)


RANGES = {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 2}]}
BUNDLED: list[tuple[str, dict[str, Any]]] = [
    ("kubewarden/capabilities-psp", {"allowed_capabilities": ["a"], "required_drop_capabilities": ["b"]}),
    ("kubewarden/capabilities-psp", {"allowed_capabilities": ["*"], "default_add_capabilities": ["a", "b"]}),
    ("kubewarden/host-namespaces-psp", {"allow_host_ports": [{"min": 1, "max": 2}]}),
    ("kubewarden/user-group-psp", {"run_as_user": RANGES, "run_as_group": {**RANGES, "rule": "MayRunAs"}}),
    ("kubewarden/user-group-psp", {"run_as_user": {**RANGES, "overwrite": True}}),
    ("kubewarden/user-group-psp", {"run_as_user": {"rule": "MustRunAsNonRoot"}, "validate_only": True}),
    ("pod-security/run-as-user", {}),
    ("kubewarden/user-group-psp", {"supplemental_groups": RANGES}),  # an optional in a variable has no fast form
]


@cache
def bundled(at: int | None) -> Engine:
    """Of one of BUNDLED, or of all."""
    documents = []
    for i, (name, values) in enumerate(BUNDLED):
        if at in (None, i):
            spec = {"policyName": name, "settings": values}
            documents.append({**HEAD, "kind": "PolicyBinding", "metadata": {"name": f"b{i}"}, "spec": spec})
    return admit.load(documents)


NAMES = st.lists(st.sampled_from(["a", "b", "CAP_A", "ALL"]), max_size=2)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("runAsUser", "runAsGroup"), st.sampled_from([0, 1, 2, 3, None, "1", 1.0])),
        "runAsNonRoot": st.sampled_from([True, False, None, "true"]),
        "supplementalGroups": st.lists(st.integers(0, 3), max_size=2) | VALUES,
        "capabilities": VALUES
        | st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(("add", "drop"), st.lists(st.sampled_from(["a", "b", "CAP_A", "ALL"]), max_size=2)),
        ),
    },
)
PORTS = st.lists(st.fixed_dictionaries({}, optional={"hostPort": st.sampled_from([0, 1, 3, None, "1"])}), max_size=2)
SECURED = st.lists(
    st.fixed_dictionaries({}, optional={"securityContext": CONTEXTS | VALUES, "ports": PORTS | VALUES}), max_size=2
)
FLAGS = st.sampled_from([True, False, None, "true"])
SECURED_PODS = st.fixed_dictionaries(
    {},
    optional={
        "securityContext": CONTEXTS | VALUES,
        **dict.fromkeys(("containers", "initContainers", "ephemeralContainers"), SECURED),
        **dict.fromkeys(("hostPID", "hostIPC", "hostNetwork"), FLAGS),
    },
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([*range(len(BUNDLED)), None]), SECURED_PODS, SECURED_PODS | st.none(), ROUTES)
def test_bundled_policies(at: int | None, spec: dict[str, Any], old: dict[str, Any] | None, route: str) -> None:
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
    request = from_manifest({**head, "spec": spec})
    if old is not None:
        request = from_manifest({**head, "spec": spec}, {**head, "spec": old}, "UPDATE")
    same(bundled(at), request, route)


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize("at", range(len(BUNDLED) - 1))
def test_bundled_policies_have_a_fast_way(at: int, operation: str) -> None:
    _, judge = bundled(at).plan(Route("", "v1", "pods", "", operation, True))
    assert not judge.rest
