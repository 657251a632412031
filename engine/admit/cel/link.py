"""Expression in, Python function out: the public face of `admit.cel`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, cast

from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.cost import Cost, estimate
from admit.cel.emit import UNBOUND, Code, Unfit, emit, emit_exact
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.fold import fold
from admit.cel.parse import parse
from admit.cel.types import DYN, Type
from admit.cel.values import Value
from admit.errors import EvaluationError, UsageError
from admit.source import Source, Span

_PYTHONS = frozenset(("None", "True", "False", "__debug__"))


class Program(Protocol):
    """A compiled expression: a plain Python function of its variables, by name.

    Raises EvaluationError. `type` is the checked type; `cost` what an evaluation takes at least and at most, in the
    units of the API server's budgets; `code` the generated Python as a tree, with its text.
    """

    type: Type
    cost: Cost
    code: Code

    def __call__(self, *args: Value, **variables: Value) -> Value: ...


class Environment:
    """What expressions may mention: the API server's language of a Kubernetes minor version, or, without one,
    the language of the CEL specification, with further `libraries` of cel-go (lists, sets); and variables with their
    types in CEL's notation (`dyn`, `list(string)`).

    Raises UsageError for a version or type that there is not.
    """

    def __init__(
        self,
        kubernetes: str | None = None,
        variables: Mapping[str, str | Type] | None = None,
        container: str = "",
        libraries: Iterable[str] = (),
    ) -> None:
        self.declarations = declarations(kubernetes, variables, container=container, libraries=libraries)
        for name in _PYTHONS & self.declarations.variables.keys():
            raise UsageError(f"a variable cannot be called {name}: Python has no parameter of that name")

    def compile(self, text: str | Source) -> Program:
        """The program of an expression. Raises CompileError with every issue of it."""
        checked = check(parse_in(self.declarations, text), self.declarations)
        return link(checked, tuple(self.declarations.variables), self.declarations)


def parse_in(declarations: Declarations, text: str | Source) -> Expr:
    """The expression's tree, in the syntax that the declarations allow."""
    return parse(
        text,
        backquotes=declarations.backquotes,
        two_variable=declarations.two_variables,
        sort_by=declarations.sort_by,
        bind=declarations.bind,
    )


def link(
    expr: Expr,
    parameters: Sequence[str],
    within: Declarations,
    name: str = "program",
    definitions: Mapping[str, Expr] = MappingProxyType({}),
) -> Program:
    """The program of a checked expression: its fast form, over the reference evaluator as its exact form.

    `definitions` are variables that stand for expressions, each of those before it: lazy, computed once at most.
    """

    def exact(**variables: Value) -> Value:
        given = {name: value for name, value in variables.items() if value is not UNBOUND}
        return evaluate(expr, _Activation(given, definitions, within) if definitions else given, within)

    try:
        folded = {variable: fold(definition, within) for variable, definition in definitions.items()}
        code = emit(fold(expr, within), parameters, exact, within.kubernetes, name, folded)
        program = load(code, expr.span)
    except (Unfit, RecursionError, MemoryError, SyntaxError):  # CPython's own bounds: the exact form has none of them
        code = emit_exact(expr, parameters, exact, name)
        program = load(code, expr.span)
    linked = cast(Program, program)
    linked.type = expr.type or DYN
    linked.cost = estimate(expr, within)
    linked.code = code
    return linked


class _Activation(dict[str, Value]):
    """Variables by name; a definition is evaluated when it is first asked for, its error kept as well."""

    def __init__(self, given: Mapping[str, Value], definitions: Mapping[str, Expr], within: Declarations) -> None:
        super().__init__(given)
        self._definitions = definitions
        self._within = within
        self._errors: dict[str, EvaluationError] = {}

    def __missing__(self, name: str) -> Value:
        if name in self._errors:
            raise self._errors[name]
        if name not in self._definitions:
            raise KeyError(name)
        try:
            value = self[name] = evaluate(self._definitions[name], self, self._within)
        except EvaluationError as error:
            self._errors[name] = error
            raise
        return value


def load(code: Code, span: Span) -> Callable[..., Any]:
    """The function that the code defines, compiled under the name of the rule's file."""
    namespace = {"__builtins__": {}, **code.namespace}
    exec(compile(code.tree, span.in_file.source.name, "exec"), namespace)
    made: Callable[..., Any] = namespace[code.name]
    return made
