"""Expression in, Python function out: the public face of `admit.cel`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Protocol, cast

from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.cost import LIMIT, Cost, CostModel, estimate
from admit.cel.cost import cost_model as model_named
from admit.cel.count import Account, Plan, exceeded, plan
from admit.cel.emit import UNBOUND, Code, Exceeded, Unfit, emit, emit_counted, emit_exact
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import Evaluator
from admit.cel.fold import fold
from admit.cel.parse import parse
from admit.cel.types import DYN, Type
from admit.cel.values import Value
from admit.errors import EvaluationError, UsageError
from admit.source import Source, Span

_BOUNDS = (RecursionError, MemoryError, SyntaxError)  # CPython's own: the exact form has none of them
_PYTHONS = frozenset(("None", "True", "False", "__debug__"))


class Program(Protocol):
    """A compiled expression: a plain Python function of its variables, by name.

    Raises EvaluationError. `type` is the checked type; `cost` what an evaluation takes at least and at most, in the
    units of the API server's budgets; `code` the generated Python as a tree, with its text.
    """

    type: Type
    cost: Cost
    code: Code
    counted: Counted

    def __call__(self, *args: Value, **variables: Value) -> Value: ...


class Counted(Protocol):
    """The value, and what the evaluation has cost; by default within the API server's limit of one evaluation.

    Raises EvaluationError with its `cost`, which is above the limit where that is the failure.
    """

    def __call__(self, limit: int = LIMIT, /, **variables: Value) -> tuple[Value, int]: ...


class Environment:
    """What expressions may mention: the API server's language of a Kubernetes minor version, or, without one,
    the language of the CEL specification, with further `libraries` of cel-go (lists, network, regex, sets); and
    variables with their types in CEL's notation (`dyn`, `list(string)`).

    `cost_model` is "kubernetes", "cel-go" or a CostModel: how costs are counted, by default as the API server counts
    those of policies, or as cel-go does by itself. Raises UsageError for a version, type or model that there is not.
    """

    def __init__(
        self,
        kubernetes: str | None = None,
        variables: Mapping[str, str | Type] | None = None,
        container: str = "",
        libraries: Iterable[str] = (),
        cost_model: str | CostModel | None = None,
    ) -> None:
        self.declarations = declarations(kubernetes, variables, container=container, libraries=libraries)
        self.cost_model = cost_model and model_named(cost_model, self.declarations)
        for name in _PYTHONS & self.declarations.variables.keys():
            raise UsageError(f"a variable cannot be called {name}: Python has no parameter of that name")

    def compile(self, text: str | Source) -> Program:
        """The program of an expression. Raises CompileError with every issue of it."""
        checked = check(parse_in(self.declarations, text), self.declarations)
        return link(checked, tuple(self.declarations.variables), self.declarations, model=self.cost_model)


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
    model: str | CostModel | None = None,
) -> Program:
    """The program of a checked expression: its fast form, over the counting evaluator as its exact form.

    `definitions` are variables that stand for expressions, each of those before it: lazy, computed once at most.
    """

    exact = _Exact(expr, parameters, definitions, within, model)
    try:
        folded = {variable: fold(definition, within) for variable, definition in definitions.items()}
        code = emit(fold(expr, within), parameters, exact, within.kubernetes, name, folded)
        program = load(code, expr.span)
    except (Unfit, *_BOUNDS):
        code = emit_exact(expr, parameters, exact, name)
        program = load(code, expr.span)
    linked = cast(Program, program)
    linked.type = expr.type or DYN
    linked.cost = estimate(expr, within, model=model)
    linked.counted = exact.counted
    linked.code = code
    return linked


class _Exact:
    """The exact form of a program, which counts: generated code, made when it is first used, over the evaluator."""

    def __init__(
        self,
        expr: Expr,
        parameters: Sequence[str],
        definitions: Mapping[str, Expr],
        within: Declarations,
        model: str | CostModel | None,
    ) -> None:
        self._expr, self._parameters, self._definitions, self._within = expr, parameters, definitions, within
        self._plan = partial(plan, within=within, model=model)

    def __call__(self, /, **variables: Value) -> Value:
        try:
            return self._counting(*variables.values(), LIMIT)[0]
        except Exceeded:
            raise exceeded(self._expr.span) from None

    def counted(self, limit: int = LIMIT, /, **variables: Value) -> tuple[Value, int]:
        given = [variables.get(name, UNBOUND) for name in self._parameters]
        try:
            return self._counting(*given, limit)
        except Exceeded:  # the evaluator knows at which cost
            return self._evaluated(*given, limit)

    @cached_property
    def _plans(self) -> tuple[Plan, Mapping[str, Plan]]:
        return self._plan(self._expr), {name: self._plan(expr) for name, expr in self._definitions.items()}

    @cached_property
    def _counting(self) -> Callable[..., tuple[Value, int]]:
        own, definitions = self._plans
        try:
            if definitions:
                raise Unfit("variables that are counted by themselves")
            chosen = Evaluator({}, self._within).chosen
            code = emit_counted(own, self._parameters, lambda **given: self._evaluated(*given.values()), chosen)
            return load(code, self._expr.span)
        except (Unfit, *_BOUNDS):
            return self._evaluated

    def _evaluated(self, *values: Value) -> tuple[Value, int]:
        """What the counting evaluator makes of it, by the values of the parameters; the last one is the limit."""
        own, definitions = self._plans
        given = {name: value for name, value in zip(self._parameters, values, strict=False) if value is not UNBOUND}
        account = Account(given, definitions, values[-1])
        try:
            return account.evaluate(own), account.cost
        except EvaluationError as error:
            error.cost = account.cost
            raise


def load(code: Code, span: Span) -> Callable[..., Any]:
    """The function that the code defines, compiled under the name of the rule's file."""
    namespace = {"__builtins__": {}, **code.namespace}
    exec(compile(code.tree, span.in_file.source.name, "exec"), namespace)
    made: Callable[..., Any] = namespace[code.name]
    return made
