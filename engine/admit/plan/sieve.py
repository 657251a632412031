"""Which of many conditions do not hold, found in one pass: what several loop over is looped over once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from admit.cel.ast import Call, Comprehension, Expr, Literal, Select
from admit.cel.emit import Emitter, Exit, Unfit, far_return, function
from admit.cel.emit.frame import negated
from admit.cel.env import Declarations
from admit.cel.link import load
from admit.cel.quote import constant, quote, statements
from admit.cel.types import BOOL
from admit.errors import EvaluationError
from admit.plan.failure import Rule
from admit.plan.ir import OBJECTS, Group, Plan
from admit.plan.run import Runner
from admit.plan.share import conjunction
from admit.rules.terms import FALSE

MUTABLE = 1
"""The bit that says that a mutation may change something."""

MARK = "@mark"  # no function of CEL
FAILED = "failed"

Sieve = Callable[[Any, Any], int | None]
"""Of `object` and `oldObject`: a number with bit i set where condition i is false; None where one of them may err."""


class Sifted(NamedTuple):
    """A binding's runners, and its rules by their bits; `mask` has all of these, none where the sieve lacks them."""

    group: Group
    runners: Sequence[Runner]
    rules: Mapping[int, tuple[Runner, Rule]] = MappingProxyType({})
    mask: int = 0

    def failing(self, bits: int) -> Iterator[tuple[Runner, Rule]]:
        """The rules of those bits, in order."""
        left = bits & self.mask
        while left:
            lowest = left & -left
            yield self.rules[lowest]
            left ^= lowest


class Sifting:
    """What need not be gone through on a route where something is to be said or written.

    It is compiled when it is asked a second time: one denial is not worth it. `plain`: conditions are of OBJECTS alone.
    `denying`: it has found a rule that fails the last time, and may be asked first.
    """

    def __init__(
        self, plan: Plan, telling: Iterable[tuple[Group, Sequence[Runner]]], within: Declarations, plain: bool
    ) -> None:
        knows_idle = plain and all(map(_is_sure, plan.groups))
        self._conditions: list[Expr] = [conjunction(plan.idle) if knows_idle else FALSE]
        self.telling = [self._sifted(group, runners, plain and _is_sure(group)) for group, runners in telling]
        self._definitions = {
            name: expr for group in plan.groups for step in group.steps for name, expr in step.definitions.items()
        }
        self._within = within
        self._asked = False
        self.denying = False

    def failing(self, scope: Mapping[str, Any]) -> int | None:
        """The bits of the rules that fail, and MUTABLE; None where that cannot be said."""
        asked, self._asked = self._asked, True
        if not asked or len(self._conditions) == 1:
            return None
        try:
            bits = self._failing(scope["object"], scope["oldObject"])
        except EvaluationError:
            bits = None
        self.denying = bits is not None and bits > MUTABLE
        return bits

    def _sifted(self, group: Group, runners: Sequence[Runner], sure: bool) -> Sifted:
        if not sure:
            return Sifted(group, runners)
        rules = {}
        for runner in runners:
            for rule, condition in zip(runner.rules, runner.step.conditions, strict=True):
                rules[1 << len(self._conditions)] = runner, rule
                self._conditions.append(condition)
        return Sifted(group, runners, rules, sum(rules))

    @cached_property
    def _failing(self) -> Sieve:
        return sieve(self._conditions, self._definitions, self._within)


def _is_sure(group: Group) -> bool:
    """Whether its conditions are all that there is to it."""
    sure = group.settled and not group.native and not group.bound.binding.tries
    return sure and all(step.holds != FALSE for step in group.steps)


def sieve(conditions: Sequence[Expr], definitions: Mapping[str, Expr], within: Declarations) -> Sieve:
    """The conditions as one function, which is always None where they have no fast form."""
    emitter = Emitter(OBJECTS, within.kubernetes)
    for variable, definition in definitions.items():
        emitter.define(variable, definition)
    span = conditions[0].span
    try:
        marked = emitter.prepare(conjunction(_marked(1 << i, condition) for i, condition in enumerate(conditions)))
        emitter.frame.emit("failed = 0", span, failed=FAILED)
        _emit(marked, emitter)
    except (Unfit, RecursionError):
        return lambda object, old_object: None
    emitter.frame.emit("return failed", span, failed=FAILED)
    made: Sieve = load(function(emitter, "sieve", far_return(None, span).stmts, span), span)
    return made


def _marked(bit: int, node: Expr) -> Expr:
    """The condition with the bit at each of the conjuncts that it comes down to."""
    match node:
        case Call(function="_&&_", args=(a, b)):
            return replace(node, args=(_marked(bit, a), _marked(bit, b)))
        case Comprehension(macro="all", var2=None, condition=condition) if condition is not None:
            return replace(node, condition=_marked(bit, condition))
        case Call(function="_?_:_", args=(test, consequence, Literal(kind="bool", value=True) as otherwise)):
            return replace(node, args=(test, _marked(bit, consequence), otherwise))
        case Literal(kind="bool", value=True):
            return node
        case _:
            return Call(MARK, (Literal("int", bit, span=node.span), node), span=node.span, type=BOOL)


def _emit(node: Expr, emitter: Emitter) -> None:
    match node:
        case Call(function="_&&_", args=(a, b)):
            _emit(a, emitter)
            _emit(b, emitter)
        case Call(function="_?_:_", args=(test, consequence, _)):
            emitter.where(test, partial(_emit, consequence, emitter))
        case Comprehension(condition=condition) if condition is not None:
            emitter.loop(node, partial(_emit, condition, emitter))
        case Call(function="@mark", args=(Literal(value=bit), condition)):
            mark = statements("failed = failed | bit", node.span, failed=FAILED, bit=constant(bit, node.span))
            match condition:
                case Call("_||_", (excused, Call("_==_", (value, Literal(kind=kind) as wanted)))) if kind in _KINDS:
                    unexcused = Call("!_", (excused,), span=node.span, type=BOOL)
                    emitter.where(unexcused, partial(_emit_equal, value, wanted, mark, emitter))
                case Select() | Call(function="!_"):  # after `unless` they would count as true
                    false = negated(emitter.test(condition), node.span)
                    emitter.frame.emit("if test: mark", node.span, test=false, mark=mark)
                case _:
                    emitter.unless(condition, Exit(mark))


def _emit_equal(value: Expr, wanted: Literal, mark: Sequence[ast.stmt], emitter: Emitter) -> None:
    """The mark where a value is another one of the same kind; one of another kind that is not equal is unusual."""
    span = value.span
    found = emitter.frame.named(emitter.value(value), span)
    with emitter.frame.scope() as different:
        emitter.frame.guard(found, span, _KINDS[wanted.kind])
        emitter.frame.block.extend(mark)
    differs = {"bool": "a is not b", "int": "a != b or a is c"}.get(wanted.kind, "a != b")  # 0 == False
    other = constant(bool(wanted.value), span)
    test = quote(differs, span, a=found.code, b=constant(wanted.value, span), c=other)
    emitter.frame.emit("if test: different", span, test=test, different=different)


_KINDS = {"bool": "bool", "int": "int", "string": "str"}
