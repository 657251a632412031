"""Kubewarden's documents, and policies.yml of its policy-server, to bindings of the bundled policies.

Sources: kubewarden-controller, api/policies/v1; policy-server, config.rs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from admit.cel.ast import Call, Expr, Literal, children
from admit.cel.check import check
from admit.cel.env import admission
from admit.cel.types import BOOL
from admit.errors import CompileError, Fault, UsageError
from admit.importers import cel_policy
from admit.importers.modules import BAD_REQUEST, STRICT, bundled
from admit.rules import fields, model
from admit.rules.load import content
from admit.rules.lower import Bound, Lowered, lower
from admit.rules.read import INVALID, Reader, near
from admit.rules.sense import selector_faults
from admit.rules.shapes import (
    IDENTIFIER,
    Cel,
    Choice,
    Data,
    Field,
    Flag,
    Form,
    ListOf,
    MapOf,
    Record,
    Settings,
    Text,
)
from admit.rules.yaml import Document

GROUP = "policies.kubewarden.io"
VERSIONS = ("v1", "v1alpha2")
KINDS = ("ClusterAdmissionPolicy", "AdmissionPolicy", "ClusterAdmissionPolicyGroup", "AdmissionPolicyGroup")
OTHERS = ("PolicyServer",)
"""Kinds that are about an installation of Kubewarden: there is nothing in them for a rule set."""

JUNCTORS = ("_&&_", "_||_", "!_", "_==_", "_!=_")

Read = Sequence[model.Policy | model.Binding]


def read(document: Document, faults: list[Fault]) -> Read | None:
    """What a document puts in force; None for one that is not Kubewarden's. Its faults are added to those given."""
    match document.value:
        case {"apiVersion": fields.API_VERSION, "kind": "PolicyBinding", "spec": {"policyName": cel_policy.NAME}}:
            return _cel_binding(document, faults)
        case {"apiVersion": str(version), "kind": str(kind)}:
            if version.partition("/")[0] != GROUP:
                return None
            return _resource(document, version.partition("/")[2], kind, faults)
        case dict() as entries if _is_policies_file(entries):
            reader = _Reader(Reader(document, faults))
            return [each for name, entry in entries.items() for each in reader.entry(name, entry)]
        case _:
            return None


def bindings_of(document: Document) -> dict[str, Document]:
    """What a document of Kubewarden's holds, by the names of the bindings: itself, or the entries of policies.yml."""
    match document.value:
        case {"apiVersion": str(version), "kind": str(kind), "metadata": {"name": str(name)} as metadata}:
            if version.partition("/")[0] != GROUP or kind not in KINDS:
                return {}
            return {_id(kind, metadata.get("namespace") or "default", name): document}
        case dict() as entries if _is_policies_file(entries):
            return {name: replace(document, value={name: entry}) for name, entry in entries.items()}
        case _:
            return {}


def lowered(binding: model.Binding, policies: Mapping[str, model.Policy], kubernetes: str) -> tuple[Bound, list[Fault]]:
    """The binding of a Kubewarden document in plain CEL, and what is wrong with its expressions."""
    terms = binding.kubewarden
    assert terms is not None
    faults: list[Fault] = []
    members: list[Lowered] = []
    conditions = tuple(_checked(condition, kubernetes, faults) for condition in terms.match_conditions)
    for member in terms.members:
        bound, wrong = lower(replace(binding, policy=member.policy, settings=member.settings), policies, kubernetes)
        faults += wrong
        prefix = f"{member.name}/" if terms.expression is not None else ""
        members += (_under(each, binding, terms, prefix, conditions) for each in bound.members)
    return Bound(binding, tuple(members), binding.settings), faults


def _under(
    lowered: Lowered,
    binding: model.Binding,
    terms: model.Kubewarden,
    prefix: str,
    conditions: tuple[model.MatchCondition, ...],
) -> Lowered:
    policy = replace(lowered.policy, failure_policy="Ignore") if terms.failure_policy == "Ignore" else lowered.policy
    return replace(
        lowered,
        policy=policy,
        binding=binding,
        prefix=prefix,
        match_conditions=(*lowered.match_conditions, *conditions),
        validations=tuple(replace(rule, name=prefix + rule.name) for rule in lowered.validations),
    )


def _checked(condition: model.MatchCondition, kubernetes: str, faults: list[Fault]) -> model.MatchCondition:
    try:
        checked = check(condition.expression, admission(kubernetes, authorizer=True), BOOL)
    except CompileError as error:
        faults += [Fault(issue.message, issue.span) for issue in error.issues]
        checked = replace(condition.expression, type=BOOL)
    return replace(condition, expression=checked)


