"""What makes no sense in a policy or a binding, though each of its fields is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace

from admit.cel.ast import Expr
from admit.errors import Fault
from admit.rules.model import Binding, Constraint, MatchResources, Policy, Requirement, RuleException, Write, Written
from admit.rules.names import free
from admit.rules.paths import POINTED, elements_of, path_of
from admit.rules.profiles import members, rules_of
from admit.rules.read import OURS, WORD, near, quoting
from admit.rules.workloads import WORKLOADS
from admit.rules.yaml import Document

RULE_FIELDS = (
    "subject",
    "matchConstraints",
    "matchConditions",
    "variables",
    "validations",
    "mutations",
    "auditAnnotations",
    "failurePolicy",
    "paramKind",
)

PROFILE_FIELDS = ("messageExpression", "unless")


def policy_faults(policy: Policy, document: Document) -> Iterator[Fault]:
    """What is wrong with a policy by itself."""
    spec = document.value["spec"]
    if policy.policies:
        for name in RULE_FIELDS:
            if name in spec:
                yield Fault(f"a profile has `policies`, not {name}", document.span(("spec", name), key=True))
        known = [member.name for member in policy.policies]
        for name in policy.unless:
            if name not in known:
                said = f"{name!r} is none of the policies{near(name, known)}"
                yield Fault(said, document.span(("spec", "unless", name), key=True))
        return
    for name in PROFILE_FIELDS:
        if name in spec:
            yield Fault(f"only a profile has {name}", document.span(("spec", name), key=True))
    if not any(spec.get(name) for name in ("validations", "mutations", "auditAnnotations", "policies")):
        wanted = "validations, mutations, auditAnnotations, or the policies of a profile"
        yield Fault(f"expected {wanted}", document.span(("spec",), key=True))
    constraints = policy.match_constraints
    if policy.subject is None and not (spec.get("matchConstraints") or {}).get("resourceRules"):
        wanted = "matchConstraints with resourceRules, or the subject PodSpec"
        yield Fault(f"expected {wanted}", document.span(("spec",), key=True))
    if policy.subject is not None and constraints is not None:
        yield from _subject_faults(constraints)
    yield from selector_faults(constraints)
    names: set[str] = set()
    for validation in policy.validations:
        if validation.name in names:
            yield Fault(f"there are two validations named {validation.name!r}", validation.span)
        names.add(validation.name)
        for template in (validation.message, validation.summary):
            if template is not None and any(isinstance(part, str) and "\n" in part for part in template.parts):
                yield Fault("a message must not contain line breaks; write `>-` to fold them", template.span)
        if isinstance(validation.rule, Constraint) and validation.rule.operand is not None:
            yield from _bare_word(validation.rule.operand, {each.variable for each in validation.for_each})
    for write in policy.writes:
        yield from _write_faults(write, policy)


def binding_faults(binding: Binding, document: Document) -> Iterator[Fault]:
    """What is wrong with a binding by itself."""
    if {"Deny", "Warn"} <= set(binding.validation_actions):
        yield Fault("Deny and Warn exclude each other", document.span(("spec", "validationActions")))
    yield from selector_faults(binding)


def selector_faults(written: object) -> Iterator[Fault]:
    """The requirements of selectors that an API server does not take; what they would select, nobody has meant."""
    for each in _parts(written):
        match each:
            case Requirement(operator="In" | "NotIn" as operator, values=()):
                yield Fault(f"{operator} needs values", each.span)
            case Requirement(operator="Exists" | "DoesNotExist" as operator, values=(_, *_)):
                yield Fault(f"{operator} has no values", each.span)


def unanswered(asking: Written) -> Iterator[Fault]:
    """A warning where something first asks the authorizer; for where there is none."""
    for node in _parts(asking):
        if isinstance(node, Expr) and "authorizer" in free(node):
            said = "this asks the authorizer; admit run and admit serve have none, so that failurePolicy decides"
            yield Fault(said, node.span, warning=True)
            return


def exception_faults(binding: Binding, policy: Policy, policies: Mapping[str, Policy]) -> Iterator[Fault]:
    """What is wrong with a binding's exceptions, its policy being known."""
    rules = rules_of(policy, policies)
    names = [*rules, *dict.fromkeys(name.rpartition("/")[0] for name in rules if "/" in name)]
    for exception in binding.exceptions:
        for rule in exception.rules or ():
            if rule.name not in names:
                said = f"the policy {policy.name!r} has no rule named {rule.name!r}{near(rule.name, names)}"
                yield Fault(said, rule.span)
        if exception.when is not None:
            yield from _loop_faults(exception, exception.when, policy, policies)


def _parts(written: object) -> Iterator[object]:
    """What is written, and whatever is written in it."""
    yield written
    inner: Iterable[object] = ()
    if isinstance(written, Written):
        inner = (getattr(written, field.name) for field in fields(written))
    elif isinstance(written, tuple):
        inner = written
    for each in inner:
        yield from _parts(each)


def _loop_faults(
    exception: RuleException, when: Expr, policy: Policy, policies: Mapping[str, Policy]
) -> Iterator[Fault]:
    inner = [member for _, member in members(policy, policies)]
    needed = free(when) & {name for member in inner for name in member.loop_variables}
    chains = [rule.for_each for name, rule in rules_of(policy, policies).items() if exception.covers(name)]
    if exception.mutations:
        chains += [write.for_each for member in inner for write in member.writes]
    if needed and not any(needed <= {each.variable for each in chain} for chain in chains):
        said = " and ".join(map(repr, sorted(needed)))
        yield Fault(f"no rule that this exception is about has the forEach variable {said}", when.span)


def _subject_faults(constraints: MatchResources) -> Iterator[Fault]:
    for rule in constraints.resource_rules:
        for operation in rule.operations:
            if operation not in ("CREATE", "UPDATE", "*"):
                said = f"with the subject PodSpec the operations are CREATE and UPDATE, not {operation}"
                yield Fault(said, rule.span)
        for pattern in rule.resources:
            only = replace(rule, resources=(pattern,))
            if not any(rule.in_group(w.group) and only.names(w.resource, w.subresource) for w in WORKLOADS):
                kinds = ", ".join(dict.fromkeys(w.resource for w in WORKLOADS))
                yield Fault(f"{pattern!r} of these groups carries no pod spec; that do {kinds}", rule.span)


def _bare_word(operand: Expr, variables: set[str]) -> Iterator[Fault]:
    text, names = operand.span.text, free(operand)
    if names and WORD.fullmatch(text) and not names & {*OURS, *variables}:
        said = " and ".join(map(repr, sorted(names)))
        yield Fault(f"undeclared reference to {said}{quoting(text)}", operand.span)


def _write_faults(write: Write, policy: Policy) -> Iterator[Fault]:
    variables = {variable.name: variable.expression for variable in policy.variables}
    pointed = [*POINTED] if policy.subject is not None else ["object"]
    for each in write.for_each:
        if elements_of(each.list, pointed, variables) is not None:
            pointed.append(each.variable)
    yield from _bare_word(write.value, {each.variable for each in write.for_each})
    unpointed = {each.variable for each in write.for_each}.difference(pointed)
    for written in write.paths:
        path = path_of(written)
        if path is not None and path.root in unpointed:
            wanted = "a path, containers, .orValue([]) of one or a filter over one"
            yield Fault(f"nothing can be written through {path.root!r}, whose list is not {wanted}", written.span)
        elif path is None or path.root not in pointed:
            yield Fault(f"expected a path that starts at {' or '.join(pointed)}", written.span)
        elif path.root == "object" and not path.segments:
            yield Fault("expected a path to a field of the object", written.span)
