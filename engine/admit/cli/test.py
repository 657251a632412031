"""`admit test`: the rule tests, each NAME.test.yaml beside its NAME.yaml."""

from __future__ import annotations

from pathlib import Path

import click

from admit.cli.output import show_error, show_faults
from admit.errors import RuleSetError
from admit.testing import Outcome, Report, run, shown, suites


@click.command("test")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--verbose", "-v", is_flag=True, help="Name the cases that pass too.")
@click.option("--as-is", is_flag=True, help="Take objects as they are, without what an API server fills in.")
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], verbose: bool, as_is: bool) -> None:
    """Run the tests of rules: NAME.test.yaml files, rule files that have one beside them, folders.

    Left out, PATH is the current folder. The exit status is 0 where every case passes, 1 where one fails, 2 where tests
    cannot be run.
    """
    files = list(dict.fromkeys(file for path in paths or (Path(),) for file in suites(path)))
    reports: list[Report] = []
    unsound = False
    for file in files:
        try:
            reports.append(run(file, as_is))
        except RuleSetError as error:
            unsound = True
            show_error(error)
            continue
        for outcome in reports[-1].outcomes:
            if outcome.differences or verbose:
                _show(outcome)
    show_faults([fault for report in reports for fault in report.untested], err=False)
    _summary(reports)
    failed = any(report.failures for report in reports)
    ctx.exit(2 if unsound else 1 if failed else 0)


def _show(outcome: Outcome) -> None:
    word, colour = ("FAIL", "red") if outcome.differences else ("pass", "green")
    click.echo(f"{click.style(word, fg=colour, bold=True)} {outcome.span.place}: {outcome.name}")
    for difference in outcome.differences:
        width = len("expected")
        click.echo(f"     {click.style(difference.what, bold=True)}")
        for label, value in (("expected", difference.expected), ("got", difference.got)):
            click.echo(f"       {label:{width}} {shown(value)}")


def _summary(reports: list[Report]) -> None:
    cases = sum(len(report.outcomes) for report in reports)
    failed = sum(len(report.failures) for report in reports)
    rules = sum(report.rules for report in reports)
    tested = rules - sum(len(report.untested) for report in reports)
    verdict = click.style(f"{failed} of {cases} cases fail", fg="red") if failed else f"{cases} cases pass"
    click.echo(f"{verdict}; {tested} of {rules} rules are tested")
