"""The names that Kubewarden's modules have had."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from admit.errors import UsageError
from admit.importers.modules import bundled, is_module
from admit.library import Library
from admit.rules.yaml import load

CASES: list[dict[str, Any]] = load(Path(__file__).with_name("modules.yaml").read_bytes())[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["module"])
def test_module(case: dict[str, Any]) -> None:
    if "policy" in case:
        assert bundled(case["module"]) == f"kubewarden/{case['policy']}"
    else:
        with pytest.raises(UsageError, match=re.escape(case["refused"])):
            bundled(case["module"])
    if "://" in case["module"]:
        assert is_module(case["module"])


@pytest.mark.parametrize("name", Library())
def test_the_name_of_a_policy_is_no_module(name: str) -> None:
    assert not is_module(name)
    if name.startswith("kubewarden/"):
        assert bundled(name) == name
