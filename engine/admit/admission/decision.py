"""What is answered: findings, the Decision they lead to, and the AdmissionReview that says it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import Any, Literal, Self, TypeAlias, overload

import orjson

from admit.admission.patch import Operation, diff, tokens
from admit.admission.request import Request

Action: TypeAlias = Literal["Deny", "Warn", "Audit"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One failing combination of one rule; `pointer` is None where no place can be told."""

    policy: str
    binding: str
    rule: str
    message: str
    pointer: str | None = None
    action: Action = "Deny"
    severity: str = ""

    @property
    def field(self) -> str:
        """The place as Kubernetes writes it: `spec.containers[0].ports[1]`; empty where there is none."""
        parts = [f".{token}" if _PLAIN.fullmatch(token) else f"[{token}]" for token in tokens(self.pointer or "")]
        return "".join(parts).removeprefix(".")


class Findings(Sequence[Finding]):
    """Findings of which some may be made only when the first is looked at: a verdict does not need them."""

    def __init__(self, *parts: Iterable[Finding]) -> None:
        self._parts = [*parts]

    def __iadd__(self, part: Iterable[Finding]) -> Self:
        """Adds some, to what nobody has looked at yet."""
        self._parts.append(part)
        return self

    @cached_property
    def _made(self) -> tuple[Finding, ...]:
        return tuple(chain.from_iterable(self._parts))

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | Sequence[Finding]:
        return self._made[index]

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._made)

    def __eq__(self, other: object) -> bool:
        """As a tuple: whether there was anything to be made is not to be seen."""
        return self._made == (other._made if isinstance(other, Findings) else other)

    def __repr__(self) -> str:
        return repr(self._made)


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, eq=False)
class Decision:
    """The verdict on a request. `object` is the object judged, after mutation; `code` and `reason` are of a denial, 0
    and empty where it has none."""

    request: Request
    allowed: bool = True
    message: str = ""
    code: int = 200
    reason: str = ""
    warnings: tuple[str, ...] = ()
    audit_annotations: Mapping[str, str] = field(default_factory=dict)
    object: dict[str, Any] | None = None
    findings: Sequence[Finding] = ()
    details: Mapping[str, Any] | None = None
    """Those of the status, where they are not the findings that deny."""

    @cached_property
    def patch(self) -> list[Operation] | None:
        """RFC 6902 operations from the object as sent; None where nothing changes, or the request is denied."""
        if not self.allowed or self.object is None or self.object is self.request.object:
            return None
        return diff(self.request.object, self.object) or None

    @property
    def response(self) -> dict[str, Any]:
        """The AdmissionReview to answer with."""
        answer: dict[str, Any] = {"uid": self.request.uid, "allowed": self.allowed}
        if not self.allowed or self.message:
            answer["status"] = self._status
        # `is` first: an allowed request that nothing mutates is the usual case
        if self.object is not self.request.object and self.patch:
            answer["patchType"] = "JSONPatch"
            answer["patch"] = b64encode(orjson.dumps(self.patch)).decode()
        if self.warnings:
            answer["warnings"] = list(self.warnings)
        if self.audit_annotations:
            answer["auditAnnotations"] = {_annotation(key): text for key, text in self.audit_annotations.items()}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}

    @property
    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {"message": self.message}
        if self.code:
            status["code"] = self.code
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            return {**status, "details": self.details} if self.details else status
        causes = [
            {"message": finding.message, "field": finding.field} if finding.pointer else {"message": finding.message}
            for finding in self.findings
            if finding.action == "Deny"
        ]
        if causes and not self.allowed:
            status["details"] = {"causes": causes}
        return status


def write(decision: Decision) -> bytes:
    """The AdmissionReview to answer with, as JSON."""
    return orjson.dumps(decision.response)


def _annotation(key: str) -> str:
    """A key that an API server keeps: without `/`, of at most 63 characters."""
    name = key.replace("/", ".")
    if len(name) <= 63:
        return name
    return f"{name[:54].rstrip('-_.')}-{sha256(name.encode()).hexdigest()[:8]}"
