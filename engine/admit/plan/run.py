"""A step gone through in full: what its validations find, what its mutations write, what its annotations say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from admit.cel.env import Declarations
from admit.cel.values import Optional
from admit.errors import EvaluationError
from admit.kubernetes.schemas import Schemas
from admit.plan.expressions import OBJECT, Expressions, Scope
from admit.plan.failure import Failure, Rule
from admit.plan.ir import Step
from admit.plan.link import Judge
from admit.plan.write import add_at, remove_at, set_at
from admit.rules.lower import Patch, Write
from admit.rules.terms import FALSE


class Runner:
    """The functions of a step."""

    def __init__(self, step: Step, within: Declarations, schemas: Schemas) -> None:
        self.step = step
        self._within = within
        self._schemas = schemas
        self.expressions = Expressions(step.definitions, within)
        self.rules = [Rule(validation, self.expressions) for validation in step.lowered.validations]

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
                if not self.expressions.true(condition.expression, scope):
                    return False
            except EvaluationError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return True

    def failures(self, scope: Scope) -> Iterator[Failure]:
        """The validations that do not pass, in order."""
        for rule in self.rules:
            failure = rule.failure(scope)
            if failure is not None:
                yield failure

    def written(self, mutation: Write | Patch, scope: Scope) -> Any:
        """The object after a mutation; the same object where nothing changes. Raises EvaluationError."""
        document = scope["object"]
        if FALSE in mutation.conditions:
            return document
        if isinstance(mutation, Patch):
            if document is None or not all(
                self.expressions.value(condition, scope) is True for condition in mutation.conditions
            ):
                return document
            from admit.plan.patch import patched  # with what an API server knows of patches, which few rule sets need

            return patched(mutation.kind, document, self.expressions.value(mutation.expression, scope), self._schemas)
        failed: list[EvaluationError] = []
        combinations = [*self.expressions.combinations(mutation.loops, scope, OBJECT, failed)]
        if failed:
            raise failed[0]
        for inner, places in combinations:
            if not all(self.expressions.true(condition, inner) for condition in mutation.conditions):
                continue
            value = self.expressions.value(mutation.value, inner)
            if isinstance(value, Optional):
                if not value.present:
                    continue
                value = value.value
            for path in mutation.paths:
                place = self.expressions.place(path, inner, places)
                if place is None:
                    raise EvaluationError(f"{path.root} is in no list of the object")
                document = _WRITERS[mutation.action](document, place, value)
        return document

    def annotations(self, scope: Scope) -> Iterator[tuple[str, str]]:
        """Key and text of each audit annotation that has one. Raises EvaluationError."""
        for annotation in self.step.lowered.audit_annotations:
            value = self.expressions.value(annotation.value_expression, scope)
            if isinstance(value, str) and value.strip():
                yield annotation.key, value.strip()

    def pointers(self, scope: Scope) -> list[str]:
        """Where in the object validations find something, each place once."""
        found = dict.fromkeys(pointer for rule in self.rules for pointer in rule.pointers(scope))
        return [pointer for pointer in found if pointer is not None]


_WRITERS = {"set": set_at, "add": add_at, "remove": remove_at}
