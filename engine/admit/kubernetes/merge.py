"""Structured merge, as server-side apply does it: a configuration into an object.

The tables below are of the kinds that carry pods, and of all kinds' metadata, as Kubernetes 1.34 has them; there, a
list that they do not name is atomic. Of other kinds no schema is known yet: their maps merge, their lists are refused.
Nor is it known which fields there are. Source: structured-merge-diff v6, typed/merge.go; apiserver,
plugin/policy/mutating/patch/smd.go; client-go, applyconfigurations/internal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Literal, TypeAlias

from admit.cel.values import bounded
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list whose items are told apart by some of their fields."""

    fields: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)


Rule: TypeAlias = Literal["atomic", "set"] | Keyed
"""How the list or map at a path merges."""


@bounded
def merge(document: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The object with all that the configuration says of it. Raises EvaluationError, in the API server's words."""
    group = str(document.get("apiVersion", "")).rpartition("/")[0]
    schema = _schema(group, str(document.get("kind", "")))
    said = {key: value for key, value in configuration.items() if key not in ("apiVersion", "kind")}
    if atomics := [*schema.atomics(said, "", "")]:
        places = ", ".join(atomics)
        raise _refused(f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {places}")
    merged: dict[str, Any] = schema.merged(document, said, "", "")
    return merged


@dataclass(frozen=True, slots=True)
class _Schema:
    """The rules of a kind, by path (`spec.containers[].ports`); `lists`: every list is known, one without is atomic.

    A place is a path with the indices or keys of items, as messages have it.
    """

    kind: str
    rules: Mapping[str, Rule]
    lists: bool

    def atomics(self, value: Any, path: str, place: str) -> Iterator[str]:
        """The places of what cannot be merged."""
        rule = self.rules.get(path)
        match value:
            case dict():
                if rule == "atomic":
                    yield place
                for key, item in value.items():
                    yield from self.atomics(item, _below(path, key), f"{place}.{key}")
            case list():
                if rule is None and not self.lists and not path.startswith("metadata."):
                    raise _refused(f"how lists of kind {self.kind or 'unknown'} merge is not known here: {place}")
                if rule is None or rule == "atomic":
                    yield place
                for index, item in enumerate(value):
                    yield from self.atomics(item, f"{path}[]", f"{place}[{index}]")

    def merged(self, old: Any, new: Any, path: str, place: str) -> Any:
        if new is None:  # of a list or map, null says nothing
            return old if isinstance(old, dict | list) and old else None
        rule = self.rules.get(path)
        expected = "list" if isinstance(rule, Keyed) or rule == "set" else _shape(new if old is None else old)
        if _shape(new) != expected:
            raise _unfit("patch", place, f"expected {expected}, got {_shape(new)}")
        match new:
            case dict():
                result = {**(old or {})}
                for key, item in new.items():
                    result[key] = self.merged(result.get(key), item, _below(path, key), f"{place}.{key}")
                return result
            case list():
                assert rule == "set" or isinstance(rule, Keyed)
                return self._merged_list(old or [], new, rule, path, place)
            case _:
                return new

    def _merged_list(self, old: list[Any], new: list[Any], rule: Rule, path: str, place: str) -> list[Any]:
        """The new items in their order; an item of the old list alone stays before the next one that both have."""
        keys = [_key(item, rule, "original", f"{place}: element {i}") for i, item in enumerate(old)]
        said = {_key(item, rule, "patch", f"{place}: element {i}"): item for i, item in enumerate(new)}
        if len(said) < len(new):
            raise _unfit("patch", place, "duplicate entries for a key")
        counts = Counter(keys)
        present = {key: item for key, item in zip(keys, old, strict=True) if counts[key] == 1}
        shared = [key for key in said if key in counts]
        result: list[Any] = []
        at = 0
        for key, item in said.items():
            while at < len(old) and keys[at] not in shared[:1]:
                at += 1
                if keys[at - 1] not in said:
                    result.append(old[at - 1])
                elif not shared:  # one more of a key that has been merged
                    break
            if key in shared[:1]:
                del shared[0]
                at += 1
            result.append(self.merged(present.get(key), item, f"{path}[]", f"{place}[{_shown(key)}]"))
        return result + [item for key, item in zip(keys[at:], old[at:], strict=True) if key not in said]


_Key: TypeAlias = tuple[tuple[str, Any], ...]


def _key(item: Any, rule: Rule, of: str, place: str) -> _Key:
    """What tells an item from the others of its list."""
    if not isinstance(rule, Keyed):
        return (("", item),)
    if not isinstance(item, dict):
        raise _unfit(of, place, "associative list with keys may not have non-map elements")
    for name in rule.fields:
        if name not in item and name not in rule.defaults:
            omitted = f'an element that omits key field "{name}" (and doesn\'t have default value)'
            raise _unfit(of, place, f"associative list with keys has {omitted}")
    return tuple((name, item.get(name, rule.defaults.get(name))) for name in rule.fields)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shape(value: Any) -> str:
    return "map" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"


def _shown(key: _Key) -> str:
    """`name="web"`"""
    return ",".join(f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}" for name, value in key)


def _unfit(of: str, place: str, problem: str) -> EvaluationError:
    return _refused(f"failed to convert {of} object to typed object: {place}: {problem}")


def _refused(problem: str) -> EvaluationError:
    return EvaluationError(f"error applying patch: {problem}")


# What is known of kinds

_NAME = Keyed(("name",))
_METADATA: Mapping[str, Rule] = {
    "finalizers": "set",
    "managedFields": "atomic",
    "ownerReferences": Keyed(("uid",)),
    "ownerReferences[]": "atomic",
}
_CONTAINER: Mapping[str, Rule] = {
    "env": _NAME,
    "ports": Keyed(("containerPort", "protocol"), {"protocol": "TCP"}),
    "resources.claims": _NAME,
    "volumeDevices": Keyed(("devicePath",)),
    "volumeMounts": Keyed(("mountPath",)),
    **{
        f"env[].valueFrom.{source}": "atomic"
        for source in ("configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef")
    },
}
_CLAIM = "volumes[].ephemeral.volumeClaimTemplate"
_POD: Mapping[str, Rule] = {
    **dict.fromkeys(("containers", "initContainers", "ephemeralContainers"), _NAME),
    **{
        f"{containers}[].{path}": rule
        for containers, (path, rule) in product(
            ("containers", "initContainers", "ephemeralContainers"), _CONTAINER.items()
        )
    },
    **dict.fromkeys(("imagePullSecrets", "resourceClaims", "resources.claims", "schedulingGates", "volumes"), _NAME),
    "hostAliases": Keyed(("ip",)),
    "topologySpreadConstraints": Keyed(("topologyKey", "whenUnsatisfiable")),
    **dict.fromkeys(("imagePullSecrets[]", "nodeSelector", "topologySpreadConstraints[].labelSelector"), "atomic"),
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution": "atomic",
    **{
        f"volumes[].{source}.secretRef": "atomic"
        for source in ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")
    },
    "volumes[].csi.nodePublishSecretRef": "atomic",
    **dict.fromkeys((f"{_CLAIM}.spec.dataSource", f"{_CLAIM}.spec.selector"), "atomic"),
    **{f"{_CLAIM}.metadata.{path}": rule for path, rule in _METADATA.items()},
}
_HOLDERS = {
    ("", "Pod"): "",
    ("", "PodTemplate"): "template.",
    ("", "ReplicationController"): "spec.template.",
    ("apps", "ReplicaSet"): "spec.template.",
    ("apps", "Deployment"): "spec.template.",
    ("apps", "StatefulSet"): "spec.template.",
    ("apps", "DaemonSet"): "spec.template.",
    ("batch", "Job"): "spec.template.",
    ("batch", "CronJob"): "spec.jobTemplate.spec.template.",
}
"""Where the metadata and spec of a pod are, in the kinds that carry one."""


@cache
def _schema(group: str, kind: str) -> _Schema:
    holder = _HOLDERS.get((group, kind))
    rules: dict[str, Rule] = {f"metadata.{path}": rule for path, rule in _METADATA.items()}
    if holder is None:
        return _Schema(kind, rules, lists=False)
    rules |= {f"{holder}metadata.{path}": rule for path, rule in _METADATA.items()}
    rules |= {f"{holder}spec.{path}": rule for path, rule in _POD.items()}
    if holder.endswith("spec.template."):
        rules[f"{holder.removesuffix('template.')}selector"] = "atomic"
    if kind == "CronJob":
        rules |= {f"spec.jobTemplate.metadata.{path}": rule for path, rule in _METADATA.items()}
    if kind not in ("CronJob", "Job", "Pod"):
        rules["status.conditions"] = Keyed(("type",))
    return _Schema(kind, rules, lists=True)
