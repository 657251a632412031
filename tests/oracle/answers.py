"""What `admit` makes of an expression, in the words of the oracle (main.go), and where two answers differ."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from admit.admission.native import native
from admit.cel import Environment, Program, decode, encode
from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.cost import MOST
from admit.cel.link import parse_in
from admit.cel.values import Value
from admit.errors import CompileError, EvaluationError

from ..cel.expressions import VARIABLES

Answer: TypeAlias = Mapping[str, Any]
"""`value` (and its `cost`), `error` or `compile_error` (of ours, a fault: `crash`); the `type` of what compiles."""

MINOR = 36


@dataclass(frozen=True, slots=True)
class Example:
    """An expression over VARIABLES: one of type dyn is given as plain JSON, any other encoded."""

    expression: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    minor: int = MINOR

    def question(self) -> str:
        """The oracle's line."""
        return json.dumps(
            {"expression": self.expression, "minor": self.minor, "types": VARIABLES, "variables": self.variables}
        )


def checked(example: Example) -> Expr:
    """The tree of the expression. Raises CompileError."""
    within = _environment(example.minor).declarations
    return check(parse_in(within, example.expression), within)


def answer(example: Example) -> Answer:
    try:
        program = _environment(example.minor).compile(example.expression)
    except CompileError as error:
        return {"compile_error": str(error)}
    except Exception as error:  # noqa: BLE001 - none of CEL's: it is reported, with the expression
        return {"crash": repr(error)}
    known: Answer = {"type": str(program.type)}
    given = {
        name: native(value) if VARIABLES[name] == "dyn" else decode(native(value))
        for name, value in example.variables.items()
    }
    try:
        value = _value(program, given)
    except EvaluationError as error:
        return {**known, "error": str(error)}
    except Exception as error:  # noqa: BLE001 - none of CEL's: it is reported, with the expression
        return {**known, "crash": repr(error)}
    counted, cost = program.counted(MOST, **given)
    if example.minor == MINOR:  # the oracle counts for others as for this
        known = {**known, "cost": cost}
    try:
        if encode(counted) != encode(value):
            return {**known, "crash": f"{encode(value)}, and {encode(counted)} where costs are counted"}
        return {**known, "value": encode(value)}
    except EvaluationError:  # it has no encoding
        return {**known, "value": None}


def _value(program: Program, given: Mapping[str, Value]) -> Value:
    try:
        return program(**given)
    except EvaluationError as error:
        if "cost limit" not in str(error):
            raise
        return program.counted(MOST, **given)[0]  # the oracle has no limit


def difference(ours: Answer, theirs: Answer) -> str | None:
    """In what two answers differ: `verdict`, `value`, `type`, `cost`, `text`; the gravest of them.

    `panic`: ours is a value, where cel-go has a fault of its own; with any failure of ours that is no difference.
    """
    verdict = _verdict(ours)
    if theirs.get("error", "").startswith(_PANICS):
        return "panic" if verdict == "value" else None
    if verdict != _verdict(theirs):
        return "verdict"
    if verdict == "value" and ours["value"] is not None and _comparable(ours["value"]) != _comparable(theirs["value"]):
        return "value"
    if ours.get("type") != theirs.get("type"):
        return "type"
    if verdict == "value" and "cost" in ours and ours["cost"] != theirs.get("cost", ours["cost"]):
        return "cost"
    if verdict != "value" and not _same_text(ours[verdict], theirs[verdict]):
        return "text"
    return None


_PANICS = ("internal error: ", "panic: ")


@cache
def _environment(minor: int) -> Environment:
    return Environment(f"1.{minor}", VARIABLES)


def _verdict(answer: Answer) -> str:
    return next(verdict for verdict in ("compile_error", "error", "value", "crash") if verdict in answer)


def _same_text(ours: str, theirs: str) -> bool:
    if theirs.startswith("program instantiation failed: "):  # it has no place to show
        return theirs in ours
    return _HINT.sub("", ours) == theirs.removeprefix("compilation failed: ")


_HINT = re.compile(r" \(Kubernetes 1\.\d+ and later have it\)$", re.MULTILINE)


def _comparable(encoded: Mapping[str, Any]) -> Any:
    """An encoded value without the order of maps and the spelling of numbers."""
    ((kind, data),) = encoded.items()
    match kind:
        case "double":
            return kind, repr(float(data))
        case "list":
            return kind, [_comparable(item) for item in data]
        case "map":
            return kind, sorted(([_comparable(key), _comparable(value)] for key, value in data), key=repr)
        case "optional" if data is not None:
            return kind, _comparable(data)
    return kind, data
