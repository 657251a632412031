"""What the bindings come to in one decision: denials, warnings, audit annotations; and the Decision made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from admit.admission import Decision, Finding, Findings, Request
from admit.rules.model import Binding

CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
"""The code of a reason; of all others it is 422. Source: apiserver, plugin/policy/validating, reasonToCode."""

AUDIT_KEY = "validation.policy.admission.k8s.io/validation_failure"
AUDITS_JOINED_SINCE = 37
"""Before this minor, the first failure alone is noted."""

MOST_AUDITS = 50
LONGEST_ANNOTATION = 10 * 1024  # bytes


@dataclass(slots=True)
class Denial:
    text: str
    reason: str
    code: int
    details: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Tally:
    """The first denial speaks for all."""

    findings: Findings = field(default_factory=Findings)
    denial: Denial | None = None
    warnings: list[str] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    annotations: dict[str, list[str]] = field(default_factory=dict)

    def deny(self, text: str, reason: str, findings: Iterable[Finding], code: int | None = None) -> None:
        self.findings += findings
        self._deny(text, reason, CODES.get(reason, 422) if code is None else code)

    def audit(self, text: str, binding: Binding, index: int | None = None) -> None:
        """`index`: of the validation, in a policy of the API server."""
        at = {} if index is None else {"expressionIndex": index}
        said = {"message": text, "policy": binding.policy.name, "binding": binding.name}
        self.audits.append({**said, **at, "validationActions": list(binding.validation_actions)})

    def annotate(self, key: str, text: str) -> None:
        cut = text.encode(errors="replace")[:LONGEST_ANNOTATION].decode(errors="ignore")
        self.annotations.setdefault(key, []).append(cut)

    def take(self, decision: Decision) -> None:
        """What a controller has decided."""
        self.findings += decision.findings
        self.warnings += decision.warnings
        for key, text in decision.audit_annotations.items():
            self.annotations.setdefault(key, []).append(text)
        if not decision.allowed:
            self._deny(decision.message, decision.reason, decision.code, decision.details)

    def decision(self, request: Request, object: Any, minor: int) -> Decision:
        """`minor` is that of the cluster."""
        annotations = {key: ", ".join(dict.fromkeys(texts)) for key, texts in self.annotations.items()}
        if self.audits:
            most = MOST_AUDITS if minor >= AUDITS_JOINED_SINCE else 1
            annotations[AUDIT_KEY] = orjson.dumps(self.audits[:most]).decode()
        denial = self.denial or Denial("", "", 200)
        return Decision(
            request,
            self.denial is None,
            denial.text,
            denial.code,
            denial.reason,
            tuple(dict.fromkeys(self.warnings)),
            annotations,
            object,
            self.findings,
            denial.details,
        )

    def _deny(self, text: str, reason: str, code: int, details: Mapping[str, Any] | None = None) -> None:
        if self.denial is None:
            self.denial = Denial(text, reason, code, details)


def strongest(binding: Binding) -> Literal["Deny", "Warn", "Audit"]:
    """The strongest of a binding's actions."""
    actions = binding.validation_actions
    return "Deny" if "Deny" in actions else "Warn" if "Warn" in actions else "Audit"
