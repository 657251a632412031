"""A step gone through in full: what its validations find, what its mutations write, what its annotations say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeAlias

from admit.admission.patch import pointer
from admit.cel.ast import Expr
from admit.cel.cost import estimate
from admit.cel.cost.model import LIMIT
from admit.cel.emit import UNBOUND
from admit.cel.env import AUTHORIZER, NEWEST, Declarations, admission
from admit.cel.values import Map, Optional, display
from admit.errors import EvaluationError
from admit.kubernetes.schemas import Schemas
from admit.plan.ir import PARAMETERS, Step
from admit.plan.link import Expression, Judge
from admit.plan.write import MISSING, add_at, remove_at, set_at, value_at
from admit.rules.lower import Loop, Patch, Validation, Write
from admit.rules.names import free
from admit.rules.paths import Elements, Path
from admit.rules.terms import FALSE

Scope: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[str | int, ...]
Places: TypeAlias = Mapping[str, Place | None]
"""Where in the object a variable's value is; None where it is not in the object."""

LONGEST_MESSAGE = 5 * 1024  # bytes; the API server drops a longer messageExpression


@dataclass(frozen=True, slots=True)
class Failure:
    """A validation that does not pass: its text, and each combination that fails, as text and JSON pointer.

    With `error` it could not be evaluated; then its text says what failed.
    """

    validation: Validation
    text: str
    findings: tuple[tuple[str, str | None], ...]
    error: EvaluationError | None = None


