"""What commands print: faults with their places, plain data. Click leaves colours out where none are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click
import orjson

from admit.errors import AdmitError, CompileError, EvaluationError, Fault, RuleSetError, UsageError
from admit.rules.yaml import dump
from admit.source import UNKNOWN

Form: TypeAlias = Literal["text", "json", "yaml"]

OUTPUT = click.option("--output", "-o", "form", type=click.Choice(["text", "json", "yaml"]), help="How to print it.")
TO_FILE = click.option("--output", "-o", "file", metavar="FILE", type=click.Path(path_type=Path), help="A new file.")


def show_error(error: AdmitError) -> None:
    """On standard error."""
    match error:
        case RuleSetError(faults=faults):
            show_faults(faults)
        case CompileError(issues=issues):
            show_faults(Fault(issue.message, issue.span if issue.span.at >= 0 else UNKNOWN) for issue in issues)
        case EvaluationError(span=span):
            show_faults([Fault(str(error), span or UNKNOWN)])
        case _:
            tell("error", error)


def tell(word: str, said: object, colour: str = "red") -> None:
    """On standard error, as `error: ...`."""
    click.echo(f"{click.style(f'{word}:', fg=colour, bold=True)} {said}", err=True)


def show_faults(faults: Iterable[Fault], err: bool = True) -> None:
    """Each fault with its place and the line underlined."""
    for fault in faults:
        colour = "yellow" if fault.warning else "red"
        kind = click.style("warning:" if fault.warning else "error:", fg=colour, bold=True)
        if not fault.place:
            click.echo(f"{kind} {fault.message}", err=err)
            continue
        line, _, carets = fault.span.underlined().partition("\n")
        click.echo(f"{click.style(fault.place + ':', bold=True)} {kind} {fault.message}", err=err)
        click.echo(f"{line}\n{click.style(carets, fg=colour)}", err=err)


def show_data(value: Any, form: Form, first: bool = True) -> None:
    """Plain data: a line of JSON, or a document of YAML."""
    if form == "json":
        click.echo(orjson.dumps(value))
    else:
        click.echo(("" if first else "---\n") + dump(value), nl=False)


def write(text: str, file: Path | None) -> None:
    """To standard output, or to a file that is new. Raises UsageError."""
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there, and is left as it is") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
