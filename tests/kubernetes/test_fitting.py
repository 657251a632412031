"""What does not fit its type is found as decoding finds it, whatever stands in whatever place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from admit.kubernetes.decode import decode
from admit.kubernetes.fitting import kind_misfit, misfit
from admit.kubernetes.types import of_kind

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "a",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"a": "b"},
        "generation": 1,
        "managedFields": [{"fieldsV1": {"f:metadata": {}}}],
    },
    "spec": {
        "containers": [
            {
                "name": "a",
                "resources": {"limits": {"memory": "1Gi", "cpu": 2}},
                "livenessProbe": {"httpGet": {"port": "http"}},
                "ports": [{"containerPort": 80}],
                "securityContext": {"runAsUser": 1, "privileged": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "terminationGracePeriodSeconds": 30,
        "volumes": [{"name": "v", "projected": {"sources": [{"downwardAPI": {"items": []}}]}}],
    },
}
ODD = (
    None,
    True,
    5,
    5.0,
    5.5,
    2**40,
    -(2**31) - 1,
    "",
    "x",
    "1.5Gi",
    "1e3",
    "1 Gi",
    [],
    ["x"],
    [None],
    {},
    {"a": None},
    {"a": 5},
)
TYPE = of_kind("v1", "Pod")


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


@pytest.mark.parametrize("path", [path for path in places(POD) if path], ids=lambda path: ".".join(map(str, path)))
def test_odd_value(path: tuple[str | int, ...]) -> None:
    assert TYPE is not None
    found = set()
    for odd in ODD:
        pod = deepcopy(POD)
        at: Any = pod
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = odd
        problem = misfit(pod, TYPE)
        assert problem == next(iter(decode(pod, TYPE).misfits), None), odd
        found.add(problem is None)
    assert True in found
    assert False in found or path[-1] in ("f:metadata", "fieldsV1")


@pytest.mark.parametrize(
    "object, where", [({"apiVersion": "v1", "kind": 5}, "field .kind"), ({"apiVersion": []}, "field .apiVersion")]
)
def test_what_names_no_kind(object: dict[str, Any], where: str) -> None:
    problem = kind_misfit(object)
    assert problem is not None
    assert where in problem.text


@pytest.mark.parametrize("object", [{}, {"kind": None}, {"apiVersion": "v1", "kind": "Pod", "spec": 5}])
def test_what_may_name_one(object: dict[str, Any]) -> None:
    assert kind_misfit(object) is None
