"""What does not fit the type of its field, in the words of an API server."""

from __future__ import annotations

from typing import Any

import pytest

from admit.kubernetes.decode import decode, dotted
from admit.kubernetes.types import of_kind

# where in a pod, what is there, and what is said of it
MISFITS: list[tuple[str, Any, str]] = [
    ("spec", [], "cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"),
    ("spec.nodeName", 3, "cannot unmarshal number into Go struct field PodSpec.spec.nodeName of type string"),
    ("spec.hostPID", "true", "cannot unmarshal string into Go struct field PodSpec.spec.hostPID of type bool"),
    ("spec.priority", 2**31, "number 2147483648 into Go struct field PodSpec.spec.priority of type int32"),
    ("spec.priority", 1.5, "cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32"),
    ("spec.priority", True, "cannot unmarshal bool into Go struct field PodSpec.spec.priority of type int32"),
    ("spec.containers", {}, "object into Go struct field PodSpec.spec.containers of type []v1.Container"),
    ("spec.nodeSelector", {"a": 1}, "number into Go struct field PodSpec.spec.nodeSelector of type string"),
    ("metadata.creationTimestamp", 1, "Go struct field ObjectMeta.metadata.creationTimestamp of type string"),
    ("spec.overhead", {"cpu": "1Mo"}, "quantities must match the regular expression"),
    ("spec.overhead", {"cpu": "1Mm"}, "unable to parse quantity's suffix"),
    ("spec.overhead", {"cpu": True}, "quantities must match the regular expression"),
    ("spec.volumes", [{"name": "v", "configMap": {"items": [3]}}], "Go struct field ConfigMapVolumeSource."
     "spec.volumes.VolumeSource.configMap.items of type v1.KeyToPath"),
]  # fmt: skip


@pytest.mark.parametrize("place, value, says", MISFITS)
def test_misfits(place: str, value: Any, says: str) -> None:
    first, _, second = place.partition(".")
    decoded = decode({first: {second: value} if second else value, "unknown": 1}, pod())
    [problem] = decoded.problems
    assert says in problem.text
    assert dotted(problem.path).startswith(place)


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 3.0])
def test_numbers_that_fit(value: Any) -> None:
    assert decode({"spec": {"priority": value}}, pod()).value == {"spec": {"priority": int(value)}}


def test_all_that_is_unknown_is_said() -> None:
    given = {"spec": {"containers": [{"nam": "a"}], "colour": "red"}, "size": 3}
    decoded = decode(given, pod())
    assert [str(problem) for problem in decoded.problems] == [
        'unknown field "spec.containers[0].nam"',
        'unknown field "spec.colour"',
        'unknown field "size"',
    ]
    assert decoded.value == {"spec": {"containers": [{}]}}


def pod() -> Any:
    return of_kind("v1", "Pod")
