"""The parameter objects of a binding, by its policy's `paramKind` and its own `paramRef`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from admit.admission.kinds import is_built_in, kind_of
from admit.admission.request import Request
from admit.errors import EvaluationError
from admit.plan.match import selects
from admit.rules.model import ParamKind, ParamRef

Object: TypeAlias = Mapping[str, Any]
ByKind: TypeAlias = Mapping[tuple[str, str], Sequence[Object]]
"""Objects by apiVersion and kind, in the order given; a later one of the same name and namespace replaces it."""

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def by_kind(objects: Iterable[Object]) -> ByKind:
    found: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}
    for each in objects:
        known = found.setdefault((each.get("apiVersion", ""), each.get("kind", "")), {})
        known[_metadata(each).get("namespace") or "default", _metadata(each).get("name") or ""] = each
    return {kind: [*known.values()] for kind, known in found.items()}


def params_of(kind: ParamKind | None, ref: ParamRef | None, request: Request, known: ByKind) -> Sequence[Object | None]:
    """What to evaluate a policy with, one after the other; None is no object.

    Raises EvaluationError where the binding cannot be used. Source: apiserver, plugin/policy/generic, CollectParams.
    """
    if kind is None or ref is None:
        return (None,)
    found = known.get((kind.api_version, kind.kind), ())
    if _is_namespaced(kind, known):
        namespace = ref.namespace or request.namespace
        if not namespace:
            raise EvaluationError(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            )
        found = [each for each in found if (_metadata(each).get("namespace") or "default") == namespace]
    elif ref.namespace:
        raise EvaluationError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    if ref.selector is not None:
        found = [each for each in found if selects(ref.selector, _map(_metadata(each).get("labels")))]
    else:
        found = [each for each in found if _metadata(each).get("name") == ref.name]
    if not found and ref.parameter_not_found_action == "Deny":
        raise EvaluationError("no params found for policy binding with `Deny` parameterNotFoundAction")
    return found


def unknown(kind: ParamKind, known: ByKind) -> bool:
    """Whether there is no such kind: none of it is given, and of its group other kinds are defined."""
    group = kind.api_version.rpartition("/")[0]
    if is_built_in(group, kind.kind) or known.get((kind.api_version, kind.kind)):
        return False
    kinds = [_map(spec.get("names")).get("kind") for spec in _definitions(known) if spec.get("group") == group]
    return bool(kinds) and kind.kind not in kinds


def _is_namespaced(kind: ParamKind, known: ByKind) -> bool:
    """By the table of kinds, else by the kind's CustomResourceDefinition, else by the objects of it that there are."""
    group = kind.api_version.rpartition("/")[0]
    if is_built_in(group, kind.kind):
        return kind_of(group, kind.kind).namespaced
    for spec in _definitions(known):
        if (spec.get("group"), _map(spec.get("names")).get("kind")) == (group, kind.kind):
            return bool(spec.get("scope") != "Cluster")
    return any(_metadata(each).get("namespace") for each in known.get((kind.api_version, kind.kind), ()))


def _definitions(known: ByKind) -> Iterator[Mapping[str, Any]]:
    return (_map(definition.get("spec")) for definition in known.get(CRD, ()))


def _metadata(each: Object) -> Mapping[str, Any]:
    return _map(each.get("metadata"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
