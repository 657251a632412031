"""The API server's own policies and bindings read into the model, and lowered: they say already what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from admit.cel.ast import Expr, Literal
from admit.cel.env import Declarations, admission
from admit.cel.library import functions
from admit.cel.parse import parse
from admit.cel.types import BOOL, DYN, NULL, STRING, Type
from admit.errors import CompileError, Fault
from admit.rules import model
from admit.rules.lower import PATCHED, Bound, Lowered, Patch, Validation, checked_in
from admit.rules.yaml import Document
from admit.source import Source

GROUP = "admissionregistration.k8s.io"
KINDS: Mapping[str, model.PolicyKind] = {
    f"{kind}{suffix}": kind
    for kind in ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy")
    for suffix in ("", "Binding")
}
"""The kinds of documents, with the kind of policy that each is or binds."""

PATCH_TYPES: Mapping[model.PatchKind, str] = {"applyConfiguration": "ApplyConfiguration", "jsonPatch": "JSONPatch"}


def read(document: Document, faults: list[Fault]) -> model.Policy | model.Binding | None:
    """The policy or binding of a document; None where it is not one. What is wrong with it is added to the faults."""
    from admit.kubernetes.validate import Expression, problems  # when there is one to be read

    def parse_alone(expression: Expression) -> None:
        _parsed(document.scalar(expression.path), faults)

    wrong = [Fault(problem.text, document.span(problem.path)) for problem in problems(document.value)]
    if not wrong:
        return parsed(document, faults)
    faults += wrong
    problems(document.value, parse_alone)
    return None


def parsed(document: Document, faults: list[Fault]) -> model.Policy | model.Binding:
    """The policy or binding of a document with nothing wrong, but with the text of its expressions."""
    from admit.kubernetes.validate import defaulted

    value = defaulted(document.value)
    reader = _Reader(document, faults)
    kind = KINDS[value["kind"]]
    if value["kind"] == kind:
        return reader.policy(value["metadata"]["name"], kind, value["spec"])
    return reader.binding(value["metadata"]["name"], kind, value["spec"])


class _Reader:
    def __init__(self, document: Document, faults: list[Fault]) -> None:
        self.document, self.faults = document, faults

    def policy(self, name: str, kind: model.PolicyKind, spec: Mapping[str, Any]) -> model.Policy:
        param_kind = spec.get("paramKind")
        return model.Policy(
            name,
            match_constraints=_match_resources(spec.get("matchConstraints") or {}),
            match_conditions=tuple(
                model.MatchCondition(each["name"], self.cel("matchConditions", i, "expression"))
                for i, each in enumerate(spec.get("matchConditions") or ())
            ),
            variables=tuple(
                model.Variable(each["name"], self.cel("variables", i, "expression"))
                for i, each in enumerate(spec.get("variables") or ())
            ),
            validations=tuple(self.validation(i, each) for i, each in enumerate(spec.get("validations") or ())),
            mutations=tuple(self.mutation(i, each) for i, each in enumerate(spec.get("mutations") or ())),
            audit_annotations=tuple(
                model.AuditAnnotation(each["key"], self.cel("auditAnnotations", i, "valueExpression"))
                for i, each in enumerate(spec.get("auditAnnotations") or ())
            ),
            failure_policy=spec["failurePolicy"],
            param_kind=model.ParamKind(param_kind["apiVersion"], param_kind["kind"]) if param_kind else None,
            kind=kind,
            reinvocation_policy=spec.get("reinvocationPolicy") or "Never",
            document=self.document.value,
            span=self.document.span(("metadata", "name")),
        )

    def validation(self, index: int, written: Mapping[str, Any]) -> model.Validation:
        place = ("spec", "validations", index)
        message = written.get("message")
        return model.Validation(
            f"validations[{index}]",
            self.cel("validations", index, "expression"),
            message=model.Template((message,), span=self.document.span((*place, "message"))) if message else None,
            message_expression=(
                self.cel("validations", index, "messageExpression") if written.get("messageExpression") else None
            ),
            reason=written.get("reason") or "Invalid",
            span=self.document.span(place),
        )

    def mutation(self, index: int, written: Mapping[str, Any]) -> model.Mutation:
        kind = next(kind for kind, type in PATCH_TYPES.items() if type == written["patchType"])
        return model.Patch(
            kind,
            self.cel("mutations", index, kind, "expression"),
            span=self.document.span(("spec", "mutations", index)),
        )

    def binding(self, name: str, kind: model.PolicyKind, spec: Mapping[str, Any]) -> model.Binding:
        ref, limits = spec.get("paramRef"), spec.get("matchResources")
        return model.Binding(
            name,
            model.Reference(spec["policyName"], kind, span=self.document.span(("spec", "policyName"))),
            validation_actions=tuple(spec.get("validationActions") or ("Deny",)),
            match_resources=None if limits is None else _match_resources(limits),
            param_ref=None if ref is None else _param_ref(ref),
            span=self.document.span(("metadata", "name")),
        )

    def cel(self, *place: str | int) -> Expr:
        return _parsed(self.document.scalar(("spec", *place)), self.faults)


def _parsed(source: Source, faults: list[Fault]) -> Expr:
    try:
        return parse(source)
    except CompileError as error:
        faults += (Fault(issue.message, issue.span) for issue in error.issues)
        return Literal("null_type", None, span=source.span(0, len(source.text)))


def _match_resources(written: Mapping[str, Any]) -> model.MatchResources:
    return model.MatchResources(
        tuple(map(_rule, written.get("resourceRules") or ())),
        tuple(map(_rule, written.get("excludeResourceRules") or ())),
        _selector(written.get("namespaceSelector") or {}),
        _selector(written.get("objectSelector") or {}),
        written.get("matchPolicy") or "Equivalent",
    )


def _rule(written: Mapping[str, Any]) -> model.ResourceRule:
    return model.ResourceRule(
        tuple(written.get("operations") or ()),
        tuple(written.get("apiGroups") or ()),
        tuple(written.get("apiVersions") or ()),
        tuple(written.get("resources") or ()),
        tuple(written.get("resourceNames") or ()),
        written.get("scope") or "*",
    )


def _selector(written: Mapping[str, Any]) -> model.Selector:
    return model.Selector(
        written.get("matchLabels") or {},
        tuple(
            model.Requirement(each["key"], each["operator"], tuple(each.get("values") or ()))
            for each in written.get("matchExpressions") or ()
        ),
    )


def _param_ref(written: Mapping[str, Any]) -> model.ParamRef:
    selector = written.get("selector")
    return model.ParamRef(
        written.get("name") or None,
        written.get("namespace") or None,
        None if selector is None else _selector(selector),
        written.get("parameterNotFoundAction") or "Deny",
    )


def lower(binding: model.Binding, policy: model.Policy, kubernetes: str) -> tuple[Bound, list[Fault]]:
    """The binding of one of the API server's policies, its expressions checked as they are used by the version."""
    checking = _Checking(policy, kubernetes)
    lowered = checking.lowered(binding)
    return Bound(binding, (lowered,), {}), checking.faults


