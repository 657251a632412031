"""`admit explain`: what a rule says, and what it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from admit import explain
from admit.cli.rules import KUBERNETES, engine_of, settings_from, with_settings
from admit.engine import Engine
from admit.errors import UsageError
from admit.plan.match import Route
from admit.rules.fields import OPERATIONS
from admit.rules.lower import Bound


@click.command("explain")
@click.argument("rule", metavar="RULE")
@click.option("--cel", "form", flag_value="cel", help="The CEL it stands for, as a ValidatingAdmissionPolicy.")
@click.option("--plan", "form", flag_value="plan", help="What is left to do when a request comes.")
@click.option("--python", "form", flag_value="python", help="The Python function that is asked first.")
@click.option("--kind", metavar="KIND", help="The kind or resource for which it is shown.")
@click.option("--operation", type=click.Choice(OPERATIONS), help="The operation.")
@with_settings
@KUBERNETES
def command(
    rule: str,
    form: Literal["cel", "plan", "python"] | None,
    kind: str | None,
    operation: str | None,
    settings_json: str | None,
    settings_path: Path | None,
    kubernetes: str,
) -> None:
    """Show what a rule says, and what it becomes.

    RULE is a policy of the library, a rule file or a folder. Without --cel, --plan or --python: its page.
    """
    engine = engine_of([rule], kubernetes, settings_from(settings_json, settings_path), all_bound=True)
    if form is None:
        click.echo("\n".join(map(explain.page, engine.policies)), nl=False)
    elif form == "cel":
        texts = (explain.cel(bound, route) for bound, route in _routes(engine, kind, operation))
        click.echo("---\n".join(dict.fromkeys(texts)), nl=False)
    else:
        show = explain.plan if form == "plan" else explain.python
        routes = dict.fromkeys(route for _, route in _routes(engine, kind, operation))
        click.echo("\n".join(show(engine, route) for route in routes), nl=False)


def _routes(engine: Engine, kind: str | None, operation: str | None) -> list[tuple[Bound, Route]]:
    """A route of each binding that is about that kind and operation. Raises UsageError where none is."""
    found = []
    for bound in engine.bounds:
        try:
            found.append((bound, explain.route_of(bound, kind, operation, engine.kinds.values())))
        except UsageError:
            if bound is engine.bounds[-1] and not found:
                raise
    return found
