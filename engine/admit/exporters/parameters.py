"""Settings that the policy reads in the cluster instead of constants: in a ConfigMap, or an object of an own kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from admit.cel.ast import Call, Comprehension, Expr, Ident, Literal, OptMap, Select, rebuild
from admit.cel.types import DYN
from admit.exporters.documents import object_name
from admit.exporters.model import Parameters
from admit.exporters.text import Unwritable
from admit.rules import model
from admit.rules.change import Change
from admit.rules.lower import Bound, Lowered
from admit.rules.names import free
from admit.rules.schema import Schema

GROUP = "settings.admit.dev"
PARAMS = Ident("params", type=DYN)


def parametrised(
    bound: Bound, policy: model.Policy, by: Parameters, namespace: str
) -> tuple[Bound, list[dict[str, Any]]]:
    """The binding with its settings in an object, and the documents of that; those without settings as they are.

    Raises Unwritable.
    """
    schema = policy.settings
    if schema is None or not any(_mentions_settings(each) for each in bound.members):
        return bound, []
    if policy.policies:
        raise Unwritable("the settings of a profile decide which of its policies there are: they are no parameters")
    if policy.param_kind is not None:
        raise Unwritable("its settings cannot be parameters, since it has others")
    (lowered,) = bound.members
    name = object_name(bound.binding.name)
    if by == "crd":
        kind, read = model.ParamKind(f"{GROUP}/v1", _kind(policy)), _from_object
        documents = [_definition(kind.kind, schema), _object(kind, name, lowered.settings)]
        ref = model.ParamRef(name)
    else:
        kind, read = model.ParamKind("v1", "ConfigMap"), partial(_from_strings, schema=schema)
        documents = [_config_map(name, namespace, lowered.settings, schema)]
        ref = model.ParamRef(name, namespace)
    binding = replace(bound.binding, param_ref=ref)
    changed = Change(read).everything(lowered)
    changed = replace(changed, binding=binding, policy=replace(lowered.policy, param_kind=kind))
    return replace(bound, binding=binding, members=(changed,)), documents


def _mentions_settings(lowered: Lowered) -> bool:
    found: list[Expr] = []

    def look(node: Expr) -> Expr:
        found.append(node)
        return node

    Change(look).everything(lowered)
    return any("settings" in free(node) for node in found)


# A kind of its own


def _kind(policy: model.Policy) -> str:
    """`kubewarden/host-namespaces-psp` as `HostNamespacesPspSettings`"""
    words = re.split(r"\W+", policy.name.rpartition("/")[2])
    return "".join(word[:1].upper() + word[1:] for word in words) + "Settings"


def _from_object(node: Expr) -> Expr:
    """With `params.spec` for `settings`."""
    match node:
        case Ident("settings"):
            return Select(PARAMS, "spec", span=node.span, type=DYN)
        case _:
            return rebuild(node, _from_object)


def _definition(kind: str, schema: Schema) -> dict[str, Any]:
    plural = kind.lower()
    settings = {"type": "object", **_structural(schema.keywords)}
    properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    whole = {"type": "object", "required": ["spec"], "properties": {**properties, "spec": settings}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": plural},
            "scope": "Cluster",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": whole}}],
        },
    }


def _structural(written: Any) -> Any:
    """A schema without its rules, whose cost an API server bounds as if every list were endless."""
    if isinstance(written, list):
        return [_structural(item) for item in written]
    if not isinstance(written, Mapping):
        return written
    return {key: _structural(item) for key, item in written.items() if key != "x-kubernetes-validations"}


def _object(kind: model.ParamKind, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "spec": dict(settings)}


# A ConfigMap


def _config_map(name: str, namespace: str, settings: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    if not settings:
        raise Unwritable("none of its settings has a value: an API server would take away the data of its ConfigMap")
    data = {key: _line(key, value, schema) for key, value in settings.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _line(key: str, value: Any, schema: Schema) -> str:
    """A setting as a text; what is in a list has a line each."""
    if isinstance(value, list):
        if any("\n" in str(item) or not str(item) for item in value):
            raise Unwritable(f"the setting {key} has an item that is no line of a ConfigMap")
        return "\n".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_strings(node: Expr, schema: Schema) -> Expr:
    """With what a ConfigMap has for each setting."""
    data = Select(PARAMS, "data", type=DYN)
    match node:
        case Select(Ident("settings"), key, test=True):
            return Call("@in", (Literal("string", key), data), span=node.span)
        case Select(Ident("settings"), key) | Call("_[_]", (Ident("settings"), Literal("string", key))):
            return _value(Call("_[_]", (data, Literal("string", key))), key, schema)
        case Call("_?._" | "_[?_]", (Ident("settings"), Literal("string", key))):
            value = _value(Ident("text"), key, schema)
            return OptMap(Call("_[?_]", (data, Literal("string", key))), "text", value, span=node.span)
        case Ident("settings"):
            raise Unwritable("it looks at its settings as a whole, and a ConfigMap has texts alone")
        case _:
            return rebuild(node, partial(_from_strings, schema=schema))


def _value(text: Expr, key: str, schema: Schema) -> Expr:
    """What the text of a setting says."""
    inner = schema.properties.get(key)
    if inner is not None and inner.keywords.get("type") == "array" and inner.items is not None:
        lines = Call("split", (Literal("string", "\n"),), Call("string", (text,)))
        some = Comprehension("filter", lines, "line", Call("_!=_", (Ident("line"), Literal("string", ""))))
        item = _scalar(Ident("line"), inner.items)
        if item is not None:
            return some if item == Ident("line") else Comprehension("map", some, "line", None, item)
    value = None if inner is None else _scalar(text, inner)
    if value is None:
        raise Unwritable(f"the setting {key} is no text, number or boolean, nor a list of such: see --params crd")
    return value


def _scalar(text: Expr, schema: Schema) -> Expr | None:
    match schema.keywords.get("type"):
        case "string":
            return text
        case "integer":
            return Call("int", (text,))
        case "number":
            return Call("double", (text,))
        case "boolean":
            return Call("_==_", (text, Literal("string", "true")))
        case _:
            return None
