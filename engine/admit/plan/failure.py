"""What a validation finds: the combinations of its loops' elements that fail it, in words and as places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from admit.admission.patch import pointer
from admit.cel.ast import Comprehension, Expr, Ident, ListExpr, Literal
from admit.cel.types import DYN
from admit.errors import EvaluationError
from admit.plan.expressions import OBJECT, Expressions, Place, Places, Scope
from admit.rules.lower import Loop, Validation
from admit.rules.names import free
from admit.rules.plain import fits, shown


class Rule:
    """A validation, and the expressions of its step."""

    def __init__(self, validation: Validation, expressions: Expressions) -> None:
        self.validation = validation
        self._expressions = expressions

    def failure(self, scope: Scope) -> Failure | None:
        """None where the object passes, or is not judged by it."""
        try:
            if self._expressions.true(self.validation.verdict, scope) or not self.judges(scope):
                return None
        except EvaluationError as error:
            return Failure(self, scope, error) if self.judges(scope) else None
        return Failure(self, scope)

    def judges(self, scope: Scope) -> bool:
        """Whether the object is judged by it; asked last, since most that are pass."""
        judged = self.validation.judged
        try:
            return judged is None or self._expressions.true(judged, scope)
        except EvaluationError:
            return True

    def pointers(self, scope: Scope) -> list[str | None]:
        """Where in the object the combinations are that fail."""
        return [self._pointer(inner, places) for inner, places in self._failing(scope, [])]

    def findings(self, scope: Scope, said: str | None) -> tuple[list[tuple[str, str | None]], bool]:
        """Each combination that fails, as text and JSON pointer; and whether nothing erred on the way.

        `said`: the message, where it is the same for every combination.
        """
        failed: list[EvaluationError] = []  # and absorbed, since something is false
        failing = self._failing(scope, failed)
        texts = [self._message(inner, failed) if said is None else said for inner, _ in failing]
        pointers = [self._pointer(inner, places) for inner, places in failing]
        return [*zip(texts, pointers, strict=True)], not failed

    def text(self, findings: Sequence[tuple[str, str | None]], scope: Scope) -> str:
        """The texts of findings as one, or the summary of what is too long."""
        texts = [text for text, _ in findings]
        joined = self.validation.separator.join(texts).strip()
        if fits(joined):
            return joined
        if self.validation.summary is not None:
            try:
                return str(self._expressions.text(self.validation.summary, scope)).strip()
            except EvaluationError:
                return self.unsaid
        return f"{texts[0]} (and {len(texts) - 1} more)" if len(texts) > 1 else texts[0]

    @property
    def unsaid(self) -> str:
        """The text of a rule that has no message, or none that can be had."""
        return f"failed rule {self.validation.name}"

    @cached_property
    def is_said_once(self) -> bool:
        """Whether the message is the same for every combination."""
        variables = {loop.variable for loop in self.validation.loops}
        return not any(free(message) & variables for message in self.validation.messages)

    def once(self, scope: Scope) -> str:
        """The message that is the same for every combination."""
        return self._constant or self._message(scope, [])

    @cached_property
    def _constant(self) -> str:
        """The message that is the same for every object; empty for any other."""
        match self.validation.messages:
            case (Literal(value=text), *_):
                return shown(text)
        return ""

    def _failing(self, scope: Scope, failed: list[EvaluationError]) -> list[tuple[Scope, Places]]:
        """The combinations that do not pass; what fails on the way is added to `failed`."""
        validation = self.validation
        if validation.loops:
            try:
                return [*self._picked(validation.loops, self._expressions.value(self._told, scope), scope, OBJECT)]
            except EvaluationError:
                pass  # somewhere: each is asked by itself then
        failing = []
        for inner, places in self._expressions.combinations(validation.loops, scope, OBJECT, failed):
            try:
                if self._expressions.value(validation.element, inner) is False:
                    failing.append((inner, places))
            except EvaluationError as error:
                failed.append(error)
        return failing

    @cached_property
    def _told(self) -> Expr:
        return _told(self.validation.loops, self.validation.element)

    def _picked(self, loops: Sequence[Loop], told: Any, scope: Scope, places: Places) -> Iterator[tuple[Scope, Places]]:
        """The combinations of which false is told. Raises EvaluationError."""
        loop, *rest = loops
        found: list[Place | None] | None = None
        for index, (item, inner) in enumerate(told):
            if not (inner if rest else inner is False):
                continue
            if found is None:
                found = self._expressions.places(loop, len(told), scope, places)
            within, there = {**scope, loop.variable: item}, {**places, loop.variable: found[index]}
            if rest:
                yield from self._picked(rest, inner, within, there)
            else:
                yield within, there

    def _message(self, scope: Scope, failed: list[EvaluationError]) -> str:
        """The message of one combination; what fails on the way to none is added to `failed`."""
        errors: list[EvaluationError] = []
        for message in self.validation.messages:
            try:
                text = shown(self._expressions.text(message, scope))
            except EvaluationError as error:
                errors.append(error)
                continue
            if text:
                return text
        failed += errors
        return self.unsaid

    def _pointer(self, scope: Scope, places: Places) -> str | None:
        """Where the value is that failed; else the innermost element that has a place."""
        path = self.validation.value
        try:
            place = None if path is None else self._expressions.place(path, scope, places)
        except EvaluationError:
            place = None
        if place is None:
            found = [places[loop.variable] for loop in self.validation.loops if places[loop.variable] is not None]
            place = found[-1] if found else None
        return None if place is None else pointer(place)


class Failure:
    """A validation that does not pass: its text, and each combination that fails, as text and JSON pointer.

    They are made when they are first asked for. With `error` it could not be evaluated; then the text says what failed.
    """

    def __init__(self, rule: Rule, scope: Scope, error: EvaluationError | None = None) -> None:
        self.validation = rule.validation
        self.error = error
        self._rule = rule
        self._scope = {**scope}  # the caller's goes on to other parameters

    @property
    def findings(self) -> Sequence[tuple[str, str | None]]:
        return [(self.text, None)] if self.error is not None else self._found[0]

    @cached_property
    def text(self) -> str:
        """All findings' texts as one; of a message that says the same of every combination, once."""
        if self.error is not None:
            return failed_text(self.validation.name, self.error)
        if self._rule.is_said_once:
            return self._rule.once(self._scope)
        findings, is_clean = self._found
        return self._rule.text(findings, self._scope) if findings and is_clean else self._rule.unsaid

    @cached_property
    def _found(self) -> tuple[Sequence[tuple[str, str | None]], bool]:
        return self._rule.findings(self._scope, self.text if self._rule.is_said_once else None)


def _told(loops: Sequence[Loop], element: Expr) -> Expr:
    """What is said of each combination, with its elements: `A.map(a, [a, B.map(b, [b, E])])`"""
    if not loops:
        return element
    loop, *rest = loops
    pair = ListExpr((Ident(loop.variable, type=DYN), _told(rest, element)), type=DYN)
    return Comprehension("map", loop.list, loop.variable, None, pair, span=element.span, type=DYN)


def failed_text(rule: str, error: EvaluationError) -> str:
    """What failed, and in which part of the rule."""
    part = f" in {error.span.text!r}" if error.span is not None and error.span.text else ""
    return f"rule {rule} failed to evaluate: {error}{part}"