def faults_of(policy: model.Policy, kubernetes: str) -> list[Fault]:
    """What is wrong with the expressions of a policy that nothing binds."""
    return lower(model.Binding(policy.name, model.Reference(policy.name, policy.kind)), policy, kubernetes)[1]


class _Checking:
    def __init__(self, policy: model.Policy, kubernetes: str) -> None:
        self.policy, self.kubernetes = policy, kubernetes
        self.faults: list[Fault] = []

    def lowered(self, binding: model.Binding) -> Lowered:
        policy = self.policy
        conditions = tuple(
            replace(each, expression=self.checked(each.expression, self.scope(None), BOOL))
            for each in policy.match_conditions
        )
        types: dict[str, Type] = {}
        variables = []
        for variable in policy.variables:
            expression = self.checked(variable.expression, self.scope(types))
            types[variable.name] = expression.type or DYN
            variables.append(replace(variable, expression=expression))
        scope, quiet = self.scope(types), self.scope(types, authorizer=False)
        return Lowered(
            policy,
            binding,
            "",
            {},
            conditions,
            tuple(variables),
            tuple(self.validation(validation, scope, quiet) for validation in policy.validations),
            tuple(self.mutation(cast(model.Patch, mutation), scope) for mutation in policy.mutations),
            tuple(
                replace(each, value_expression=self.checked(each.value_expression, scope, (STRING, NULL)))
                for each in policy.audit_annotations
            ),
        )

    def scope(self, variables: dict[str, Type] | None, authorizer: bool = True) -> Declarations:
        """What expressions may mention; None for `variables` in matchConditions, which have none."""
        return admission(
            self.kubernetes,
            params=self.policy.param_kind is not None,
            variables=None if variables is None else dict(variables),
            authorizer=authorizer,
        )

    def validation(self, written: model.Validation, scope: Declarations, quiet: Declarations) -> Validation:
        verdict = self.checked(cast(Expr, written.rule), scope, BOOL)
        messages = (
            [] if written.message_expression is None else [self.checked(written.message_expression, quiet, STRING)]
        )
        return Validation(
            written.name,
            verdict,
            (),
            verdict,
            None,
            tuple(messages),
            "",
            None,
            written.reason,
            self.policy.severity,
            None,
            written.span,
        )

    def mutation(self, written: model.Patch, scope: Declarations) -> Patch:
        within = replace(scope, patches=True, functions=functions(scope.kubernetes, patches=True))
        return Patch(written.kind, (), self.checked(written.expression, within, PATCHED[written.kind]), written.span)

    def checked(self, node: Expr, scope: Declarations, result: Type | tuple[Type, ...] | None = None) -> Expr:
        return checked_in(node, scope, self.faults, result)
