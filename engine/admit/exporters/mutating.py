"""What policies mutate, as MutatingAdmissionPolicies: one for each policy under a binding, and for a subresource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from typing import Any, NamedTuple

from admit.admission.patch import pointer
from admit.cel.ast import Call, Expr, Ident, ListExpr, Literal, Select
from admit.cel.env import admission
from admit.engine import Engine
from admit.exporters.documents import about, binding, distinct_name, document, name_under, plain
from admit.exporters.model import Note, Refusal
from admit.exporters.parts import Part, conditions_of, part_of, reachable, renamed
from admit.exporters.subject import Subject, variable
from admit.exporters.text import Unwritable, Writer
from admit.exporters.versions import TooNew, api_version
from admit.exporters.webhooks import Place, places
from admit.exporters.writes import Field, expression, guarded, happening, overlap, written
from admit.kubernetes.validate import problems
from admit.rules import model, patches
from admit.rules.lower import Bound, Lowered, Mutation, Patch
from admit.rules.names import fresh, substitute
from admit.rules.patches import OBJECT, Roots, joined
from admit.rules.paths import Elements, Path
from admit.rules.restate import IMMUTABLE, restate
from admit.rules.terms import differ, disjunction
from admit.rules.upstream import PATCH_TYPES
from admit.rules.workloads import CREATED, Workload

POLICY: model.PolicyKind = "MutatingAdmissionPolicy"
BINDING = "MutatingAdmissionPolicyBinding"
PATH = "podPath"
HOLDER = "pod#"  # in paths, what has the metadata and spec of a pod


@dataclass(slots=True)
class Mutating:
    """The export of what bindings mutate; what is refused, and noted, on the way."""

    engine: Engine
    kubernetes: str
    accept_expiring: bool = False
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _writing: list[tuple[str, list[Place], list[Field]]] = field(default_factory=list)

    def documents(self, bounds: Sequence[Bound]) -> list[dict[str, Any]]:
        """Each policy before its bindings."""
        try:
            version = api_version(POLICY, self.kubernetes)
        except TooNew as error:
            changing = {each.policy.name for bound in bounds for each in bound.members if each.mutations}
            self.refused += (Refusal(name, "mutations", str(error), error.since) for name in sorted(changing))
            return []
        documents = []
        for draft, document_ in _written([draft for bound in bounds for draft in self._drafts(bound)], version):
            found = problems(document_)
            self.refused += [Refusal(draft.policy.name, "mutations", problem.text) for problem in found]
            documents += [] if found else [document_]
        return documents

    def _drafts(self, bound: Bound) -> Iterator[Draft]:
        of = bound.binding
        for lowered in bound.members:
            policy = lowered.policy
            if of.policy.kind == POLICY:
                assert policy.document is not None
                yield Draft(of, policy, dict(policy.document["spec"]))
            elif of.policy.kind == "Policy" and policy.mutations:
                if not of.mutates:
                    self.notes.append(Note(policy.name, "", f"it changes nothing under {of.name}"))
                elif self._is_timeless(of, policy):
                    yield from self._drafts_of(of, lowered)

    def _drafts_of(self, of: model.Binding, lowered: Lowered) -> Iterator[Draft]:
        policy, within = lowered.policy, admission(self.engine.kubernetes)
        part = part_of(lowered, self._today.isoformat(), self.engine.kubernetes)
        found = (happening(mutation, within) for mutation in part.mutations)
        changes = [Change(*each) for each in zip(lowered.mutations, found, strict=True) if each[1]]
        if not changes:
            self.notes.append(Note(policy.name, "", "it writes nothing under these settings"))
            return
        self._compare(lowered, [each for change in changes for each in change.at_once])
        has_params = policy.param_kind is not None
        try:
            specs = [(body.spec(Writer(self.kubernetes, has_params)), body.suffix) for body in _bodies(part, changes)]
        except Unwritable as error:
            self.refused.append(Refusal(policy.name, "mutations", str(error), error.since))
        else:
            yield from (Draft(of, policy, spec, suffix) for spec, suffix in specs)

    def _compare(self, lowered: Lowered, mutations: Sequence[Mutation]) -> None:
        """Notes the bindings so far under which something else is written there: an API server keeps no order."""
        about, fields = [*places(lowered)], [*written(mutations)]
        for other, about_too, its_fields in self._writing:
            meet = any(a.meet(b) is not None for a in about for b in about_too)
            if meet and any(overlap(a, b) for a in fields for b in its_fields):
                order = "and an API server applies policies in no order to rely on"
                text = f"{other} and {lowered.binding.name} write to one place, {order}"
                self.notes.append(Note(lowered.policy.name, "", text))
        self._writing.append((lowered.binding.name, about, fields))

    def _is_timeless(self, of: model.Binding, policy: model.Policy) -> bool:
        """Whether the exceptions from its mutations hold without an end, as far as an API server is concerned."""
        for exception in of.exceptions:
            if exception.mutations and exception.expires is not None and exception.expires >= self._today:
                where, day = f"exception {exception.name}", exception.expires
                if not self.accept_expiring:
                    reason = f"it expires on {day}, and an API server has no clock (see --accept-expiring)"
                    self.refused.append(Refusal(policy.name, where, reason))
                    return False
                self.notes.append(Note(policy.name, where, f"has no end there; it was to expire on {day}"))
        return True

    @property
    def _today(self) -> date:
        return self.engine.clock().astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy without its name, and what binds it."""

    binding: model.Binding
    policy: model.Policy
    spec: Mapping[str, Any]
    suffix: str = ""