class Runner:
    """The expressions of a step as functions, compiled as they are needed."""

    def __init__(self, step: Step, within: Declarations, schemas: Schemas) -> None:
        self.step = step
        self._within = within
        self._schemas = schemas
        self._expressions: dict[tuple[object, ...], Expression] = {}
        self._said_once: dict[int, bool] = {}

    @property
    def writes(self) -> bool:
        return self.step.idle is not None

    @property
    def tells(self) -> bool:
        """Whether the step has anything to find or to note."""
        return bool(self.step.lowered.validations or self.step.lowered.audit_annotations)

    def is_silent(self, scope: Scope) -> bool:
        """Whether, at one look, the step finds nothing and notes nothing. False is no answer."""
        return not self.step.lowered.audit_annotations and self._holds(scope)

    def is_idle(self, scope: Scope) -> bool:
        """Whether, at one look, the step's mutations change nothing. False is no answer."""
        return self.step.idle is None or self._idle(scope)

    @cached_property
    def _holds(self) -> Judge:
        return Judge((self.step.holds,), self.step.definitions, self._within, "holds")

    @cached_property
    def _idle(self) -> Judge:
        assert self.step.idle is not None
        return Judge((self.step.idle,), self.step.definitions, self._within, "idle")

    def applies(self, scope: Scope) -> bool:
        """Whether the matchConditions hold: one that is false outweighs those that fail. Raises EvaluationError."""
        failed: EvaluationError | None = None
        for condition in self.step.lowered.match_conditions:
            try:
                if not self._true(condition.expression, scope):
                    return False
            except EvaluationError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return True

    def failures(self, scope: Scope) -> Iterator[Failure]:
        """The validations that do not pass, in order."""
        for validation in self.step.lowered.validations:
            try:
                if self._true(validation.verdict, scope) or not self._judged(validation, scope):
                    continue
                yield self._failure(validation, scope)
            except EvaluationError as error:
                if not self._judged(validation, scope):
                    continue
                text = failed_text(validation.name, error)
                yield Failure(validation, text, ((text, None),), error)

    def written(self, mutation: Write | Patch, scope: Scope) -> Any:
        """The object after a mutation; the same object where nothing changes. Raises EvaluationError."""
        document = scope["object"]
        if FALSE in mutation.conditions:
            return document
        if isinstance(mutation, Patch):
            if document is None or not all(self._value(condition, scope) is True for condition in mutation.conditions):
                return document
            from admit.plan.patch import patched  # with what an API server knows of patches, which few rule sets need

            return patched(mutation.kind, document, self._value(mutation.expression, scope), self._schemas)
        failed: list[EvaluationError] = []
        combinations = [*self._combinations(mutation.loops, scope, {"object": ()}, failed)]
        if failed:
            raise failed[0]
        for inner, places in combinations:
            if not all(self._true(condition, inner) for condition in mutation.conditions):
                continue
            value = self._value(mutation.value, inner)
            if isinstance(value, Optional):
                if not value.present:
                    continue
                value = value.value
            for path in mutation.paths:
                place = self._place(path, inner, places)
                if place is None:
                    raise EvaluationError(f"{path.root} is in no list of the object")
                document = _WRITERS[mutation.action](document, place, value)
        return document

    def annotations(self, scope: Scope) -> Iterator[tuple[str, str]]:
        """Key and text of each audit annotation that has one. Raises EvaluationError."""
        for annotation in self.step.lowered.audit_annotations:
            value = self._value(annotation.value_expression, scope)
            if isinstance(value, str) and value.strip():
                yield annotation.key, value.strip()

    def _judged(self, validation: Validation, scope: Scope) -> bool:
        """Whether the object is judged by it; asked last, since most that are pass."""
        try:
            return validation.judged is None or self._true(validation.judged, scope)
        except EvaluationError:
            return True

    def pointers(self, scope: Scope) -> list[str]:
        """Where in the object validations find something, each place once."""
        found = [
            self._pointer(validation, inner, places)
            for validation in self.step.lowered.validations
            for inner, places in self._failing(validation, scope, [])
        ]
        return [pointer for pointer in dict.fromkeys(found) if pointer is not None]

    def _failure(self, validation: Validation, scope: Scope) -> Failure:
        failed: list[EvaluationError] = []  # and absorbed, since something is false
        failing = [*self._failing(validation, scope, failed)]
        if failing and self._is_said_once(validation):
            texts = [self._message(validation, failing[0][0], failed)] * len(failing)
        else:
            texts = [self._message(validation, inner, failed) for inner, _ in failing]
        pointers = [self._pointer(validation, inner, places) for inner, places in failing]
        findings = [*zip(texts, pointers, strict=True)]
        return Failure(validation, self._text(validation, findings, not failed, scope), tuple(findings))

    def _failing(
        self, validation: Validation, scope: Scope, failed: list[EvaluationError]
    ) -> Iterator[tuple[Scope, Places]]:
        """The combinations that do not pass; what fails on the way is added to `failed`."""
        for inner, places in self._combinations(validation.loops, scope, {"object": ()}, failed):
            try:
                if self._value(validation.element, inner) is False:
                    yield inner, places
            except EvaluationError as error:
                failed.append(error)

    def _text(self, validation: Validation, findings: Sequence[tuple[str, Any]], clean: bool, scope: Scope) -> str:
        """All findings' texts as one; of a message that says the same of every combination, once."""
        texts = [text for text, _ in findings]
        if texts and self._is_said_once(validation):
            return texts[0]
        if not clean or not texts:
            return f"failed rule {validation.name}"
        joined = validation.separator.join(texts).strip()
        if _fits(joined):
            return joined
        if validation.summary is not None:
            try:
                return str(self._text_of(validation.summary, scope)).strip()
            except EvaluationError:
                return f"failed rule {validation.name}"
        return f"{texts[0]} (and {len(texts) - 1} more)" if len(texts) > 1 else texts[0]

    def _is_said_once(self, validation: Validation) -> bool:
        """Whether the message is the same for every combination."""
        known = self._said_once.get(id(validation))
        if known is None:
            variables = {loop.variable for loop in validation.loops}
            known = not any(free(message) & variables for message in validation.messages)
            self._said_once[id(validation)] = known
        return known

    def _message(self, validation: Validation, scope: Scope, failed: list[EvaluationError]) -> str:
        """The message of one combination; what fails on the way to none is added to `failed`.

        As in the API server, a text is passed over that has several lines or more than 5 KiB.
        """
        errors: list[EvaluationError] = []
        for message in validation.messages:
            try:
                text = self._text_of(message, scope)
            except EvaluationError as error:
                errors.append(error)
                continue
            text = text.strip() if isinstance(text, str) else ""
            if text and "\n" not in text and _fits(text):
                return text
        failed += errors
        return f"failed rule {validation.name}"

    def _pointer(self, validation: Validation, scope: Scope, places: Places) -> str | None:
        """Where the value is that failed; else the innermost element that has a place."""
        try:
            place = None if validation.value is None else self._place(validation.value, scope, places)
        except EvaluationError:
            place = None
        if place is None:
            found = [places[loop.variable] for loop in validation.loops if places[loop.variable] is not None]
            place = found[-1] if found else None
        return None if place is None else pointer(place)

    def _combinations(
        self, loops: Sequence[Loop], scope: Scope, places: Places, failed: list[EvaluationError]
    ) -> Iterator[tuple[Scope, Places]]:
        """A scope, and the places of its variables, for every combination of the loops' elements.

        Lists that cannot be had are left out; why is added to `failed`.
        """
        if not loops:
            yield scope, places
            return
        loop, *rest = loops
        try:
            elements = self._elements(loop, scope, places)
        except EvaluationError as error:
            failed.append(error)
            return
        for item, place in elements:
            inner = {**scope, loop.variable: item}
            yield from self._combinations(rest, inner, {**places, loop.variable: place}, failed)

    def _elements(self, loop: Loop, scope: Scope, places: Places) -> list[tuple[Any, Place | None]]:
        """The elements of a loop's list (of a map the keys), each with its place. Raises EvaluationError."""
        items = self._value(loop.list, scope)
        if not isinstance(items, list | dict | Map):
            raise EvaluationError("expression of type 'list' expected")
        found = [] if loop.elements is None else self._found(loop.elements, scope, places)
        return [*zip(items, found if len(found) == len(items) else [None] * len(items), strict=True)]

    def _found(self, elements: Elements, scope: Scope, places: Places) -> list[Place | None]:
        """The places of elements, in order."""
        found: list[Place | None] = []
        for path in elements.lists:
            place = self._place(path, scope, places)
            items = MISSING if place is None else value_at(scope["object"], place)
            if place is None or type(items) is not list:
                continue
            for index, item in enumerate(items):
                if all(self._value(condition, {**scope, name: item}) is True for name, condition in elements.kept):
                    found.append((*place, index))
        return found

    def _place(self, path: Path, scope: Scope, places: Places) -> Place | None:
        start = places.get(path.root)
        if start is None:
            return None
        return (*start, *(s if isinstance(s, str) else _token(self._value(s, scope)) for s in path.segments))

    def _true(self, condition: Expr, scope: Scope) -> bool:
        value = self._value(condition, scope)
        if value is not True and value is not False:
            raise EvaluationError(f"expected a bool but found {display(value)}", condition.span)
        return value

    def _text_of(self, message: Expr, scope: Scope) -> Any:
        """The value of a message, which may call what only the newest Kubernetes has, but asks no authorizer."""
        return self._value(message, {**scope, **NO_AUTHORIZER}, _newest())

    def evaluated(self, expressions: Sequence[Expr | None], scope: Scope, budget: int) -> tuple[list[Any], int]:
        """The values of some expressions, null for none, and what is left of a budget at least.

        Raises EvaluationError where one errs, or where the budget may not suffice: then it must be counted.
        """
        values: list[Any] = []
        for expr in expressions:
            values.append(None if expr is None else self._value(expr, scope))
            budget -= 0 if expr is None else self._expression(expr, scope).most
        budget -= self._most_of_variables if values else 0
        if budget < 0:
            raise EvaluationError("what it costs is not known")
        return values, budget

    @cached_property
    def _most_of_variables(self) -> int:
        return sum(min(estimate(each, self._within).max, LIMIT) for each in self.step.definitions.values())

    def _value(self, expr: Expr, scope: Scope, within: Declarations | None = None) -> Any:
        return self._expression(expr, scope, within)(scope)

    def _expression(self, expr: Expr, scope: Scope, within: Declarations | None = None) -> Expression:
        key = (id(expr), *scope)  # one message may be that of several rules, with other variables
        expression = self._expressions.get(key)
        if expression is None:
            variables = tuple(name for name in scope if name not in PARAMETERS)
            expression = Expression(expr, within or self._within, self.step.definitions, variables)
            self._expressions[key] = expression
        return expression


@cache
def _newest() -> Declarations:
    return admission(f"1.{NEWEST}")


NO_AUTHORIZER = dict.fromkeys(AUTHORIZER, UNBOUND)
_WRITERS = {"set": set_at, "add": add_at, "remove": remove_at}


def _token(value: Any) -> str | int:
    """A computed part of a path: a key, or an index of any kind of number. Raises EvaluationError."""
    match value:
        case bool():
            pass
        case str():
            return value
        case int() | float() if value == int(value):
            return int(value)
    raise EvaluationError(f"{display(value)} is neither a key nor an index")


def _fits(text: str) -> bool:
    return len(text.encode(errors="replace")) <= LONGEST_MESSAGE


def failed_text(rule: str, error: EvaluationError) -> str:
    """What failed, and in which part of the rule."""
    part = f" in {error.span.text!r}" if error.span is not None and error.span.text else ""
    return f"rule {rule} failed to evaluate: {error}{part}"