def _cel_binding(document: Document, faults: list[Fault]) -> Read:
    """What a PolicyBinding of ours for cel-policy puts in force."""
    binding = content(document, faults)
    if not isinstance(binding, model.Binding):
        return ()
    made = cel_policy.made(binding.name, binding.settings, document, ("spec", "settings"), faults)
    if made is None:
        return ()
    named = model.Reference(made.policy.name, span=binding.policy.span)
    return made.policy, replace(binding, policy=named, settings={}, param_ref=made.param_ref or binding.param_ref)


def _is_policies_file(entries: dict[str, Any]) -> bool:
    """Whether it is a map of names and what is in force under them."""
    maps = [entry for entry in entries.values() if isinstance(entry, dict)]
    if "apiVersion" in entries or "kind" in entries:
        return False
    return any(key in entry for entry in maps for key in ("module", "url", "policies", "expression"))


_SECONDS = Field(Data(), "Seconds.")
_RESOURCES = Field(
    ListOf(
        Record(
            "ContextAwareResource",
            dict,
            {"apiVersion": Field(Text(), "group/version", True), "kind": Field(Text(), "The kind.", True)},
        )
    ),
    "Objects that the module may look at.",
)
_MODE = Field(Choice(("protect", "monitor")), "Whether a rejection counts; default protect.")
_MESSAGE = Field(Text(), "Said in place of the policy's own text.")
_MODULE = {
    "settings": Field(Settings(), "The module's settings."),
    "contextAwareResources": _RESOURCES,
    "timeoutEvalSeconds": _SECONDS,
    "hostCapabilities": Field(ListOf(Text()), "What the module may ask of its host."),
}
_NAMED_MODULE = {"module": Field(Text(), "The module.", required=True), **_MODULE}
_MEMBERS = {
    "policies": Field(MapOf(Record("Member", dict, _NAMED_MODULE)), "The members, by their names.", required=True),
    "expression": Field(Cel(), "Calls of the members, in !, && and ||.", required=True),
    "message": Field(Text("(?s).+", "a text"), "The text of a rejection.", required=True),
}


def _rules() -> Field:
    rules = fields.match_resources().fields["resourceRules"].shape
    assert isinstance(rules, ListOf) and isinstance(rules.item, Record)
    known = {name: field for name, field in rules.item.fields.items() if name != "resourceNames"}
    for name in ("operations", "apiGroups", "apiVersions", "resources"):  # as in a webhook: none empty, some twice
        words = known[name].shape
        assert isinstance(words, ListOf)
        item = Text(".+", "a name, or *") if name in ("apiVersions", "resources") else words.item
        known[name] = replace(known[name], shape=replace(words, item=item, unique=""))
    return Field(ListOf(replace(rules.item, fields=known), at_least=1), "What the policy is about.", required=True)


_WEBHOOK = {
    "policyServer": Field(Text(), "The server that has the policy; here there is one."),
    "mode": _MODE,
    "rules": _rules(),
    "matchConditions": fields.MATCH_CONDITIONS,
    "matchPolicy": fields.match_resources().fields["matchPolicy"],
    "objectSelector": Field(fields.selector(), "Labels of the object."),
    "failurePolicy": Field(Choice(("Fail", "Ignore")), "What an error means."),
    "sideEffects": Field(Choice(("None", "NoneOnDryRun", "Unknown", "Some")), "There are none."),
    "timeoutSeconds": _SECONDS,
    "timeoutEvalSeconds": _SECONDS,
    "backgroundAudit": Field(Flag(), "Whether the audit scanner asks."),
}
_CLUSTER = {
    "namespaceSelector": Field(fields.selector(), "Labels of the namespace."),
    "allowInsideAdmissionControllerNamespace": Field(Flag(), "There is no such namespace here."),
}
_SINGLE = {**_NAMED_MODULE, "mutating": Field(Flag(), "Whether the policy may write."), "message": _MESSAGE}
_SPECS = {
    "ClusterAdmissionPolicy": Record("ClusterAdmissionPolicySpec", dict, {**_WEBHOOK, **_CLUSTER, **_SINGLE}),
    "AdmissionPolicy": Record("AdmissionPolicySpec", dict, {**_WEBHOOK, **_SINGLE}),
    "ClusterAdmissionPolicyGroup": Record(
        "ClusterAdmissionPolicyGroupSpec", dict, {**_WEBHOOK, **_CLUSTER, **_MEMBERS}
    ),
    "AdmissionPolicyGroup": Record("AdmissionPolicyGroupSpec", dict, {**_WEBHOOK, **_MEMBERS}),
}
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
_OWNER = {"namespacedName": Field(Data(), "The resource that the controller has made the entry of.")}
_ENTRY = Record(
    "Entry",
    dict,
    {
        **_OWNER,
        "module": Field(Text(), "The module."),
        "url": Field(Text(), "The module, as it was called once."),
        **_MODULE,
        "policyMode": _MODE,
        "allowedToMutate": Field(Flag(), "Whether the policy may write."),
        "message": _MESSAGE,
    },
    forms=(Form(("module",)), Form(("url",))),
)
_GROUP_ENTRY = Record("GroupEntry", dict, {**_OWNER, **_MEMBERS, "policyMode": _MODE})