class Change(NamedTuple):
    """A mutation as it is lowered, and what is left of it: writes that happen at once, or one patch."""

    lowered: Mutation
    at_once: list[Mutation]


@dataclass(frozen=True, slots=True)
class Body:
    """One policy, asked of what the `rules` name. Each of `mutations` is one: writes that happen at once.

    With a subject they say `pod`, `podMetadata` and `containers`; `roots` say where in the object that is. `condition`
    is one of all of them.
    """

    part: Part
    rules: Sequence[Mapping[str, Any]]
    mutations: Sequence[Sequence[Mutation]]
    subject: Subject | None = None
    roots: Roots = field(default_factory=lambda: OBJECT)
    condition: Expr | None = None
    suffix: str = ""

    def spec(self, writer: Writer) -> dict[str, Any]:
        """Raises Unwritable."""
        policy = self.part.policy
        named = [expression(at_once, self.roots) for at_once in self.mutations]
        expressions = [(kind, self._placed(node)) for kind, node in named]
        variables = self._variables()
        used = reachable((node for _, node in expressions), variables)
        spec: dict[str, Any] = {
            "failurePolicy": policy.failure_policy,
            "reinvocationPolicy": "IfNeeded",
            "paramKind": plain(policy.param_kind),
            "matchConstraints": {**self.part.match, "resourceRules": [*self.rules]},
            "matchConditions": [
                {"name": name, "expression": writer.condition(node)} for name, node in self._conditions()
            ],
            "variables": [
                {"name": name, "expression": writer.variable(name, node, only_said=False)}
                for name, node in variables.items()
                if name in used
            ],
            "mutations": [
                {"patchType": PATCH_TYPES[kind], kind: {"expression": writer.mutation(kind, node)}}
                for kind, node in expressions
            ],
        }
        return {key: value for key, value in spec.items() if value}

    def _variables(self) -> dict[str, Expr]:
        """Those of the subject, and the author's."""
        found: dict[str, Expr] = {}
        if self.subject is not None:
            found = {**self.subject.variables, PATH: _path(self.subject)}
        return found | {self._names[name]: self._placed(node) for name, node in self.part.variables.items()}

    @property
    def _names(self) -> dict[str, str]:
        """What the author's variables are called beside those of the subject."""
        taken = frozenset((*self.subject.variables, PATH)) if self.subject is not None else frozenset[str]()
        return {name: fresh(name, taken) for name in self.part.variables}

    def _placed(self, node: Expr) -> Expr:
        return substitute(renamed(node, self._names), self.subject.roots if self.subject is not None else {})

    def _conditions(self) -> Iterator[tuple[str, Expr]]:
        operations = {operation for rule in self.rules for operation in rule["operations"]}
        writable = {} if self.condition is None else {"writable": self.condition}
        return conditions_of(self.part, self.subject, operations, writable)


def _bodies(part: Part, changes: Sequence[Change]) -> Iterator[Body]:
    """The policies that a part becomes: one, with a subject another for the ephemeral containers of a running Pod."""
    if part.policy.subject is None:
        rules = [
            {**rule, "operations": operations}
            for rule in part.match["resourceRules"]
            if (operations := [each for each in rule["operations"] if each != "DELETE"])
        ]
        if rules:
            yield Body(part, rules, [change.at_once for change in changes])
        return
    whole = tuple(each for each in part.lowered.workloads if not each.subresource)
    if rules := _rules(part, lambda resource: "/" not in resource):
        yield _of_objects(part, rules, changes, Subject(whole))
    for workload in part.lowered.workloads:
        if workload.subresource:
            subject = Subject((workload,))
            restated = (_restated(part.lowered, change.at_once, workload, subject.roots) for change in changes)
            narrowed = [at_once for at_once in restated if at_once]
            rules = _rules(part, lambda resource: "/" in resource)
            if rules and narrowed:
                rules = [{**rule, "operations": ["UPDATE"]} for rule in rules if "UPDATE" in rule["operations"]]
                yield Body(part, rules, narrowed, subject, suffix="-ephemeral")


