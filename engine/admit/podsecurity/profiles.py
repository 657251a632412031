"""What the checks of a level, at a version, say of a pod; decided by the bundled rules, in the words of Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from admit.cel.env import NEWEST, admission
from admit.errors import EvaluationError, RequestError, UsageError
from admit.kubernetes.decode import decode
from admit.kubernetes.types import of_kind
from admit.library import Library
from admit.plan.build import build
from admit.plan.ir import PARAMETERS, Step
from admit.plan.link import Expression, Judge, judges
from admit.plan.match import Route
from admit.podsecurity.levels import LEVEL_EXPECTED, VERSION_EXPECTED, Level, Standard, is_level, is_version
from admit.rules.lower import lower
from admit.rules.model import Binding, Reference

FOLDER = "pod-security"
KUBERNETES = f"1.{NEWEST}"
ROUTE = Route("", "v1", "pods", "", "CREATE", True)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a check finds, under the id that Kubernetes has for it: `hostPorts`."""

    check: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


@dataclass(frozen=True, slots=True)
class Result:
    """What all checks find, in the order of Kubernetes."""

    failures: tuple[Failure, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.failures

    @property
    def message(self) -> str:
        return ", ".join(map(str, self.failures))

    @property
    def reasons(self) -> str:
        """The message without the details."""
        return ", ".join(failure.reason for failure in self.failures)


def evaluate(level: str, version: str, pod: Mapping[str, Any]) -> Result:
    """What a level says of a pod; its `apiVersion` and `kind` are not looked at, defaults are not filled in.

    `version` is `latest` or `v1.N`; one that is newer than the newest is that. Raises UsageError for another level or
    version, RequestError for a pod with values of wrong types.
    """
    profile = _asked(level, version)
    if profile is None:
        return ALLOWED
    if pod.get("spec") is None:
        pod = {**pod, "spec": {}}
    try:
        return profile.result(pod)
    except EvaluationError:  # nulls, most likely
        return profile.result(_decoded(pod))


ALLOWED = Result()


@cache
def _asked(level: str, version: str) -> _Profile | None:
    if not is_level(level):
        raise UsageError(f"there is no level {level!r}: {LEVEL_EXPECTED}")
    if not is_version(version):
        raise UsageError(f"there is no version {version!r}: {VERSION_EXPECTED}")
    return None if level == "privileged" else _profile(level, Standard(level, version).at(NEWEST))


@cache
def _profile(level: Level, version: str) -> _Profile:
    return _Profile(level, version)


class _Profile:
    """A bundled profile bound at a version."""

    def __init__(self, level: Level, version: str) -> None:
        binding = Binding(level, Reference(f"{FOLDER}/{level}"), settings={"version": version})
        bound, faults = lower(binding, Library(), KUBERNETES)
        assert not faults, faults
        self._within = admission(KUBERNETES)
        self._plan = build([bound], ROUTE, self._within)
        self._holds, _ = judges(self._plan, self._within)

    def result(self, pod: Mapping[str, Any]) -> Result:
        """Raises EvaluationError, among others for nulls where a value should be."""
        return ALLOWED if self._holds.fused(pod, None) else Result(tuple(self._failures(pod)))

    def _failures(self, pod: Mapping[str, Any]) -> Iterator[Failure]:
        for check in self._checks:
            if not check.holds.fused(pod, None) and (failure := check.failure(pod)) is not None:
                yield failure

    @cached_property
    def _checks(self) -> list[_Check]:
        return [_Check(step, self._within) for group in self._plan.groups for step in group.steps]


class _Check:
    """One policy of a profile; its messages are `REASON (DETAIL)`, or `REASON`."""

    def __init__(self, step: Step, within: Any) -> None:
        self._id = _id(step.lowered.policy.name)
        self.holds = Judge((step.holds,), step.definitions, within, "holds")
        self._validations = [
            tuple(Expression(expr, within, step.definitions) for expr in (validation.verdict, validation.messages[0]))
            for validation in step.lowered.validations
        ]

    def failure(self, pod: Mapping[str, Any]) -> Failure | None:
        """What the check finds after all; raises EvaluationError."""
        scope = {**_NOTHING, "object": pod}
        for verdict, message in self._validations:
            if not verdict(scope):
                reason, _, detail = message(scope).partition(" (")
                return Failure(self._id, reason, detail[:-1])
        return None


_NOTHING = dict.fromkeys(PARAMETERS)


def _id(policy: str) -> str:
    """`pod-security/seccomp-profile-baseline` -> `seccompProfile_baseline`"""
    name, variant = re.fullmatch(r".*/(.+?)(?:-(baseline|restricted))?", policy).groups()  # type: ignore[union-attr]
    name = re.sub("-(.)", lambda letter: letter[1].upper(), name)
    return f"{name}_{variant}" if variant else name


def _decoded(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod as its type has it."""
    type_ = of_kind("v1", "Pod")
    assert type_ is not None
    decoded = decode({key: pod[key] for key in ("metadata", "spec") if key in pod}, type_)
    if decoded.misfits:
        raise RequestError(str(decoded.misfits[0]))
    return {"spec": {}, **decoded.value}
