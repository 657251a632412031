"""`admit cel`: expressions typed by hand, once or in a dialogue."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import click

from admit.cel.ast import Literal
from admit.cel.cost import MOST, Cost
from admit.cel.env import NEWEST
from admit.cel.types import Type
from admit.cel.unparse import unparse
from admit.cel.values import Map, Optional, Struct, Value, bounded
from admit.cli.output import OUTPUT, Form, show_data, show_error
from admit.cli.scope import scope_of
from admit.errors import EvaluationError, UsageError


def in_language(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options for what an expression is evaluated in; `scope_of` takes them."""
    version = "The version whose CEL is spoken, with the variables of an admission policy."
    for option in (
        click.option("--spec", is_flag=True, help="Speak the CEL of the specification instead."),
        click.option("--kubernetes", metavar="VERSION", show_default=f"1.{NEWEST}", help=version),
        click.option("--file", "-f", metavar="FILE", help="The object, YAML or JSON; - is stdin."),
        click.option("--var", "variables", metavar="NAME=JSON", multiple=True, help="A variable and its value."),
    ):
        command = option(command)
    return command


def language_of(kubernetes: str | None, spec: bool) -> str | None:
    """The version of Kubernetes, or None for the specification. Raises UsageError."""
    if spec and kubernetes is not None:
        raise UsageError("either --spec or --kubernetes: an expression is of one language")
    return None if spec else kubernetes or f"1.{NEWEST}"


@click.group("cel")
def command() -> None:
    """Evaluate CEL expressions."""


@command.command("eval")
@click.argument("expression", metavar="EXPR")
@in_language
@OUTPUT
@click.pass_context
def evaluate(
    ctx: click.Context,
    expression: str,
    variables: tuple[str, ...],
    file: str | None,
    kubernetes: str | None,
    spec: bool,
    form: Form | None,
) -> None:
    """Evaluate an expression: its value, type and cost.

    With --file, `object` is what the file has, and `request`, `oldObject` and `namespaceObject` are what they were if
    it were created; --var sets any of them, `params`, `variables`, and names of your own. The cost is in the units of
    the API server's budgets. The exit status is 0 where there is a value, 1 where the evaluation fails, 2 where the
    expression does not compile.
    """
    scope = scope_of(language_of(kubernetes, spec), variables, file)
    program = scope.program(expression)
    try:
        value = scope.value(program)
        if form in ("json", "yaml"):
            estimate = {"min": program.cost.min, "max": program.cost.max if _is_bounded(program.cost) else None}
            show_data({"value": plain(value), "type": str(program.type), "estimate": estimate}, form)
        else:
            click.echo(f"{written(value)}\ntype: {program.type}\ncost: {shown_cost(program.cost)}")
    except EvaluationError as error:
        show_error(error)
        ctx.exit(1)


def shown_cost(cost: Cost) -> str:
    if not _is_bounded(cost):
        return f"{cost.min} or more"
    return str(cost.min) if cost.min == cost.max else f"{cost.min} to {cost.max}"


def _is_bounded(cost: Cost) -> bool:
    """Whether the most that it may cost says anything: a tenth of what has no end has none either."""
    return cost.max < MOST // 1000


@bounded
def written(value: Value) -> str:
    """The value as CEL writes it: typed again, it is the same value."""
    return unparse(Literal("constant", value))


@bounded
def plain(value: Value) -> Any:
    """The value as JSON: bytes in base64, an optional as what it holds or null; what JSON lacks otherwise as text."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else str(value).replace("nan", "NaN").replace("inf", "Infinity")
        case bytes():
            return base64.b64encode(value).decode()
        case list():
            return [plain(item) for item in value]
        case dict() | Map():
            return {key if isinstance(key, str) else written(key): plain(item) for key, item in value.items()}
        case Struct(fields=fields):
            return plain(fields)
        case Optional():
            return plain(value.value) if value.present else None
        case Type():
            return str(value)
        case _:
            return str(value)
