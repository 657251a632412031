"""The manual: the page is what the function table says, and what it says of syntax is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from admit.cel.env import declarations
from admit.cel.evaluate import evaluate
from admit.cel.link import parse_in
from admit.cel.manual import LIBRARIES, SYNTAX, described, entries, page
from admit.errors import EvaluationError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cel-functions.md"


def test_page_is_current() -> None:
    current = PAGE.read_text(encoding="utf-8") == page()
    assert current, "run: python -m admit.cel.manual > docs/reference/cel-functions.md"


@pytest.mark.parametrize("kubernetes", [None, "1.28", "1.32", "1.37"])
def test_syntax(kubernetes: str | None) -> None:
    within = declarations(kubernetes)
    for entry in SYNTAX:
        if within.kubernetes in entry.within:
            assert [evaluate(parse_in(within, text), {}, within) for text in entry.examples] == [True] * len(
                entry.examples
            )
            for text, message in entry.fails:
                with pytest.raises(EvaluationError, match=message):
                    evaluate(parse_in(within, text), {}, within)
        else:
            with pytest.raises(EvaluationError):
                evaluate(parse_in(within, entry.examples[0]), {}, within)


# name, minors of Kubernetes (None: the specification), a form
FORMS = [
    ("+", {None, 28, 37}, "int + int -> int"),
    ("-", {None, 28, 37}, "-int -> int"),
    ("in", {None, 28, 37}, "A in list(A) -> bool"),
    ("?:", {None, 28, 37}, "bool ? A : A -> A"),
    ("[?]", {None, 28, 37}, "optional_type(list(V))[?int] -> optional_type(V)"),
    (".?", {None, 28, 37}, "dyn.?f -> optional_type(V)"),
    ("<", {28, 37}, "int < double -> bool"),
    ("getHours", {None, 28, 37}, "Timestamp.getHours(string) -> int"),
    ("sort", {None, 37}, "list(int).sort() -> list(int)"),
    ("sortBy", {None, 37}, "list(T).sortBy(x, string) -> list(T)"),
    ("math.greatest", {None}, "math.greatest(int, double) -> dyn"),
    ("check", {28, 37}, "PathCheck.check(string) -> Decision"),
    ("transformMap", {None, 37}, "e.transformMap(k, v, t)"),
]


@pytest.mark.parametrize("name, within, form", FORMS)
def test_forms(name: str, within: set[int | None], form: str) -> None:
    (entry,) = (entry for entry in entries() if entry.name == name and form in entry.forms and within <= entry.within)
    assert within == entry.within & {None, 28, 37}
    assert entry.library in LIBRARIES
    assert form in described(entry).splitlines()


def test_titles_are_of_something() -> None:
    assert LIBRARIES.keys() <= {entry.library for entry in entries()}


def test_costs() -> None:
    costs = {entry.name: entry.cost for entry in entries()}
    assert (costs["charAt"], costs["startsWith"], costs["has"]) == ((1, 1), (10, 10), None)
