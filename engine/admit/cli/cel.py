"""`admit cel`: expressions typed by hand, once or in a dialogue."""

from __future__ import annotations

from collections.abc import Callable

import click

from admit.cel.env import NEWEST
from admit.cli.output import OUTPUT, Form, show_data, show_error
from admit.cli.scope import scope_of
from admit.cli.values import estimated, is_bounded, plain, written
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
        value, cost = scope.counted(program)
        if form in ("json", "yaml"):
            estimate = {"min": program.cost.min, "max": program.cost.max if is_bounded(program.cost) else None}
            show_data({"value": plain(value), "type": str(program.type), "cost": cost, "estimate": estimate}, form)
        else:
            click.echo(f"{written(value)}\ntype: {program.type}\ncost: {cost}, estimated {estimated(program.cost)}")
    except EvaluationError as error:
        show_error(error)
        ctx.exit(1)


@command.command("repl")
@in_language
@click.pass_context
def repl(ctx: click.Context, variables: tuple[str, ...], file: str | None, kubernetes: str | None, spec: bool) -> None:
    """Evaluate expressions line by line.

    `:help` tells what else can be typed. Where the input is no terminal there is no prompt, and the exit status is 1
    if something failed.
    """
    from admit.cli.repl import Repl  # with the manual, which an evaluation does not wait for

    ctx.exit(Repl(scope_of(language_of(kubernetes, spec), variables, file)).run())
