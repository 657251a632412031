"""What is counted, in the text format of Prometheus."""

from __future__ import annotations

import pytest

import admit
from admit.admission import Request, from_manifest
from admit.podsecurity.controller import Controller
from admit.podsecurity.levels import Standard
from admit.podsecurity.metrics import Counters

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def samples(counters: Counters) -> dict[str, int]:
    lines = counters.exposition().splitlines()
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def request(subresource: str = "") -> Request:
    return from_manifest(POD, subresource=subresource)


def test_series_that_are_there_from_the_start() -> None:
    assert Counters(37).exposition().splitlines() == [
        "# HELP pod_security_errors_total Number of errors preventing normal evaluation. "
        "Non-fatal errors are bad labels.",
        "# TYPE pod_security_errors_total counter",
        "# HELP pod_security_evaluations_total Number of policy evaluations, not counting ignored or exempt requests.",
        "# TYPE pod_security_evaluations_total counter",
        *(
            'pod_security_evaluations_total{decision="allow",mode="enforce",policy_level="privileged",'
            f'policy_version="latest",request_operation="{operation}",resource="pod",subresource=""}} 0'
            for operation in ("create", "update")
        ),
        "# HELP pod_security_exemptions_total Number of exempt requests, "
        "not counting ignored or out of scope requests.",
        "# TYPE pod_security_exemptions_total counter",
        *(
            f'pod_security_exemptions_total{{request_operation="{operation}",resource="{resource}",subresource=""}} 0'
            for operation in ("create", "update")
            for resource in ("controller", "pod")
        ),
    ]


def test_versions_as_labels() -> None:
    """One newer than the cluster is `future`; of a privileged level it does not matter."""
    counters = Counters(34)
    shown = {"v1.34": "v1.34", "v1.35": "future", "latest": "latest"}
    for version, label in shown.items():
        counters.evaluated("deny", Standard("restricted", version), "warn", request(subresource="resize"))
        labels = f'policy_level="restricted",policy_version="{label}",request_operation="create",resource="pod"'
        series = f'pod_security_evaluations_total{{decision="deny",mode="warn",{labels},subresource="resize"}}'
        assert samples(counters)[series] == 1
        counters.evaluated("allow", Standard("privileged", version), "enforce", request())
    assert 3 in samples(counters).values()


def test_errors_and_exemptions() -> None:
    counters = Counters(37)
    counters.failed(True, request())
    counters.failed(False, request())
    counters.failed(False, request())
    deployment = {**POD, "apiVersion": "apps/v1", "kind": "Deployment"}
    counters.exempted(from_manifest(deployment, deployment, "UPDATE"))
    found = samples(counters)
    common = 'request_operation="create",resource="pod",subresource=""'
    assert found[f'pod_security_errors_total{{fatal="true",{common}}}'] == 1
    assert found[f'pod_security_errors_total{{fatal="false",{common}}}'] == 2
    assert found['pod_security_exemptions_total{request_operation="update",resource="controller",subresource=""}'] == 1


def test_what_an_engine_decides_is_counted() -> None:
    kind = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
    engine = admit.load([{**kind, "defaults": {"enforce": "baseline"}}])
    engine.decide({**POD, "spec": {"hostPID": True}})
    match engine.controller:
        case Controller(recorder=Counters() as counters):
            counted = {series for series, number in samples(counters).items() if number}
            assert len(counted) == 1
            assert 'policy_level="baseline",policy_version="latest"' in counted.pop()
        case _:
            pytest.fail("no controller that counts")