def _resource(document: Document, version: str, kind: str, faults: list[Fault]) -> Read:
    """What a custom resource puts in force; a fault in it leaves nothing."""
    if kind in OTHERS:
        said = f"a {kind} is about an installation of Kubewarden: this one does nothing"
        faults.append(Fault(said, document.span(("kind",)), warning=True))
        return ()
    if kind not in KINDS or version not in VERSIONS:
        wanted = f"expected {', '.join(KINDS)} of {GROUP}/{' or '.join(VERSIONS)}"
        faults.append(Fault(f"{wanted}{near(kind, KINDS) if kind not in KINDS else ''}", document.span(("kind",))))
        return ()
    return _Reader(Reader(document, faults)).resource(kind)


class _Reader:
    """One document, its values read by the tables above."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.document, self.faults = reader, reader.document, reader.faults

    def resource(self, kind: str) -> Read:
        before = len(self.faults)
        for key in self.document.value:
            if key not in _TOP:
                self.reader.fault(f"unknown field {key!r}{near(key, _TOP)}", (key,), key=True)
        name = self._named("name", None)
        namespace = "" if kind.startswith("Cluster") else self._named("namespace", "default")
        spec = self.reader.read(_SPECS[kind], self.document.value.get("spec"), ("spec",))
        if INVALID in (name, namespace, spec) or any(not fault.warning for fault in self.faults[before:]):
            return ()
        self._check_times(spec)
        self.faults += selector_faults(limits := _limits(spec, namespace))
        found = [*self.bound(_id(kind, namespace, name), spec, ("spec",), limits)]
        return () if any(not fault.warning for fault in self.faults[before:]) else found

    def _named(self, key: str, default: str | None) -> Any:
        """A name in the metadata, or INVALID."""
        metadata = self.document.value.get("metadata")
        value = (metadata.get(key) if isinstance(metadata, dict) else None) or default
        if value is None:
            return self.reader.fault(f"the field {key!r} is required", ("metadata",), key=True)
        return self.reader.read(Text(fields.SUBDOMAIN, "a DNS subdomain"), value, ("metadata", key))

    def entry(self, name: str, value: Any) -> Iterator[model.Policy | model.Binding]:
        """What an entry of policies.yml puts in force."""
        place = (name,)
        if not name or "/" in name:
            said = f"the name {name!r} must not have a '/'" if name else "expected a name but found ''"
            self.reader.fault(said, place, key=True)
            return
        before = len(self.faults)
        is_group = isinstance(value, dict) and ("policies" in value or "expression" in value)
        spec = self.reader.read(_GROUP_ENTRY if is_group else _ENTRY, value, place)
        if spec is INVALID or len(self.faults) > before:
            return
        renamed = {"policy_mode": "mode", "allowed_to_mutate": "mutating", "url": "module"}
        yield from self.bound(name, {renamed.get(key, key): each for key, each in spec.items()}, place, None)

    def bound(
        self, name: str, spec: dict[str, Any], place: tuple[str | int, ...], limits: model.MatchResources | None
    ) -> Iterator[model.Policy | model.Binding]:
        """The binding that a document or an entry is; before it, of a group, a policy that has the members."""
        expression, before = spec.get("expression"), len(self.faults)
        written = {"": (spec, place)}
        if expression is not None:
            written = {key: (each, (*place, "policies", key)) for key, each in spec["policies"].items()}
            self._check_group(expression, spec["policies"], place)
        made: list[cel_policy.Made] = []
        owners = {key: f"{name}/{key}" if key else name for key in written}
        members = (self._member(key, *each, owners[key], made) for key, each in written.items())
        found = tuple(member for member in members if member is not None)
        param_ref = next((each.param_ref for each in made if each.param_ref is not None), None)
        if param_ref is not None and expression is not None:
            self.faults.append(Fault("a member of a group can have no parameters", param_ref.span))
        if any(not fault.warning for fault in self.faults[before:]):
            return
        yield from (each.policy for each in made)
        span = self.document.span(("metadata", "name")) if place == ("spec",) else self.document.span(place, key=True)
        reference = found[0].policy
        if expression is not None:
            reference = model.Reference(name, span=span)
            parts = tuple(dict.fromkeys(member.policy for member in found))
            yield model.Policy(name, title=expression.span.text.strip(), policies=parts, span=span)
        terms = model.Kubewarden(
            found,
            spec.get("mutating", False),
            spec.get("message", ""),
            spec.get("failure_policy", "Fail"),
            spec.get("match_conditions", ()),
            expression,
            400 if expression is None and (made or reference.name.rpartition("/")[2] in BAD_REQUEST) else 0,
            span=span,
        )
        yield model.Binding(
            name,
            reference,
            {} if expression is not None else found[0].settings,
            ("Audit",) if spec.get("mode") == "monitor" else ("Deny",),
            limits,
            param_ref=param_ref,
            kubewarden=terms,
            span=span,
        )

    def _member(
        self, name: str, spec: dict[str, Any], place: tuple[str | int, ...], owner: str, made: list[cel_policy.Made]
    ) -> model.Member | None:
        """A member; a policy that its settings are is added to those made."""
        written = "url" if "url" in self._at(place) else "module"
        span = self.document.span((*place, written))
        if spec.get("context_aware_resources"):
            said = "no bundled policy looks at other objects: these are not read"
            self.faults.append(Fault(said, self.document.span((*place, "contextAwareResources"), key=True), True))
        self._check_seconds(spec.get("timeout_eval_seconds"), (*place, "timeoutEvalSeconds"))
        try:
            policy = model.Reference(bundled(spec["module"]), span=span)
        except UsageError as error:
            self.faults.append(Fault(str(error), span))
            return None
        settings, at = spec.get("settings", {}), (*place, "settings")
        if policy.name == cel_policy.NAME:
            own = cel_policy.made(owner, settings, self.document, at, self.faults, lenient=True)
            if own is None:
                return None
            made.append(own)
            policy, settings = replace(policy, name=own.policy.name), {}
        return model.Member(name, policy, settings, at, policy.name.rpartition("/")[2] in STRICT, span=span)

    def _check_times(self, spec: dict[str, Any]) -> None:
        """What a custom resource says of times; the members of a group have their share of its own."""
        longest = spec.get("timeout_seconds")
        self._check_seconds(longest, ("spec", "timeoutSeconds"))
        members = [(("spec", "policies", name), member) for name, member in spec.get("policies", {}).items()]
        for place, each in ((("spec",), spec), *members):
            seconds = each.get("timeout_eval_seconds")
            if type(seconds) is int and type(longest) is int and seconds > longest:
                said = f"expected no more seconds than timeoutSeconds, which are {longest}"
                self.reader.fault(said, (*place, "timeoutEvalSeconds"))

    def _check_seconds(self, value: Any, place: tuple[str | int, ...]) -> None:
        if value is not None and (type(value) is not int or not 1 <= value <= 30):
            self.reader.fault("expected seconds, from 1 to 30", place)

    def _check_group(self, expression: Expr, members: Mapping[str, Any], place: tuple[str | int, ...]) -> None:
        if not members:
            self.reader.fault("expected at least one policy", (*place, "policies"), key=True)
        for name in members:
            here = (*place, "policies", name)
            is_identifier = self.reader.read(Text(IDENTIFIER, "an identifier"), name, here) is not INVALID
            if is_identifier and name in cel_policy.NO_NAMES:
                self.reader.fault(f"{name!r} is a word of CEL's own, expected an identifier", here, key=True)
        self.faults += _expression_faults(expression, members)

    def _at(self, place: tuple[str | int, ...]) -> Any:
        value = self.document.value
        for part in place:
            value = value[part]
        return value


def _id(kind: str, namespace: str, name: str) -> str:
    """The name of what is in force, as Kubewarden's controller has it in webhooks."""
    group = ("group",) if kind.endswith("Group") else ()
    scope = ("clusterwide", *group) if kind.startswith("Cluster") else ("namespaced", *group, namespace)
    return "-".join((*scope, name))


