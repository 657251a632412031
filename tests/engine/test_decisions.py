"""Rules to decisions, sentence by sentence: the tables of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from admit.plan.write import value_at
from admit.rules import yaml

from .cases import engine_of, in_full, outcome, request_of, to_the_letter

TABLES = ("decisions.yaml", "kubewarden.yaml", "patches.yaml", "pod-security.yaml", "upstream.yaml")
CASES = [case for table in TABLES for case in yaml.load((Path(__file__).parent / table).read_text())[0]]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_decisions(case: dict[str, Any]) -> None:
    engine = engine_of(case)
    for i, given in enumerate(case["requests"]):
        given = padded(given)
        expected = {"allowed": not {"message", "starts", "ends", "size"} & given["expect"].keys(), **given["expect"]}
        request, binding = request_of(given), given.get("binding_name")
        route = given.get("route", "mutate")
        got = outcome(engine, request, route, binding)
        place = f"{case['name']}: request {i + 1}"
        for what, value in expected.items():
            check(what, value, got, engine.answer(request, route=route, binding=binding).object, place)
        assert outcome(engine, request, route, binding) == got, place  # asked again, a route is sifted
        with in_full(engine, request, binding):
            assert outcome(engine, request, route, binding) == got, place
            with to_the_letter():
                assert outcome(engine, request, route, binding) == got, place


def padded(given: dict[str, Any]) -> dict[str, Any]:
    """With the text that `pad: {times: n}` stands for."""
    match given:
        case {"pod": {"pad": {"times": int(times)}}}:
            return {**given, "pod": {**given["pod"], "pad": "x" * times}}
    return given


def check(what: str, expected: Any, got: dict[str, Any], object: Any, place: str) -> None:
    match what:
        case "starts":
            assert got["message"].startswith(expected), (place, got["message"])
        case "ends":
            assert got["message"].endswith(expected), (place, got["message"][-40:])
        case "size":
            assert len(got["message"].encode()) == expected, place
        case "object":
            found = {pointer: value_at(object, pointer.split("/")[1:]) for pointer in expected}
            assert found == expected, place
        case "findings" | "causes" if isinstance(expected, list):
            assert len(got[what]) == len(expected), (place, got[what])
            shown = [{key: item.get(key) for key in wanted} for item, wanted in zip(got[what], expected, strict=True)]
            assert shown == expected, place
        case "findings":
            assert len(got[what]) == expected, place
        case _:
            assert got[what] == expected, (place, what, got)
