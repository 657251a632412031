"""The public face of CEL: environments and programs."""

from __future__ import annotations

import pytest

import admit
from admit.cel import Environment


@pytest.mark.parametrize("name", ["None", "True", "False", "__debug__"])
def test_names_that_python_keeps(name: str) -> None:
    with pytest.raises(admit.UsageError, match=f"cannot be called {name}:"):
        Environment(variables={name: "dyn"})


@pytest.mark.parametrize("name", ["class", "type", "len", "t", "v_c", "exact", "a.b"])
def test_names_that_generated_code_could_want(name: str) -> None:
    program = Environment("1.36", {name: "dyn"}).compile(f"{name} == 1 && [1].all(c, size([{name}]) == c)")
    assert program(**{name: 1}) is True
    assert program(**{name: "1"}) is False