def _limits(spec: dict[str, Any], namespace: str) -> model.MatchResources:
    """What a custom resource is about: one in a namespace is about what is in that namespace."""
    rules = spec["rules"]
    namespaces = spec.get("namespace_selector", model.Selector())
    if namespace:
        rules = tuple(replace(rule, scope="Namespaced") for rule in rules)
        namespaces = model.Selector({"kubernetes.io/metadata.name": namespace})
    return model.MatchResources(
        rules,
        namespace_selector=namespaces,
        object_selector=spec.get("object_selector", model.Selector()),
        match_policy=spec.get("match_policy", "Equivalent"),
    )


def _expression_faults(node: Expr, members: Mapping[str, Any]) -> Iterator[Fault]:
    """What is more in the expression of a group than calls of its members and what joins them."""
    match node:
        case Call(function, (), None) if function in members:
            return
        case Call(function, (), None):
            yield Fault(f"there is no policy {function!r} in this group{near(function, members)}", node.span)
        case Call(function) if function in JUNCTORS:
            for child in children(node):
                yield from _expression_faults(child, members)
        case Literal("bool"):
            return
        case _:
            wanted = f"calls such as {next(iter(members), 'name')}(), joined by !, && and ||"
            yield Fault(f"expected {wanted}", node.span)
