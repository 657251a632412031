"""What a rule about pods sees of each kind that carries one, and when it is judged and written."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel.check import check
from admit.cel.env import admission
from admit.cel.evaluate import evaluate
from admit.cel.parse import parse
from admit.rules.names import substitute
from admit.rules.workloads import (
    NOT_BEING_DELETED,
    POD_CHANGED,
    POD_SPEC_CHANGED,
    WORKLOADS,
    Workload,
)

IDS = [f"{w.kind}{w.subresource and '/' + w.subresource}" for w in WORKLOADS]


def carrying(workload: Workload, pod: Any) -> dict[str, Any]:
    """An object of the kind with that Pod or pod template."""
    for field in reversed(workload.holder):
        pod = {field: pod}
    return {"kind": workload.kind, **pod}


def value(text: str, workload: Workload, pod: Any) -> Any:
    node = check(substitute(parse(text), workload.roots), admission("1.36"))
    return evaluate(node, {"object": carrying(workload, pod)})


CONTAINERS = [
    ({}, []),
    ({"containers": None, "initContainers": None, "ephemeralContainers": None}, []),
    ({"containers": [{"name": "b"}]}, ["b"]),
    (
        {"ephemeralContainers": [{"name": "c"}], "containers": [{"name": "b"}], "initContainers": [{"name": "a"}]},
        ["a", "b", "c"],
    ),
]


@pytest.mark.parametrize("spec, names", CONTAINERS)
@pytest.mark.parametrize("workload", WORKLOADS, ids=IDS)
def test_containers(workload: Workload, spec: dict[str, Any], names: list[str]) -> None:
    assert value("containers.map(c, c.name)", workload, {"spec": spec}) == names


@pytest.mark.parametrize("pod, labels", [({}, None), ({"metadata": None}, None), ({"metadata": {"labels": {}}}, {})])
@pytest.mark.parametrize("workload", WORKLOADS, ids=IDS)
def test_metadata(workload: Workload, pod: dict[str, Any], labels: Any) -> None:
    assert value("podMetadata.?labels.orValue(null)", workload, pod) == labels


@pytest.mark.parametrize("pod, applies", [({"spec": {}}, True), ({"spec": None}, False), ({}, False), (None, False)])
@pytest.mark.parametrize("workload", WORKLOADS, ids=IDS)
def test_applies(workload: Workload, pod: Any, applies: bool) -> None:
    if workload.kind == "Pod" and pod is None:
        pod = {}
    node = check(workload.applies, admission("1.36"))
    assert evaluate(node, {"object": carrying(workload, pod)}) is applies


def meta(**fields: Any) -> dict[str, Any]:
    return {"metadata": fields, "spec": {"a": 1}}


CONDITIONS = [
    (NOT_BEING_DELETED, "CREATE", meta(deletionTimestamp="x"), None, True),
    (NOT_BEING_DELETED, "UPDATE", meta(deletionTimestamp="x"), meta(), False),
    (NOT_BEING_DELETED, "UPDATE", meta(deletionTimestamp=None), meta(), True),
    (NOT_BEING_DELETED, "UPDATE", {}, {}, True),
    (NOT_BEING_DELETED, "DELETE", None, meta(), True),
    (POD_SPEC_CHANGED, "CREATE", meta(), None, True),
    (POD_SPEC_CHANGED, "UPDATE", meta(), meta(), False),
    (POD_SPEC_CHANGED, "UPDATE", meta(labels={"a": "b"}), meta(), False),
    (POD_SPEC_CHANGED, "UPDATE", meta(), {"spec": {"a": 2}}, True),
    (POD_SPEC_CHANGED, "UPDATE", meta(), None, True),
    (POD_CHANGED, "UPDATE", meta(labels={"a": "b"}), meta(), True),
    (POD_CHANGED, "UPDATE", meta(annotations={"a": "b"}), meta(annotations={"a": "c"}), True),
    (POD_CHANGED, "UPDATE", meta(finalizers=["a"]), meta(), False),
]


@pytest.mark.parametrize("condition, operation, new, old, holds", CONDITIONS)
def test_conditions(condition: Any, operation: str, new: Any, old: Any, holds: bool) -> None:
    values = {"request": {"operation": operation}, "object": new, "oldObject": old}
    assert evaluate(check(condition, admission("1.36")), values) is holds
