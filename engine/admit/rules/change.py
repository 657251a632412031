"""What is lowered, with each of its expressions changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from admit.cel.ast import Expr
from admit.rules.lower import Loop, Lowered, Mutation, Patch, Validation
from admit.rules.paths import Elements, Path, Segment


class Change:
    """Goes through rules, and puts in place of each expression what `expr` makes of it."""

    def __init__(self, expr: Callable[[Expr], Expr]) -> None:
        self.expr = expr

    def everything(self, lowered: Lowered) -> Lowered:
        return replace(
            lowered,
            match_conditions=tuple(replace(c, expression=self.expr(c.expression)) for c in lowered.match_conditions),
            variables=tuple(replace(v, expression=self.expr(v.expression)) for v in lowered.variables),
            validations=tuple(map(self.validation, lowered.validations)),
            mutations=tuple(map(self.mutation, lowered.mutations)),
            audit_annotations=tuple(
                replace(a, value_expression=self.expr(a.value_expression)) for a in lowered.audit_annotations
            ),
        )

    def validation(self, rule: Validation) -> Validation:
        return replace(
            rule,
            verdict=self.expr(rule.verdict),
            loops=tuple(map(self.loop, rule.loops)),
            element=self.expr(rule.element),
            excepted=self.some(rule.excepted),
            messages=tuple(map(self.expr, rule.messages)),
            summary=self.some(rule.summary),
            value=rule.value and self.path(rule.value),
            judged=self.some(rule.judged),
        )

    def mutation(self, mutation: Mutation) -> Mutation:
        conditions = tuple(map(self.expr, mutation.conditions))
        if isinstance(mutation, Patch):
            return replace(mutation, conditions=conditions, expression=self.expr(mutation.expression))
        return replace(
            mutation,
            loops=tuple(map(self.loop, mutation.loops)),
            conditions=conditions,
            paths=tuple(map(self.path, mutation.paths)),
            value=self.expr(mutation.value),
        )

    def loop(self, loop: Loop) -> Loop:
        elements = loop.elements
        if elements is not None:
            kept = (self.kept(variable, condition) for variable, condition in elements.kept)
            elements = Elements(tuple(map(self.path, elements.lists)), tuple(kept))
        return Loop(loop.variable, self.expr(loop.list), elements)

    def kept(self, variable: str, condition: Expr) -> tuple[str, Expr]:
        return variable, self.expr(condition)

    def path(self, path: Path) -> Path:
        return Path(path.root, tuple(map(self.segment, path.segments)))

    def segment(self, segment: Segment) -> Segment:
        return segment if isinstance(segment, str) else self.expr(segment)

    def some(self, node: Expr | None) -> Expr | None:
        return node and self.expr(node)
