"""`admit check`: every error and warning of some rules."""

from __future__ import annotations

import click

from admit.cli.output import show_faults
from admit.cli.rules import KUBERNETES, given
from admit.loading import check


@click.command("check")
@click.argument("rules", metavar="RULES...", nargs=-1, required=True)
@KUBERNETES
@click.pass_context
def command(ctx: click.Context, rules: tuple[str, ...], kubernetes: str) -> None:
    """Load rules, and report every error and warning.

    RULES are folders, rule files and names of policies of the library. The exit status is 0 where there is no error,
    1 where there are errors, 2 where the rules cannot be found.
    """
    engine, faults = check(given(rules), kubernetes=kubernetes, advice=True)
    show_faults(faults, err=False)
    errors = sum(not fault.warning for fault in faults)
    found = ", ".join((_count(errors, "error"), _count(len(faults) - errors, "warning")))
    if errors:
        click.echo(found)
    else:
        click.echo(f"{_count(len(engine.policies), 'policy')}, {_count(len(engine.bindings), 'binding')}; {found}")
    ctx.exit(1 if errors else 0)


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
