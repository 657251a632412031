"""The parts of a policy or binding that are written as they were read: matching, parameters, names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from admit.rules import model
from admit.rules.upstream import GROUP

DOMAIN = "admit.dev"


def plain(value: Any) -> Any:
    """A part of the model as it was written, without what is left at its default."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if not is_dataclass(value):
        return value
    written = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        if field.compare and inner != field.default and inner not in ({}, ()):
            written[re.sub("_([a-z])", lambda letter: letter[1].upper(), field.name)] = plain(inner)
    return written


def document(
    kind: str, name: str, spec: Mapping[str, Any], annotations: Mapping[str, str], version: str = "v1"
) -> dict[str, Any]:
    """A document of the API server's; annotations without a text are left out."""
    metadata: dict[str, Any] = {"name": name}
    told = {f"{DOMAIN}/{key}": text for key, text in annotations.items() if text}
    if told:
        metadata["annotations"] = told
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": dict(spec)}


def binding(
    of: model.Binding, name: str, policy: str, kind: str, annotations: Mapping[str, str], version: str = "v1"
) -> dict[str, Any]:
    """The binding of a policy of that name; one of a MutatingAdmissionPolicy has no actions."""
    spec: dict[str, Any] = {"policyName": policy}
    if of.param_ref is not None:
        action = of.param_ref.parameter_not_found_action
        spec["paramRef"] = {**plain(of.param_ref), "parameterNotFoundAction": action}
    if of.match_resources is not None:
        spec["matchResources"] = plain(of.match_resources)
    if kind == "ValidatingAdmissionPolicyBinding":
        spec["validationActions"] = list(of.validation_actions)
    return document(kind, name, spec, annotations, version)


def object_name(name: str) -> str:
    """The name of an object for a policy: a policy of the library has a path."""
    return name.replace("/", ".")


def name_under(binding: str, policy: str, alone: bool) -> str:
    """The name of an object for a policy under a binding; `alone`: it is the same under all that bind it."""
    name = object_name(policy)
    return name if alone or binding in (name, policy) else f"{name}-{binding}"


def about(policy: model.Policy) -> dict[str, str]:
    """What the annotations of a policy's document say of it."""
    source = re.search(r"^Source: (.*\S)", policy.description, re.MULTILINE | re.DOTALL)
    return {
        "title": policy.title,
        "severity": policy.severity,
        "source": " ".join(source[1].split()) if source else "",
    }


def distinct_name(name: str, taken: Iterable[str]) -> str:
    """The name, or with a number after it that makes it one of its own."""
    taken, number, found = set(taken), 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found
