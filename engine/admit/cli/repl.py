"""The dialogue of `admit cel repl`: expressions, variables, and commands that begin with a colon."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

import click

from admit.cel.manual import LIBRARIES, Entry, described, entries, versions
from admit.cli.output import show_error
from admit.cli.scope import Scope, object_in
from admit.cli.values import estimated, written
from admit.errors import AdmitError, CompileError, EvaluationError, UsageError
from admit.rules.read import near

PROMPT, CONTINUED = "cel> ", "...> "
COMMANDS = {
    ":cost": ("EXPR", "what it costs now, if it has a value, and what it may cost"),
    ":doc": ("NAME", "what a function, a macro or an operator does"),
    ":functions": ("[PREFIX]", "all that can be called, or what begins so"),
    ":help": ("", "this"),
    ":let": ("NAME = EXPR", "gives a variable a value; so does let NAME = EXPR"),
    ":load": ("FILE", "the object, as --file"),
    ":quit": ("", "ends, as Ctrl-D does"),
    ":type": ("EXPR", "its type, without evaluating it"),
    ":variables": ("", "their names and types"),
}


class Repl:
    """Reads standard input to its end; answers go to standard output, errors to standard error."""

    def __init__(self, scope: Scope) -> None:
        self.scope = replace(scope, remedy="let {} = EXPR gives it one")
        self.entries = [entry for entry in entries() if scope.declared.kubernetes in entry.within]
        self.interactive = sys.stdin.isatty()
        self.failed = False

    def run(self) -> int:
        """The exit status: 1 where something failed and nobody was there to see it."""
        if self.interactive:
            _complete_with(self.completions)
            language = "the specification" if self.scope.kubernetes is None else f"Kubernetes {self.scope.kubernetes}"
            click.echo(f"CEL of {language}; :help tells more")
        pending = ""
        while True:
            prompt = CONTINUED if pending else PROMPT
            try:
                line = input(prompt if self.interactive else "")
                finished = not line.strip()
                pending = self._taken(pending if finished else f"{pending}\n{line}".lstrip("\n"), finished)
            except EOFError:
                break
            except KeyboardInterrupt:
                if not self.interactive:
                    raise
                pending = ""
                click.echo()
            except UnicodeDecodeError:
                raise UsageError("what is typed is not UTF-8") from None
        if pending:
            self._taken(pending, finished=True)
        if self.interactive:
            click.echo()
        return int(self.failed and not self.interactive)

    def _taken(self, text: str, finished: bool) -> str:
        """Prints the answer to what was typed. What is unfinished comes back, to be continued."""
        try:
            if answer := self.answer(text):
                click.echo(answer)
        except CompileError as error:
            if not finished and "'<EOF>'" in error.issues[0].message:
                return text
            self._failed(error)
        except AdmitError as error:
            self._failed(error)
        return ""

    def _failed(self, error: AdmitError) -> None:
        self.failed = True
        show_error(error)

    def answer(self, text: str) -> str:
        """What there is to say to a line. Raises AdmitError, and EOFError to end."""
        word, rest = (*text.split(None, 1), "", "")[:2]
        argument, _ = COMMANDS.get(word, ("", ""))
        if argument and not rest and not argument.startswith("["):
            raise UsageError(f"expected {word} {argument}")
        match word:
            case "":
                return ""
            case "let" | ":let":
                return self._let(rest)
            case ":load":
                self.scope = self.scope.with_object(object_in(rest))
                return ""
            case ":type":
                return str(self.scope.checked(rest).type)
            case ":cost":
                program = self.scope.program(rest)
                with suppress(EvaluationError):
                    return f"{self.scope.counted(program)[1]}, estimated {estimated(program.cost)}"
                return f"estimated {estimated(program.cost)}"
            case ":functions":
                return "\n".join(self._functions(rest))
            case ":doc":
                return "\n".join(map(described, self._documented(rest)))
            case ":variables":
                return "\n".join(f"{name}: {type}" for name, type in sorted(self.scope.declared.variables.items()))
            case ":help":
                return "\n".join(("an expression, its value and type", *_help()))
            case ":quit":
                raise EOFError
            case _ if word.startswith(":"):
                raise UsageError(f"unknown command {word}{near(word, COMMANDS) or '; :help lists those there are'}")
            case _:
                program = self.scope.program(text)
                value, _ = self.scope.counted(program)
                return f"{written(value)} : {program.type}"

    def _let(self, text: str) -> str:
        found = re.fullmatch(r"(\S+?)\s*=(?!=)(.+)", text.strip(), re.DOTALL)
        if found is None:
            raise UsageError("expected let NAME = EXPR")
        program = self.scope.program(found[2].strip())
        value, _ = self.scope.counted(program)
        self.scope = self.scope.with_variable(found[1], program.type, value)
        return f"{written(value)} : {program.type}"

    def _functions(self, prefix: str) -> Iterator[str]:
        if prefix:
            yield from (form for entry in self.entries if entry.name.startswith(prefix) for form in entry.forms)
            return
        for library, group in groupby(self.entries, key=lambda entry: entry.library):
            title, _ = LIBRARIES.get(library, (library, ""))
            yield f"{title}: {', '.join(dict.fromkeys(entry.name for entry in group))}"

    def _documented(self, name: str) -> list[Entry]:
        found = [entry for entry in self.entries if entry.name == name]
        if not found:
            elsewhere = [entry.within for entry in entries() if entry.name == name]
            if elsewhere:
                raise UsageError(f"{name} is only in {versions(frozenset().union(*elsewhere))}")
            raise UsageError(f"there is no {name!r}{near(name, [entry.name for entry in self.entries])}")
        return found

    def completions(self, word: str) -> list[str]:
        """What a word may become: commands, variables, functions; and after a dot a field, or else a method."""
        path, dot, last = word.rpartition(".")
        if dot:
            fields = self.scope.bound
            for name in path.split("."):
                inner = fields.get(name)
                fields = inner if isinstance(inner, dict) else {}
            known = [f"{path}.{name}" for name in fields if name.isidentifier() and name.startswith(last)]
            known = known or [f"{path}.{entry.name}(" for entry in self.entries if _has(entry, f".{entry.name}(")]
        else:
            known = [*COMMANDS, *self.scope.declared.variables]
        known += [f"{entry.name}(" for entry in self.entries if _has(entry, f"{entry.name}(", at_start=True)]
        return sorted({name for name in known if name.startswith(word)})


def _has(entry: Entry, call: str, at_start: bool = False) -> bool:
    return any(form.startswith(call) if at_start else call in form for form in entry.forms)


def _help() -> Iterator[str]:
    for command, (argument, what) in COMMANDS.items():
        yield f"{f'{command} {argument}':22} {what}"


def _complete_with(completions: Callable[[str], list[str]]) -> None:
    try:
        import readline
    except ImportError:  # a Python without it
        return
    readline.set_completer_delims(" \t\n()[]{},+-*/%!<>=&|?'\"")
    readline.set_completer(lambda word, nth: (*completions(word), None)[nth])
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
