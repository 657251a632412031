"""A small engine that decides by the name of the object, and the review to ask it with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from admit.admission import Decision, Finding, Request, from_raw


@dataclass(frozen=True)
class NamedPolicy:
    name: str
    kind: str = "Policy"
    title: str = "Names"
    severity: str = "low"


@dataclass
class NamesEngine:
    """Denies `bad`, labels `bare`, breaks on `broken`, and remembers what it was asked."""

    bindings: tuple[str, ...] = ("names", "kubewarden/names")
    policies: tuple[NamedPolicy, ...] = (NamedPolicy("names"),)
    hosted: frozenset[str] = frozenset({"kubewarden/names"})
    asked: list[tuple[str, str | None, float]] = field(default_factory=list)

    def glance(self, review: bytes, *, route: str, binding: str | None) -> str | None:
        return None

    def answer(self, request: Request, *, route: str, binding: str | None, deadline: float | None) -> Decision:
        assert deadline is not None and request.object is not None
        self.asked.append((route, binding, deadline))
        match request.name:
            case "bad":
                finding = Finding("names", "names", "bad", "bad name", "/metadata/name")
                return Decision(request, False, "bad name", 422, "Invalid", object=request.object, findings=(finding,))
            case "bare":
                metadata = request.object["metadata"] | {"labels": {"app": "bare"}}
                return Decision(request, object=request.object | {"metadata": metadata}, warnings=("bare",))
            case "broken":
                raise ZeroDivisionError("secret")
        return Decision(request, object=request.object)

    def raw(self, review: bytes, binding: str, deadline: float | None) -> Decision:
        request = from_raw(review)
        if request.uid == "broken":
            raise ZeroDivisionError("secret")
        self.asked.append(("raw", binding, 0))
        return Decision(request, False, "not raw enough", 0, object=request.object)


def review(name: str = "web", **fields: Any) -> dict[str, Any]:
    request = {
        "uid": "705ab4f5",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": name,
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "jane"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}},
        "oldObject": None,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | fields}
