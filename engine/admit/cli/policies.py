"""`admit policies`: the bundled library."""

from __future__ import annotations

import click

from admit.cli.output import OUTPUT, Form, show_data
from admit.library import Library


@click.command("policies")
@OUTPUT
def command(form: Form | None) -> None:
    """List the policies of the library: name, severity, title."""
    policies = [(name, policy.severity, policy.title) for name, policy in Library().items()]
    if form in ("json", "yaml"):
        show_data([dict(zip(("name", "severity", "title"), policy, strict=True)) for policy in policies], form)
        return
    widths = [max(len(policy[column]) for policy in policies) for column in (0, 1)]
    for name, severity, title in policies:
        click.echo(f"{click.style(f'{name:{widths[0]}}', bold=True)}  {severity:{widths[1]}}  {title}")
