"""What a policy says under one binding, all that is constant there folded: the parts that documents are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from admit.cel.ast import Expr, Ident, Literal, Select, children, rebuild
from admit.cel.env import NEWEST, Declarations, admission
from admit.exporters.constants import inlined, is_short
from admit.exporters.documents import plain
from admit.exporters.subject import Subject, rules_of
from admit.rules.change import Change
from admit.rules.lower import Lowered, Mutation, Validation
from admit.rules.model import Policy
from admit.rules.names import substitute
from admit.rules.paths import Segment
from admit.rules.restate import reads_metadata
from admit.rules.terms import TRUE
from admit.rules.workloads import NOT_BEING_DELETED


@dataclass(frozen=True, slots=True)
class Part:
    """One policy under one binding, in plain CEL. With a subject it still says `pod`, `podMetadata`, `containers`.

    `match` are matchConstraints as they are written; of the `validations` those in `about_metadata` are also about the
    metadata of a Pod that is updated.
    """

    lowered: Lowered
    match: Mapping[str, Any]
    conditions: tuple[tuple[str, Expr], ...]
    variables: Mapping[str, Expr]
    validations: tuple[Validation, ...]
    about_metadata: frozenset[str]
    annotations: tuple[tuple[str, Expr], ...]
    mutations: tuple[Mutation, ...]

    @property
    def policy(self) -> Policy:
        return self.lowered.policy

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(operation for rule in self.match["resourceRules"] for operation in rule["operations"])


def part_of(lowered: Lowered, today: str, kubernetes: str) -> Part:
    """What a lowered policy comes to on that day: exceptions that are over are left out."""
    within, newest = admission(kubernetes), admission(f"1.{NEWEST}")
    names = {"settings": dict(lowered.settings), "today": today}
    constants: dict[str, Literal] = {}
    variables: dict[str, Expr] = {}

    def folded(node: Expr, scope: Declarations = within) -> Expr:
        return inlined(node, names, constants, scope)

    for each in lowered.variables:
        value = folded(each.expression)
        if isinstance(value, Literal):
            constants[each.name] = value
        if not isinstance(value, Literal) or not is_short(value):
            variables[each.name] = value
    fold = Folding(folded)
    validations = (
        replace(fold.validation(rule), messages=tuple(folded(message, newest) for message in rule.messages))
        for rule in lowered.validations
    )
    return Part(
        lowered,
        _match(lowered),
        tuple(
            (each.name, folded(each.expression)) for each in lowered.match_conditions[1:]
        ),  # the first is no author's
        variables,
        tuple(rule for rule in validations if rule.verdict != TRUE),
        frozenset(rule.name for rule in lowered.validations if reads_metadata(rule, lowered)),
        tuple((each.key, folded(each.value_expression)) for each in lowered.audit_annotations),
        tuple(map(fold.mutation, lowered.mutations)),
    )


def conditions_of(
    part: Part, subject: Subject | None, operations: Collection[str], ours: Mapping[str, Expr]
) -> Iterator[tuple[str, Expr]]:
    """The matchConditions of a document about these operations, by their names; the author's come last."""
    own = part.conditions
    if subject is not None:
        yield "has-pod-spec", subject.has_spec
        roots = subject.inline_roots
        own = tuple((name, substitute(node, roots)) for name, node in own)
    yield from ours.items()
    if not {"UPDATE", "*"}.isdisjoint(operations):
        yield "not-being-deleted", NOT_BEING_DELETED
    yield from own


class Folding(Change):
    def segment(self, segment: Segment) -> Segment:
        """A computed key that turns out to be constant is a field."""
        folded = super().segment(segment)
        return str(folded.value) if isinstance(folded, Literal) and folded.kind == "string" else folded


def mentioned(node: Expr) -> frozenset[str]:
    """The policy's variables that an expression mentions."""
    match node:
        case Select(Ident("variables"), name):
            return frozenset((name,))
        case _:
            return frozenset[str]().union(*map(mentioned, children(node)))


def renamed(node: Expr, names: Mapping[str, str]) -> Expr:
    """The expression with the policy's variables called by other names."""
    match node:
        case Select(Ident("variables"), name) if name in names:
            return replace(node, field=names[name])
        case _:
            return rebuild(node, partial(renamed, names=names))


def reachable(nodes: Iterable[Expr], variables: Mapping[str, Expr]) -> set[str]:
    """The variables that expressions mention, and those that these do."""
    found: set[str] = set()
    pending = [name for node in nodes for name in mentioned(node)]
    while pending:
        name = pending.pop()
        if name not in found and name in variables:
            found.add(name)
            pending += mentioned(variables[name])
    return found


def _match(lowered: Lowered) -> dict[str, Any]:
    constraints = lowered.policy.match_constraints
    written = plain(constraints) if constraints is not None else {}
    return {**written, "resourceRules": rules_of(lowered)} if lowered.policy.subject is not None else written
