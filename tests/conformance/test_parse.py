"""Every expression of the specification's tests parses, and its text made again from the nodes parses to the same."""

from __future__ import annotations

import json
from pathlib import Path

from admit.cel.parse import parse
from admit.cel.unparse import unparse


def test_the_specification_s_expressions(conformance: Path) -> None:
    count = 0
    for path in sorted((conformance / "cel-spec").glob("*.json")):
        for test in json.loads(path.read_text("utf-8"))["tests"]:
            macros = path.stem != "block_ext"  # which has macros of its own
            node = parse(test["expr"], macros=macros, backquotes=True, bind=True)
            text = unparse(node)
            assert parse(text, macros=macros, backquotes=True, bind=True) == node, f"{test['id']}: {text}"
            count += 1
    assert count == 2456
