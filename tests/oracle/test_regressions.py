"""What the oracle once said and `admit` did not: regressions.yaml, without the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from .answers import MINOR, Example, answer, difference

ROWS = yaml.safe_load((Path(__file__).parent / "regressions.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["expression"])
def test_regression(row: dict[str, Any]) -> None:
    example = Example(row["expression"], row.get("variables", {}), row.get("minor", MINOR))
    found = answer(example)
    assert difference(found, row["expected"]) is None, found