def _rules(part: Part, wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
    rules = ({**rule, "resources": [*filter(wanted, rule["resources"])]} for rule in part.match["resourceRules"])
    return [rule for rule in rules if rule["resources"]]


def _of_objects(part: Part, rules: Sequence[Mapping[str, Any]], changes: Sequence[Change], subject: Subject) -> Body:
    """What is written to all that carries a pod, through variables that say where it has it."""
    path = variable(PATH)
    roots = {
        **OBJECT,
        "pod": patches.Place(variable(subject.spec), joined(path, Literal("string", "/spec"))),
        HOLDER: patches.Place(variable(subject.holder), path),
    }
    guards = [_guard(part, change.lowered, subject) for change in changes]
    placed = [[_held(each) for each in change.at_once] for change in changes]
    first = guards[0]
    if first is not None and all(guard == first for guard in guards) and not part.conditions:
        return Body(part, rules, placed, subject, roots, first)
    placed = [
        [each if guard is None else guarded(each, guard) for each in at_once]
        for at_once, guard in zip(placed, guards, strict=True)
    ]
    return Body(part, rules, placed, subject, roots)


def _path(subject: Subject) -> Expr:
    """The JSON pointer of what has the metadata and spec of a pod."""
    return subject.by_kind(lambda each: Literal("string", pointer(each.holder)))


def _guard(part: Part, mutation: Mutation, subject: Subject) -> Expr | None:
    """When it may be written: what is fixed once a Pod or Job is there, when that is created; None for always."""
    fixed = [
        each.kind
        for each in subject.workloads
        if each.kind in IMMUTABLE and CREATED in _restated(part.lowered, [mutation], each)[0].conditions
    ]
    if not fixed or part.operations == {"CREATE"}:
        return None
    if len(fixed) == len(subject.workloads):
        return CREATED
    kinds = [Literal("string", kind) for kind in fixed]
    kind = Select(Ident("object"), "kind")
    others = differ(kind, kinds[0]) if len(kinds) == 1 else Call("!_", (Call("@in", (kind, ListExpr(tuple(kinds)))),))
    return disjunction(CREATED, others)


def _restated(
    lowered: Lowered, mutations: Sequence[Mutation], workload: Workload, roots: Mapping[str, Expr] | None = None
) -> list[Mutation]:
    """What of the mutations can happen in one kind."""
    alone = replace(
        lowered,
        mutations=tuple(mutations),
        match_conditions=(),
        variables=(),
        validations=(),
        audit_annotations=(),
    )
    return [*restate(alone, workload, roots).mutations]


def _held(mutation: Mutation) -> Mutation:
    """The mutation with the metadata of a pod as what may be missing in what has it."""
    if isinstance(mutation, Patch):
        return mutation

    def placed(path: Path) -> Path:
        return Path(HOLDER, ("metadata", *path.segments)) if path.root == "podMetadata" else path

    loops = tuple(
        loop
        if loop.elements is None
        else replace(loop, elements=Elements(tuple(map(placed, loop.elements.lists)), loop.elements.kept))
        for loop in mutation.loops
    )
    return replace(mutation, loops=loops, paths=tuple(map(placed, mutation.paths)))


def _written(drafts: Sequence[Draft], version: str) -> Iterator[tuple[Draft, dict[str, Any]]]:
    """The documents: policies that say the same are one, with several bindings."""
    policies: dict[str, Draft] = {}
    bindings: list[str] = []
    for draft in drafts:
        of = draft.binding
        alike = [each for each in drafts if (each.policy.key, each.suffix) == (draft.policy.key, draft.suffix)]
        name = name_under(of.name, draft.policy.name, all(each.spec == draft.spec for each in alike)) + draft.suffix
        if name not in policies or policies[name].spec != draft.spec:
            name = distinct_name(name, policies)
            policies[name] = draft
            told = {} if draft.policy.kind == POLICY else {"policy": draft.policy.name, **about(draft.policy)}
            yield draft, document(POLICY, name, draft.spec, told, version)
        bindings.append(distinct_name(f"{of.name}{draft.suffix}", bindings))
        yield draft, binding(of, bindings[-1], name, BINDING, {}, version)
