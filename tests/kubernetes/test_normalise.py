"""Offline normalisation: normalise.yaml, and that all of it is decided by tables that fit each other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from admit.cel import Environment
from admit.kubernetes.defaults import RULES
from admit.kubernetes.normalise import normalise, redefaulted
from admit.kubernetes.schemas import Schemas
from admit.kubernetes.types import Type, _definitions, _kinds, type_of
from admit.rules.yaml import load

HERE = Path(__file__).parent
[ROWS] = load((HERE / "normalise.yaml").read_bytes(), "normalise.yaml")
CEL = Environment(variables={"object": "dyn"})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_normalise(row: dict[str, Any]) -> None:
    given = deepcopy(row["object"])
    normalised = normalise(given)
    assert given == row["object"]  # it is not changed
    assert normalise(normalised) == normalised
    for expression in row["holds"]:
        assert CEL.compile(expression)(object=normalised) is True, f"{expression}\n{normalised}"


def test_namespace() -> None:
    assert normalise({"apiVersion": "v1", "kind": "Secret"}, "a")["metadata"] == {"namespace": "a"}
    assert "namespace" not in normalise({"apiVersion": "v1", "kind": "Node"}, "a")["metadata"]


@pytest.mark.parametrize("nothing", [None, 3, {}, {"kind": "Pod"}, {"apiVersion": "v1", "kind": "Pod", "metadata": 3}])
def test_what_is_no_object_is_left_to_others(nothing: Any) -> None:
    assert normalise(nothing) is nothing


def test_every_type_is_there() -> None:
    types: dict[str, Type] = {}
    names = [*_kinds().values()]
    while names:
        name = names.pop()
        if name in types:
            continue
        types[name] = type_of(name)
        names += [types[name].element_name] if types[name].element_name else []
        names += [field.type_name for field in types[name].fields.values()]
    assert {type.name for type in types.values()} >= _definitions().keys()


@pytest.mark.parametrize("name", RULES)
def test_rules_name_fields(name: str) -> None:
    type = type_of(name)
    for rule in RULES[name]:
        if isinstance(rule, Mapping):
            assert rule.keys() <= type.fields.keys()
        else:
            assert rule({}).keys() <= type.fields.keys()


@pytest.mark.may_skip  # Go, and the sources of the types, are not everywhere
def test_types_are_those_of_the_sources() -> None:
    program = HERE.parent / "oracle" / "types"
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        pytest.skip("there is no Go")
    env = {"PATH": str(Path(go).parent), "HOME": str(Path.home()), "GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    run = subprocess.run([go, "run", "."], cwd=program, env=env, capture_output=True, text=True)
    if run.returncode:
        pytest.skip(f"types cannot be built: {run.stderr[-200:]}")
    text = (HERE.parents[1] / "engine" / "admit" / "kubernetes" / "types.txt").read_text()
    assert text == run.stdout


def test_defaults_of_custom_resources() -> None:
    part = {"type": "object", "properties": {"weight": {"type": "integer", "default": 1}, "note": {"type": "string"}}}
    fields = {
        "size": {"type": "integer", "default": 2},
        "none": {"type": "integer", "default": 3, "nullable": True},
        "parts": {"type": "array", "items": part},
        "by": {"type": "object", "additionalProperties": {**part, "default": {}}},
        "nested": {**part, "default": {}},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    versions = [{"name": "v1", "served": True, "schema": {"openAPIV3Schema": schema}}]
    spec = {"group": "e.x", "names": {"kind": "Thing", "plural": "things"}, "scope": "Namespaced", "versions": versions}
    known = Schemas(36, ({"spec": spec},))

    def thing(**spec: Any) -> dict[str, Any]:
        return {"apiVersion": "e.x/v1", "kind": "Thing", "spec": spec}

    all_of_them = {"size": 2, "none": 3, "nested": {"weight": 1}}
    before = thing(**all_of_them)
    after = thing(size=None, none=None, parts=[{"note": "a"}], by={"a": None, "b": {"weight": 5}}, more=1)
    made = {"size": 2, "none": None, "nested": {"weight": 1}, "parts": [{"note": "a", "weight": 1}], "more": 1}
    assert redefaulted(before, after, known) == thing(**made, by={"a": {"weight": 1}, "b": {"weight": 5}})
    assert redefaulted(thing(size=2), after, known) == after
