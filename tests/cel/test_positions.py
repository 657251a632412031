"""Generated code lies in the rule file: tracebacks and profilers point into the YAML."""

from __future__ import annotations

import dis
import subprocess
import sys

import pytest

from admit.cel import Environment, EvaluationError
from admit.rules.yaml import read

RULES = """\
spec:
  block: |
    object.spec.containers.all(c,
      c.image.startsWith('é') && c.size < 5)
  line: "object.labels['ü'] == 'é' && object.count > 3"
"""
DOCUMENT = read(RULES, "rules/a.yaml")[0]
ENVIRONMENT = Environment("1.36", {"object": "dyn"})


@pytest.mark.parametrize(
    "field, operation, expected",
    [
        ("block", "LOAD_METHOD", {"c.image.startsWith('é')"}),
        ("block", "COMPARE_OP", {"object.spec.containers", "c.size < 5"}),  # how many there are
        ("block", "BINARY_SUBSCR", {"object.spec", "object.spec.containers", "c.image", "c.size"}),
        ("line", "COMPARE_OP", {"object.labels['ü'] == 'é'", "object.count > 3"}),
    ],
)
def test_operations_have_the_place_of_their_expression(field: str, operation: str, expected: set[str]) -> None:
    program = ENVIRONMENT.compile(DOCUMENT.scalar(("spec", field)))
    assert program.__code__.co_filename == "rules/a.yaml"  # type: ignore[attr-defined]
    lines = RULES.encode().splitlines()
    found = set()
    for instruction in dis.get_instructions(program):
        if instruction.opname == operation and instruction.positions is not None:
            line, end_line, start, end = instruction.positions
            assert line is not None and line == end_line
            found.add(lines[line - 1][start:end].decode())
    assert found == expected


def test_an_error_knows_what_failed() -> None:
    program = ENVIRONMENT.compile(DOCUMENT.scalar(("spec", "line")))
    with pytest.raises(EvaluationError, match=r"^no such key: ü$") as error:
        program(object={"labels": {}, "count": 4})
    assert error.value.span is not None
    assert error.value.span.text == "object.labels['ü']"
    assert error.value.span.place == "rules/a.yaml:5:10"


def test_python_keeps_positions() -> None:
    """Without them (PYTHONNODEBUGRANGES) places in tracebacks would be whole lines."""
    code = "import dis; print(any(i.positions.col_offset for i in dis.get_instructions(lambda x: x + 1)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "True", "PYTHONNODEBUGRANGES is set"
