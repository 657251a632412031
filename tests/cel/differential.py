"""One expression, evaluated in two ways: the outcomes to compare, and what the fast form made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeAlias

from admit.cel.ast import Bind, Call, Comprehension, Expr, OptMap, Select, children
from admit.cel.check import check
from admit.cel.emit import Unfit, emit
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.fold import fold
from admit.cel.library import EXTENSIONS
from admit.cel.link import parse_in
from admit.cel.parse import parse
from admit.cel.unparse import unparse
from admit.cel.values import Value, encode
from admit.errors import CompileError, EvaluationError

from .expressions import VARIABLES

Values: TypeAlias = Mapping[str, Value]
Outcome: TypeAlias = tuple[str, Any]
"""`("value", encoded)`, which tells 1 from 1.0 and true, or `("error", text)`."""

EXCEEDED: Outcome = ("error", "operation cancelled: actual cost limit exceeded")
"""What programs say where the reference evaluator, which has no limit, goes on: `[1].flatten(9223372036854775807)`."""

PRESETS = (declarations("1.36", VARIABLES), declarations(None, VARIABLES, libraries=EXTENSIONS))


@dataclass(frozen=True, slots=True)
class Example:
    """A checked expression, values for its variables, and what the reference evaluator makes of each of them."""

    text: str
    within: Declarations
    tree: Expr
    given: tuple[Values, ...]
    expected: tuple[Outcome, ...]


def example(text: str, within: Declarations, given: Iterable[Values]) -> Example:
    """Raises CompileError for an expression that is none."""
    tree = check(parse_in(within, text), within)
    given = tuple(given)
    return Example(text, within, tree, given, tuple(outcome(evaluate, tree, values, within) for values in given))


def outcome(run: Callable[..., Value], *args: Any, **kwargs: Any) -> Outcome:
    """What a run gives. An error that is none of CEL's is raised."""
    try:
        return "value", encode(run(*args, **kwargs))
    except EvaluationError as error:
        return "error", str(error)


def verify(example: Example, run: Callable[..., Value]) -> None:
    """Holds `run`, given the variables by name, against the reference."""
    for values, expected in zip(example.given, example.expected, strict=True):
        try:
            found: object = outcome(run, **values)
        except Exception as error:  # noqa: BLE001 - it is reported, with the expression
            found = error
        assert found in (expected, EXCEEDED), f"{example.text}\nwith {values!r}\ngave {found!r}, expected {expected!r}"


def fast_form(program: Any) -> Callable[..., Value] | None:
    """The fast form of a program by itself, which raises its surprises; None where it has none."""
    if "surprises" not in program.__globals__:
        return None
    return FunctionType(program.__code__, {**program.__globals__, "surprises": ()}, argdefs=program.__defaults__)


def unfit(example: Example) -> str:
    """Why an expression has no fast form."""
    try:
        emit(fold(example.tree, example.within), tuple(VARIABLES), evaluate, example.within.kubernetes)
    except Unfit as reason:
        return str(reason)
    return "more than CPython takes"


def smallest(text: str, fails: Callable[[str], bool]) -> str:
    """The smallest part of an expression that fails too."""
    for child in children(parse(text)):
        part = unparse(child)
        try:
            if fails(part):
                return smallest(part, fails)
        except CompileError:
            continue
    return text


def walk(node: Expr) -> Iterator[Expr]:
    yield node
    for child in children(node):
        yield from walk(child)


def features(tree: Expr) -> Iterator[str]:
    """The macros of a tree, and the overloads that its calls are sure to be of."""
    for node in walk(tree):
        match node:
            case Call(overloads=(overload,)):
                yield overload.id
            case Comprehension(macro="map", condition=condition, var2=None) if condition is not None:
                yield "map with a filter"
            case Comprehension(macro=macro, var2=second):
                yield macro if second is None or macro.startswith("transform") else f"{macro} of two"
            case Select(test=True):
                yield "has"
            case OptMap(flat=flat):
                yield "optFlatMap" if flat else "optMap"
            case Bind():
                yield "bind"
