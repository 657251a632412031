"""What the checks of a level, at a version, say of a pod; decided by the bundled rules, in the words of Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from admit.cel.ast import Expr
from admit.cel.env import NEWEST, Declarations, admission
from admit.cel.link import Program, link
from admit.errors import EvaluationError, RequestError, UsageError
from admit.kubernetes.decode import decode
from admit.kubernetes.fitting import Parts, glance
from admit.kubernetes.schemas import Schemas
from admit.kubernetes.types import Type, of_kind
from admit.library import Library
from admit.plan.build import build
from admit.plan.ir import PARAMETERS, Step
from admit.plan.match import Route
from admit.plan.reads import Reads, reads
from admit.plan.run import Runner
from admit.plan.share import TRUE
from admit.plan.sieve import sieve
from admit.podsecurity.levels import LEVEL_EXPECTED, VERSION_EXPECTED, Level, Standard, is_level, is_version
from admit.rules.lower import lower
from admit.rules.model import Binding, Policy, Reference

FOLDER = "pod-security"
KUBERNETES = f"1.{NEWEST}"
ROUTE = Route("", "v1", "pods", "", "CREATE", True)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a check finds, under the id that Kubernetes has for it: `hostPorts`."""

    check: str
    reason: str
    detail: str
    found: tuple[_Check, Mapping[str, Any]] | None = field(default=None, compare=False, repr=False)

    @property
    def pointers(self) -> list[str]:
        """Where in the pod it is found, as JSON pointers: `/spec/containers/0/ports/1/hostPort`."""
        return [] if self.found is None else self.found[0].pointers(self.found[1])

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


def evaluate(level: str, version: str, pod: Mapping[str, Any], *, typed: bool = False) -> Result:
    """What a level says of a pod; its `apiVersion` and `kind` are not looked at, defaults are not filled in.

    `version` is `latest` or `v1.N`; one that is newer than the newest is that. Raises UsageError for another level or
    version, RequestError for a pod with values of wrong types, unless it is `typed`, so that there are none.
    """
    profile = _asked(level, version)
    if profile is None:
        return ALLOWED
    if type(pod) is not dict and not isinstance(pod, Mapping):
        raise RequestError(f"expected a pod but found {type(pod).__name__}")
    if pod.get("spec") is None:
        pod = {**pod, "spec": {}}
    try:
        result = profile.glance(pod)
        if result is not None and (result is not ALLOWED or typed or profile.fits(pod)):
            return result
    except EvaluationError:  # nulls, most likely
        pass
    return profile.result(_decoded(pod))


def checks(level: str, version: str) -> list[str]:
    """The ids of the checks that a level has at a version, in their order. Raises UsageError."""
    profile = _asked(level, version)
    return [check.id for check in profile.checks] if profile is not None else []


ALLOWED = Result()


@cache
def _asked(level: str, version: str) -> Profile | None:
    if not is_level(level):
        raise UsageError(f"there is no level {level!r}: {LEVEL_EXPECTED}")
    if not is_version(version):
        raise UsageError(f"there is no version {version!r}: {VERSION_EXPECTED}")
    return None if level == "privileged" else _profile(level, Standard(level, version).at(NEWEST))


@cache
def _profile(level: Level, version: str) -> Profile:
    return Profile(f"{FOLDER}/{level}", version, Library())


class Profile:
    """A profile of checks, bound at a version."""

    def __init__(self, name: str, version: str, policies: Mapping[str, Policy]) -> None:
        binding = Binding(name, Reference(name), settings={"version": version})
        bound, faults = lower(binding, policies, KUBERNETES)
        assert not faults, faults
        within = admission(KUBERNETES)
        (group,) = build([bound], ROUTE, within).groups
        steps = [step for step in group.steps if any(v.element != TRUE for v in step.lowered.validations)]
        definitions = {name: expr for step in steps for name, expr in step.definitions.items()}
        self.checks = [_Check(step, within) for step in steps]
        self._by_bit = {1 << i: check for i, check in enumerate(self.checks)}
        self.fits = glance(_pod_type(), _parts(reads([step.holds for step in steps], definitions, "object")))
        self._sieve = sieve([step.holds for step in steps], definitions, within)

    def result(self, pod: Mapping[str, Any]) -> Result:
        return self.glance(pod) or Result(tuple([check.failure(pod) for check in self.checks if check.fails(pod)]))

    def glance(self, pod: Mapping[str, Any]) -> Result | None:
        """None where something in the pod is unusual. Raises EvaluationError, for nulls where a value should be."""
        failed = self._sieve(pod, None)
        if failed == 0:
            return ALLOWED
        if failed is None:
            return None
        failures = []
        while failed:
            lowest = failed & -failed
            failures.append(self._by_bit[lowest].failure(pod))
            failed ^= lowest
        return Result(tuple(failures))


class _Check:
    """One policy of a profile.

    INVARIANT: all its validations have one message, `REASON (DETAIL)` or `REASON`, about all that they find.
    """

    def __init__(self, step: Step, within: Declarations) -> None:
        self.id = _id(step.lowered.policy.name)
        self._step = step
        self._within = within

    def fails(self, pod: Mapping[str, Any]) -> bool:
        return any(verdict(pod) is not True for verdict in self._verdicts)

    def failure(self, pod: Mapping[str, Any]) -> Failure:
        reason, _, detail = self._message(pod).partition(" (")
        return Failure(self.id, reason, detail[:-1], (self, pod))

    def pointers(self, pod: Mapping[str, Any]) -> list[str]:
        return self._runner.pointers({**dict.fromkeys(PARAMETERS), "object": pod})

    @cached_property
    def _runner(self) -> Runner:
        return Runner(self._step, self._within, Schemas(NEWEST))

    @cached_property
    def _verdicts(self) -> list[Program]:
        return [self._program(validation.verdict) for validation in self._step.lowered.validations]

    @cached_property
    def _message(self) -> Program:
        return self._program(self._step.lowered.validations[0].messages[0])

    def _program(self, expr: Expr) -> Program:
        return link(expr, ("object",), self._within, definitions=self._step.definitions)


def _id(policy: str) -> str:
    """`pod-security/seccomp-profile-baseline` -> `seccompProfile_baseline`"""
    name, variant = re.fullmatch(r".*/(.+?)(?:-(baseline|restricted))?", policy).groups()  # type: ignore[union-attr]
    name = re.sub("-(.)", lambda letter: letter[1].upper(), name)
    return f"{name}_{variant}" if variant else name


def _parts(read: Reads) -> Parts:
    return {name: _parts(inner.items or inner) for name, inner in read.fields.items()}


def _pod_type() -> Type:
    type_ = of_kind("v1", "Pod")
    assert type_ is not None
    return type_


def _decoded(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod as its type has it."""
    decoded = decode({key: pod[key] for key in ("metadata", "spec") if key in pod}, _pod_type())
    if decoded.misfits:
        raise RequestError(str(decoded.misfits[0]))
    return {"spec": {}, **decoded.value}
