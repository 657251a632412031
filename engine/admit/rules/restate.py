"""A policy about pods, lowered, restated for one kind that carries them: `object` instead of `pod`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from admit.cel.ast import Call, Comprehension, Expr, Ident, ListExpr, Literal, Select, children
from admit.cel.check import check
from admit.cel.env import Declarations, admission
from admit.cel.types import BOOL, DYN
from admit.rules.change import Change
from admit.rules.lower import Loop, Lowered, Mutation, Patch, Validation, Write
from admit.rules.model import MatchCondition
from admit.rules.names import substitute
from admit.rules.paths import Path, Segment
from admit.rules.terms import present_or
from admit.rules.workloads import CREATED, POD_CHANGED, POD_SPEC_CHANGED, Workload

EPHEMERAL = ("spec", "ephemeralContainers")
IMMUTABLE = {"Pod": ("spec",), "Job": ("spec", "template")}  # what the API server lets be written on creation only


def restate(lowered: Lowered, workload: Workload, roots: Mapping[str, Expr] | None = None) -> Lowered:
    """The same about one kind of workload; objects of it without a pod spec are left alone.

    `roots`: what stands for `pod`, `podMetadata` and `containers` in values; left out: what they are in the object.
    """
    to = _To(lowered, workload, roots)
    restated = to.everything(lowered)
    applies = MatchCondition("admit.dev/has-pod-spec", _checked(workload.applies))
    return replace(
        restated,
        workload=workload,
        match_conditions=(applies, *restated.match_conditions),
        mutations=tuple(m for each in restated.mutations if (m := to.happening(each)) is not None),
    )


class _To(Change):
    """What belongs to a lowered policy, restated for one kind."""

    def __init__(self, lowered: Lowered, workload: Workload, roots: Mapping[str, Expr] | None) -> None:
        self._lowered = lowered
        self.workload = workload
        self.roots = roots or {name: _checked(node) for name, node in workload.roots.items()}
        super().__init__(lambda node: substitute(node, self.roots))

    def path(self, path: Path) -> Path:
        path = super().path(path)
        match path.root:
            case "pod":
                return Path("object", (*self.workload.spec, *path.segments))
            case "podMetadata":
                return Path("object", (*self.workload.metadata, *path.segments))
            case _:
                return path

    def kept(self, variable: str, condition: Expr) -> tuple[str, Expr]:
        restated = self.expr(Comprehension("filter", ListExpr(()), variable, condition))
        assert isinstance(restated, Comprehension) and restated.condition is not None
        return restated.var, restated.condition

    def validation(self, rule: Validation) -> Validation:
        judged = None
        if self.workload.kind == "Pod":
            judged = _checked(POD_CHANGED if reads_metadata(rule, self._lowered) else POD_SPEC_CHANGED)
        return replace(super().validation(rule), judged=judged)

    def happening(self, mutation: Mutation) -> Mutation | None:
        """A restated mutation, as far as it can happen in this kind."""
        immutable = IMMUTABLE.get(self.workload.kind)
        if self.workload.subresource:
            return _to_new_containers(mutation) if isinstance(mutation, Write) else None
        if immutable is None or not _may_change(mutation, immutable):
            return mutation
        return replace(mutation, conditions=(_checked(CREATED), *mutation.conditions))


@cache
def _scope() -> Declarations:
    return admission("1.36")


@cache
def _checked(node: Expr) -> Expr:
    return check(node, _scope())


def reads_metadata(validation: Validation, lowered: Lowered) -> bool:
    """Whether the verdict, or that the policy applies at all, depends on the metadata of the pod."""
    variables = {variable.name: variable.expression for variable in lowered.variables}

    def reads(node: Expr) -> bool:
        match node:
            case Ident(name="podMetadata" | "object"):
                return True
            case Select(Ident("object"), field) | Call("_?._", (Ident("object"), Literal("string", field))):
                return bool(field == "metadata")
            case Select(Ident("variables"), name) if name in variables:
                return reads(variables[name])
            case _:
                return any(map(reads, children(node)))

    own = (c.expression for c in lowered.policy.match_conditions)
    return any(map(reads, (validation.verdict, *own)))


def _places(path: Path, loops: tuple[Loop, ...]) -> list[tuple[Segment | None, ...]]:
    """The segments from the object on, None for the index of a loop."""
    if path.root == "object":
        return [path.segments]
    elements = next(loop.elements for loop in loops if loop.variable == path.root)
    lists = elements.lists if elements is not None else ()
    return [(*place, None, *path.segments) for each in lists for place in _places(each, loops)]


def _may_change(mutation: Mutation, field: tuple[str, ...]) -> bool:
    if isinstance(mutation, Patch):  # what it writes is not known before
        return True
    places = (place for path in mutation.paths for place in _places(path, mutation.loops))
    return any(_overlap(place, field) for place in places)


def _overlap(place: tuple[Segment | None, ...], field: tuple[str, ...]) -> bool:
    """Whether a write there may change something in the field."""
    return all(not isinstance(segment, str) or segment == name for segment, name in zip(place, field, strict=False))


def _to_new_containers(write: Write) -> Write | None:
    """The write, to the ephemeral containers that the old object lacks; None where it goes elsewhere."""
    over = [(path, _outermost(path.root, write.loops)) for path in write.paths]
    paths = tuple(path for path, loop in over if loop is not None and _is_over_ephemeral(loop))
    if not paths:
        return None
    narrowed = {loop.variable: _narrowed(loop) for _, loop in over if loop is not None and _is_over_ephemeral(loop)}
    return replace(
        write,
        loops=tuple(narrowed.get(loop.variable, loop) for loop in write.loops),
        conditions=(*map(_is_new, narrowed), *write.conditions),
        paths=paths,
    )


def _is_over_ephemeral(loop: Loop) -> bool:
    return loop.elements is not None and Path("object", EPHEMERAL) in loop.elements.lists


def _narrowed(loop: Loop) -> Loop:
    """The loop, over ephemeral containers alone."""
    assert loop.elements is not None
    containers = _checked(present_or(ListExpr(()), *EPHEMERAL))
    for variable, condition in loop.elements.kept:
        containers = Comprehension("filter", containers, variable, condition, type=containers.type)
    return Loop(loop.variable, containers, replace(loop.elements, lists=(Path("object", EPHEMERAL),)))


def _outermost(root: str, loops: tuple[Loop, ...]) -> Loop | None:
    """The loop over a list of the object that the variable comes from."""
    for loop in reversed(loops):
        if loop.variable == root and loop.elements is not None:
            root = loop.elements.lists[0].root
            if root == "object":
                return loop
    return None


def _is_new(container: str) -> Expr:
    """`!OLD.exists(old, old.name == container.name)`"""
    old = "old" if container != "old" else "older"
    same = Call("_==_", (Select(Ident(old), "name"), Select(Ident(container), "name")))
    before = present_or(ListExpr(()), *EPHEMERAL, root="oldObject")
    scope = replace(_scope(), variables={**_scope().variables, container: DYN})
    return check(Call("!_", (Comprehension("exists", before, old, same),)), scope, BOOL)
