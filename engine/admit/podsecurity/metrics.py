"""What Pod Security counts, under the names that it has in the API server.

Source: k8s.io/pod-security-admission, metrics/metrics.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Literal, Protocol, TypeAlias

from admit.admission import Request
from admit.podsecurity.levels import LATEST, Standard
from admit.podsecurity.policy import Mode

Outcome: TypeAlias = Literal["allow", "deny"]

HELP = {
    "pod_security_errors_total": "Number of errors preventing normal evaluation. Non-fatal errors are bad labels.",
    "pod_security_evaluations_total": "Number of policy evaluations, not counting ignored or exempt requests.",
    "pod_security_exemptions_total": "Number of exempt requests, not counting ignored or out of scope requests.",
}
"""The counters, and what they tell."""


class Recorder(Protocol):
    def evaluated(self, outcome: Outcome, standard: Standard, mode: Mode, request: Request) -> None: ...
    def exempted(self, request: Request) -> None: ...
    def failed(self, fatal: bool, request: Request) -> None: ...


class Counters:
    """Counts by the labels of each metric; `newest` is the minor version of the cluster."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._lock = Lock()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        allowed = {"decision": "allow", "mode": "enforce", "policy_level": "privileged", "policy_version": LATEST}
        for operation in ("create", "update"):
            for resource in ("pod", "controller"):
                common = {"request_operation": operation, "resource": resource, "subresource": ""}
                self._add("pod_security_exemptions_total", common, 0)
                if resource == "pod":
                    self._add("pod_security_evaluations_total", {**common, **allowed}, 0)

    def evaluated(self, outcome: Outcome, standard: Standard, mode: Mode, request: Request) -> None:
        policy = {"policy_level": standard.level, "policy_version": self._version(standard)}
        self._add("pod_security_evaluations_total", {"decision": outcome, "mode": mode, **policy, **_common(request)})

    def exempted(self, request: Request) -> None:
        self._add("pod_security_exemptions_total", _common(request))

    def failed(self, fatal: bool, request: Request) -> None:
        self._add("pod_security_errors_total", {"fatal": str(fatal).lower(), **_common(request)})

    def exposition(self) -> str:
        """All counters in the text format of Prometheus."""
        with self._lock:
            counts = sorted(self._counts.items())
        lines: dict[str, list[str]] = {
            name: [f"# HELP {name} {text}", f"# TYPE {name} counter"] for name, text in HELP.items()
        }
        for (name, labels), number in counts:
            written = ",".join(f'{key}="{value}"' for key, value in labels)
            lines[name].append(f"{name}{{{written}}} {number}")
        return "".join(f"{line}\n" for name in lines for line in lines[name])

    def _version(self, standard: Standard) -> str:
        minor = standard.minor
        if minor is None or standard.level == "privileged":
            return LATEST
        return standard.version if minor <= self._newest else "future"

    def _add(self, name: str, labels: Mapping[str, str], number: int = 1) -> None:
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += number


def _common(request: Request) -> dict[str, str]:
    resource = _RESOURCES.get(request.resource[::2], "controller")
    return {
        "request_operation": request.operation.lower(),
        "resource": resource,
        "subresource": request.request_sub_resource,
    }


_RESOURCES = {("", "pods"): "pod", ("", "namespaces"): "namespace"}
