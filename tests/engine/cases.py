"""The cases of the tables: rules, requests and what is decided; and the decision with everything gone through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

import admit
from admit.admission import Request, from_manifest
from admit.engine import Engine, validating
from admit.errors import EvaluationError
from admit.plan.failure import Rule
from admit.plan.run import Runner
from admit.plan.sieve import Sifting

HEAD = {"apiVersion": "admit.dev/v1"}
POD_SECURITY = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
SCOPE = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE", "DELETE"]}
RULES = ("validations", "mutations", "variables", "matchConditions", "auditAnnotations")
RULES += ("failurePolicy", "settings", "paramKind")
KINDS = {
    "pod": ("v1", "Pod", ()),
    "deployment": ("apps/v1", "Deployment", ("template",)),
    "job": ("batch/v1", "Job", ("template",)),
    "service": ("v1", "Service", ()),
}


UPSTREAM = {"validating": "ValidatingAdmissionPolicy", "mutating": "MutatingAdmissionPolicy"}


def documents(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The rule set: `documents` as they are; a Policy `p` of the fields given; a `binding` of it, `b`.

    The policy is about PodSpec, or `about` a resource. Policies of the API server's are under `validating` and
    `mutating`, by their names; without matchConstraints of their own they are about all that is created, and changed.
    Each is bound by `NAME-b`, with the fields of its `binding`. A mutation is `apply: CEL` or `patch: CEL`. `policies`
    is a policies.yml of Kubewarden's.
    """
    found = [*upstream(case), *case.get("documents", ())]
    if "policies" in case:
        found.append(case["policies"])
    if "podSecurity" in case:
        found.append({**POD_SECURITY, **case["podSecurity"]})
    if "validations" in case or "mutations" in case or "auditAnnotations" in case:
        spec = {key: case[key] for key in (*RULES, "matchConstraints") if key in case}
        if "about" in case:
            spec["matchConstraints"] = {"resourceRules": [{**SCOPE, "resources": [case["about"]]}]}
        else:
            spec.setdefault("subject", "PodSpec")
        found.insert(0, {**HEAD, "kind": "Policy", "metadata": {"name": "p"}, "spec": spec})
    if "binding" in case:
        spec = {"policyName": "p", **case["binding"]}
        found.append({**HEAD, "kind": "PolicyBinding", "metadata": {"name": "b"}, "spec": spec})
    return found


def upstream(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    scope = {**SCOPE, "operations": ["CREATE", "UPDATE"], "resources": ["*"]}
    for word, kind in UPSTREAM.items():
        for name, spec in case.get(word, {}).items():
            actions = {"validationActions": ["Deny"]} if word == "validating" else {}
            again = {"reinvocationPolicy": "Never"} if word == "mutating" else {}
            binding = {"policyName": name, **actions, **spec.get("binding", {})}
            spec = {"matchConstraints": {"resourceRules": [scope]}, **again, **spec}
            spec.pop("binding", None)
            spec |= {"mutations": [*map(mutation, spec["mutations"])]} if "mutations" in spec else {}
            head = {"apiVersion": case.get("apiVersion", "admissionregistration.k8s.io/v1")}
            yield {**head, "kind": kind, "metadata": {"name": name}, "spec": spec}
            yield {**head, "kind": f"{kind}Binding", "metadata": {"name": f"{name}-b"}, "spec": binding}


def mutation(short: dict[str, str]) -> dict[str, Any]:
    if "apply" in short:
        return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": short["apply"]}}
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": short["patch"]}}


def engine_of(case: dict[str, Any]) -> Engine:
    day = datetime.fromisoformat(case.get("now", "2026-01-01T12:00:00+00:00"))
    given = {"namespaces": case.get("namespaces", ()), "kubernetes": case.get("kubernetes", "1.37")}
    return admit.load(documents(case), **given, clock=lambda: day)


def request_of(case: dict[str, Any]) -> Request:
    """Of a kind and its spec (`pod: {containers: []}`), or an `object`; `old` likewise."""
    keys = ("operation", "namespace", "user", "subresource")
    given = {key: case[key] for key in keys if key in case}
    old = manifest(case["old"]) if "old" in case else None
    if old is not None:
        given.setdefault("operation", "UPDATE")
    return from_manifest(manifest(case), old, **given)


def manifest(case: dict[str, Any]) -> dict[str, Any]:
    if "object" in case:
        return dict(case["object"])
    (word,) = set(KINDS) & case.keys()
    api_version, kind, holder = KINDS[word]
    spec = case[word]
    for field in holder:
        spec = {field: {"spec": spec, **({"metadata": case["template"]} if "template" in case else {})}}
    metadata = {"name": "x", "namespace": "default", **case.get("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


@contextmanager
def in_full(engine: Engine, request: Request, binding: str | None) -> Iterator[None]:
    """Nothing is taken as decided by the functions for whole routes, steps and loops."""
    engine.answer(request, binding=binding)
    kept = dict(engine._routes)
    engine._routes.update({key: replace(linked, settled=False, holds=lambda _: False) for key, linked in kept.items()})
    with (
        patch.object(Runner, "is_silent", lambda self, scope: False),
        patch.object(Runner, "is_idle", lambda self, scope: False),
        patch.object(Sifting, "failing", lambda self, scope: None),
        patch.object(Rule, "_picked", side_effect=EvaluationError("each by itself")),
    ):
        yield
    engine._routes.update(kept)


@contextmanager
def to_the_letter() -> Iterator[None]:
    """Policies of the API server's are evaluated as it does it, and never by the functions of the plan."""

    def unsure(*_: Any) -> None:
        raise validating._Unsure

    silent = patch.object(Runner, "is_silent", lambda self, scope: False)
    with silent, patch.object(validating._Sure, "evaluate", unsure):
        yield


def outcome(engine: Engine, request: Request, route: Any, binding: str | None = None) -> dict[str, Any]:
    """All that a decision says."""
    decision = engine.answer(request, route=route, binding=binding)
    return {
        "allowed": decision.allowed,
        "message": decision.message,
        "code": decision.code,
        "reason": decision.reason,
        "warnings": list(decision.warnings),
        "annotations": dict(decision.audit_annotations),
        "patch": decision.patch,
        "findings": [asdict(finding) for finding in decision.findings],
        "causes": decision.response["response"].get("status", {}).get("details", {}).get("causes", []),
    }
