"""Type checking of a ValidatingAdmissionPolicy by the schemas of the kinds that it matches, as its status has it.

Source: k8s.io/apiserver, plugin/policy/validating/typechecking.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from admit.cel.check import check
from admit.cel.env import AUTHORIZER, Declarations, admission
from admit.cel.link import parse_in
from admit.cel.schema import declared
from admit.cel.types import DYN, Type
from admit.errors import CompileError
from admit.kubernetes.decode import Path, dotted
from admit.kubernetes.schemas import GroupVersionKind, Schemas, kind_of

MOST_KINDS = 10
"""Of a rule that matches more resources, the first are checked, and the rules after it are not looked at."""


@dataclass(frozen=True, slots=True)
class ExpressionWarning:
    """What is wrong with an expression, for each kind with which it is."""

    place: Path
    warning: str

    @property
    def field_ref(self) -> str:
        """`spec.validations[0].expression`"""
        return dotted(self.place)


def warnings(policy: Mapping[str, Any], schemas: Schemas) -> list[ExpressionWarning]:
    """What of the validations of a policy does not go with the types of what it matches.

    Kinds of which no schema is known are passed over; so are errors in variables, which then are of any type.
    """
    checkers = {
        kind: checker for kind in checked_kinds(policy, schemas) if (checker := _checker(policy, kind, schemas))
    }
    found = []
    for place, text in _expressions(policy):
        wrong = [f"{kind}: {problem}\n" for kind, within in checkers.items() if (problem := _problem(text, within))]
        if wrong:
            found.append(ExpressionWarning(place, "\n".join(wrong)))
    return found


def checked_kinds(policy: Mapping[str, Any], schemas: Schemas) -> list[GroupVersionKind]:
    """The kinds whose schemas a policy is held against: of the resources that its rules name without wildcards."""
    kinds: set[GroupVersionKind] = set()
    for rule in _list(_spec(policy).get("matchConstraints"), "resourceRules"):
        matched = list(_matched(rule, schemas))
        kinds.update(matched[:MOST_KINDS])
        if len(matched) >= MOST_KINDS:
            break
    return sorted(kinds)


def _matched(rule: Mapping[str, Any], schemas: Schemas) -> Iterator[GroupVersionKind]:
    groups, versions, resources = (
        sorted(map(str, _list(rule, key))) for key in ("apiGroups", "apiVersions", "resources")
    )
    if any("*" in name for name in (*groups, *versions)):
        return
    for group in groups:
        for version in versions:
            for resource in resources:
                if "*" not in resource and "/" not in resource:
                    yield from schemas.kinds(group, version, resource)


def _checker(policy: Mapping[str, Any], kind: GroupVersionKind, schemas: Schemas) -> Declarations | None:
    """What the expressions of a policy may mention when they are about a kind; None if it has no schema."""
    found = _declared(kind, kind.kind, schemas)
    if found is None:
        return None
    object_type, types = found
    typed: dict[str, Type | str] = dict.fromkeys(("object", "oldObject"), object_type)
    typed["authorizer"] = AUTHORIZER["authorizer"]
    if (param_kind := _param_kind(policy)) is not None:
        # a name that no expression can have, and that is not the object's if it is of the same kind
        typed["params"], more = _declared(param_kind, f"{param_kind.kind}@params", schemas) or (DYN, {})
        types = {**types, **more}
    variables: dict[str, Type] = {}
    for variable in _list(_spec(policy), "variables"):
        within = admission(f"1.{schemas.minor}", variables=variables, also=typed, also_types=types)
        try:
            variables[variable["name"]] = check(parse_in(within, variable["expression"]), within).type or DYN
        except CompileError:
            variables[variable["name"]] = DYN
    return admission(f"1.{schemas.minor}", variables=variables, also=typed, also_types=types)


@lru_cache(maxsize=100)
def _declared(
    kind: GroupVersionKind, name: str, schemas: Schemas
) -> tuple[Type, Mapping[str, Mapping[str, Type]]] | None:
    schema = schemas.whole(kind)
    return None if schema is None else declared(schema, name, resource=True)


def _param_kind(policy: Mapping[str, Any]) -> GroupVersionKind | None:
    kind = kind_of(_spec(policy).get("paramKind") or {})
    return None if "/" in kind.group or not any(kind) else kind


def _problem(text: str, within: Declarations) -> str | None:
    try:
        check(parse_in(within, text), within)
    except CompileError as error:
        return str(error)
    return None


def _expressions(policy: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for index, validation in enumerate(_list(_spec(policy), "validations")):
        yield ("spec", "validations", index, "expression"), validation.get("expression") or ""
        if message := validation.get("messageExpression"):
            yield ("spec", "validations", index, "messageExpression"), message


def _spec(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    return policy.get("spec") or {}


def _list(holder: Mapping[str, Any] | None, key: str) -> list[Any]:
    return (holder or {}).get(key) or []
